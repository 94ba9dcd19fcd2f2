//! Sentences, and the whole as a person reads it in a terminal.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::{Diagnosis, State};
use crate::sample::machine::Pool;
use crate::vocabulary::code;

/// Most findings that are shown to a person.
const SHOWN: usize = 20;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// RFC 3339 of a local time of the logs, `offset` seconds east of UTC.
pub fn at(local: i64, offset: i32) -> String {
    let zone = Offset::from_seconds(offset).unwrap_or(Offset::UTC);
    let moment = Timestamp::from_second(local - i64::from(zone.seconds()));
    moment.map_or_else(|_| String::new(), |moment| moment.display_with_offset(zone).to_string())
}

/// `14:02:31`, with the date where that is not today's.
pub(super) fn clock(local: i64, now: i64) -> String {
    let Ok(moment) = Timestamp::from_second(local) else { return "an unknown time".to_owned() };
    let format = if local.div_euclid(DAY) == now.div_euclid(DAY) { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    moment.strftime(format).to_string()
}

/// `502`, `502 and 504`.
pub(super) fn codes(codes: impl Iterator<Item = u16>) -> String {
    let codes: BTreeSet<String> = codes.map(|status| code(status).to_string()).collect();
    codes.into_iter().collect::<Vec<_>>().join(" and ")
}

/// What a sentence begins with.
pub(super) fn place(upstream: &str, pool: Option<&Pool>) -> String {
    match pool {
        Some(pool) => format!("PHP-FPM {} pool {} ({upstream}): ", pool.fpm, pool.name),
        None if upstream.is_empty() => String::new(),
        None => format!("{upstream}: "),
    }
}

/// How a pool stands.
pub(super) fn pool(pool: &Pool) -> String {
    let up = match pool.up {
        Some(true) => "is up",
        Some(false) => "is down",
        None => "cannot be seen",
    };
    let mut out = format!("pool {} of PHP-FPM {} {up}", pool.name, pool.fpm);
    if let Some(busy) = pool.busy.filter(|_| pool.up == Some(true)) {
        let _ = write!(out, ", {busy}");
        if let Some(limit) = pool.limit {
            let _ = write!(out, " of {limit}");
        }
        out.push_str(" workers are busy");
    }
    if let Some(queue) = pool.queue.filter(|queue| *queue > 0) {
        let _ = write!(out, ", {queue} clients wait");
    }
    out
}

/// The whole, for a terminal.
pub fn text(diagnosis: &Diagnosis) -> String {
    let mut out = format!("{}\n", diagnosis.verdict);
    for finding in diagnosis.findings.iter().take(SHOWN) {
        let _ = writeln!(out);
        if finding.what != diagnosis.verdict {
            let _ = writeln!(out, "{}", finding.what);
        }
        if !finding.servers.is_empty() {
            let name = |name: &str| {
                if name.is_empty() { "(no server name in the log)".to_owned() } else { name.to_owned() }
            };
            let servers = finding.servers.iter().map(|(server, count)| format!("{} {count}", name(server)));
            let _ = writeln!(out, "  whose     {}", servers.collect::<Vec<_>>().join(", "));
        }
        if let Some(last) = &finding.last {
            let _ = writeln!(out, "  last one  {last}");
        }
        for evidence in &finding.evidence {
            let _ = writeln!(out, "  evidence  {evidence}");
        }
        if !finding.sure {
            let known = "what broke it was not seen, only what nginx saw and how things stand now";
            let _ = writeln!(out, "  unknown   {known}");
        }
        let _ = writeln!(out, "  fix       {}", finding.fix);
        for command in &finding.commands {
            let _ = writeln!(out, "            $ {command}");
        }
        if !finding.runbook.is_empty() {
            let _ = writeln!(out, "  more      badgateway runbook {}", finding.runbook);
        }
    }
    if let Some(more @ 1..) = diagnosis.findings.len().checked_sub(SHOWN) {
        let _ = writeln!(out, "\nAnd {more} more; --format json has all.");
    }
    if !diagnosis.unseen.is_empty() {
        let _ = writeln!(out, "\nNot seen:");
        for unseen in &diagnosis.unseen {
            let _ = writeln!(out, "  {unseen}");
        }
    }
    out
}

impl State {
    /// The exit code of `diagnose`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failing | Self::Threatened => 1,
            Self::Blind => 2,
        }
    }
}
