//! All inputs of `serve`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Instant, SystemTime};

use super::Message;
use super::choice::{Choice, Names};
use super::discovered::Discovered;
use super::followed_log::STDIN;
use super::input::{Input, Readers, Transport};
use super::merge::Streams;
use super::stream::Buffers;
use super::topology_binder::FollowedLogs;
use crate::attribute::logs::{Settings, log_id};
use crate::attribute::{Attributor, Sink};
use crate::ledger::SavedInputs;
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::source::files::Files;
use crate::source::{OpenError, ReadFrom, Stdin};
use crate::topology::Topology;
use crate::topology::chosen_logs::LogName;
use crate::view::LogState;

/// All of them, in the order in which what waits in them is given: entries before the access lines that wait for them.
pub struct Inputs {
    inputs: Vec<Input>,
    choice: Arc<Choice>,
    /// What is found is followed.
    discovered: Option<Discovered>,
}

impl Inputs {
    /// Opens what is named and goes on where it was saved. `now` is the time for the followers, and on the
    /// attributor's clock.
    ///
    /// # Errors
    /// For a path that can never be a log.
    pub fn open(
        choice: Choice,
        files: &Arc<dyn Files>,
        from: ReadFrom,
        mut saved: SavedInputs,
        now: (Instant, Local),
        wake: &Sender<Message>,
    ) -> Result<Self, OpenError> {
        let discover = choice.discover;
        let choice = Arc::new(choice);
        let is_stdin = |pattern: &PathBuf| pattern.as_os_str() == STDIN;
        // Through a pipe an entry can come later than the access line it explains.
        let unordered = choice.named.of(LogKind::Error).iter().any(is_stdin);
        let settings = Settings { format: None, unordered, today: now.1 };
        let mut inputs = Vec::new();
        for kind in LogKind::ALL.into_iter().rev() {
            let set = saved.get_mut(&kind).map(|saved| std::mem::take(&mut saved.set));
            let saved = saved.entry(kind).or_default();
            let mut add = |transport| {
                let readers = Readers { kind, settings: settings.clone(), choice: Arc::clone(&choice) };
                inputs.push(Input::new(readers, transport, saved, now.1));
            };
            let (stdin, patterns): (Vec<_>, _) = choice.named.of(kind).iter().cloned().partition(is_stdin);
            if !stdin.is_empty() {
                let wake = wake.clone();
                add(Transport::Stdin(Stdin::start(move || drop(wake.send(Message::Wake)))?));
            }
            add(Transport::files(files.clone(), patterns, discover, from, set, now.0)?);
        }
        Ok(Self { inputs, choice, discovered: discover.then(Discovered::default) })
    }

    /// Whether logs are found instead of named.
    pub fn is_discovering(&self) -> bool {
        self.discovered.is_some()
    }

    /// Another choice holds, of the logs of this topology: all that are or will be followed. [`Inputs::follow`] begins with what is
    /// new. Where none was to be found before, the next topology is waited for: this one may be that of other configurations.
    /// `unix`: the wall clock.
    pub fn change(&mut self, choice: Choice, from: ReadFrom, topology: &Topology, unix: u64) -> FollowedLogs {
        let choice = Arc::new(choice);
        self.choice = Arc::clone(&choice);
        let logs = if choice.discover && self.discovered.is_some() {
            self.choose(topology)
        } else {
            self.discovered = choice.discover.then(Discovered::default);
            self.known()
        };
        for at in 0..self.inputs.len() {
            let found = self.found(self.inputs[at].kind);
            self.inputs[at].choose(&choice, from, &found, unix);
        }
        logs
    }

    /// Chooses the logs of this topology, and gives all that are or will be followed.
    pub fn choose(&mut self, topology: &Topology) -> FollowedLogs {
        if let Some(discovered) = &mut self.discovered {
            let kinds = [LogKind::Access, LogKind::Error];
            let followed =
                self.inputs.iter().filter(|input| kinds.contains(&input.kind)).flat_map(Input::paths);
            discovered.look(topology, followed, &self.choice.wishes());
        }
        self.known()
    }

