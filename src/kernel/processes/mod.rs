//! PHP-FPM's processes and nginx's masters, by their titles.
//!
//! Machines have thousands of processes and few of these, so a scan lists all, but looks only at those
//! that are new or known to be wanted. Processes that end meanwhile just make fewer of them.

mod found;
mod program;
mod stat;
#[cfg(test)]
mod tests;
mod title;
mod trust;
#[cfg(test)]
mod trust_tests;

use std::collections::HashMap;
use std::fs::DirEntry;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::cgroup::Cgroups;
use super::reading::{self, Reading, Unreadable};
use found::Namespaces;
pub use found::{Master, NginxMaster, Process, Worker};
pub use program::{is_removed, program};
use stat::Stat;
use title::Title;
use trust::Judge;
pub use trust::Trust;

/// A process may become PHP-FPM after it was first seen: by exec(), as in a container's entry point, and a
/// worker bears its master's title until it has one of its own. So a process is looked at in its first scans,
/// then in one scan of so many.
const ROUND: u32 = 32;
const FIRST: u8 = 2;

/// A master may be a worker that was just born and bears its title, so its title is read again in so many scans, then in
/// one of [`ROUND`]. Its namespaces stay; it may be moved to another cgroup, which is looked for in one scan of so many.
const BORN: u8 = 5;
const MOVED: u32 = 8;

/// What is known of a process from the last scan.
enum Known {
    /// None that is wanted, as far as was seen in so many looks.
    Other(u8),
    Fpm(Box<Fpm>),
}

struct Fpm {
    /// Ticks after boot: another process with the same pid has another start.
    start: u64,
    started: f64,
    title: Title,
    /// In how many scans it was seen, as far as that matters.
    looks: u8,
    cgroups: Reading<Cgroups>,
    /// Of a master.
    namespaces: Option<Namespaces>,
    /// Its CPU time in ticks when the time it waited for a CPU was read, and that.
    waited: Option<(u64, Reading<f64>)>,
}

/// The process table, as far as PHP-FPM is concerned.
pub struct Processes {
    procfs: PathBuf,
    /// By pid, each with the inode of its directory: another process has another one, and the list of processes tells it.
    /// The same process may have another one, too, when the kernel had dropped the directory to save memory.
    known: HashMap<u32, (u64, Known)>,
    nginx: Vec<NginxMaster>,
    judge: Judge,
    /// A master was seen once: others' processes are to be seen here.
    shared: bool,
    scan: u32,
    /// Unix time of the boot as this scan has found it: the file that tells it is long.
    boot: Option<f64>,
    buffer: Vec<u8>,
}

impl Processes {
    /// Of the procfs mounted at `procfs`; `trust` tells of whom masters are believed.
    pub fn new(procfs: &Path, trust: Trust) -> Self {
        Self {
            procfs: procfs.into(),
            known: HashMap::new(),
            nginx: Vec::new(),
            judge: Judge::new(trust),
            shared: false,
            scan: 0,
            boot: None,
            buffer: Vec::new(),
        }
    }

    /// The same without a message about masters that are not believed: beside one that has said so.
    #[must_use]
    pub fn silent(mut self) -> Self {
        self.judge.be_silent();
        self
    }

    /// Others are believed from now on.
    pub fn trust(&mut self, trust: Trust) {
        if !self.judge.has(&trust) {
            self.judge = Judge::new(trust);
        }
    }

