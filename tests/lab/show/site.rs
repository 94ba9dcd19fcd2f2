//! The site that is broken: nginx, PHP-FPM, and Badgateway, which reads their logs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::visitors::Tally;
use crate::harness::{
    Result,
    exporter::{Exporter, Scrape, gained, log_args},
    fpm::{Fpm, Pool, write_scripts},
    nginx::{Nginx, RICH_FORMAT, Setup},
    open_to_all,
    placeholders::Placeholders,
    scratch_dir,
};

const ERRORS: (&str, &[&str]) = ("badgateway_http_errors_total", &["code", "cause"]);
const ROOTS: (&str, &[&str]) = ("badgateway_http_root_causes_total", &["root_cause"]);

/// Everything that runs; the fields are stopped in this order.
pub(super) struct Site {
    exporter: Exporter,
    nginx: Nginx,
    pub(super) fpm: Fpm,
    names: Placeholders,
    binary: PathBuf,
    dir: tempfile::TempDir,
}

/// A moment: what /metrics said, and how long the logs were.
pub(super) struct Mark {
    page: Scrape,
    logs: Vec<(PathBuf, usize)>,
}

/// What Badgateway said since a [`Mark`].
#[derive(Default)]
pub(super) struct Heard {
    /// Failed responses by code and cause.
    pub(super) errors: BTreeMap<(String, String), u64>,
    /// The same by root cause.
    pub(super) roots: BTreeMap<String, u64>,
}

impl Heard {
    /// Whether everything the visitors complain about is counted and has a root cause.
    pub(super) fn is_settled(&self, tally: &Tally) -> bool {
        let complaints: u64 = tally.failed().values().sum();
        self.errors.values().sum::<u64>() == complaints && self.roots.values().sum::<u64>() == complaints
    }
}

impl Site {
    pub(super) fn start(binary: &Path) -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let socket = root.join("php-fpm.sock").display().to_string();
        let mut names = Placeholders::default();
        names.set("php", write_scripts(root)?.display().to_string());
        names.set("php_fpm", format!("unix:{socket}"));
        names.set("typo", format!("unix:{}", root.join("php-fpm-typo.sock").display()));
        fs::create_dir(root.join("marks"))?;
        open_to_all(&root.join("marks"), 0o777)?;
        let pool = Pool { name: "www", listen: socket, children: 4, settings: "listen.backlog = 3" };
        let fpm = Fpm::start(root, "php-fpm", &[pool])?;
        let server = server("@php_fpm@");
        let nginx = Nginx::start(root, &names, &Setup { server: &server, ..Setup::default() })?;
        let args = log_args(&nginx, &nginx.rich_log(), RICH_FORMAT, &[&fpm]);
        let exporter = Exporter::start(binary, &args, root.join("badgateway.log"))?;
        Ok(Self { exporter, nginx, fpm, names, binary: binary.to_owned(), dir })
    }

    pub(super) fn port(&self) -> u16 {
        self.nginx.port
    }

    pub(super) fn exporter_port(&self) -> u16 {
        self.exporter.port
    }

    /// Where scripts leave their process id.
    pub(super) fn marks(&self) -> PathBuf {
        self.dir.path().join("marks")
    }

    /// Points nginx at another socket and reloads it.
    pub(super) fn configure(&self, socket: &str) -> Result<()> {
        self.nginx.reconfigure(&self.names, &Setup { server: &server(socket), ..Setup::default() })
    }

    pub(super) fn chmod_socket(&self, mode: u32) -> Result<()> {
        open_to_all(&self.dir.path().join("php-fpm.sock"), mode)
    }

    /// Now.
    pub(super) fn mark(&self) -> Result<Mark> {
        let logs = [self.nginx.rich_log(), self.nginx.error_log(), self.fpm.log().to_owned()];
        let logs = logs.map(|log| {
            let length = fs::metadata(&log).map_or(0, |about| about.len() as usize);
            (log, length)
        });
        Ok(Mark { page: self.exporter.scrape()?, logs: logs.to_vec() })
    }

    /// What /metrics has gained since.
    pub(super) fn since(&self, mark: &Mark) -> Result<Heard> {
        let page = self.exporter.scrape()?;
        let gain = |(family, labels): (&str, &[&str])| {
            gained(&mark.page.sums(family, labels), &page.sums(family, labels)).into_iter()
        };
        Ok(Heard {
            errors: gain(ERRORS).map(|(key, count)| ((key[0].clone(), key[1].clone()), count)).collect(),
            roots: gain(ROOTS).map(|(key, count)| (key.concat(), count)).collect(),
        })
    }

    /// The first fix that `badgateway explain` gives for `cause`, from this act's part of the logs.
    pub(super) fn explain(&self, mark: &Mark, cause: &str) -> Option<String> {
        let mut command = Command::new(&self.binary);
        command.args(["explain", "--log-format", RICH_FORMAT]);
        for (flag, (log, from)) in ["--access-log", "--error-log", "--fpm-log"].into_iter().zip(&mark.logs) {
            let bytes = fs::read(log).ok()?;
            let part = self.dir.path().join(flag.trim_start_matches('-'));
            fs::write(&part, bytes.get(*from..)?).ok()?;
            command.arg(flag).arg(part);
        }
        let output = command.output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let chapter = text.split_once(&format!("\n  {cause} ("))?.1;
        let (_, fix) = chapter.split_once("Fix: ")?;
        Some(fix.lines().next()?.trim_end_matches('.').to_owned())
    }
}

/// The site's locations: everything is PHP, and reports have nginx's patience of one second.
fn server(socket: &str) -> String {
    format!(
        "location / {{ fastcgi_pass {socket}; fastcgi_read_timeout 20s; }}\n\
         location /report/ {{ fastcgi_pass {socket}; fastcgi_read_timeout 1s; }}\n"
    )
}
