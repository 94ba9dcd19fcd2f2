//! The logs of real failures, wrapped as each transport wraps them: no verdict changes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use badgateway::commands::explain_memory;
use badgateway::record::LogKind;
use badgateway::record::format::{Field, Format};
use serde_json::Value;

/// What stands around a line, with `LINE` for it and `NAME` for the program that wrote it. In JSON the line is escaped.
const WRAPPERS: &[&str] = &[
    "LINE\r",
    "<187>Nov 20 15:00:00 web1 NAME[31]: LINE",
    "Nov 20 15:00:00 web1 NAME[31]: LINE",
    "août 20 15:00:00 web1 NAME[31]: LINE",
    "Thu 2026-11-20 15:00:00 CET web1 NAME[31]: LINE",
    "2026-11-20T15:00:00.123456+00:00 web1 NAME[31]: LINE",
    "Thu Nov 20 15:00:00 2026 daemon.err NAME[31]: LINE",
    "<187>1 2026-11-20T15:00:00.003+00:00 web1 NAME 31 - - LINE",
    "83 <158>1 2026-11-20T15:00:00.123456+00:00 host app web.1 - LINE",
    "2026-11-20T15:00:00.123456789Z stderr F LINE",
    "{\"log\":\"LINE\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-20T15:00:00.1Z\"}",
    "NAME-1  | LINE",
    "\u{1b}[36mNAME-1  |\u{1b}[0m LINE",
    "NAME-1  | 2026-11-20T15:00:00.123456789Z LINE",
    "web_NAME.1.x7abc@node-1    | LINE",
    "15:00:00 NAME.1    | LINE",
    "0|NAME    | LINE",
    "[pod/shop-7d9c/NAME] LINE",
    "[pod/shop-7d9c/NAME] 2026-11-20T15:00:00.123456789Z LINE",
    "shop-7d9c5b7f4-x2x7z NAME LINE",
    "2026-11-20T15:00:00.123456789Z LINE",
    "2026-11-20 15:00:00.123456789  LINE",
    "@400000006560f2d0123456ab LINE",
    "2026-11-20T15:00:00Z app[3d8d9e] ams [info]LINE",
    "2026-11-20T15:00:00.759276947Z [err]  LINE",
    "2026-11-20T15:00:00.123000+00:00 web/NAME/0af5 LINE",
    "{\"insertId\":\"x\",\"textPayload\":\"LINE\",\"timestamp\":\"2026-11-20T15:00:00Z\"}",
    "{\"__REALTIME_TIMESTAMP\":\"1795187634123456\",\"MESSAGE\":\"LINE\",\"_PID\":\"31\"}",
    "{\"timestamp\":1795187634123,\"message\":\"LINE\",\"ingestionTime\":1795187634999}",
    // docker logs -t, kubectl logs --timestamps: any precision, any zone.
    "2026-11-20T15:00:00Z LINE",
    "2026-11-20T15:00:00.1Z LINE",
    "2026-11-20T15:00:00.123+00:00 LINE",
    "2026-11-20 15:00:00,123 LINE",
    // No host, a host that is an address, a tag with an id or a path. Without a number in brackets each line is a datagram.
    "<187>Nov 20 15:00:00 NAME[31]: LINE",
    "Nov 20 15:00:00 fe80::1 docker/NAME[a1b2c3]: LINE",
    "Nov 20 15:00:00 web1.example.com NAME/x[31]: LINE",
    // journald: short-iso, short-unix, short-monotonic, other languages.
    "2026-11-20T15:00:00+0000 web1 NAME[31]: LINE",
    "1795187634.123456 web1 NAME[31]: LINE",
    "[ 1234.567890] web1 NAME[31]: LINE",
    "11月 20 15:00:00 web1 NAME[31]: LINE",
    "Nov 20 15:00:00 router daemon.err NAME[31]: LINE",
    // Structured data and a mark.
    "<187>1 2026-11-20T15:00:00Z - NAME - - [a@1 b=\"c\"] \u{feff}LINE",
    // docker compose in a narrow terminal, supervisord's stdout plugin, pm2 with its own stamp, fig.
    "   NAME-1  | LINE",
    "NAME stderr | LINE",
    "0|NAME  | 2026-11-20T15:00:00: LINE",
    "NAME_1     | LINE",
    "\u{1b}[38;5;1mshop-7d9c5b7f4-x2x7z\u{1b}[0m \u{1b}[38;5;2mNAME\u{1b}[0m LINE",
    "{\"jsonPayload\": {\"message\": \"LINE\"}, \"timestamp\": \"2026-11-20T15:00:00Z\"}",
    "2026-11-20T15:00:00.123456+00:00 app[web.1]: LINE",
];

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/nginx-1.22.1")
}

