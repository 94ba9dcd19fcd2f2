//! nginx, PHP-FPM and two exporters, and what is done to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use badgateway_harness::exporter::{Exporter, log_args};
use badgateway_harness::fpm::{Fpm, Pool, write_scripts};
use badgateway_harness::nginx::{Nginx, RICH_FORMAT, Setup};
use badgateway_harness::placeholders::Placeholders;
use badgateway_harness::ports::{free_address, free_port};
use badgateway_harness::proc::{kill, mentioning};
use badgateway_harness::{Result, scratch_dir, wait_for};

use super::load::{self, Counts};
use crate::traffic::rotate;

const KEPT: u32 = 20;

#[derive(Debug, Default)]
struct Done {
    rotations: u64,
    nginx_reloads: u64,
    fpm_reloads: u64,
    fpm_restarts: u64,
    kills: u64,
    restarts: u64,
}

/// Fields are dropped, and so stopped, from the first to the last.
pub(super) struct Site {
    steady: Exporter,
    /// `None` for a moment, while it is started again.
    killed: Option<Exporter>,
    killed_args: Vec<String>,
    pub(super) nginx: Nginx,
    fpm: Fpm,
    done: Done,
    /// Of the access log, what has been rotated away.
    counted: Counts,
    is_counted: bool,
    dir: tempfile::TempDir,
}

impl Site {
    pub(super) fn start() -> Result<Self> {
        let dir = scratch_dir()?;
        let root = dir.path();
        let mut names = Placeholders::default();
        names.set("php", write_scripts(root)?.display().to_string());
        names.set("closed", free_address()?);
        names.set("nosuch", format!("unix:{}", root.join("nosuch.sock").display()));
        let unix = |name: &str| root.join(format!("{name}.sock")).display().to_string();
        let tcp = format!("127.0.0.1:{}", free_port()?);
        names.set("tcp", &tcp);
        for name in ["www", "tiny", "slow"] {
            names.set(name, format!("unix:{}", unix(name)));
        }
        let pools = [
            Pool { name: "www", listen: unix("www"), children: 4, settings: "pm.status_path = /status" },
            Pool {
                name: "tcp",
                listen: tcp,
                children: 2,
                settings: "catch_workers_output = yes\ndecorate_workers_output = no",
            },
            Pool { name: "tiny", listen: unix("tiny"), children: 1, settings: "listen.backlog = 1" },
            Pool {
                name: "slow",
                listen: unix("slow"),
                children: 1,
                settings: "request_terminate_timeout = 1s",
            },
        ];
        let fpm = Fpm::start(root, "fpm", &pools)?;
        let setup = Setup {
            http: load::HTTP,
            server: load::SERVER,
            workers: 2,
            buffer: "buffer=32k flush=1s",
            ..Setup::default()
        };
        let nginx = Nginx::start(root, &names, &setup)?;
        let args = |log: &Path, format: &str, state: &str| {
            let mut args = log_args(&nginx, log, format, &[&fpm]);
            args.extend(["--state.dir".to_owned(), root.join(state).display().to_string()]);
            args
        };
        let steady = args(&nginx.rich_log(), RICH_FORMAT, "steady");
        let killed_args = args(&nginx.combined_log(), "combined", "killed");
        let steady = Exporter::start(program(), &steady, root.join("steady.stderr"))?;
        let killed = Some(Exporter::start(program(), &killed_args, root.join("killed.stderr"))?);
        let (done, counted) = (Done::default(), Counts::new());
        Ok(Self { steady, killed, killed_args, nginx, fpm, done, counted, is_counted: true, dir })
    }

    pub(super) fn steady(&self) -> &Exporter {
        &self.steady
    }

    /// Both, the one that is killed last.
    pub(super) fn exporters(&self) -> impl Iterator<Item = (&'static str, &Exporter)> {
        let killed = self.killed.iter().map(|exporter| ("the one that is killed", exporter));
        std::iter::once(("the one that lives", &self.steady)).chain(killed)
    }

    /// What comes due in a step.
    pub(super) fn step(&mut self, number: u64) {
        if number % 2 == 1 {
            self.restart("KILL");
            self.done.kills += 1;
        }
        if number % 6 == 4 {
            self.restart("TERM");
            self.done.restarts += 1;
        }
        self.rotate();
        if number % 3 == 1 {
            self.nginx.reload().expect("nginx reloads");
            self.done.nginx_reloads += 1;
        }
        if number % 4 == 2 {
            let ready = self.fpm.ready_count();
            self.fpm.signal("USR2");
            wait_for("PHP-FPM to reload", Duration::from_secs(20), || {
                (self.fpm.ready_count() > ready).then_some(())
            })
            .expect("PHP-FPM reloads");
            self.done.fpm_reloads += 1;
        }
        if number % 5 == 4 {
            self.fpm.signal("TERM");
            self.fpm.wait_gone().expect("PHP-FPM stops");
            self.fpm.launch().expect("PHP-FPM starts");
            self.done.fpm_restarts += 1;
        }
    }

    fn restart(&mut self, signal: &str) {
        let Some(mut old) = self.killed.take() else { return };
        old.end(signal).expect("the exporter ends");
        let stderr = self.dir.path().join("killed.stderr");
        self.killed =
            Some(Exporter::start(program(), &self.killed_args, stderr).expect("the exporter starts"));
    }

    fn rotate(&mut self) {
        self.count_logs();
        for log in [self.nginx.rich_log(), self.nginx.combined_log(), self.nginx.error_log()] {
            rotate(&log, KEPT);
        }
        kill("USR1", &self.nginx.pid().to_string());
        wait_for("nginx to open its logs", Duration::from_secs(10), || {
            self.nginx.error_log().exists().then_some(())
        })
        .expect("nginx opens its logs");
        self.done.rotations += 1;
        self.is_counted = false;
    }

    /// Adds what was rotated away last, which nginx has finished.
    pub(super) fn count_logs(&mut self) {
        if !std::mem::replace(&mut self.is_counted, true) {
            let log = PathBuf::from(format!("{}.1", self.nginx.combined_log().display()));
            self.counted = load::add(std::mem::take(&mut self.counted), codes(&log));
        }
    }

    /// Lines of the access log by code.
    pub(super) fn logged(&self) -> Counts {
        load::add(self.counted.clone(), codes(&self.nginx.combined_log()))
    }

    pub(super) fn done(&self) -> String {
        format!("{:?}", self.done)
    }

    /// Stops everything, and makes sure that nothing is left.
    pub(super) fn finish(self) {
        let Self { steady, killed, nginx, fpm, dir, .. } = self;
        drop((steady, killed, nginx, fpm));
        assert_eq!(mentioning(dir.path()), Vec::<u32>::new(), "still running");
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_badgateway"))
}

/// In `combined`, the code stands behind the request, in which nginx escapes quotes.
fn codes(log: &Path) -> Counts {
    let text = fs::read_to_string(log).unwrap_or_default();
    let mut counts = Counts::new();
    for line in text.lines() {
        let code = line.split('"').nth(2).and_then(|rest| rest.split_whitespace().next());
        *counts.entry(code.unwrap_or("?").to_owned()).or_default() += 1;
    }
    counts
}
