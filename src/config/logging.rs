//! Badgateway's own log: to stderr, never near the logs it reads.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;

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

/// Starts it. A second call does nothing.
pub fn start(level: Level, format: Format) {
    let filter = match level {
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn => LevelFilter::WARN,
        Level::Error => LevelFilter::ERROR,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_writer(std::io::stderr);
    let _ = match format {
        Format::Json => builder.json().try_init(),
        Format::Logfmt => builder.event_format(crate::config::logging::logfmt::Logfmt).try_init(),
    };
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