    /// Lists PHP-FPM's masters by pid, each with its workers. An error is one of procfs itself, or hidepid.
    pub fn scan(&mut self) -> Reading<Vec<Master>> {
        self.scan = self.scan.wrapping_add(1);
        self.boot = None;
        // Every pid namespace has its first process, and its stat is open to all. Where hidepid hides it, it hides others,
        // too: none that is seen does not mean that there is none.
        self.stat(1)?;
        let mut before = std::mem::take(&mut self.known);
        let mut processes = Vec::new();
        for (pid, inode) in pids(&self.procfs)? {
            // Whatever had that pid before, this may be another.
            let same = |(before, known)| {
                if before == inode || matches!(known, Known::Fpm(_)) { Some(known) } else { None }
            };
            let known = match before.remove(&pid).and_then(same) {
                Some(Known::Fpm(fpm)) => self.look_again(pid, *fpm, &mut processes),
                Some(Known::Other(looks)) if looks >= FIRST && !self.is_turn_of(pid, ROUND) => {
                    Some(Known::Other(looks))
                }
                Some(Known::Other(looks)) => self.look(pid, looks, &mut processes),
                None => self.look(pid, 0, &mut processes),
            };
            if let Some(known) = known {
                self.known.insert(pid, (inode, known));
            }
        }
        self.find_parents(&mut processes);
        self.judge.believe(&self.procfs, &mut processes);
        let nginx = processes.iter().filter_map(|(process, title)| match title {
            Title::Nginx(argv) => Some(NginxMaster { pid: process.pid, argv: argv.clone() }),
            _ => None,
        });
        self.nginx = nginx.collect();
        let masters = found::group(processes, |pid| self.namespaces(pid));
        self.shared |= !masters.is_empty() || !self.nginx.is_empty();
        if !self.shared && !self.sees_everything() {
            return Err(Unreadable::hidden(&self.procfs));
        }
        Ok(masters)
    }

    /// Whether all processes of the machine are here. In a process namespace of its own, such as a container's, there are no
    /// kernel threads, of which kthreadd is the first (kernel/kthread.c, init/main.c `rest_init`).
    fn sees_everything(&self) -> bool {
        reading::read(&self.path(2, "comm")).is_ok_and(|name| name.trim_ascii() == b"kthreadd")
    }

    /// nginx's masters, as the last scan saw them.
    pub fn nginx(&self) -> &[NginxMaster] {
        &self.nginx
    }

    /// A worker whose master is not known yet: its title came late.
    fn find_parents(&mut self, processes: &mut Vec<(Process, Title)>) {
        let mut parents: Vec<u32> = processes
            .iter()
            .filter(|(_, title)| matches!(title, Title::Pool(_)))
            .map(|(process, _)| process.ppid)
            .filter(|pid| matches!(self.known.get(pid), Some((_, Known::Other(_)))))
            .collect();
        parents.sort_unstable();
        parents.dedup();
        for pid in parents {
            if let Some(found) = self.look(pid, 0, processes)
                && let Some((_, known)) = self.known.get_mut(&pid)
            {
                *known = found;
            }
        }
    }

    fn look_again(&mut self, pid: u32, mut fpm: Fpm, out: &mut Vec<(Process, Title)>) -> Option<Known> {
        let stat = self.stat(pid).ok()?;
        if stat.start != fpm.start {
            return self.look(pid, 0, out);
        }
        if stat.has_ended() {
            return Some(Known::Other(FIRST));
        }
        fpm.looks = fpm.looks.saturating_add(1);
        let is_master = matches!(fpm.title, Title::Master(_));
        // The cgroups of its workers are not asked for.
        if is_master && self.is_turn_of(pid, MOVED) {
            fpm.cgroups = Cgroups::read(&self.procfs, pid);
        }
        let process = self.process(pid, &stat, &mut fpm);
        // During a reload a master has no title for a moment.
        if is_master && (fpm.looks <= BORN || self.is_turn_of(pid, ROUND)) {
            fpm.title = self.title(pid).unwrap_or(fpm.title);
        }
        out.push((process, fpm.title.clone()));
        Some(Known::Fpm(Box::new(fpm)))
    }

    /// `None` for a process that has ended.
    fn look(&mut self, pid: u32, looks: u8, out: &mut Vec<(Process, Title)>) -> Option<Known> {
        let path = self.path(pid, "cmdline");
        if let Err(unreadable) = reading::read_into(&path, &mut self.buffer) {
            return (!unreadable.is_absent()).then_some(Known::Other(looks.saturating_add(1)));
        }
        let Some(title) = Title::parse(&self.buffer) else {
            return Some(Known::Other(looks.saturating_add(1)));
        };
        let stat = self.stat(pid).ok()?;
        if stat.has_ended() {
            return Some(Known::Other(FIRST));
        }
        let cgroups = Cgroups::read(&self.procfs, pid);
        let start = stat.start as f64 / procfs::ticks_per_second() as f64;
        // Kept with the process: the kernel derives it from the wall clock, and a start time must not move.
        let mut fpm = Fpm {
            start: stat.start,
            started: start + self.boot_time().unwrap_or_default(),
            title: title.clone(),
            looks: 0,
            cgroups,
            namespaces: None,
            waited: None,
        };
        out.push((self.process(pid, &stat, &mut fpm), title));
        Some(Known::Fpm(Box::new(fpm)))
    }

