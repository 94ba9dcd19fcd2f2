//! Reads the configuration again while we run, on SIGHUP or `/-/reload`. What it says holds as a whole or not at all.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::configuration::Configuration;
use super::{choice, from, limits, wanted};
use crate::check::latest::LatestFindings;
use crate::config::flags::{ServeArgs, StatusArgs};
use crate::config::logging;
use crate::engine::Message;
use crate::engine::reload::Reload;
use crate::record::LogKind;
use crate::sample::sampler::{Order, Settings};
use crate::web;

/// That the configuration be read again.
pub(super) struct Request {
    since: SystemTime,
    answer: Option<oneshot::Sender<Result<(), String>>>,
}

impl Request {
    pub(super) fn now(answer: Option<oneshot::Sender<Result<(), String>>>) -> Self {
        Self { since: SystemTime::now(), answer }
    }
}

/// For the web server.
pub(super) fn over_http(requests: Sender<Request>) -> web::Reload {
    Box::new(move || {
        let (answer, answered) = oneshot::channel();
        // Where nobody reads requests any more the answer fails at once.
        let _ = requests.send(Request::now(Some(answer)));
        answered
    })
}

/// Hands what the configuration says to all who have to know.
pub(super) struct Reloader {
    pub(super) configuration: Configuration,
    pub(super) engine: Sender<Message>,
    pub(super) observer: Sender<Order>,
    pub(super) pages: Arc<Mutex<StatusArgs>>,
    pub(super) check: Arc<LatestFindings>,
}

impl Reloader {
    /// One request after the other.
    pub(super) fn run(self, requests: &Receiver<Request>) {
        let mut said = false;
        for Request { since, answer } in requests {
            let Some(file) = &self.configuration.file else {
                if answer.is_none() && !std::mem::replace(&mut said, true) {
                    tracing::info!(
                        "SIGHUP is ignored: there is no --config.file to read again; the web configuration and certificates \
                         are read again by themselves"
                    );
                }
                if let Some(answer) = answer {
                    let _ = answer.send(Ok(()));
                }
                continue;
            };
            let result = self.reload(file, since);
            if let Some(answer) = answer {
                // Who asked may have gone.
                let _ = answer.send(result);
            }
        }
    }

    fn reload(&self, file: &Path, since: SystemTime) -> Result<(), String> {
        let started = &self.configuration.started;
        match self.configuration.read() {
            Ok(merged) => {
                for key in merged.needs_restart(started) {
                    tracing::warn!("{} has changed: that takes effect with a restart", key.path);
                }
                self.hand_on(&merged.args, since);
                tracing::info!(file = %file.display(), "the configuration was read again and holds");
                Ok(())
            }
            Err(error) => {
                let text = error.to_string();
                for line in text.lines() {
                    tracing::error!(error = %line, "the configuration cannot be used; what was read last holds");
                }
                self.tell_engine(None);
                Err(text)
            }
        }
    }

    fn hand_on(&self, args: &ServeArgs, since: SystemTime) {
        logging::set_level(args.log_level);
        let has_stdin =
            |args: &ServeArgs, kind| args.logs.of(kind).iter().any(|path| path.as_os_str() == "-");
        if LogKind::ALL
            .iter()
            .any(|kind| has_stdin(args, *kind) != has_stdin(&self.configuration.started.args, *kind))
        {
            tracing::warn!("`-` has changed: standard input is read, or is not, from a restart on");
        }
        args.status.clone_into(&mut self.pages.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell_engine(Some(Box::new(Reload {
            choice: choice(args),
            from: from(args),
            since,
            window: args.join_window,
            limits: limits(args),
            compat: args.compat_phpfpm,
        })));
        // Behind it: what is then found is chosen from as this says, not as before. That nobody looks any more is no error.
        let settings = Settings::new(&args.machine, wanted(args));
        self.check.look_in(args.machine.clone());
        let _ = self.observer.send(Order::Look(Box::new(settings)));
    }

    /// Returns when it has taken over what it is told.
    fn tell_engine(&self, reload: Option<Box<Reload>>) {
        let (done, answered) = oneshot::channel();
        if self.engine.send(Message::Reload(reload, done)).is_ok() {
            let _ = answered.blocking_recv();
        }
    }
}
