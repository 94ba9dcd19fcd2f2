//! PHP-FPM, or the exporter, in namespaces of its own, as in containers and under hidepid.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::Duration};

use crate::{
    harness::{
        Result,
        account::is_root,
        exporter::{Exporter, Scrape},
        open_to_all,
        proc::{self, Proc},
        programs::php_fpm,
        root::{self, Needs},
        scratch_dir, wait_for, worker_account,
    },
    say, share_machine,
};

/// Whether namespaces can be made here, and a procfs mounted in them; that takes root.
fn may_mount() -> bool {
    is_root() && root::may_mount("proc")
}

fn exporter(binary: &Path, dir: &Path, more: &[&str]) -> Result<Exporter> {
    let log = dir.join("access.log");
    fs::write(&log, "")?;
    open_to_all(&log, 0o644)?;
    let mut args = vec!["--access-log".to_owned(), log.display().to_string()];
    args.extend(more.iter().map(|word| (*word).to_owned()));
    Exporter::start(binary, &args, dir.join("exporter.stderr"))
}

fn pool(name: &str, dir: &Path, socket: &str, children: u32) -> String {
    let account = worker_account()
        .map_or_else(String::new, |(user, group)| format!("user = {user}\ngroup = {group}\n"));
    let (log, listen) = (dir.join("fpm.log"), dir.join(socket));
    format!(
        "[global]\ndaemonize = no\nerror_log = {}\n[{name}]\n{account}listen = {}\npm = static\npm.max_children = {children}\n",
        log.display(),
        listen.display()
    )
}

/// PHP-FPM with `file` in the place of `config`, for itself alone.
fn contained(config: &Path, file: &Path) -> Result<Proc> {
    let mut command = proc::command(Path::new("/usr/bin/unshare"));
    let script = "mount --bind \"$1\" \"$2\" && exec \"$3\" -F -y \"$2\"";
    command.args(["-m", "sh", "-c", script, "sh"]).arg(file).arg(config).arg(php_fpm()?);
    Proc::start("php-fpm", command.stdout(Stdio::null()).stderr(Stdio::null()))
}

#[test]
fn two_containers_with_one_path_are_two() {
    // As root it is another process, which does not know who has the machine.
    let _held = share_machine();
    let test = "namespaces::two_containers_with_one_path_are_two";
    if !root::goes_on_here(test, Needs::Root, may_mount).expect("it holds as root") {
        return;
    }
    let dir = scratch_dir().expect("a directory");
    let root = dir.path();
    let at = |name: &str| root.join(name);
    // Outside of both it is a third one, which nobody runs.
    fs::write(at("php-fpm.conf"), pool("ns_none", root, "none.sock", 1)).expect("written");
    for (file, socket, children) in [("one", "one.sock", 2), ("two", "two.sock", 3)] {
        fs::write(at(file), pool("ns_www", root, socket, children)).expect("written");
    }
    let start = |file: &str| contained(&at("php-fpm.conf"), &at(file)).expect("PHP-FPM starts");
    let exporter = exporter(Path::new(env!("CARGO_BIN_EXE_badgateway")), root, &[]).expect("the exporter");
    let upstream = |file: &str| format!("unix:{}.sock", at(file).display());
    // The master's name, and up, limit and idle workers, of the pool of that socket. Both are called `ns_www`.
    let seen = |page: &Scrape, file: &str| {
        let fpm = page.label(
            "badgateway_fpm_pool_info",
            &[("pool", "ns_www"), ("upstream", &upstream(file))],
            "fpm",
        )?;
        let labels = [("fpm", fpm), ("pool", "ns_www")];
        let of = |family: &str| page.value(family, &labels);
        let idle = page.value("badgateway_fpm_workers", &[labels[0], labels[1], ("state", "idle")]);
        Some((fpm.to_owned(), (of("badgateway_fpm_up"), of("badgateway_fpm_workers_limit"), idle)))
    };
    let names = std::cell::RefCell::new(std::collections::BTreeMap::new());
    let until = |what: &str, one: Option<f64>, two: Option<f64>| {
        let state =
            |up: Option<f64>, limit: f64| up.map(|up| (Some(up), Some(limit), (up > 0.0).then_some(limit)));
        let expected = (state(one, 2.0), state(two, 3.0));
        let mut last = None;
        let found = wait_for(what, Duration::from_secs(15), || {
            let page = exporter.scrape().ok()?;
            let both = ["one", "two"].map(|file| seen(&page, file));
            for (file, (fpm, _)) in
                ["one", "two"].iter().zip(&both).filter_map(|(file, seen)| Some((*file, seen.clone()?)))
            {
                let before = names.borrow_mut().insert(file, fpm.clone());
                assert!(
                    before.is_none_or(|before| before == fpm),
                    "a name has changed: {:?}",
                    names.borrow()
                );
            }
            let [one, two] = both.map(|seen| seen.map(|(_, state)| state));
            last = Some((one, two));
            (last == Some(expected)).then_some(())
        });
        assert!(found.is_ok(), "{what}: {last:?} instead of {expected:?}");
    };
    let one = start("one");
    until("the first", Some(1.0), None);
    let two = start("two");
    until("both", Some(1.0), Some(1.0));
    drop(one);
    until("the first to be down", Some(0.0), Some(1.0));
    // Another mount namespace, the same PHP-FPM.
    let one = start("one");
    until("the first again", Some(1.0), Some(1.0));
    drop((one, two));
    let names: std::collections::BTreeSet<_> = names.into_inner().into_values().collect();
    assert_eq!(names.len(), 2, "two masters have two names: {names:?}");
    say("namespaces: two PHP-FPM with one path in two mount namespaces are two, over a restart");
}

