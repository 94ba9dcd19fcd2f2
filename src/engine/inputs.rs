//! All followed logs of `serve`.

use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::time::Instant;

use super::Message;
use super::input::{Input, STDIN};
use super::merge::{Buffers, Streams};
use crate::attribute::logs::{AccessLog, ErrorLog, FpmLog};
use crate::attribute::{Attributor, Sink};
use crate::config::flags::LogArgs;
use crate::ledger::SavedInput;
use crate::record::format::Format;
use crate::record::stamp::Local;
use crate::source::{OpenError, ReadFrom, Upto};
use crate::view::LogState;

/// All logs, by kind.
pub struct Inputs {
    access: Input<AccessLog>,
    error: Input<ErrorLog>,
    fpm: Input<FpmLog>,
}

/// What was saved of all logs, by kind.
#[derive(Default)]
pub struct SavedInputs {
    pub access: Option<SavedInput>,
    pub error: Option<SavedInput>,
    pub fpm: Option<SavedInput>,
}

impl Inputs {
    /// Opens what the command line names and goes on where it was saved. `now` is on the attributor's clock.
    ///
    /// # Errors
    /// For a path that can never be a log.
    pub fn open(
        args: &LogArgs,
        from: ReadFrom,
        saved: SavedInputs,
        now: Local,
        wake: &Sender<Message>,
    ) -> Result<Self, OpenError> {
        let format: Option<Format> = args.format.clone();
        // Through a pipe an entry can come later than the access line it explains.
        let unordered = args.error.iter().any(|path| path == STDIN);
        let now = (Instant::now(), now);
        Ok(Self {
            access: Input::open(&args.access, from, saved.access, now, wake, move |_| {
                AccessLog::new(format.clone(), unordered)
            })?,
            error: Input::open(&args.error, from, saved.error, now, wake, |_| ErrorLog::default())?,
            fpm: Input::open(&args.fpm, from, saved.fpm, now, wake, FpmLog::new)?,
        })
    }

    /// What is needed to go on after a restart: access, error and PHP-FPM logs.
    pub fn save(&mut self, now: Local) -> [SavedInput; 3] {
        [self.access.save(now), self.error.save(now), self.fpm.save(now)]
    }

    /// Reads what is new. `go_on` is asked after each block.
    pub fn read(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        attributor: &mut Attributor,
        sink: &mut impl Sink,
        go_on: &mut dyn FnMut() -> bool,
    ) {
        // The access logs' ends are marked before the error logs are read: every access line that is then
        // taken has its entries in.
        self.access.check(now);
        self.error.check(now);
        self.fpm.check(now);
        let mut access = self.access.parts(Upto::Mark);
        let mut error = self.error.parts(Upto::End);
        let mut fpm = self.fpm.parts(Upto::End);
        let mut streams = Streams { access: access.streams(), error: error.streams(), fpm: fpm.streams() };
        // Errors are logged by the followers, once each, and show as log_readable 0.
        streams.pump(buffers, attributor, sink, go_on);
        self.error.idle(now, attributor, sink);
        self.access.release(attributor, sink);
    }

    /// Bytes that are there and not read.
    pub fn unread(&self) -> u64 {
        self.access.unread() + self.error.unread() + self.fpm.unread()
    }

    /// Numbers that change when anything moved: lines read with losses met, and files open.
    pub fn moves(&self) -> (u64, usize) {
        let all = [self.access.moves(), self.error.moves(), self.fpm.moves()];
        all.into_iter().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// All paths, to be watched while they are quiet.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.access.paths().chain(self.error.paths()).chain(self.fpm.paths()).collect()
    }

    /// The FPM logs that are followed.
    pub fn fpm_logs(&self) -> Vec<PathBuf> {
        self.fpm.paths().collect()
    }

    /// The logs as they are shown, in order of their names.
    pub fn states(&mut self) -> Vec<LogState> {
        let mut out = Vec::new();
        self.access.states(&mut out);
        self.error.states(&mut out);
        self.fpm.states(&mut out);
        out.sort_by(|a, b| a.log.cmp(&b.log));
        // One file in two roles is shown once: two series of one name would spoil the scrape.
        out.dedup_by(|b, a| a.log == b.log);
        out
    }
}
