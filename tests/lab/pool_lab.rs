//! One nginx, one PHP-FPM with the pools that are asked for, one exporter.

use std::{
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::harness::{
    Result,
    client::{Answer, Http1},
    exporter::{Exporter, Scrape, log_args},
    fpm::{Fpm, Pool, write_scripts},
    nginx::{Nginx, RICH_FORMAT, Setup},
    placeholders::Placeholders,
    ports::free_port,
    scratch_dir, wait_for,
};

/// One nginx, one PHP-FPM, one exporter.
pub(crate) struct PoolLab {
    pub(crate) exporter: Exporter,
    pub(crate) nginx: Nginx,
    pub(crate) fpm: Fpm,
    dir: tempfile::TempDir,
}

impl PoolLab {
    pub(crate) fn start(pools: &[(&str, bool, u64, &str)]) -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        names.set("php", write_scripts(root)?.display().to_string());
        let (mut server, mut listening) = (String::new(), Vec::new());
        for (name, tcp, children, settings) in pools {
            let listen = match tcp {
                true => format!("127.0.0.1:{}", free_port()?),
                false => root.join(format!("{name}.sock")).display().to_string(),
            };
            let upstream = if *tcp { listen.clone() } else { format!("unix:{listen}") };
            server.push_str(&format!(
                "location /{name}/ {{ fastcgi_pass {upstream}; fastcgi_read_timeout 90s; }}\n"
            ));
            listening.push(Pool { name, listen, children: *children as u32, settings });
        }
        let fpm = Fpm::start(root, "fpm", &listening)?;
        let nginx = Nginx::start(root, &names, &Setup { server: &server, ..Setup::default() })?;
        let args = log_args(&nginx, &nginx.rich_log(), RICH_FORMAT, &[&fpm]);
        let exporter = Exporter::start(
            Path::new(env!("CARGO_BIN_EXE_badgateway")),
            &args,
            root.join("exporter.stderr"),
        )?;
        Ok(Self { exporter, nginx, fpm, dir })
    }

    /// Keeps a worker, or a place in the queue, until the file of that name is made in the lab's directory.
    pub(crate) fn hold(&self, pool: &str, until: &Path) -> JoinHandle<Answer> {
        self.begin(format!("/{pool}/hold.php?until={}", until.display()))
    }

    /// A file that does not exist yet, for [`PoolLab::hold`].
    pub(crate) fn signal(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Keeps a worker, or a place in the queue, for that long.
    pub(crate) fn occupy(&self, pool: &str, seconds: f64) -> JoinHandle<Answer> {
        self.begin(format!("/{pool}/slow.php?s={seconds}"))
    }

    fn begin(&self, path: String) -> JoinHandle<Answer> {
        let port = self.nginx.port;
        thread::spawn(move || Http1::new(port).get(&path))
    }

    /// What the page says of a pool: busy, queued, ratio in percent.
    pub(crate) fn load(&self, pool: &str) -> Option<(u64, u64, u64)> {
        let page = self.exporter.scrape().ok()?;
        let of = |family: &str| page.value(family, &[("pool", pool)]);
        let busy = page.value("badgateway_fpm_workers", &[("pool", pool), ("state", "busy")])?;
        let queued = of("badgateway_fpm_listen_queue")?;
        let ratio = of("badgateway_fpm_saturation_ratio")?;
        Some((busy as u64, queued as u64, (ratio * 100.0).round() as u64))
    }

    /// Waits until the page says what is true; gives how long that took.
    pub(crate) fn demand(&self, pool: &str, busy: u64, queued: u64, children: u64) -> Duration {
        let expected = (busy, queued, (busy + queued) * 100 / children);
        let start = Instant::now();
        let mut last = None;
        let found = wait_for("the pool's load", Duration::from_secs(20), || {
            last = self.load(pool);
            (last == Some(expected)).then_some(())
        });
        assert!(found.is_ok(), "{pool}: {last:?} instead of {expected:?} (busy, queued, percent)");
        start.elapsed()
    }

    /// The page as it is now.
    pub(crate) fn page(&self) -> Scrape {
        self.exporter.scrape().expect("a scrape")
    }
}
