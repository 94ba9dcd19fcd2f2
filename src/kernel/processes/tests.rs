use std::fs;
use std::time::Instant;

use super::*;

const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/proc");

fn pools(master: &Master) -> Vec<(u32, &str)> {
    master.workers.iter().map(|worker| (worker.process.pid, worker.pool.as_str())).collect()
}

/// A procfs that changes.
pub(super) struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("stat"), "btime 1000\n").unwrap();
        let machine = Self { dir };
        machine.run(1, 0, 1, "/sbin/init\0");
        machine.run(2, 0, 1, "");
        fs::write(machine.dir.path().join("2/comm"), "kthreadd\n").unwrap();
        machine
    }

    pub(super) fn run(&self, pid: u32, ppid: u32, start: u64, cmdline: &str) {
        let dir = self.dir.path().join(pid.to_string());
        fs::create_dir_all(&dir).unwrap();
        let stat = format!("{pid} (php-fpm) S {ppid} 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 {start} 9 3 0\n");
        fs::write(dir.join("stat"), stat).unwrap();
        fs::write(dir.join("cmdline"), cmdline).unwrap();
        self.owned(pid, 0);
    }

    /// Started by this user; the effective one is root, as in a program with the set-user-ID bit.
    pub(super) fn owned(&self, pid: u32, uid: u32) {
        let status = format!("Name:\tphp-fpm\nUid:\t{uid}\t0\t0\t0\nGid:\t0\t0\t0\t0\n");
        fs::write(self.dir.path().join(format!("{pid}/status")), status).unwrap();
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.dir.path().join(pid.to_string())).unwrap();
    }
}

#[test]
fn workers_stand_below_their_master() {
    let mut processes = Processes::new(Path::new(PROC), Trust::default());
    let first = processes.scan().unwrap();
    let [master] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(master.config.as_deref(), Some(Path::new("/etc/php/8.2/fpm/php-fpm.conf")));
    assert_eq!(master.mounts, Ok(4_026_531_841));
    assert_eq!(pools(master), [(101, "www"), (102, "www"), (103, "api")]);
    let ticks = procfs::ticks_per_second() as f64;
    let worker = &master.workers[0].process;
    assert_eq!((worker.state, worker.ppid, worker.cpu_seconds), ('S', 100, 1250.0 / ticks));
    assert_eq!(worker.started, 1_795_200_000.0 + 1_407_064.0 / ticks);
    assert_eq!(worker.resident_bytes, 2871 * rustix::param::page_size() as u64);
    assert_eq!(worker.run_queue_wait, Ok(1.5));
    let unified = worker.cgroups.as_ref().unwrap().unified.as_deref();
    assert_eq!(unified, Some("/system.slice/php8.2-fpm.service"));
    assert_eq!(processes.scan().unwrap(), first);
}

#[test]
fn a_worker_without_a_title_of_its_own_is_not_born_yet() {
    let machine = Machine::new();
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    machine.run(10, 1, 5, "php-fpm: master process (/etc/a.conf)");
    machine.run(11, 10, 6, "php-fpm: master process (/etc/a.conf)");
    assert_eq!(pools(&processes.scan().unwrap()[0]), []);
    machine.run(11, 10, 6, "php-fpm: pool www");
    let scanned = processes.scan().unwrap();
    assert_eq!((scanned.len(), pools(&scanned[0])), (1, vec![(11, "www")]));
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let machine = Machine::new();
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    machine.run(10, 1, 5, "php-fpm: master process (/etc/a.conf)");
    machine.run(11, 10, 6, "php-fpm: pool www");
    processes.scan().unwrap();
    machine.run(11, 10, 700, "php-fpm: pool api");
    assert_eq!(pools(&processes.scan().unwrap()[0]), [(11, "api")]);
    machine.run(11, 1, 900, "sleep\09\0");
    assert_eq!(pools(&processes.scan().unwrap()[0]), []);
    machine.end(10);
    assert_eq!(processes.scan().unwrap(), []);
}

/// Not only when it has its turn to be looked at again.
#[test]
fn a_pid_that_is_used_again_by_a_master_is_looked_at_at_once() {
    let machine = Machine::new();
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    let pids = 30..40;
    pids.clone().for_each(|pid| machine.run(pid, 1, 5, "sleep\09\0"));
    for _ in 0..4 {
        assert_eq!(processes.scan().unwrap(), []);
    }
    for pid in pids.clone() {
        // The old directory stays, so that its inode cannot be given to the new one.
        let old = machine.dir.path().join(format!("old-{pid}"));
        fs::rename(machine.dir.path().join(pid.to_string()), old).unwrap();
        machine.run(pid, 1, 900, "php-fpm: master process (/etc/ondemand.conf)");
    }
    assert_eq!(processes.scan().unwrap().len(), pids.len());
}