/// A transport takes a line when it is written. PHP-FPM's say when that was.
fn clock(line: &str) -> &str {
    line.strip_prefix("[20-Nov-2026 ").map_or("15:00:00", |rest| &rest[..8])
}

fn wrapped(text: &str, wrapper: &str, name: &str) -> String {
    let escaped = |line: &str| {
        let json = serde_json::to_string(line).unwrap();
        json[1..json.len() - 1].to_owned()
    };
    let is_json = wrapper.starts_with('{');
    let wrap = |line: &str| {
        let line = if is_json { escaped(line) } else { line.to_owned() };
        wrapper.replace("15:00:00", clock(&line)).replace("NAME", name).replace("LINE", &line) + "\n"
    };
    text.split_terminator('\n').map(wrap).collect()
}

/// The same lines in the recommended text format.
fn as_text(json: &str) -> String {
    let mut out = String::new();
    for line in json.lines() {
        let format = Format::detect(line.as_bytes()).unwrap();
        let access = format.access(line.as_bytes()).unwrap();
        let of = |field: Field| {
            let value =
                access.field(field).map(|value| format.decode(value).into_owned()).unwrap_or_default();
            let escaped = value.iter().map(|b| match b {
                b'"' | b'\\' | 0..=0x1f | 0x7f.. => format!("\\x{b:02X}"),
                _ => char::from(*b).to_string(),
            });
            let text: String = escaped.collect();
            if text.is_empty() { "-".to_owned() } else { text }
        };
        let millis = access.millis().unwrap();
        let moment = jiff::Timestamp::from_second(millis.div_euclid(1000)).unwrap();
        let time = moment.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        let client = if access.client().is_some() { of(Field::RemoteAddr) } else { "127.0.0.1".to_owned() };
        out.push_str(&format!(
            "{client} - - [{time}] \"{}\" {} 0 \"-\" \"-\" server=\"{}\" pid={} connection={} msec={} request_time={} upstream_addr=\"{}\" upstream_status=\"{}\" upstream_connect_time=\"{}\" upstream_header_time=\"{}\" upstream_response_time=\"{}\" upstream_bytes_received=\"{}\" upstream_cache_status=\"{}\"\n",
            of(Field::Request), of(Field::Status), of(Field::ServerName), of(Field::Pid), of(Field::Connection),
            of(Field::Msec), of(Field::RequestTime), of(Field::UpstreamAddr), of(Field::UpstreamStatus),
            of(Field::UpstreamConnectTime), of(Field::UpstreamHeaderTime), of(Field::UpstreamResponseTime),
            of(Field::UpstreamBytesReceived), of(Field::UpstreamCacheStatus),
        ));
    }
    out
}

/// The verdict on the three logs.
fn of(logs: [&str; 3]) -> Value {
    let logs: Vec<_> = LogKind::ALL.into_iter().zip(logs.map(str::as_bytes)).collect();
    serde_json::from_str(&explain_memory(&logs)).unwrap()
}

/// The same in a wrapper.
fn verdict(logs: [&str; 3], wrapper: &str) -> Value {
    let [access, error, fpm] = logs;
    of([
        &wrapped(access, wrapper, "nginx"),
        &wrapped(error, wrapper, "nginx"),
        &wrapped(fpm, wrapper, "php-fpm"),
    ])
}

/// A container's runtime cuts lines at 16 KiB; here already at so many bytes, so that most are.
const PART: usize = 90;

/// The records of a runtime, of which each is a part of a line, and whether it is the last. nginx cuts its entries itself,
/// at 2 KiB.
fn in_parts(kind: LogKind, text: &str, record: impl Fn(&str, &str, bool) -> String) -> String {
    let mut out = String::new();
    for line in text.split_terminator('\n') {
        let (clock, mut rest) = (clock(line), line);
        while rest.len() > PART && kind != LogKind::Error {
            let end = (1..=PART).rev().find(|end| rest.is_char_boundary(*end)).unwrap();
            out += &record(clock, &rest[..end], false);
            rest = &rest[end..];
        }
        out += &record(clock, rest, true);
    }
    out
}

type Way = fn(LogKind, &str) -> String;

