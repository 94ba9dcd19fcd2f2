//! A site to be broken: nginx, PHP-FPM, upstreams that fail.

use std::{
    path::{Path, PathBuf},
    thread,
};

use crate::harness::{
    Result,
    client::Http1,
    exporter::Exporter,
    fpm::{Fpm, Pool, write_scripts},
    nginx::{Nginx, RICH_FORMAT, Setup},
    placeholders::Placeholders,
    ports::{free_address, free_port},
    scratch_dir,
    upstream::{ClosedPort, FullPort, Server, TlsFault, closed_port, full_port, http_faults, tls_fault},
};

/// Everything but the exporter. The order of the fields is the order in which they are stopped.
pub(crate) struct Site {
    pub(crate) nginx: Nginx,
    /// Pools `www`, `api`, `tiny` and others.
    pub(crate) solid: Fpm,
    /// Pool `brittle`.
    pub(crate) brittle: Fpm,
    pub(crate) names: Placeholders,
    _servers: Vec<Server>,
    _closed: ClosedPort,
    _full: FullPort,
    dir: tempfile::TempDir,
}

impl Site {
    /// Starts it with these places in nginx's configuration.
    pub(crate) fn start(http: &str, server: &str) -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        let closed = closed_port()?;
        names.set("closed", &closed.address);
        let mut servers = Vec::new();
        for (name, server) in [("http", http_faults()?), ("tls_close", tls_fault(TlsFault::Close)?)] {
            names.set(name, &server.address);
            servers.push(server);
        }
        let full = full_port()?;
        names.set("full", &full.address);
        names.set("nosuch", format!("unix:{}", root.join("nosuch.sock").display()));
        names.set("plain", free_address()?);
        names.set("php", write_scripts(root)?.display().to_string());
        let mut fpm = |name: &str, pools: &[(&'static str, u32, &'static str)]| {
            let pools = pools.iter().map(|(name, children, settings)| {
                let listen = match *name {
                    "picky" => format!("127.0.0.1:{}", free_port()?),
                    name => root.join(format!("{name}.sock")).display().to_string(),
                };
                names.set(name, if *name == "picky" { listen.clone() } else { format!("unix:{listen}") });
                Ok(Pool { name, listen, children: *children, settings })
            });
            Fpm::start(root, name, &pools.collect::<Result<Vec<_>>>()?)
        };
        let solid = fpm(
            "8.2",
            &[
                ("www", 4, "pm.status_path = /status"),
                ("tiny", 1, "listen.backlog = 1"),
                ("crash", 3, ""),
                ("term", 4, "request_terminate_timeout = 1s"),
                ("locked", 1, "listen.mode = 0000"),
                ("picky", 1, "listen.allowed_clients = 127.0.0.77\ncatch_workers_output = yes"),
            ],
        )?;
        let brittle = fpm("brittle", &[("brittle", 6, "")])?;
        let http =
            format!("server {{ listen @plain@; access_log off; location / {{ return 200 ok; }} }}\n{http}");
        let nginx = Nginx::start(root, &names, &Setup { http: &http, server, ..Setup::default() })?;
        Ok(Self { nginx, solid, brittle, names, _servers: servers, _closed: closed, _full: full, dir })
    }

    /// Starts an exporter that knows nothing of what was before.
    pub(crate) fn exporter(&self, more: &[&str]) -> Result<Exporter> {
        let path = |path: PathBuf| path.display().to_string();
        let logs = [
            ("--access-log", path(self.nginx.rich_log())),
            ("--error-log", path(self.nginx.error_log())),
            ("--fpm-log", path(self.solid.log().to_path_buf())),
            ("--fpm-log", path(self.brittle.log().to_path_buf())),
            ("--log-format", RICH_FORMAT.to_owned()),
        ];
        let mut args: Vec<String> =
            logs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        Exporter::start(
            Path::new(env!("CARGO_BIN_EXE_badgateway")),
            &args,
            self.dir.path().join("exporter.stderr"),
        )
    }

    /// So many visitors come to a place at once, and go when they have their answers.
    pub(crate) fn visit(&self, path: &str, visitors: usize) {
        self.send(path, visitors).into_iter().for_each(|visitor| drop(visitor.join()));
    }

    /// So many come, and are not waited for.
    pub(crate) fn send(&self, path: &str, visitors: usize) -> Vec<thread::JoinHandle<()>> {
        let port = self.nginx.port;
        let come = |path: String| thread::spawn(move || drop(Http1::new(port).get(&path)));
        (0..visitors).map(|_| come(path.to_owned())).collect()
    }

    /// A file below its directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
