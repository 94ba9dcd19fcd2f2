//! All inputs of `serve`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::Message;
use super::followed_log::STDIN;
use super::input::{Input, Transport};
use super::merge::Streams;
use super::stream::Buffers;
use crate::attribute::logs::Settings;
use crate::attribute::{Attributor, Sink};
use crate::config::flags::LogArgs;
use crate::ledger::SavedInputs;
use crate::record::LogKind;
use crate::record::stamp::Local;
use crate::source::files::Files;
use crate::source::{OpenError, ReadFrom, Stdin};
use crate::view::LogState;

/// All of them, in the order in which what waits in them is given: entries before the access lines that wait for them.
pub struct Inputs(Vec<Input>);

impl Inputs {
    /// Opens what the command line names and goes on where it was saved. `now` is the time for the followers, and on the
    /// attributor's clock.
    ///
    /// # Errors
    /// For a path that can never be a log.
    pub fn open(
        args: &LogArgs,
        files: &Arc<dyn Files>,
        from: ReadFrom,
        mut saved: SavedInputs,
        now: (Instant, Local),
        wake: &Sender<Message>,
    ) -> Result<Self, OpenError> {
        let is_stdin = |pattern: &PathBuf| pattern.as_os_str() == STDIN;
        // Through a pipe an entry can come later than the access line it explains.
        let unordered = args.of(LogKind::Error).iter().any(is_stdin);
        let settings = Settings { format: args.format.clone(), unordered, today: now.1 };
        let mut inputs = Vec::new();
        for kind in LogKind::ALL.into_iter().rev() {
            let set = saved.get_mut(&kind).map(|saved| std::mem::take(&mut saved.set));
            let saved = saved.entry(kind).or_default();
            let mut add = |transport| {
                inputs.push(Input::new(kind, transport, settings.clone(), saved, now.1));
            };
            let (stdin, patterns): (Vec<_>, _) = args.of(kind).iter().cloned().partition(is_stdin);
            if !stdin.is_empty() {
                let wake = wake.clone();
                add(Transport::Stdin(Stdin::start(move || drop(wake.send(Message::Wake)))?));
            }
            add(Transport::files(files.clone(), patterns, from, set, now.0)?);
        }
        Ok(Self(inputs))
    }

    /// What is needed to go on after a restart. `unix`: the wall clock.
    pub fn save(&mut self, now: Local, unix: u64) -> SavedInputs {
        let mut saved = SavedInputs::new();
        for input in &mut self.0 {
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
        self.0.iter_mut().for_each(|input| input.check(now));
        let mut streams: Streams<'_> = self.0.iter_mut().flat_map(Input::streams).collect();
        // Errors are logged by the followers, once each, and show as log_readable 0.
        streams.pump(buffers, attributor, sink, go_on);
        drop(streams);
        self.0.iter_mut().for_each(|input| input.idle(now, attributor, sink));
    }

    /// Bytes that are there and not read.
    pub fn unread(&self) -> u64 {
        self.0.iter().map(Input::unread).sum()
    }

    /// Numbers that change when anything moved: lines read with losses met, and files open.
    pub fn moves(&self) -> (u64, usize) {
        self.0.iter().map(Input::moves).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// All paths, to be watched while they are quiet.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.iter().flat_map(Input::paths).collect()
    }

    /// The logs of a kind that are followed.
    pub fn of(&self, kind: LogKind) -> Vec<PathBuf> {
        self.0.iter().filter(|input| input.kind == kind).flat_map(Input::paths).collect()
    }

    /// The logs as they are shown, in order of their names.
    pub fn states(&mut self, unix: u64) -> Vec<LogState> {
        let mut out = Vec::new();
        self.0.iter_mut().rev().for_each(|input| input.states(unix, &mut out));
        out.sort_by(|a, b| a.log.cmp(&b.log));
        // One file in two roles is shown once: two series of one name would spoil the scrape.
        out.dedup_by(|b, a| a.log == b.log);
        out
    }
}
