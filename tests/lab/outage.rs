//! PHP-FPM that is down before the exporter starts: after its restart, after a boot, and behind a link.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    harness::{
        Result,
        client::Http1,
        exporter::{Exporter, log_args},
        fpm::{Fpm, Pool, write_scripts},
        nginx::{Nginx, RICH_FORMAT, Setup},
        placeholders::Placeholders,
        scratch_dir, wait_for,
    },
    say, share_machine,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// nginx, one PHP-FPM with the pool `site`, and what an exporter is told.
struct Host {
    nginx: Nginx,
    fpm: Fpm,
    args: Vec<String>,
    dir: tempfile::TempDir,
}

impl Host {
    /// nginx connects to `target`, which may be a link to the pool's socket `site.sock`.
    fn start(target: impl FnOnce(&Path) -> PathBuf) -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        names.set("php", write_scripts(root)?.display().to_string());
        let listen = root.join("site.sock").display().to_string();
        let fpm = Fpm::start(root, "shop", &[Pool { name: "site", listen, children: 2, settings: "" }])?;
        let server = format!("location /site/ {{ fastcgi_pass unix:{}; }}\n", target(root).display());
        let nginx = Nginx::start(root, &names, &Setup { server: &server, ..Setup::default() })?;
        let mut args = log_args(&nginx, &nginx.rich_log(), RICH_FORMAT, &[&fpm]);
        args.extend(["--state.dir".to_owned(), root.join("state").display().to_string()]);
        Ok(Self { nginx, fpm, args, dir })
    }

    fn exporter(&self) -> Exporter {
        let stderr = self.dir.path().join("exporter.stderr");
        Exporter::start(Path::new(env!("CARGO_BIN_EXE_badgateway")), &self.args, stderr)
            .expect("the exporter")
    }

    fn stop_fpm(&mut self) {
        self.fpm.signal("TERM");
        self.fpm.wait_gone().expect("PHP-FPM ends");
    }

    fn request(&self) -> String {
        Http1::new(self.nginx.port).get("/site/ok.php").code()
    }
}

fn demand_up(exporter: &Exporter, expected: f64) {
    let labels = [("fpm", "shop"), ("pool", "site")];
    let mut last = None;
    let found = wait_for("fpm_up", PATIENCE, || {
        last = exporter.scrape().ok()?.value("badgateway_fpm_up", &labels);
        (last == Some(expected)).then_some(())
    });
    assert!(found.is_ok(), "fpm_up is {last:?} instead of {expected}");
}

/// Waits until the failures of the site have so many root causes, all of them `root`.
fn demand_root(exporter: &Exporter, root: &str, count: u64) {
    let mut last = None;
    let found = wait_for("the root cause", PATIENCE, || {
        last = Some(exporter.scrape().ok()?.sums("badgateway_http_root_causes_total", &["root_cause"]));
        (last.as_ref()?.iter().eq([(&vec![root.to_owned()], &count)])).then_some(())
    });
    assert!(found.is_ok(), "{last:?} instead of {count} {root}");
}

#[test]
fn a_pool_stays_down_over_a_restart_during_the_outage() {
    let _held = share_machine();
    let mut host = Host::start(|root| root.join("site.sock")).expect("the lab starts");
    let exporter = host.exporter();
    demand_up(&exporter, 1.0);
    host.stop_fpm();
    demand_up(&exporter, 0.0);
    drop(exporter);
    let exporter = host.exporter();
    demand_up(&exporter, 0.0);
    // Also without the configuration: a package that was removed in the middle of an upgrade.
    drop(exporter);
    fs::remove_file(host.fpm.config()).expect("removed");
    let exporter = host.exporter();
    demand_up(&exporter, 0.0);
    assert_eq!(host.request(), "502");
    // Its log says that somebody stopped it.
    demand_root(&exporter, "fpm_stopped", 1);
    say("outage: a pool that is down stays down over restarts, and its failures are named");
}

#[test]
fn a_link_to_the_socket_is_the_same_pool_also_while_it_dangles() {
    let _held = share_machine();
    let mut host = Host::start(|root| {
        symlink(root.join("alternative.sock"), root.join("php-fpm.sock")).expect("a link");
        symlink(root.join("site.sock"), root.join("alternative.sock")).expect("a link");
        root.join("php-fpm.sock")
    })
    .expect("the lab starts");
    let exporter = host.exporter();
    demand_up(&exporter, 1.0);
    assert_eq!(host.request(), "200");
    host.stop_fpm();
    demand_up(&exporter, 0.0);
    // Its last words are over: what follows is not of the second in which it was stopped.
    wait_for("the socket to be gone", PATIENCE, || {
        (!host.dir.path().join("site.sock").exists()).then_some(())
    })
    .expect("the link dangles");
    assert_eq!(host.request(), "502");
    let link = format!("unix:{}", host.dir.path().join("php-fpm.sock").display());
    let mut last = None;
    let named = wait_for("the root cause", PATIENCE, || {
        let roots =
            exporter.scrape().ok()?.sums("badgateway_http_root_causes_total", &["upstream", "root_cause"]);
        last = Some(roots);
        last.as_ref()?.keys().next().cloned()
    })
    .expect("a root cause");
    assert_eq!(named[0], link);
    assert!(["fpm_stopped", "fpm_not_running"].contains(&named[1].as_str()), "{last:?}");
    let infos =
        exporter.scrape().expect("a scrape").sums("badgateway_fpm_pool_info", &["fpm", "pool", "upstream"]);
    let ours: Vec<_> = infos.keys().filter(|key| key[0] == "shop").collect();
    assert_eq!(ours.len(), 1, "one pool, one upstream: {infos:?}");
    say("outage: links to a socket lead to its pool, also while they dangle");
}
