#![allow(clippy::disallowed_methods, reason = "a process of another user is started to be looked at")]

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::tests::Machine;
use super::*;

const NGINX: &str = "nginx: master process nginx -c /srv/n.conf";
const FPM: &str = "php-fpm: master process (/srv/fpm.conf)";

/// Users who are neither root nor whoever runs the tests.
fn stranger() -> u32 {
    let ours = rustix::process::getuid().as_raw();
    if ours == 65_534 { 65_533 } else { 65_534 }
}

/// How many masters of each kind are believed.
fn believed(machine: &Machine, trust: Trust) -> (usize, usize) {
    let mut processes = Processes::new(machine.path(), trust);
    // The same again: what is remembered says the same.
    let first = (processes.scan().unwrap().len(), processes.nginx().len());
    assert_eq!((processes.scan().unwrap().len(), processes.nginx().len()), first);
    first
}

fn both(machine: &Machine, uid: u32) {
    for (pid, title) in [(10, NGINX), (20, FPM)] {
        machine.run(pid, 1, 5, title);
        machine.owned(pid, uid);
    }
}

#[test]
fn a_title_alone_is_not_believed() {
    let machine = Machine::new();
    let ours = rustix::process::getuid().as_raw();
    for (uid, expected) in [(0, (1, 1)), (ours, (1, 1)), (stranger(), (0, 0))] {
        both(&machine, uid);
        assert_eq!(believed(&machine, Trust::default()), expected, "user {uid}");
    }
    let uids = vec![7, stranger()];
    assert_eq!(believed(&machine, Trust { uids, ..Trust::default() }), (1, 1), "--discover.trust-uid");
    for pid in [10, 20] {
        fs::remove_file(machine.path().join(format!("{pid}/status"))).unwrap();
    }
    assert_eq!(believed(&machine, Trust::default()), (0, 0), "unknown is not root");
}

#[test]
fn workers_of_a_master_that_is_not_believed_are_nobodys_and_a_new_worker_is_its_masters() {
    let machine = Machine::new();
    both(&machine, stranger());
    machine.run(21, 20, 6, "php-fpm: pool www");
    machine.run(22, 20, 6, FPM);
    machine.owned(22, stranger());
    assert_eq!(believed(&machine, Trust::default()), (0, 0));
    machine.owned(20, 0);
    let mut processes = Processes::new(machine.path(), Trust::default());
    let masters = processes.scan().unwrap();
    assert_eq!((masters.len(), masters[0].workers.len()), (1, 1), "22 bears its master's title for a moment");
}

#[test]
fn a_configuration_that_is_named_makes_its_master_believed_where_it_is_the_same_file() {
    let machine = Machine::new();
    both(&machine, stranger());
    let trust = || Trust { configs: vec!["/srv/n.conf".into(), "/srv/fpm.conf".into()], ..Trust::default() };
    assert_eq!(believed(&machine, trust()), (0, 0), "it is not seen where they are");
    for (pid, namespace) in [("self", 1), ("10", 1), ("20", 2)] {
        let dir = machine.path().join(pid).join("ns");
        fs::create_dir_all(&dir).unwrap();
        symlink(format!("mnt:[{namespace}]"), dir.join("mnt")).unwrap();
    }
    assert_eq!(believed(&machine, trust()), (0, 1), "20 may have any file there");
    let other = Trust { configs: vec!["/srv/other.conf".into()], ..Trust::default() };
    assert_eq!(believed(&machine, other), (0, 0));
}

#[test]
fn a_program_is_believed_only_where_root_alone_can_change_it() {
    let machine = Machine::new();
    both(&machine, stranger());
    let dir = tempfile::tempdir().unwrap();
    let exe = |target: &Path| {
        let link = machine.path().join("10/exe");
        let _ = fs::remove_file(&link);
        symlink(target, link).unwrap();
        believed(&machine, Trust::default()).1
    };
    assert_eq!(exe(Path::new("/bin/sh")), 0, "another program of root's");
    let own = dir.path().join("nginx");
    fs::write(&own, "").unwrap();
    let is_root = rustix::process::getuid().is_root();
    assert_eq!(exe(&own), usize::from(is_root), "whoever wrote it");
    fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o757)).unwrap();
    assert_eq!(exe(&own), 0, "anybody can write it");
    assert_eq!(exe(&dir.path().join("php-fpm (deleted)")), 0);
}

/// As an attacker does it, with a real process.
#[test]
fn a_real_process_of_another_user_is_not_believed() {
    if !rustix::process::getuid().is_root() {
        // The test needs another user: what an unprivileged one can do is tested above.
        return;
    }
    let start = |uid: Option<u32>, title: &str| {
        let mut command = Command::new("sleep");
        command.arg0(title).arg("60").stdout(Stdio::null());
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        command.spawn().unwrap()
    };
    let mut children = [
        start(Some(stranger()), "nginx: master process nginx -c /tmp/stranger.conf"),
        start(Some(stranger()), "php-fpm: master process (/tmp/stranger.conf)"),
        start(None, "nginx: master process nginx -c /tmp/root.conf"),
    ];
    let ids = children.each_ref().map(std::process::Child::id);
    let mut processes = Processes::new(Path::new("/proc"), Trust::default());
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_seen = |processes: &Processes| processes.nginx().iter().any(|master| master.pid == ids[2]);
    let mut masters = processes.scan().unwrap();
    while !is_seen(&processes) && Instant::now() < deadline {
        masters = processes.scan().unwrap();
    }
    let seen = is_seen(&processes);
    let stranger = processes.nginx().iter().any(|master| master.pid == ids[0])
        || masters.iter().any(|master| master.process.pid == ids[1]);
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(seen, "root's is believed, and it was looked at");
    assert!(!stranger);
}
