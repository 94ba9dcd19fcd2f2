//! What a running engine changes when its configuration is read again.

use std::time::SystemTime;

use super::choice::Choice;
use super::{DRAIN, Engine, Parts};
use crate::ledger::Limits;
use crate::record::stamp::Local;
use crate::source::ReadFrom;
use crate::topology::LastReading;

/// What is to hold.
pub struct Reload {
    /// Which logs.
    pub choice: Choice,
    /// Where one begins that was never followed.
    pub from: ReadFrom,
    /// When it was asked for: what is written to a new log since then counts.
    pub since: SystemTime,
    /// Seconds that an entry of an error log waits.
    pub window: Local,
    /// How much is shown.
    pub limits: Limits,
    /// The `phpfpm_*` families are wanted.
    pub compat: bool,
}

impl Engine {
    /// The own configuration could be used at the start.
    pub fn configured(mut self) -> Self {
        self.own = Some(LastReading { successful: true, succeeded: Some(SystemTime::now()) });
        self
    }

    /// Takes over what is to hold; `None`: what is there cannot be used, and all stays as it is.
    pub(super) fn reload(&mut self, reload: Option<Reload>) {
        let now = SystemTime::now();
        let Some(Reload { choice, from, since, window, limits, compat }) = reload else {
            let before = self.own.and_then(|own| own.succeeded);
            self.own = Some(LastReading { successful: false, succeeded: before });
            return;
        };
        // What was written before is counted as it was to be counted then.
        self.poll(DRAIN);
        let Parts { inputs, attributor, ledger, binder, clock, .. } = &mut self.parts;
        attributor.wait(window);
        let logs = inputs.change(choice, from, binder.topology(), clock.unix());
        // What new ones are is known before their first line is read.
        binder.bind_logs(logs, attributor);
        let since = if from == ReadFrom::Start { SystemTime::UNIX_EPOCH } else { since };
        inputs.follow(since, clock.monotonic(), attributor);
        ledger.compat = compat;
        if ledger.limits() != limits {
            ledger.limit(limits, &attributor.names);
        }
        self.own = Some(LastReading { successful: true, succeeded: Some(now) });
        // Which logs are followed is part of the state.
        self.committed = None;
    }
}

/// How the last readings of the own configuration and of PHP-FPM's went.
pub(super) fn together(own: Option<LastReading>, fpm: Option<LastReading>) -> Option<LastReading> {
    let (Some(own), Some(fpm)) = (own, fpm) else { return own.or(fpm) };
    Some(LastReading {
        successful: own.successful && fpm.successful,
        succeeded: own.succeeded.max(fpm.succeeded),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_that_fails_is_not_hidden_by_the_other() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let reading = |successful, seconds| Some(LastReading { successful, succeeded: at(seconds) });
        assert_eq!(together(None, None), None);
        assert_eq!(together(reading(true, 1), None), reading(true, 1));
        assert_eq!(together(reading(false, 1), reading(true, 2)), reading(false, 2));
        assert_eq!(together(reading(true, 3), reading(true, 2)), reading(true, 3));
    }
}
