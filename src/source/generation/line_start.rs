//! Where a file is begun in its middle, and where it goes on behind a hole.

use std::io;

use memchr::memrchr;

use super::super::buffer::Carry;
use super::super::files::LogFile;
use super::super::identity::Window;
use super::super::{BLOCK, identity};
use super::{Generation, HOLE, Upto};

impl Generation {
    /// Passes over a hole within a line that is not wanted: zeros that take no room, a TiB of which is made in no time.
    pub(super) fn jump(&mut self, upto: Upto) {
        let limit = if upto == Upto::End { self.end } else { self.mark };
        if limit.saturating_sub(self.pos) < HOLE {
            return;
        }
        let Some(data) = self.file.next_data(self.pos) else { return };
        let to = data.min(limit);
        if to.saturating_sub(self.pos) >= HOLE {
            self.carry.pass(to - self.pos);
            (self.pos, self.tail, self.before) = (to, Window::ZEROS, None);
        }
    }
}

/// Where the line around `offset` begins. If that is farther back than a block, the line is passed over.
pub(super) fn line_start(file: &dyn LogFile, offset: u64, carry: &mut Carry) -> io::Result<u64> {
    let from = offset.saturating_sub(BLOCK as u64);
    let mut bytes = vec![0; usize::try_from(offset - from).unwrap_or(BLOCK)];
    let n = identity::read_at_most(file, &mut bytes, from)?;
    match memrchr(b'\n', bytes.get(..n).unwrap_or_default()) {
        Some(newline) => Ok(from + newline as u64 + 1),
        None if from == 0 => Ok(0),
        None => {
            carry.skip_line();
            Ok(from + n as u64)
        }
    }
}