#[test]
fn what_hidepid_hides_is_absent_and_not_zero() {
    // As root it is another process, which does not know who has the machine.
    let _held = share_machine();
    let test = "namespaces::what_hidepid_hides_is_absent_and_not_zero";
    if !root::goes_on_here(test, Needs::Root, may_mount).expect("it holds as root") {
        return;
    }
    let (user, group) = worker_account().expect("a user www-data or nobody");
    let dir = scratch_dir().expect("a directory");
    let root = dir.path();
    let at = |name: &str| root.join(name);
    fs::create_dir(at("proc")).expect("created");
    fs::write(at("php-fpm.conf"), pool("hidden", root, "hidden.sock", 2)).expect("written");
    // The tree that cargo builds in may be closed to that user.
    fs::copy(env!("CARGO_BIN_EXE_badgateway"), at("badgateway")).expect("copied");
    let script = format!(
        "#!/bin/sh\nexec unshare -m sh -c 'mount -t proc -o hidepid=2 proc {proc} && exec setpriv --reuid {user} --regid \
         {group} --clear-groups {binary} \"$@\"' sh \"$@\"\n",
        proc = at("proc").display(),
        binary = at("badgateway").display(),
    );
    fs::write(at("hidden.sh"), script).expect("written");
    fs::set_permissions(at("hidden.sh"), fs::Permissions::from_mode(0o755)).expect("executable");
    let _fpm = contained(&at("php-fpm.conf"), &at("php-fpm.conf")).expect("PHP-FPM starts");
    let listens = || fs::exists(at("hidden.sock")).ok().filter(|is| *is);
    wait_for("PHP-FPM", Duration::from_secs(10), listens).expect("it listens");
    let (proc, config) = (at("proc").display().to_string(), at("php-fpm.conf").display().to_string());
    let more = ["--path.procfs", proc.as_str(), "--fpm-config", config.as_str()];
    let exporter = exporter(&at("hidden.sh"), root, &more).expect("the exporter");
    let page = wait_for("the pool", Duration::from_secs(10), || {
        let page = exporter.scrape().ok()?;
        page.value("badgateway_fpm_pool_info", &[("pool", "hidden")]).map(|_| page)
    })
    .expect("a page");
    assert_eq!(page.value("badgateway_collector_success", &[("collector", "processes")]), Some(0.0));
    let of = |family: &str| page.value(&format!("badgateway_fpm_{family}"), &[("pool", "hidden")]);
    // The sockets are seen, so it is up, and nobody is served.
    let busy = page.value("badgateway_fpm_workers", &[("pool", "hidden"), ("state", "busy")]);
    assert_eq!((of("up"), of("workers_limit"), busy), (Some(1.0), Some(2.0), Some(0.0)));
    let idle = page.value("badgateway_fpm_workers", &[("pool", "hidden"), ("state", "idle")]);
    assert_eq!(idle, None, "how many workers there are is not known");
    for family in ["start_time_seconds", "resident_memory_bytes", "cpu_seconds_total", "reloads_total"] {
        assert_eq!(of(family), None, "{family}");
    }
    say("namespaces: under hidepid=2 processes are absent, sockets are seen");
}
