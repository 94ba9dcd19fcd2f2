//! Where the lines since a moment begin in a log that has a history: by bisection, because it may be large.

use std::io;

use memchr::memchr;

use super::files::LogFile;
use super::identity::read_at_most;
use super::{BLOCK, MAX_LINE};

/// Lines that are asked for their time at one place, before it is given up.
const TRIES: usize = 64;

/// The offset of the first line that `is_before` does not say of. Lines are taken to stand in the order of their times, as
/// nginx writes them. `None`: no line there has a time.
///
/// # Errors
/// When the file cannot be read.
pub fn offset_since(
    file: &dyn LogFile,
    len: u64,
    is_before: &mut dyn FnMut(&[u8]) -> Option<bool>,
) -> io::Result<Option<u64>> {
    let mut known = false;
    // Lines that begin before `from` are before; the first one that begins at `to` or behind it is not.
    let (mut from, mut to) = (0, len);
    while to - from > BLOCK as u64 {
        let middle = from + (to - from) / 2;
        match look(file, middle, to, is_before)? {
            Some((at, true)) => (from, known) = (at, true),
            Some((_, false)) => (to, known) = (middle, true),
            None => to = middle,
        }
    }
    // The rest is gone through line by line.
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(BLOCK) + MAX_LINE];
    let n = read_at_most(file, &mut bytes, from)?;
    let mut at = from;
    for line in bytes.get(..n).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
        if at >= to {
            break;
        }
        match is_before(line.strip_suffix(b"\n").unwrap_or(line)) {
            Some(false) => return Ok(Some(at)),
            Some(true) => known = true,
            None => {}
        }
        at += line.len() as u64;
    }
    Ok(known.then_some(at.min(len)))
}

/// The first line behind `at` that has a time, with its offset, and whether it is before.
fn look(
    file: &dyn LogFile,
    at: u64,
    end: u64,
    is_before: &mut dyn FnMut(&[u8]) -> Option<bool>,
) -> io::Result<Option<(u64, bool)>> {
    let mut bytes = vec![0; BLOCK];
    let n = read_at_most(file, &mut bytes, at)?;
    let bytes = bytes.get(..n).unwrap_or_default();
    // The line around `at` is not whole.
    let Some(newline) = memchr(b'\n', bytes) else { return Ok(None) };
    let mut here = newline + 1;
    for line in bytes[here..].split_inclusive(|byte| *byte == b'\n').take(TRIES) {
        let offset = at + here as u64;
        if offset >= end || !line.ends_with(b"\n") {
            break;
        }
        if let Some(before) = is_before(&line[..line.len() - 1]) {
            return Ok(Some((offset, before)));
        }
        here += line.len();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::files::{Files, Os};
    use super::*;
    use std::path::Path;

    /// Lines as `NNN text`; those below `since` are before.
    fn offset(text: &str, since: u64) -> Option<u64> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, text).unwrap();
        let file = Os::default().open(Path::new(&path)).unwrap();
        let mut is_before = |line: &[u8]| {
            let number = std::str::from_utf8(line).ok()?.split(' ').next()?.parse::<u64>().ok()?;
            Some(number < since)
        };
        offset_since(file.as_ref(), text.len() as u64, &mut is_before).unwrap()
    }

    #[test]
    fn the_first_line_since_is_found_wherever_it_stands() {
        for lines in [0_u64, 1, 2, 1000, 60_000] {
            let mut text = String::new();
            let mut starts = Vec::new();
            for n in 0..lines {
                starts.push(text.len() as u64);
                text.push_str(&format!("{n} {}\n", "x".repeat((n % 40) as usize)));
                if n % 7 == 0 {
                    text.push_str("a line without a time\n");
                }
            }
            for since in [0, 1, 2, lines / 3, lines / 2 + 1, lines.saturating_sub(1)] {
                let expected = starts.get(since as usize).copied();
                assert_eq!(offset(&text, since), expected.or((lines > 0).then_some(text.len() as u64)));
            }
            let end = (lines > 0).then_some(text.len() as u64);
            assert_eq!(offset(&text, lines + 1), end, "{lines}");
        }
    }

    #[test]
    fn without_any_time_nothing_is_said() {
        assert_eq!(offset("", 5), None);
        assert_eq!(offset("no time\n", 5), None);
        assert_eq!(offset(&"no time\n".repeat(100_000), 5), None);
        assert_eq!(offset(&"x".repeat(3 << 20), 5), None);
        assert_eq!(offset("7 unfinished", 5), Some(0));
    }
}
