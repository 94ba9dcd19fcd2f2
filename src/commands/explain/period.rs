//! `--since` and `--until`, in the time of the logs.

use std::ops::Range;

use super::ExplainError;
use crate::config::moment::Moment;
use crate::engine::zone;
use crate::record::stamp::Local;

/// What happened in it is told. Its end is not in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Period {
    since: Option<Moment>,
    until: Option<Moment>,
}

impl Period {
    /// Without a limit where there is none.
    pub fn new(since: Option<Moment>, until: Option<Moment>) -> Self {
        Self { since, until }
    }

    /// Its beginning in the zone of this machine.
    pub fn earliest(self) -> Option<Local> {
        self.since.map(|since| local(since, None))
    }

    /// In the local time of logs of which one line had this time and this zone; `None`: all of time.
    ///
    /// # Errors
    /// When it is empty.
    pub fn within(self, zone: Option<(Local, i32)>) -> Result<Option<Range<Local>>, ExplainError> {
        if self.since.is_none() && self.until.is_none() {
            return Ok(None);
        }
        let since = self.since.map_or(Local::MIN, |since| local(since, zone));
        let until = self.until.map_or(Local::MAX, |until| local(until, zone));
        if since < until { Ok(Some(since..until)) } else { Err(ExplainError::NoTime) }
    }
}

/// Logs in this machine's zone change it when the machine does; others are taken to keep theirs.
fn local(moment: Moment, zone: Option<(Local, i32)>) -> Local {
    match moment {
        Moment::Local(at) => at,
        Moment::Instant(unix) => {
            let other = zone.filter(|(at, offset)| zone::then(at - i64::from(*offset)) != *offset);
            unix + i64::from(other.map_or_else(|| zone::then(unix), |(_, offset)| offset))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_in_the_logs_own_zone() {
        let noon = 1_795_176_000;
        let here = zone::then(noon);
        let other = here + 1800;
        let period = |since, until| Period::new(Some(since), Some(until));
        let day = period(Moment::Local(5), Moment::Instant(noon));
        assert_eq!(day.within(Some((noon, other))).unwrap(), Some(5..noon + i64::from(other)));
        assert_eq!(
            day.within(Some((noon + i64::from(here), here))).unwrap(),
            Some(5..noon + i64::from(here))
        );
        assert_eq!(day.within(None).unwrap(), Some(5..noon + i64::from(here)));
        assert_eq!(Period::default().within(None).unwrap(), None);
        assert!(period(Moment::Local(5), Moment::Local(5)).within(None).is_err());
    }
}
