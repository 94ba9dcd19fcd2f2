//! `/proc/PID/stat` (fs/proc/array.c, `do_task_stat`).

use super::super::reading::decimal;

/// The columns that are wanted, in the kernel's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) state: char,
    pub(super) ppid: u32,
    /// User and system time, in ticks.
    pub(super) cpu: u64,
    /// Start in ticks after boot.
    pub(super) start: u64,
    /// Resident pages.
    pub(super) resident: u64,
}

impl Stat {
    /// Nobody has asked for its exit code yet, but it does nothing any more: a zombie, or one that is just being removed.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// The name is in parentheses and may hold blanks and parentheses itself: the last one ends it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let end = memchr::memrchr(b')', text)?;
        let mut columns = text.get(end + 2..)?.split(|b| *b == b' ');
        let state = char::from(*columns.next()?.first()?);
        let ppid = u32::try_from(decimal(columns.next()?)?).ok()?;
        // Column 14 of proc(5) is the eleventh behind the name's two neighbours.
        let cpu = decimal(columns.nth(9)?)?.checked_add(decimal(columns.next()?)?)?;
        let start = decimal(columns.nth(6)?)?;
        Some(Self { state, ppid, cpu, start, resident: decimal(columns.nth(1)?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const TEXT: &[u8] =
        b"103 (php (fpm) 8.2) S 100 1 1 0 -1 4194304 257 0 0 0 7 1 5 6 20 0 1 0 1500000 206774272 3070 18446744073709551615 1\n";

    #[test]
    fn columns_are_counted_from_the_end_of_the_name() {
        let expected = Stat { state: 'S', ppid: 100, cpu: 8, start: 1_500_000, resident: 3070 };
        assert_eq!(Stat::parse(TEXT), Some(expected));
    }

    #[test]
    fn our_own_can_be_read() {
        let stat = Stat::parse(&std::fs::read("/proc/self/stat").unwrap()).unwrap();
        assert_eq!(stat.ppid, std::os::unix::process::parent_id());
        assert!(stat.resident > 0 && stat.start > 0);
    }

    #[test]
    fn damaged_text_does_not_panic() {
        fuzz::target("proc_stat", vec![TEXT.to_vec()], &[") ", " (", "\n"], |text| _ = Stat::parse(text));
    }
}
