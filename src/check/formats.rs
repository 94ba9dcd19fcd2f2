//! Log formats: fields by which an access line finds its entry in the error log, and lines that clients cannot forge.

use std::collections::HashSet;

use super::finding::{Finding, Severity, Step};
use super::log_line::line;
use super::site::{NginxSite, Site, quoted};
use crate::record::format::RECOMMENDED;
use crate::topology::config_error::Place;
use crate::topology::nginx_conf::{AccessLog, Escape, LogFormat, LogTarget};

/// The name of the format that is recommended.
const NAME: &str = "badgateway";

/// What an access line has to have for its cause to be certain.
const JOIN: [&str; 4] = ["pid", "connection", "upstream_addr", "upstream_status"];

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for nginx in &site.nginx {
        lacking(nginx, out);
        for format in &nginx.config.http.log_formats {
            out.extend(unescaped(format));
        }
    }
}

/// Whether a format has all that is needed to tell which error belongs to a line.
pub(super) fn has_join_fields(nginx: &NginxSite, format: &str) -> bool {
    // `combined` is built in, and has none.
    nginx.config.http.log_format(format).is_some_and(|format| lacks(format).is_empty())
}

fn lacks(format: &LogFormat) -> Vec<&'static str> {
    JOIN.into_iter().filter(|name| !has_variable(&format.text, name)).collect()
}

fn has_variable(text: &str, name: &str) -> bool {
    text.split('$').skip(1).any(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.strip_prefix(name)
            .is_some_and(|end| !end.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    })
}

/// One finding for each format of logs to which requests with an upstream may be written.
fn lacking(nginx: &NginxSite, out: &mut Vec<Finding>) {
    let passing: HashSet<_> = nginx.config.http.passes.iter().map(|pass| pass.server).collect();
    let servers = nginx.config.http.servers.iter().filter(|server| passing.contains(&server.id));
    let logs: Vec<&AccessLog> = servers.flat_map(|server| server.access_logs()).collect();
    // Where one log has all of it, the others may stay what they are.
    let told: HashSet<&str> = logs.iter().map(|log| log.format.as_str()).collect();
    if told.iter().any(|format| has_join_fields(nginx, format)) {
        return;
    }
    let mut known = HashSet::new();
    for log in logs {
        let followed = matches!(log.target, LogTarget::File(_) | LogTarget::Relative(_) | LogTarget::Stdout);
        let missing = match nginx.config.http.log_format(&log.format) {
            Some(format) => lacks(format),
            None => JOIN.to_vec(),
        };
        if !followed || !known.insert(&log.format) {
            continue;
        }
        let missing: Vec<_> = missing.iter().map(|name| format!("${name}")).collect();
        out.push(recommend(nginx, log, &missing.join(", ")));
    }
}

fn recommend(nginx: &NginxSite, log: &AccessLog, missing: &str) -> Finding {
    let finding = Finding::new(
        Severity::Info,
        "no_join_fields",
        log.place.clone(),
        format!("the log format {} lacks {missing}", log.format),
        "Failures are counted, but which error of the error log belongs to which request is told by time and request alone: \
         where several fail in one second the cause may stay unknown.",
    );
    let same = nginx.config.http.log_formats.iter().find(|format| format.text == RECOMMENDED);
    let taken = |name: &str| nginx.config.http.log_format(name).is_some();
    let free = (0..).map(|n| if n == 0 { NAME.to_owned() } else { format!("{NAME}_{n}") });
    let (name, defined) = match same {
        Some(format) => (format.name.clone(), true),
        None => (free.into_iter().find(|name| !taken(name)).unwrap_or_else(|| NAME.to_owned()), false),
    };
    let finding = match http_of(nginx).filter(|_| !defined) {
        Some(at) => {
            let lines = definition(&name, Escape::Default, RECOMMENDED);
            finding.step(Step::Add { at, block: "http {".to_owned(), lines })
        }
        None => finding,
    };
    let written = format!("{};", line(&AccessLog { format: name, ..log.clone() }));
    match &log.place {
        Some(at) => finding.step(Step::Replace { at: at.clone(), with: written }),
        None => match http_of(nginx) {
            Some(at) => finding.step(Step::Add { at, block: "http {".to_owned(), lines: vec![written] }),
            None => finding,
        },
    }
}

/// Where the `http` block opens.
pub(super) fn http_of(nginx: &NginxSite) -> Option<Place> {
    nginx.config.tree.top().find(|directive| directive.name() == "http").map(|http| http.place())
}

/// A `log_format`, over several lines.
fn definition(name: &str, escape: Escape, text: &str) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines = vec![match escape {
        Escape::Json => format!("log_format {} escape=json", quoted(name)),
        Escape::None => format!("log_format {} escape=none", quoted(name)),
        Escape::Default => format!("log_format {}", quoted(name)),
    }];
    let mut part = String::new();
    for word in text.split_inclusive(' ') {
        if !part.is_empty() && part.len() + word.len() > WIDTH {
            lines.push(format!("    {}", string(&part)));
            part.clear();
        }
        part.push_str(word);
    }
    lines.push(format!("    {};", string(&part)));
    lines
}

/// A string of nginx's in quotes.
fn string(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// What clients send stands in the log as it is.
fn unescaped(format: &LogFormat) -> Option<Finding> {
    if format.escape != Escape::None {
        return None;
    }
    let escape = if format.text.trim_start().starts_with('{') { Escape::Json } else { Escape::Default };
    Some(
        Finding::new(
            Severity::Warning,
            "log_unescaped",
            Some(format.place.clone()),
            format!("the log format {} has escape=none", format.name),
            "A visitor may write whole lines into the log, failures that never were among them.",
        )
        .step(Step::Replace {
            at: format.place.clone(),
            with: definition(&format.name, escape, &format.text).join("\n"),
        }),
    )
}
