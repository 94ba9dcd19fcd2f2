//! The last day, as lines and facts come.

use super::Ledger;
use crate::attribute::Names;
use crate::record::stamp::Local;
use crate::view::{History, Mark, MarkKind};

/// The time of a turn of the engine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    /// Of the logs' times, in seconds east of UTC.
    offset: i32,
    /// Unix time.
    now: u64,
}

impl Turn {
    /// Unix time of a time of the logs; never later than now, as nothing was logged that has not happened.
    pub(super) fn unix(self, at: Local) -> u64 {
        let at = at.saturating_sub(Local::from(self.offset));
        u64::try_from(at).unwrap_or_default().min(self.now)
    }
}

impl Ledger {
    /// Lines are about to be read. Their times are `offset` seconds east of UTC; it is `now` in Unix seconds.
    pub fn begin_turn(&mut self, offset: i32, now: u64) {
        self.turn = Turn { offset, now };
    }

    /// They were read. `watched`: an access log can be read.
    pub fn end_turn(&mut self, watched: bool, names: &Names) {
        self.history.watch(self.turn.now / 60, std::mem::take(&mut self.answered), watched);
        for ((at, fpm, pool, reason), count) in std::mem::take(&mut self.deaths) {
            let (fpm, pool) = (names.fpms.text(fpm), names.pools.text(pool));
            let what = format!("worker of pool {pool} of PHP-FPM {fpm} ended: {}", reason.meaning());
            self.history.mark(Mark { at, kind: MarkKind::Death, what, count });
        }
    }

    /// Something changed.
    pub fn mark(&mut self, mark: Mark) {
        self.history.mark(mark);
    }

    /// The last day.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Goes on with the last day as it was kept.
    pub fn resume_history(&mut self, history: History) {
        self.history = history;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Id, Sink, Verdict};
    use crate::vocabulary::{Cause, ExitReason, Outcome};

    #[test]
    fn what_is_read_late_counts_when_it_happened() {
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        let now = 1_795_183_800;
        ledger.begin_turn(3600, now);
        let failed = |ago: i64| Verdict {
            status: 502,
            cause: Cause::ConnectionReset,
            server: Id::NONE,
            upstream: Id::NONE,
            at: 1_795_183_800 + 3600 - ago,
        };
        for ago in [0, 600, -7200] {
            ledger.response(Id::NONE, 502);
            ledger.error(&failed(ago));
        }
        ledger.failure(Id::NONE, Cause::ConnectionReset, Outcome::Rescued, failed(600).at);
        let (fpm, pool) = (names.fpms.id(b"8.2"), names.pools.id(b"www"));
        for reason in [ExitReason::Crash, ExitReason::Crash, ExitReason::Recycled] {
            ledger.exit(fpm, pool, reason, failed(60).at);
        }
        ledger.end_turn(true, &names);
        let history = ledger.history();
        let of = |minute: &crate::view::Minute| {
            (minute.at, minute.failed.values().sum::<u64>(), minute.answered, minute.rescued, minute.watched)
        };
        assert_eq!(
            history.minutes().map(of).collect::<Vec<_>>(),
            [(now / 60 - 10, 1, 0, 1, false), (now / 60, 2, 3, 0, true)],
            "a time in the future is now"
        );
        let marks: Vec<_> = history.marks().map(|mark| (mark.at, mark.count, mark.what.as_str())).collect();
        let what =
            "worker of pool www of PHP-FPM 8.2 ended: SIGSEGV, SIGBUS, SIGABRT and other fatal signals";
        assert_eq!(marks, [(now - 60, 2, what)]);
    }
}