/// What transports do to a log that is no wrapper of each line for itself.
const WAYS: &[(&str, Way)] = &[
    ("CRI in parts", |kind, text| {
        in_parts(kind, text, |clock, part, whole| {
            format!("2026-11-20T{clock}.1Z stdout {} {part}\n", if whole { 'F' } else { 'P' })
        })
    }),
    ("json-file in parts", |kind, text| {
        in_parts(kind, text, |clock, part, whole| {
            let log = if whole { format!("{part}\n") } else { part.to_owned() };
            // Docker's order of keys.
            format!(
                "{{\"log\":{},\"stream\":\"stdout\",\"time\":\"2026-11-20T{clock}.1Z\"}}\n",
                Value::from(log)
            )
        })
    }),
    (
        "a mark of UTF-8 in front",
        |_, text| {
            if text.is_empty() { String::new() } else { format!("\u{feff}{text}") }
        },
    ),
    ("CR LF", |_, text| text.replace('\n', "\r\n")),
    ("no newline at the end", |_, text| text.trim_end_matches('\n').to_owned()),
];

fn read(case: &Path, file: &str) -> Option<String> {
    String::from_utf8(fs::read(case.join(file)).ok()?).ok()
}

/// How many verdicts were compared.
fn compare(case: &Path, faults: &mut Vec<String>) -> usize {
    let Some(rich) = read(case, "access.log") else { return 0 };
    let (Some(error), Some(fpm)) = (read(case, "error.default.log"), read(case, "fpm.log")) else { return 0 };
    let combined = read(case, "access.combined.log").unwrap_or_default();
    let mut compared = 0;
    for (format, access) in [("json", &rich), ("combined", &combined), ("text", &as_text(&rich))] {
        let logs = [access.as_str(), error.as_str(), fpm.as_str()];
        let expected = verdict(logs, "LINE");
        for wrapper in WRAPPERS {
            let got = verdict(logs, wrapper);
            if got != expected {
                faults.push(format!("{} {format} {wrapper}:\n{got:#}\nnot\n{expected:#}", case.display()));
            }
            compared += 1;
        }
        for (name, way) in WAYS {
            let [a, b, c] = logs;
            let texts = [way(LogKind::Access, a), way(LogKind::Error, b), way(LogKind::Fpm, c)];
            let got = of([&texts[0], &texts[1], &texts[2]]);
            if got != expected {
                faults.push(format!("{} {format} {name}:\n{got:#}\nnot\n{expected:#}", case.display()));
            }
            compared += 1;
        }
    }
    compared
}

#[test]
fn no_wrapper_changes_a_verdict() {
    let cases = fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path());
    let mut faults = Vec::new();
    let compared: usize = cases.map(|case| compare(&case, &mut faults)).sum();
    let shown = faults[..faults.len().min(3)].join("\n");
    assert!(faults.is_empty(), "{} of {compared}:\n{shown}", faults.len());
    assert!(compared > 240 * (WRAPPERS.len() + WAYS.len()), "{compared}");
}

/// rsyslog writes a line feed within a message as `#012`.
#[test]
fn line_feeds_that_rsyslog_has_escaped_change_no_verdict() {
    let (mut faults, mut joined) = (Vec::new(), 0);
    for case in fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path()) {
        let (Some(access), Some(error)) = (read(&case, "access.log"), read(&case, "error.default.log"))
        else {
            continue;
        };
        // Here a script has written lines that look like entries, which rsyslog would have escaped, too.
        if ["spoof", "inject"].iter().any(|word| case.to_string_lossy().contains(word)) {
            continue;
        }
        let fpm = read(&case, "fpm.log").unwrap_or_default();
        let mut entries: Vec<String> = Vec::new();
        for line in error.split_terminator('\n') {
            match entries.last_mut() {
                Some(entry) if !line.starts_with("20") => {
                    *entry += &format!("#012{line}");
                    joined += 1;
                }
                _ => entries.push(line.to_owned()),
            }
        }
        let error_of = |entries: &[String]| -> String {
            entries.iter().map(|entry| format!("Nov 20 15:00:00 web1 nginx: {entry}\n")).collect()
        };
        let lines = |report: &Value| (report["responses"].clone(), report["failures"].clone());
        let (got, expected) =
            (lines(&of([&access, &error_of(&entries), &fpm])), lines(&of([&access, &error, &fpm])));
        if got != expected {
            faults.push(format!("{}:\n{got:#?}\nnot\n{expected:#?}", case.display()));
        }
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults[..faults.len().min(3)].join("\n"));
    assert!(joined > 5, "{joined}");
}
