//! What concerns the whole machine: OOM kills, and pressure.

use std::path::Path;

use super::reading::{self, Reading, Unreadable};

/// Processes that were killed for want of memory since boot, in all cgroups (`/proc/vmstat`, `oom_kill`; Linux
/// 4.13; mm/oom_kill.c, `__oom_kill_process`).
pub fn oom_kills(procfs: &Path) -> Reading<u64> {
    let path = procfs.join("vmstat");
    reading::keyed(&reading::read(&path)?, "oom_kill").ok_or_else(|| Unreadable::malformed(&path))
}

/// What tasks wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Resource {
    Cpu,
    Memory,
    Io,
}

impl Resource {
    /// All.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Io];

    /// The kernel's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }
}

/// Pressure stall information: time lost since boot, in seconds (kernel/sched/psi.c, `psi_show`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// At least one task waited.
    pub some: f64,
    /// All waited, and nothing was done. Absent for the CPU before Linux 5.13; never counted for the machine.
    pub full: Option<f64>,
}

impl Pressure {
    /// Of the machine.
    pub fn read(procfs: &Path, resource: Resource) -> Reading<Self> {
        Self::at(&procfs.join("pressure").join(resource.word()))
    }

    /// From a file in PSI's format: of a cgroup, too. With `psi=0` it is there but cannot be opened
    /// (EOPNOTSUPP).
    pub(super) fn at(path: &Path) -> Reading<Self> {
        parse(&reading::read(path)?).ok_or_else(|| Unreadable::malformed(path))
    }
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=3113`, total in microseconds.
fn parse(text: &[u8]) -> Option<Pressure> {
    let seconds = |kind: &[u8]| {
        let row = text.split(|b| *b == b'\n').find_map(|row| row.strip_prefix(kind))?;
        let total = row.split(|b| *b == b' ').find_map(|word| word.strip_prefix(b"total="))?;
        reading::decimal(total).map(|micros| micros as f64 / 1e6)
    };
    Some(Pressure { some: seconds(b"some ")?, full: seconds(b"full ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc");

    #[test]
    fn totals_are_seconds() {
        let of = |resource| Pressure::read(Path::new(PROC), resource).unwrap();
        assert_eq!(of(Resource::Cpu), Pressure { some: 1632.653443, full: Some(0.0) });
        assert_eq!(of(Resource::Memory), Pressure { some: 7.5, full: Some(2.25) });
        assert_eq!(of(Resource::Io), Pressure { some: 33.038164, full: Some(20.765321) });
        assert_eq!(parse(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n").unwrap().full, None);
    }

    #[test]
    fn kills_of_the_machine_are_counted() {
        assert_eq!(oom_kills(Path::new(PROC)), Ok(3));
        assert!(oom_kills(Path::new("/proc")).is_ok());
        assert!(oom_kills(Path::new("/nowhere")).unwrap_err().is_absent());
    }

    #[test]
    fn damaged_text_does_not_panic() {
        let texts = fuzz::fixtures(&["proc/pressure/io"]);
        fuzz::target("proc_pressure", texts, &["some ", "full ", "total=", "\n"], |text| _ = parse(text));
    }
}
