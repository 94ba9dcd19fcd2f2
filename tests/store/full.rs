//! Disks without space. The simulated one has every case; here the kernel says no.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use badgateway::ledger::store::{Opened, Store};
use badgateway_harness::account::is_root;
use badgateway_harness::root::{Needs, goes_on_here, may_mount};

use crate::support::{DIR, number, open, payload, this_test};

#[allow(clippy::disallowed_methods, reason = "the standard library cannot mount")]
fn run(program: &str, arguments: &[&str], dir: &Path) -> bool {
    std::process::Command::new(program).args(arguments).arg(dir).status().is_ok_and(|status| status.success())
}

struct Tmpfs(PathBuf);

impl Drop for Tmpfs {
    fn drop(&mut self) {
        run("umount", &["-l"], &self.0);
    }
}

#[test]
fn a_full_file_system_stops_no_commit_that_fits_and_is_left_behind_by_itself() {
    let test = "full::a_full_file_system_stops_no_commit_that_fits_and_is_left_behind_by_itself";
    if !goes_on_here(test, Needs::Namespace, || is_root() && may_mount("tmpfs")).unwrap() {
        return;
    }
    let own = tempfile::tempdir().unwrap();
    assert!(run("mount", &["-t", "tmpfs", "-o", "size=1m", "none"], own.path()), "this user may mount");
    let _mounted = Tmpfs(own.path().to_path_buf());
    let (dir, filler) = (own.path().join("state"), own.path().join("filler"));

    let Opened { mut store, .. } = open(&dir);
    let mut now = Instant::now();
    let mut commit = |store: &mut Store, n: u32, length: usize| {
        now += Duration::from_secs(1);
        store.commit(&payload(n, length), now).map_err(|error| error.to_string())
    };
    for n in 1..20 {
        commit(&mut store, n, 10_000).unwrap();
    }
    let full = std::fs::write(&filler, vec![0; 1 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    for n in 20..40 {
        commit(&mut store, n, 10_000).unwrap();
    }
    for n in 40..60 {
        let error = commit(&mut store, n, 100_000).unwrap_err();
        assert!(error.contains("cannot write ") && error.contains("Free some space"), "{error}");
    }
    std::fs::remove_file(&filler).unwrap();
    commit(&mut store, 60, 100_000).unwrap();
    store.close(&payload(61, 100_000)).unwrap();
    let loaded = open(&dir).loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (61, true));
}

/// The same without privilege: a limit on the size of a file, in a process of its own.
#[test]
fn a_limit_on_file_sizes_stops_only_what_is_above_it() {
    let Some(dir) = std::env::var_os(DIR) else {
        let own = tempfile::tempdir().unwrap();
        let name = "full::a_limit_on_file_sizes_stops_only_what_is_above_it";
        let output = this_test("trap '' XFSZ; ulimit -f 64;", name, own.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let loaded = open(own.path()).loaded.unwrap();
        assert_eq!((number(&loaded), loaded.trusted), (9, true));
        return;
    };
    let Opened { mut store, .. } = open(Path::new(&dir));
    let now = Instant::now();
    for n in 1..9 {
        store.commit(&payload(n, 3_000), now).unwrap();
        let error = store.commit(&payload(100 + n, 1_000_000), now).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("/live-"), "{error}");
    }
    store.close(&payload(9, 3_000)).unwrap();
}