    /// Those of a master, which no PHP-FPM leaves. What could not be read is tried again now and then.
    fn namespaces(&mut self, pid: u32) -> Namespaces {
        let again = self.is_turn_of(pid, ROUND);
        let mut kept = match self.known.get_mut(&pid) {
            Some((_, Known::Fpm(fpm))) => Some(&mut fpm.namespaces),
            _ => None,
        };
        if let Some(known) =
            kept.as_ref().and_then(|kept| kept.as_ref()).filter(|known| !again || known.are_known())
        {
            return known.clone();
        }
        let namespaces = Namespaces::read(&self.procfs, pid);
        if let Some(kept) = &mut kept {
            **kept = Some(namespaces.clone());
        }
        namespaces
    }

    /// One scan of `round` is a process's turn; not all processes' turns are in the same one.
    fn is_turn_of(&self, pid: u32, round: u32) -> bool {
        (pid ^ self.scan).is_multiple_of(round)
    }

    fn title(&mut self, pid: u32) -> Option<Title> {
        reading::read_into(&self.path(pid, "cmdline"), &mut self.buffer).ok()?;
        Title::parse(&self.buffer)
    }

    fn process(&mut self, pid: u32, stat: &Stat, fpm: &mut Fpm) -> Process {
        // Waiting ends with running, and what was waited is a sum: read with the next tick of CPU time, nothing is lost.
        // Idle workers, which are most, cost half.
        let waited = match fpm.waited.take() {
            Some((ticks, wait)) if ticks == stat.cpu => wait,
            _ => self.run_queue_wait(pid),
        };
        fpm.waited = Some((stat.cpu, waited.clone()));
        Process {
            pid,
            ppid: stat.ppid,
            state: stat.state,
            started: fpm.started,
            cpu_seconds: stat.cpu as f64 / procfs::ticks_per_second() as f64,
            resident_bytes: stat.resident.saturating_mul(rustix::param::page_size() as u64),
            run_queue_wait: waited,
            cgroups: fpm.cgroups.clone(),
        }
    }

    fn stat(&mut self, pid: u32) -> Reading<Stat> {
        let path = self.path(pid, "stat");
        reading::read_into(&path, &mut self.buffer)?;
        Stat::parse(&self.buffer).ok_or_else(|| Unreadable::malformed(&path))
    }

    /// Nanoseconds on a run queue are the second number (fs/proc/base.c, `proc_pid_schedstat`; needs
    /// CONFIG_SCHED_INFO).
    fn run_queue_wait(&mut self, pid: u32) -> Reading<f64> {
        let path = self.path(pid, "schedstat");
        reading::read_into(&path, &mut self.buffer)?;
        let nanos = self.buffer.split(|b| *b == b' ').nth(1).and_then(reading::decimal);
        nanos.map(|nanos| nanos as f64 / 1e9).ok_or_else(|| Unreadable::malformed(&path))
    }

    /// Unix time of the boot, in whole seconds.
    fn boot_time(&mut self) -> Reading<f64> {
        if let Some(boot) = self.boot {
            return Ok(boot);
        }
        let path = self.procfs.join("stat");
        reading::read_into(&path, &mut self.buffer)?;
        let seconds = reading::keyed(&self.buffer, "btime").ok_or_else(|| Unreadable::malformed(&path))?;
        Ok(*self.boot.insert(seconds as f64))
    }

    fn path(&self, pid: u32, file: &str) -> PathBuf {
        self.procfs.join(format!("{pid}/{file}"))
    }
}

/// The numbers among the names in procfs, with their inodes.
fn pids(procfs: &Path) -> Reading<Vec<(u32, u64)>> {
    let entries = std::fs::read_dir(procfs).map_err(Unreadable::at(procfs))?;
    let process = |entry: DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, entry.ino()));
    Ok(entries.filter_map(|entry| process(entry.ok()?)).collect())
}
