//! One complete set-up: nginx, two PHP-FPM, peers that misbehave, and the exporter twice, once on the access log with
//! everything Badgateway can use and once on nginx's plain `combined`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    harness::{
        Result,
        exporter::{Exporter, log_args},
        fpm::{Fpm, Pool, write_scripts},
        nginx::{Nginx, RICH_FORMAT, Setup},
        open_to_all,
        placeholders::Placeholders,
        ports::{free_address, free_port},
        proc::mentioning,
        scratch_dir,
    },
    upstream::{
        ClosedPort, FullPort, Server, TlsFault, closed_port, fastcgi_faults, full_port, http_faults,
        http_good, http_stale_keepalive, self_signed, tls_fault,
    },
};

/// Everything that runs. The order of the fields is the order in which they are stopped.
pub(crate) struct Lab {
    /// Reads the log with all fields.
    pub(crate) rich: Exporter,
    /// Reads the same requests in `combined`.
    pub(crate) plain: Exporter,
    pub(crate) nginx: Nginx,
    /// The FPM that stays up.
    _solid: Fpm,
    /// The FPM that experiments stop, reload and kill: pools `brittle` and `crowd`.
    pub(crate) brittle: Fpm,
    _servers: Vec<Server>,
    _closed: Vec<ClosedPort>,
    _full: FullPort,
    pub(crate) names: Placeholders,
    dir: Option<tempfile::TempDir>,
}

impl Lab {
    /// Starts it all; `setup` brings the experiments' own configuration.
    pub(crate) fn start(setup: &Setup<'_>) -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        let (mut servers, mut closed) = (Vec::new(), Vec::new());
        for name in ["closed", "closed2"] {
            let port = closed_port()?;
            names.set(name, &port.address);
            closed.push(port);
        }
        for (name, server) in [
            ("http", http_faults()?),
            ("good", http_good()?),
            ("stale", http_stale_keepalive()?),
            ("tls_close", tls_fault(TlsFault::Close)?),
            ("tls_reset", tls_fault(TlsFault::Reset)?),
            ("tls_stall", tls_fault(TlsFault::Stall)?),
        ] {
            names.set(name, &server.address);
            servers.push(server);
        }
        let fastcgi = fastcgi_faults(&root.join("fastcgi.sock"))?;
        names.set("fastcgi", format!("unix:{}", fastcgi.address));
        servers.push(fastcgi);
        let full = full_port()?;
        names.set("full", &full.address);

        names.set("dir", root.display().to_string());
        names.set("nosuch", format!("unix:{}", root.join("nosuch.sock").display()));
        names.set("notdir", "unix:/etc/passwd/x.sock");
        names.set("dns", free_address()?);
        let (certificate, key) = self_signed(root, "lab")?;
        let (other, _) = self_signed(root, "other")?;
        names.set("other_certificate", other.display().to_string());
        names.set("certificate", certificate.display().to_string());
        names.set("tls", free_address()?);
        names.set("plain", free_address()?);
        let marks = root.join("marks");
        fs::create_dir(&marks)?;
        open_to_all(&marks, 0o777)?;
        names.set("marks", marks.display().to_string());
        names.set("php", write_scripts(root)?.display().to_string());
        let (solid, brittle) = start_fpm(root, &mut names)?;

        // A second server with an own port, in the same nginx: a real HTTP and a real TLS upstream. Its requests are
        // no visitors', so they are in no access log.
        let neighbour = format!(
            "server {{ listen @plain@; access_log off; location / {{ return 200 ok; }} }}\n\
             server {{ listen @tls@ ssl; access_log off; ssl_certificate @certificate@; ssl_certificate_key {};\n\
             location / {{ return 200 ok; }} }}\n",
            key.display()
        );
        let http = format!("{neighbour}{}", setup.http);
        let nginx = Nginx::start(root, &names, &Setup { http: &http, ..*setup })?;

        let binary = Path::new(env!("CARGO_BIN_EXE_badgateway"));
        let exporter = |name: &str, log: PathBuf, format: &str| {
            let args = log_args(&nginx, &log, format, &[&solid, &brittle]);
            Exporter::start(binary, &args, root.join(name))
        };
        let rich = exporter("rich.stderr", nginx.rich_log(), RICH_FORMAT)?;
        let plain = exporter("plain.stderr", nginx.combined_log(), "combined")?;
        Ok(Self {
            rich,
            plain,
            nginx,
            _solid: solid,
            brittle,
            _servers: servers,
            _closed: closed,
            _full: full,
            names,
            dir: Some(dir),
        })
    }

    /// Stops everything and makes sure that nothing is left running.
    pub(crate) fn finish(mut self) -> Result<()> {
        let dir = self.dir.take().ok_or("finished twice")?;
        drop(self);
        let left = mentioning(dir.path());
        if left.is_empty() { Ok(()) } else { Err(format!("still running: {left:?}").into()) }
    }
}

/// Every pool of the lab. `@name@` is its address as nginx is told.
fn start_fpm(root: &Path, names: &mut Placeholders) -> Result<(Fpm, Fpm)> {
    let unix = |name: &str| root.join(format!("{name}.sock")).display().to_string();
    let pool =
        |name, listen: &str, children, settings| Pool { name, listen: listen.to_owned(), children, settings };
    let tcp = |port: u16| format!("127.0.0.1:{port}");
    let [www, tiny, slow, locked, brittle, crowd] =
        ["www", "tiny", "slow", "locked", "brittle", "crowd"].map(unix);
    let (port, picky) = (tcp(free_port()?), tcp(free_port()?));
    for (name, path) in [
        ("www", &www),
        ("tiny", &tiny),
        ("slow", &slow),
        ("locked", &locked),
        ("brittle", &brittle),
        ("crowd", &crowd),
    ] {
        names.set(name, format!("unix:{path}"));
    }
    names.set("tcp", &port);
    names.set("picky", &picky);
    let solid = Fpm::start(
        root,
        "solid",
        &[
            pool("www", &www, 4, ""),
            pool("tcp", &port, 2, ""),
            pool("tiny", &tiny, 1, "listen.backlog = 1"),
            pool("slow", &slow, 2, "request_terminate_timeout = 1s"),
            // Mode 0 keeps out www-data, and ourselves when we are not root.
            pool("locked", &locked, 1, "listen.mode = 0000"),
            pool("picky", &picky, 1, "listen.allowed_clients = 127.0.0.77\ncatch_workers_output = yes"),
        ],
    )?;
    // The crowd shares its master's fate.
    let brittle =
        Fpm::start(root, "brittle", &[pool("brittle", &brittle, 3, ""), pool("crowd", &crowd, 24, "")])?;
    Ok((solid, brittle))
}