    /// What was found of a kind.
    fn found(&self, kind: LogKind) -> Names {
        self.discovered.as_ref().map(|found| found.names(kind)).unwrap_or_default()
    }

    /// All logs that are followed, were named, or were found.
    fn known(&self) -> FollowedLogs {
        let mut logs = self.followed();
        for (kind, known) in logs.kinds() {
            let found = self.discovered.iter().flat_map(|found| found.of(kind)).map(LogName::path);
            let named = self.choice.named.of(kind).iter().map(PathBuf::as_path);
            for path in found.chain(named) {
                if !known.iter().any(|known| known == path) {
                    known.push(path.to_owned());
                }
            }
        }
        logs
    }

    /// Follows what was chosen. `since`: the moment since which the configurations say so.
    pub fn follow(&mut self, since: SystemTime, now: Instant, attributor: &mut Attributor) {
        for at in 0..self.inputs.len() {
            let kind = self.inputs[at].kind;
            let names = self.found(kind).and(Names::of(&self.choice.named, kind));
            self.inputs[at].follow(names, since, now, attributor);
        }
        let without_errors = self.discovered.iter().flat_map(Discovered::without_errors);
        attributor.logs_without_errors = without_errors.map(log_id).collect();
    }

    /// The logs that are followed.
    pub fn followed(&self) -> FollowedLogs {
        FollowedLogs {
            access: self.of(LogKind::Access),
            error: self.of(LogKind::Error),
            fpm: self.of(LogKind::Fpm),
        }
    }

    /// Whether there are access logs, and error logs all of which can be read.
    pub fn evidence(&self) -> (bool, bool) {
        let of = |kind| self.inputs.iter().filter(move |input| input.kind == kind);
        let any = |kind| !self.choice.named.of(kind).is_empty() || of(kind).any(Input::is_any);
        (any(LogKind::Access), any(LogKind::Error) && !of(LogKind::Error).any(Input::is_hidden))
    }

    /// Whether an access log can be read now.
    pub fn has_access(&self) -> bool {
        self.inputs.iter().any(|input| input.kind == LogKind::Access && input.is_readable())
    }

    /// What is needed to go on after a restart. `unix`: the wall clock.
    pub fn save(&mut self, now: Local, unix: u64) -> SavedInputs {
        let mut saved = SavedInputs::new();
        for input in &mut self.inputs {
            input.save(saved.entry(input.kind).or_default(), now, unix);
        }
        saved
    }

    /// Reads what is new. `go_on` is asked again and again.
    pub fn read(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        go_on: &mut dyn FnMut() -> bool,
    ) {
        // All ends are marked before the error logs are read: every access line that is then taken has its entries in.
        self.inputs.iter_mut().for_each(|input| input.check(now));
        let mut streams: Streams<'_> = self.inputs.iter_mut().flat_map(Input::streams).collect();
        // Errors are logged by the followers, once each, and show as log_readable 0.
        streams.pump(buffers, attributor, sink, go_on);
        drop(streams);
        self.inputs.iter_mut().for_each(|input| input.idle(now, attributor, sink));
    }

    /// Bytes that are there and not read.
    pub fn unread(&self) -> u64 {
        self.inputs.iter().map(Input::unread).sum()
    }

    /// Numbers that change when anything moved: lines read with losses met, and files open.
    pub fn moves(&self) -> (u64, usize) {
        self.inputs.iter().map(Input::moves).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// All paths, to be watched while they are quiet.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.inputs.iter().flat_map(Input::paths).collect()
    }

    /// The logs of a kind that are followed.
    pub fn of(&self, kind: LogKind) -> Vec<PathBuf> {
        self.inputs.iter().filter(|input| input.kind == kind).flat_map(Input::paths).collect()
    }

    /// The logs as they are shown, in order of their names.
    pub fn states(&mut self, unix: u64) -> Vec<LogState> {
        let mut out = Vec::new();
        self.inputs.iter_mut().rev().for_each(|input| input.states(unix, &mut out));
        out.sort_by(|a, b| a.log.cmp(&b.log));
        // One file in two roles is shown once: two series of one name would spoil the scrape.
        out.dedup_by(|b, a| a.log == b.log);
        out
    }
}
