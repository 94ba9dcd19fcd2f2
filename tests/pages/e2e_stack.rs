//! Everything that a page passes through, from nginx to the inbox.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    harness::{
        Result,
        cgroup::Cgroup,
        exporter::{Exporter, log_args},
        fpm::{Fpm, Pool, write_scripts},
        nginx::{Nginx, RICH_FORMAT, Setup},
        placeholders::Placeholders,
        ports::{free_address, free_port},
        proc::mentioning,
        scratch_dir, wait_for,
    },
    inbox::Notice,
    upstream::{
        ClosedPort, FullPort, Server, TlsFault, closed_port, full_port, http_faults, http_good, tls_fault,
    },
    watcher::{self, Watcher},
};

/// Everything that runs. The order of the fields is the order in which they are stopped.
pub(crate) struct E2eStack {
    pub(crate) watchers: Vec<Watcher>,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) nginx: Nginx,
    /// Pool `alpha`, on a unix socket.
    pub(crate) alpha: Fpm,
    /// Pool `beta`, on a TCP port.
    pub(crate) beta: Fpm,
    /// Pool `gamma`, with twelve workers.
    pub(crate) gamma: Fpm,
    /// Pool `delta`, in a memory cgroup where that is allowed.
    _delta: Fpm,
    /// All other pools.
    _solid: Fpm,
    pub(crate) cgroup: Option<Cgroup>,
    _servers: Vec<Server>,
    _closed: Vec<ClosedPort>,
    _full: FullPort,
    pub(crate) names: Placeholders,
    arguments: Vec<String>,
    address: String,
    dir: Option<tempfile::TempDir>,
}

impl E2eStack {
    /// Starts it all with `http` and `server` in nginx's configuration and `global` in that of PHP-FPM.
    pub(crate) fn start(http: &str, server: &str, global: &str) -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        let (mut servers, mut closed) = (Vec::new(), Vec::new());
        for name in ["closed", "closed2", "closed3", "closed4"] {
            let port = closed_port()?;
            names.set(name, &port.address);
            closed.push(port);
        }
        for (name, server) in [
            ("lost", http_faults()?),
            ("invalid", http_faults()?),
            ("cut", http_faults()?),
            ("good", http_good()?),
            ("tls_close", tls_fault(TlsFault::Close)?),
        ] {
            names.set(name, &server.address);
            servers.push(server);
        }
        let full = full_port()?;
        names.set("full", &full.address);
        names.set("nosuch", format!("unix:{}", root.join("nosuch.sock").display()));
        names.set("plain", free_address()?);
        names.set("php", write_scripts(root)?.display().to_string());

        let fpm = |name: &str, pools: &[(&'static str, u32, &'static str)], names: &mut Placeholders| {
            let pools = pools.iter().map(|(name, children, settings)| {
                let is_tcp = ["beta", "picky"].contains(name);
                let listen = match is_tcp {
                    true => format!("127.0.0.1:{}", free_port()?),
                    false => root.join(format!("{name}.sock")).display().to_string(),
                };
                names.set(name, if is_tcp { listen.clone() } else { format!("unix:{listen}") });
                Ok(Pool { name, listen, children: *children, settings })
            });
            Fpm::start_with(root, name, global, &pools.collect::<Result<Vec<_>>>()?)
        };
        let alpha = fpm("fpm-alpha", &[("alpha", 4, "")], &mut names)?;
        let beta = fpm("fpm-beta", &[("beta", 4, "")], &mut names)?;
        let gamma = fpm("fpm-gamma", &[("gamma", 12, "")], &mut names)?;
        let delta = fpm("fpm-delta", &[("delta", 2, "")], &mut names)?;
        let pools = [
            ("www", 4, ""),
            ("tiny", 1, "listen.backlog = 1"),
            ("crash", 3, ""),
            ("kill", 3, ""),
            ("term", 8, "request_terminate_timeout = 1s"),
            ("locked", 2, ""),
            ("picky", 1, "listen.allowed_clients = 127.0.0.77\ncatch_workers_output = yes"),
            ("slow", 12, ""),
            ("app", 3, ""),
            ("fatal", 3, ""),
            ("big", 3, ""),
        ];
        let solid = fpm("fpm-solid", &pools, &mut names)?;
        let cgroup = Cgroup::new("pages", 100 << 20);
        if let Some(cgroup) = &cgroup {
            delta.move_to(cgroup)?;
        }

        let http =
            format!("server {{ listen @plain@; access_log off; location / {{ return 200 ok; }} }}\n{http}");
        let setup = Setup { http: &http, server, workers: 2, ..Setup::default() };
        let nginx = Nginx::start(root, &names, &setup)?;
        let fpms = [&alpha, &beta, &gamma, &delta, &solid];
        let mut arguments = log_args(&nginx, &nginx.rich_log(), RICH_FORMAT, &fpms);
        arguments.extend(["--state.dir".to_owned(), root.join("state").display().to_string()]);
        let address = free_address()?;
        let scrape = format!("  - {{job_name: badgateway, static_configs: [{{targets: ['{address}']}}]}}\n");
        let exporter = Some(exporter(&address, &arguments, root)?);
        let watchers = watcher::watchers(root, &scrape)?;
        let stack = Self {
            watchers,
            exporter,
            nginx,
            alpha,
            beta,
            gamma,
            _delta: delta,
            _solid: solid,
            cgroup,
            _servers: servers,
            _closed: closed,
            _full: full,
            names,
            arguments,
            address,
            dir: Some(dir),
        };
        for Watcher { prometheus, pace, .. } in &stack.watchers {
            let patience = Duration::from_secs(30 + 2 * pace.scrape);
            wait_for("the first samples and thresholds", patience, || {
                let has = |expr: &str| prometheus.query(expr).is_ok_and(|rows| !rows.is_empty());
                (has("badgateway_fpm_up") && has("badgateway:threshold:page_ratio")).then_some(())
            })?;
        }
        Ok(stack)
    }

    /// What arrived from one of the watchers about our upstreams, or about none. A PHP-FPM that this machine runs besides
    /// is not ours to judge.
    pub(crate) fn notices_of(&self, watcher: &Watcher) -> Vec<Notice> {
        let owns = |upstream: &str| upstream.is_empty() || self.names.values().any(|place| place == upstream);
        watcher.notices().into_iter().filter(|notice| owns(notice.group("upstream"))).collect()
    }

    /// What arrived from all of them.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.watchers.iter().flat_map(|watcher| self.notices_of(watcher)).collect()
    }

    /// Stops Badgateway and starts it again, as an upgrade does.
    pub(crate) fn restart_exporter(&mut self) -> Result<()> {
        self.exporter = None;
        let dir = self.dir.as_ref().ok_or("finished")?;
        self.exporter = Some(exporter(&self.address, &self.arguments, dir.path())?);
        Ok(())
    }

    /// Stops everything and makes sure that nothing is left running.
    pub(crate) fn finish(mut self) -> Result<()> {
        let dir = self.dir.take().ok_or("finished twice")?;
        drop(self);
        let left = mentioning(dir.path());
        if left.is_empty() { Ok(()) } else { Err(format!("still running: {left:?}").into()) }
    }
}

fn exporter(address: &str, arguments: &[String], root: &Path) -> Result<Exporter> {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_badgateway"));
    Exporter::start_at(address, &binary, arguments, root.join("exporter.stderr"))
}
