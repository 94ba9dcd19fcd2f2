//! `explain --lines`: one JSON line for each entry of an error log.

use std::borrow::Cow;
use std::io::{BufWriter, Write};
use std::ops::Range;

use serde::Serialize;

use super::ExplainError;
use super::report::Report;
use crate::attribute::logs::ErrorLog;
use crate::attribute::message::Meaning;
use crate::attribute::{Attributor, Options};
use crate::label::repaired;
use crate::record::entries::Entry;
use crate::record::stamp::Local;
use crate::source::{Buffer, Offline};

#[derive(Serialize)]
struct Line<'a> {
    line: u64,
    cause: Option<&'static str>,
    errno: Option<i32>,
    upstream: Option<Cow<'a, str>>,
    level: &'static str,
}

/// Prints the entries of all sources, or those of a time.
///
/// # Errors
/// When a log cannot be read or the result cannot be written.
pub fn run(sources: Vec<Offline>, within: Option<&Range<Local>>) -> Result<(), ExplainError> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    for mut source in sources {
        let options = Options {
            live: false,
            access_log: false,
            window: 0,
            error_log: true,
            fpm: false,
            timings: false,
            offset: 0,
        };
        let mut attributor = Attributor::new(options);
        let (mut log, mut buffer, mut nowhere) = (ErrorLog::default(), Buffer::new(), Report::default());
        let mut result = Ok(());
        let mut show = |entry: &Entry<'_>, meaning: Meaning| {
            if result.is_ok() && within.is_none_or(|within| within.contains(&entry.head.at)) {
                result = write(&mut out, entry, meaning);
            }
        };
        while let Some(block) = source.read_block(&mut buffer)? {
            log.each(block, &mut attributor, &mut nowhere, &mut show);
        }
        log.close(&mut attributor, &mut nowhere, &mut show);
        result.map_err(ExplainError::Write)?;
    }
    out.flush().map_err(ExplainError::Write)
}

fn write(out: &mut impl Write, entry: &Entry<'_>, meaning: Meaning) -> std::io::Result<()> {
    let failure = if let Meaning::Failure(failure) = meaning { Some(failure) } else { None };
    let context = entry.context();
    let line = Line {
        line: entry.line,
        cause: failure.map(|failure| failure.cause.word()),
        errno: failure.and_then(|failure| failure.errno),
        upstream: context.upstream.map(|peer| repaired(peer.address)),
        level: entry.head.level.name(),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}
