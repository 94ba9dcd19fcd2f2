//! A moment as people type it: `--since` and `--until`.

use std::str::FromStr;

use jiff::civil::{DateTime, Time};
use jiff::{Span, Timestamp, Zoned};

use crate::record::stamp::{self, Local};

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// In Unix seconds.
    Instant(i64),
    /// As the logs write it, in their own zone.
    Local(Local),
}

const FORMS: &str = "write a time such as 2026-11-27T02:00:00+01:00, '2026-11-27 02:00', 2026-11-27, 02:00, yesterday or '2h ago'";

/// For the command line.
///
/// # Errors
/// When it is none, with the forms that there are.
pub fn parse(text: &str) -> Result<Moment, String> {
    parse_at(text.trim(), &Zoned::now()).ok_or_else(|| FORMS.to_owned())
}

fn parse_at(text: &str, now: &Zoned) -> Option<Moment> {
    match text {
        "now" => return Some(Moment::Instant(now.timestamp().as_second())),
        "today" => return local(now.datetime().start_of_day()),
        "yesterday" => return local(now.datetime().start_of_day().checked_sub(Span::new().days(1)).ok()?),
        _ => {}
    }
    // As nginx's own logs have it.
    if let Some(zoned) = stamp::time_local(text.as_bytes()) {
        return Some(Moment::Instant(zoned.at(0)));
    }
    if let Some(at) = stamp::error_log(text.as_bytes()).filter(|_| text.len() == 19) {
        return Some(Moment::Local(at));
    }
    if let Ok(at) = Timestamp::from_str(text) {
        return Some(Moment::Instant(at.as_second()));
    }
    if let Ok(at) = DateTime::from_str(text) {
        return local(at);
    }
    if let Some(time) = clock(text) {
        // The last time that it was so late.
        let today = now.date().to_datetime(time);
        let is_past = today <= now.datetime();
        return local(if is_past { today } else { today.checked_sub(Span::new().days(1)).ok()? });
    }
    let span = Span::from_str(text).ok()?.abs();
    Some(Moment::Instant(now.checked_sub(span).ok()?.timestamp().as_second()))
}

/// `02:00` or `02:00:30`
fn clock(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    Time::new(hour, minute, second, 0).ok().filter(|_| parts.next().is_none())
}

fn local(at: DateTime) -> Option<Moment> {
    Some(Moment::Local(jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?.as_second()))
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    #[test]
    fn the_forms_that_people_type() {
        let now = DateTime::from_str("2026-11-27T09:30:00").unwrap();
        let now = now.to_zoned(TimeZone::fixed(Offset::from_seconds(3600).unwrap())).unwrap();
        let unix = |text: &str| Timestamp::from_str(text).unwrap().as_second();
        for (text, wanted) in [
            ("2026-11-27T02:00:00Z", Moment::Instant(unix("2026-11-27T02:00:00Z"))),
            ("2026-11-27T02:00:00+01:00", Moment::Instant(unix("2026-11-27T01:00:00Z"))),
            ("2026-11-27 02:00:00+01:00", Moment::Instant(unix("2026-11-27T01:00:00Z"))),
            ("27/Nov/2026:02:00:00 +0100", Moment::Instant(unix("2026-11-27T01:00:00Z"))),
            ("2026-11-27 02:00", Moment::Local(unix("2026-11-27T02:00:00Z"))),
            ("2026-11-27T02:00:07", Moment::Local(unix("2026-11-27T02:00:07Z"))),
            ("2026/11/27 02:00:00", Moment::Local(unix("2026-11-27T02:00:00Z"))),
            ("2026-11-27", Moment::Local(unix("2026-11-27T00:00:00Z"))),
            ("02:00", Moment::Local(unix("2026-11-27T02:00:00Z"))),
            ("23:15:30", Moment::Local(unix("2026-11-26T23:15:30Z"))),
            ("today", Moment::Local(unix("2026-11-27T00:00:00Z"))),
            ("yesterday", Moment::Local(unix("2026-11-26T00:00:00Z"))),
            ("now", Moment::Instant(unix("2026-11-27T08:30:00Z"))),
            ("2h ago", Moment::Instant(unix("2026-11-27T06:30:00Z"))),
            ("2h", Moment::Instant(unix("2026-11-27T06:30:00Z"))),
            ("90 minutes ago", Moment::Instant(unix("2026-11-27T07:00:00Z"))),
            ("1d 12h ago", Moment::Instant(unix("2026-11-25T20:30:00Z"))),
            ("1 week ago", Moment::Instant(unix("2026-11-20T08:30:00Z"))),
        ] {
            assert_eq!(parse_at(text, &now), Some(wanted), "{text}");
        }
        for text in ["", "soon", "25:00", "2026-13-01", "12", "1:2:3:4", "5 parsecs ago"] {
            assert_eq!(parse_at(text, &now), None, "{text}");
        }
    }
}
