use std::fs;
use std::time::Duration;

use super::*;
use crate::kernel::processes::{Processes, Trust};

#[test]
fn what_cannot_be_read_leaves_what_was_known_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("php-fpm.conf");
    let pool = "[www]\nuser = nobody\nlisten = /x.sock\npm = static\npm.max_children = 2\n";
    fs::write(&path, pool).unwrap();
    let mut configs = FpmConfigs::new(vec![path.clone()], None, ConfigLimits::default());
    let pools = |configs: &FpmConfigs| {
        let of = configs.by_id.get(&InstanceId::first(&path)).unwrap();
        of.file.config.as_ref().map_or(0, |config| config.pools.len())
    };
    assert_eq!(configs.last_reading(), None, "nothing was read yet");
    assert!(configs.look(Path::new("/nowhere"), &[]));
    let first = configs.last_reading().unwrap();
    assert!(first.successful && first.succeeded.is_some());

    fs::write(&path, format!("{pool}pm = sometimes\n")).unwrap();
    assert!(!configs.look(Path::new("/nowhere"), &[]), "the same pools as before");
    let broken = LastReading { successful: false, ..first };
    assert_eq!((configs.last_reading(), pools(&configs)), (Some(broken), 1));

    fs::write(&path, format!("{pool}{}", pool.replace("www", "api"))).unwrap();
    assert!(configs.look(Path::new("/nowhere"), &[]));
    let repaired = configs.last_reading().unwrap();
    assert!(repaired.successful && repaired.succeeded > first.succeeded);
    assert_eq!(pools(&configs), 2);
}

/// A procfs in which every PHP-FPM has a root of its own, with the same path in it.
struct Containers(tempfile::TempDir);

impl Containers {
    const CONFIG: &str = "/nowhere/etc/php-fpm.conf";

    fn run(&self, pid: u32, mounts: u64, pool: &str) {
        let dir = self.0.path().join(pid.to_string());
        let config = dir.join("root").join(&Self::CONFIG[1..]);
        fs::create_dir_all(config.parent().unwrap()).unwrap();
        fs::create_dir_all(dir.join("ns")).unwrap();
        let stat = format!("{pid} (php-fpm) S 1 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 {pid} 9 3 0\n");
        fs::write(dir.join("stat"), stat).unwrap();
        fs::write(dir.join("status"), "Uid:\t0\t0\t0\t0\n").unwrap();
        fs::write(dir.join("cmdline"), format!("php-fpm: master process ({})", Self::CONFIG)).unwrap();
        std::os::unix::fs::symlink(format!("mnt:[{mounts}]"), dir.join("ns/mnt")).unwrap();
        let text = format!("[{pool}]\nuser = nobody\nlisten = 9000\npm = static\npm.max_children = 2\n");
        fs::write(config, text).unwrap();
    }

    fn end(&self, pid: u32) {
        fs::remove_dir_all(self.0.path().join(pid.to_string())).unwrap();
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("1")).unwrap();
        fs::write(dir.path().join("1/stat"), "1 (init) S 0 1 1 0 -1 0 0 0 0 0 1 2 0 0 20 0 1 0 1 9 3 0\n")
            .unwrap();
        fs::write(dir.path().join("1/cmdline"), "/sbin/init\0").unwrap();
        fs::create_dir(dir.path().join("2")).unwrap();
        fs::write(dir.path().join("2/comm"), "kthreadd\n").unwrap();
        Self(dir)
    }

    /// One look; gives the pools by their PHP-FPM's number, each with the pid of its master.
    fn look(&self, configs: &mut FpmConfigs, now: Instant) -> Vec<(u32, String, Option<u32>)> {
        let masters = Processes::new(self.0.path(), Trust::default()).scan().unwrap();
        configs.settle(&masters, now);
        configs.look(self.0.path(), &masters);
        let ours = configs.by_id.iter().filter(|(id, _)| id.path == Path::new(Self::CONFIG));
        ours.map(|(id, of)| {
            let pool = of.file.config.as_ref().unwrap().pools[0].name.clone();
            (id.nth, pool, configs.master_of(id, &masters).map(|master| master.process.pid))
        })
        .collect()
    }
}

#[test]
fn containers_with_one_path_are_several_and_keep_their_place_over_restarts() {
    let containers = Containers::new();
    let mut configs = FpmConfigs::new(Vec::new(), None, ConfigLimits::default());
    let (start, soon) = (Instant::now(), Instant::now() + Duration::from_secs(5));
    let row = |nth, pool: &str, pid| (nth, pool.to_owned(), pid);
    containers.run(10, 100, "one");
    containers.run(20, 200, "two");
    assert_eq!(containers.look(&mut configs, start), [row(0, "one", Some(10)), row(1, "two", Some(20))]);
    // One ends: its pools stay, and are down.
    containers.end(10);
    assert_eq!(containers.look(&mut configs, start), [row(0, "one", None), row(1, "two", Some(20))]);
    // A container that starts anew has another mount namespace, and maybe other pools.
    containers.run(30, 300, "new");
    assert_eq!(containers.look(&mut configs, start), [row(0, "new", Some(30)), row(1, "two", Some(20))]);
    // Both restart, one in place (a reload by exec keeps the namespace), one anew.
    containers.end(20);
    containers.run(40, 200, "two");
    assert_eq!(containers.look(&mut configs, soon), [row(0, "new", Some(30)), row(1, "two", Some(40))]);
    // Its successor came before it ended, as when containers are rolled: it is not down for ever.
    containers.run(50, 500, "three");
    assert_eq!(containers.look(&mut configs, soon).len(), 3);
    containers.end(40);
    let rolled = [row(0, "new", Some(30)), row(1, "two", None), row(2, "three", Some(50))];
    assert_eq!(containers.look(&mut configs, soon), rolled);
    let later = soon + Duration::from_secs(601);
    assert_eq!(containers.look(&mut configs, later), [row(0, "new", Some(30)), row(2, "three", Some(50))]);
    // The last one of its path is remembered: that it is down is what must be said.
    containers.end(30);
    containers.end(50);
    let all_down = [row(0, "new", None), row(2, "three", None)];
    assert_eq!(containers.look(&mut configs, later + Duration::from_secs(6000)), all_down);
}

#[test]
fn one_whose_configuration_was_removed_is_forgotten() {
    let (containers, start) = (Containers::new(), Instant::now());
    let mut configs = FpmConfigs::new(Vec::new(), Some(100), ConfigLimits::default());
    containers.run(10, 100, "one");
    let up = [(0, "one".to_owned(), Some(10))];
    assert_eq!(containers.look(&mut configs, start), up);
    // It runs where we are, and there is no such file.
    let later = start + Duration::from_secs(700);
    assert_eq!(containers.look(&mut configs, later), up, "it runs");
    containers.end(10);
    assert_eq!(containers.look(&mut configs, later + Duration::from_secs(599)).len(), 1);
    assert_eq!(containers.look(&mut configs, later + Duration::from_secs(601)), []);
}

#[test]
fn where_namespaces_may_not_be_read_one_path_is_one_place() {
    let containers = Containers::new();
    let mut configs = FpmConfigs::new(Vec::new(), None, ConfigLimits::default());
    containers.run(10, 100, "one");
    containers.run(20, 200, "two");
    for pid in ["10", "20"] {
        fs::remove_file(containers.0.path().join(pid).join("ns/mnt")).unwrap();
    }
    assert_eq!(containers.look(&mut configs, Instant::now()), [(0, "one".to_owned(), Some(10))]);
}
