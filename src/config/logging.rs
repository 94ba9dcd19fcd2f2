//! Badgateway's own log: to stderr, never near the logs it reads.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::OnceLock;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

use crate::label::is_control;

/// `--log.level`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Level {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

/// `--log.format`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs)]
pub enum Format {
    #[default]
    Logfmt,
    Json,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::DEBUG,
            Level::Info => Self::INFO,
            Level::Warn => Self::WARN,
            Level::Error => Self::ERROR,
        }
    }
}

/// Of the log that was started.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts it. A second call does nothing.
pub fn start(level: Level, format: Format) {
    let (filter, handle) = reload::Layer::new(LevelFilter::from(level));
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .with_writer(|| Lines(io::stderr()));
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        Format::Json => registry.with(lines.json()).try_init(),
        Format::Logfmt => registry.with(lines.event_format(logfmt::Logfmt)).try_init(),
    };
    if started.is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// From now on, less severe messages are left out.
pub fn set_level(level: Level) {
    if let Some(handle) = LEVEL.get() {
        let _ = handle.modify(|filter| *filter = level.into());
    }
}

/// Whole lines. A reader of stderr that went away, or a disk that is full, must not end us: tracing-subscriber would say so
/// with `eprintln!`, which panics on the same stderr.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(shown(line).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// A line of either format, in which the encoder of JSON has escaped C0 only. What is left is within strings, of which both
/// formats know this escape.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) && character != '\n' {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    out
}

mod logfmt {
    //! `ts=… level=… msg="…" key=value`, as Prometheus writes it.

    use std::fmt::{self, Write as _};

    use jiff::Timestamp;
    use tracing::field::{Field, Visit};
    use tracing::{Event, Subscriber};
    use tracing_subscriber::fmt::format::Writer;
    use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
    use tracing_subscriber::registry::LookupSpan;

    pub(super) struct Logfmt;

    impl<S, N> FormatEvent<S, N> for Logfmt
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        fn format_event(
            &self,
            _: &FmtContext<'_, S, N>,
            mut writer: Writer<'_>,
            event: &Event<'_>,
        ) -> fmt::Result {
            let level = event.metadata().level().as_str().to_ascii_lowercase();
            write!(writer, "ts={:.3} level={level}", Timestamp::now())?;
            let mut fields = Fields { text: String::new() };
            event.record(&mut fields);
            writeln!(writer, "{}", fields.text)
        }
    }

    struct Fields {
        text: String,
    }

    impl Fields {
        fn push(&mut self, field: &Field, value: &str) {
            let name = if field.name() == "message" { "msg" } else { field.name() };
            let plain = !value.is_empty()
                && value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'=' | b'\\'));
            let _ = if plain {
                write!(self.text, " {name}={value}")
            } else {
                write!(self.text, " {name}={value:?}")
            };
        }
    }

    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.push(field, value);
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.push(field, &format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing, as a pipe whose reader went away.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn no_line_moves_a_cursor_in_either_format() {
        let hostile: String = (1..0x20)
            .chain(0x7f..0xa0)
            .chain([0x202e, 0x2028, 0xfeff, 0xe0041])
            .filter_map(char::from_u32)
            .collect();
        let json = format!("{}\n", serde_json::json!({ "message": hostile }));
        let logfmt = format!("msg={hostile:?}\n");
        for line in [json.as_str(), &logfmt, "plain\n"] {
            let mut out = Vec::new();
            Lines(&mut out).write_all(line.as_bytes()).unwrap();
            let shown = String::from_utf8(out).unwrap();
            let (last, rest) = shown.as_bytes().split_last().unwrap();
            assert_eq!(*last, b'\n');
            assert!(!std::str::from_utf8(rest).unwrap().contains(is_control), "{shown:?}");
            if line == json {
                let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
                assert_eq!(read["message"], hostile.as_str(), "it says the same");
            }
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut lines = Lines(Closed);
        assert_eq!(lines.write_all(b"x\n").map_err(|error| error.kind()), Ok(()));
        assert_eq!(lines.flush().map_err(|error| error.kind()), Ok(()));
    }
}