#[test]
fn a_master_that_is_moved_to_another_cgroup_is_followed() {
    let machine = Machine::new();
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    machine.run(10, 1, 5, "php-fpm: master process (/etc/a.conf)");
    let moves = |to: &str| fs::write(machine.dir.path().join("10/cgroup"), format!("0::/{to}\n")).unwrap();
    let mut seen = |scans: u32| {
        let last = (0..scans).map(|_| processes.scan().unwrap().remove(0)).last().unwrap();
        last.process.cgroups.unwrap().unified
    };
    moves("old.service");
    assert_eq!(seen(1).as_deref(), Some("/old.service"));
    moves("new.service");
    assert_eq!(seen(MOVED).as_deref(), Some("/new.service"));
}

/// A container's entry point turns into PHP-FPM long after it was seen first.
#[test]
fn a_master_that_came_by_exec_is_found_by_its_workers_at_once() {
    let machine = Machine::new();
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    machine.run(1, 0, 5, "/bin/sh\0/entrypoint.sh\0");
    machine.run(10, 1, 5, "/bin/sh\0/wait.sh\0");
    for _ in 0..5 {
        assert_eq!(processes.scan().unwrap(), []);
    }
    machine.run(1, 0, 5, "php-fpm: master process (/usr/local/etc/php-fpm.conf)");
    machine.run(7, 1, 90, "php-fpm: pool www");
    assert_eq!(pools(&processes.scan().unwrap()[0]), [(7, "www")]);
    // Without workers it takes a round.
    machine.run(10, 1, 5, "php-fpm: master process (/etc/ondemand.conf)");
    assert!((0..=ROUND).any(|_| processes.known.len() == 4 && processes.scan().unwrap().len() == 1));
}

#[test]
fn a_title_alone_makes_no_worker() {
    let machine = Machine::new();
    machine.run(20, 1, 5, "php-fpm: pool www");
    assert_eq!(Processes::new(machine.dir.path(), Trust::default()).scan().unwrap(), []);
}

/// hidepid=2 leaves only our own.
#[test]
fn hidden_processes_are_unreadable_and_not_none() {
    let machine = Machine::new();
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    machine.run(10, 1, 5, "badgateway\0serve\0");
    assert_eq!(processes.scan().unwrap(), []);
    machine.end(1);
    assert!(processes.scan().unwrap_err().is_absent());
}

/// A container, or a unit with PrivatePIDs=: its own first process is there, and no kernel thread.
#[test]
fn processes_of_another_namespace_are_not_known_to_be_none() {
    let machine = Machine::new();
    machine.end(2);
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    let said = processes.scan().unwrap_err().to_string();
    assert!(said.contains("shareProcessNamespace"), "{said}");
    machine.run(10, 1, 5, "php-fpm: master process (/etc/a.conf)");
    assert!((0..=ROUND).any(|_| processes.scan().is_ok_and(|masters| masters.len() == 1)));
    machine.end(10);
    assert_eq!(processes.scan().unwrap(), [], "it was there, so it is gone");
}

#[test]
fn who_has_ended_and_was_not_waited_for_is_gone() {
    let machine = Machine::new();
    machine.run(10, 1, 5, "php-fpm: master process (/etc/a.conf)");
    machine.run(11, 10, 6, "php-fpm: pool www");
    machine.run(12, 10, 6, "php-fpm: pool www");
    machine.run(20, 1, 5, "nginx: master process nginx");
    let mut processes = Processes::new(machine.dir.path(), Trust::default());
    assert_eq!((pools(&processes.scan().unwrap()[0]).len(), processes.nginx().len()), (2, 1));
    let ends = |pid: u32| {
        let stat = machine.dir.path().join(format!("{pid}/stat"));
        let text = fs::read_to_string(&stat).unwrap().replace(" S ", " Z ");
        fs::write(stat, text).unwrap();
        fs::write(machine.dir.path().join(format!("{pid}/cmdline")), "").unwrap();
    };
    ends(11);
    assert_eq!(pools(&processes.scan().unwrap()[0]), [(12, "www")]);
    ends(10);
    ends(20);
    assert_eq!((processes.scan().unwrap(), processes.nginx().len()), (Vec::new(), 0));
}

#[test]
fn absent_files_are_told_apart_from_zero() {
    let machine = Machine::new();
    machine.run(10, 1, 5, "php-fpm: master process (/etc/a.conf)");
    let master = Processes::new(machine.dir.path(), Trust::default()).scan().unwrap().remove(0);
    assert!(master.process.run_queue_wait.unwrap_err().is_absent());
    assert!(master.shares_network.unwrap_err().is_absent());
    assert!(Processes::new(Path::new("/nowhere"), Trust::default()).scan().unwrap_err().is_absent());
}

/// Not a benchmark: for whoever changes the scan.
#[test]
fn later_scans_of_this_machine_read_little() {
    let mut processes = Processes::new(Path::new("/proc"), Trust::default());
    let micros: Vec<_> = (0..5)
        .map(|_| {
            let start = Instant::now();
            // In a container without PHP-FPM it is not known that there is none.
            if let Err(error) = processes.scan() {
                assert!(error.to_string().contains("shareProcessNamespace"), "{error}");
            }
            start.elapsed().as_micros()
        })
        .collect();
    println!("{} processes, scans of {micros:?} microseconds", processes.known.len());
}
