//! A site that fails in many ways: what the dashboards are looked at with.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use badgateway_harness::{
    Result,
    cgroup::Cgroup,
    exporter::{Exporter, log_args},
    fpm::{Fpm, Pool, write_scripts},
    nginx::{Nginx, RICH_FORMAT, Setup},
    placeholders::Placeholders,
    ports::{free_address, free_port},
    proc::mentioning,
    scratch_dir,
    upstream::{ClosedPort, Server, closed_port, http_faults, http_good},
    wait_for,
};

/// The servers, each on a port of its own. `@php@` in a path of SCRIPT_FILENAME is the harness' own.
const HTTP: &str = r#"
upstream spare { server @closed2@ max_fails=0; server @good@ backup; }
server { listen @shop_at@; server_name shop.example;
    location / { fastcgi_pass @www@; fastcgi_read_timeout 20s; }
    location /old/ { proxy_pass http://@closed@; }
    location /spare/ { proxy_pass http://spare; }
    location /maintenance/ { return 503; } }
server { listen @api_at@; server_name api.example;
    location / { fastcgi_pass @api@; }
    location /moved/ { fastcgi_pass @nosuch@; }
    location /cut/ { proxy_pass http://@cut@/; } }
server { listen @jobs_at@; server_name jobs.example;
    location / { fastcgi_pass @worker@; fastcgi_read_timeout 20s; } }
"#;

/// `pm = dynamic` tells when it has reached pm.max_children.
const API: &str = "pm = dynamic\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 2\n\
                   listen.backlog = 4\npm.status_path = /status\nrequest_slowlog_timeout = 1s\nslowlog = /dev/null";

/// Everything that runs. The order of the fields is the order in which they are stopped.
pub(crate) struct Site {
    pub(crate) exporter: Exporter,
    /// Where it is scraped.
    pub(crate) address: String,
    _nginx: Nginx,
    /// Pool `www`.
    pub(crate) shop: Fpm,
    _api: Fpm,
    /// Pool `worker`, in a memory cgroup where that is allowed.
    _jobs: Fpm,
    /// Pool `batch`, which nobody visits.
    pub(crate) batch: Fpm,
    pub(crate) cgroup: Option<Cgroup>,
    _servers: Vec<Server>,
    _closed: Vec<ClosedPort>,
    pub(crate) names: Placeholders,
    dir: Option<tempfile::TempDir>,
}

/// The masters, as the label `fpm` has them.
pub(crate) const MASTERS: &str = "(shop|api|jobs|batch)";

impl Site {
    pub(crate) fn start() -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        let (mut servers, mut closed) = (Vec::new(), Vec::new());
        for name in ["closed", "closed2"] {
            let port = closed_port()?;
            names.set(name, &port.address);
            closed.push(port);
        }
        for (name, server) in [("cut", http_faults()?), ("good", http_good()?)] {
            names.set(name, &server.address);
            servers.push(server);
        }
        names.set("nosuch", format!("unix:{}", root.join("moved.sock").display()));
        names.set("php", write_scripts(root)?.display().to_string());
        for server in ["shop", "api", "jobs"] {
            names.set(&format!("{server}_at"), format!("127.0.0.1:{}", free_port()?));
        }
        let mut fpm = |master: &str, pool: &'static str, children, settings| {
            let listen = root.join(format!("{pool}.sock")).display().to_string();
            names.set(pool, format!("unix:{listen}"));
            Fpm::start(root, master, &[Pool { name: pool, listen, children, settings }])
        };
        let shop = fpm("shop", "www", 8, "pm.status_path = /status")?;
        let api = fpm("api", "api", 3, API)?;
        let jobs = fpm("jobs", "worker", 4, "")?;
        let batch = fpm("batch", "batch", 2, "")?;
        let cgroup = Cgroup::new("dashboards", 100 << 20);
        if let Some(cgroup) = &cgroup {
            jobs.move_to(cgroup)?;
        }
        let setup = Setup { http: HTTP, workers: 2, ..Setup::default() };
        let nginx = Nginx::start(root, &names, &setup)?;
        let mut arguments = log_args(&nginx, &nginx.rich_log(), RICH_FORMAT, &[&shop, &api, &jobs, &batch]);
        arguments.extend(["--state.dir".to_owned(), root.join("state").display().to_string()]);
        let address = free_address()?;
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_badgateway"));
        let exporter = Exporter::start_at(&address, &binary, &arguments, root.join("exporter.stderr"))?;
        let site = Self {
            exporter,
            address,
            _nginx: nginx,
            shop,
            _api: api,
            _jobs: jobs,
            batch,
            cgroup,
            _servers: servers,
            _closed: closed,
            names,
            dir: Some(dir),
        };
        wait_for("the pools to be seen", Duration::from_secs(20), || {
            let sums = site.exporter.scrape().ok()?.sums("badgateway_fpm_up", &["fpm"]);
            let ours = ["shop", "api", "jobs", "batch"];
            ours.iter().all(|fpm| sums.contains_key(&vec![(*fpm).to_owned()])).then_some(())
        })?;
        Ok(site)
    }

    /// The port of a server.
    pub(crate) fn port(&self, server: &str) -> Result<u16> {
        let address = self.names.fill(&format!("@{server}_at@"))?;
        Ok(address.rsplit(':').next().unwrap_or_default().parse()?)
    }

    /// Where everything is.
    pub(crate) fn root(&self) -> Result<&Path> {
        Ok(self.dir.as_ref().ok_or("finished")?.path())
    }

    /// Stops everything and makes sure that nothing is left running.
    pub(crate) fn finish(mut self) -> Result<()> {
        let dir = self.dir.take().ok_or("finished twice")?;
        drop(self);
        let left = mentioning(dir.path());
        if left.is_empty() { Ok(()) } else { Err(format!("still running: {left:?}").into()) }
    }
}
