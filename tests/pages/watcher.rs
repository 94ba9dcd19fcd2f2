//! A Prometheus with an Alertmanager and an inbox of its own: one way to scrape and to evaluate.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    alertmanager::Alertmanager,
    all,
    harness::Result,
    inbox::{Inbox, Notice},
    prometheus::{Pace, Prometheus},
    say,
};

/// Between two scrapes and between two evaluations, in seconds, as people set them.
const PACES: [Pace; 4] = [
    Pace { scrape: 15, evaluation: 15 },
    Pace { scrape: 30, evaluation: 30 },
    Pace { scrape: 60, evaluation: 60 },
    Pace { scrape: 60, evaluation: 15 },
];

/// For `make test`, which has no time for more.
const SHORT: Pace = Pace { scrape: 5, evaluation: 5 };

/// Who watches. Dropping it stops it.
pub(crate) struct Watcher {
    /// Which Prometheus, and its pace.
    pub(crate) name: String,
    pub(crate) pace: Pace,
    pub(crate) prometheus: Prometheus,
    _alertmanager: Alertmanager,
    inbox: Inbox,
}

impl Watcher {
    /// Everything that arrived, in order.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.inbox.notices()
    }
}

/// One for `make test`; else one for each pace, and for each again with the Prometheus that `PROMETHEUS_NEXT` names.
pub(crate) fn watchers(root: &Path, scrape: &str) -> Result<Vec<Watcher>> {
    if !all() {
        return Ok(vec![watcher(root, None, SHORT, scrape)?]);
    }
    let next = std::env::var_os("PROMETHEUS_NEXT");
    if next.is_none() {
        say("PROMETHEUS_NEXT names no newer Prometheus: only one is judged");
    }
    let mut watchers = Vec::new();
    for program in [None, next].into_iter().enumerate().filter(|(at, next)| *at == 0 || next.is_some()) {
        for pace in PACES {
            watchers.push(watcher(root, program.1.clone(), pace, scrape)?);
        }
    }
    Ok(watchers)
}

fn watcher(root: &Path, program: Option<OsString>, pace: Pace, scrape: &str) -> Result<Watcher> {
    let which = if program.is_some() { "next" } else { "own" };
    let dir = root.join(format!("{which}-{}-{}", pace.scrape, pace.evaluation));
    fs::create_dir_all(&dir)?;
    let inbox = Inbox::open()?;
    let alertmanager = Alertmanager::start(&dir, &inbox, all())?;
    let program = program.map(PathBuf::from);
    let prometheus = Prometheus::start(&dir, program.as_deref(), pace, scrape, Some(alertmanager.port))?;
    let name = format!("{} {:2}/{:2}", prometheus.version()?, pace.scrape, pace.evaluation);
    Ok(Watcher { name, pace, prometheus, _alertmanager: alertmanager, inbox })
}
