//! Logs that hide, double or hold back what happened.

use std::collections::HashSet;

use super::finding::{Finding, Severity, Step};
use super::formats::has_join_fields;
use super::log_line::{line, name};
use super::site::{NginxSite, Site, quoted};
use crate::topology::nginx_conf::{AccessLog, Directive, ErrorLog, Level, LogTarget, Severity as Grave};
use crate::vocabulary::Cause;

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for nginx in &site.nginx {
        for server in &nginx.config.http.servers {
            for level in &server.levels {
                twice(nginx, level, out);
                level.access_logs.iter().for_each(|log| late(log, out));
                level.error_logs.iter().for_each(|log| hidden(log, level, out));
            }
        }
        not_logged(nginx, out);
    }
}

/// The same file twice on one level: each request stands twice in it.
fn twice(nginx: &NginxSite, level: &Level, out: &mut Vec<Finding>) {
    let logs: Vec<&AccessLog> = level.access_logs.iter().filter(|log| log.place.is_some()).collect();
    let mut known: HashSet<&LogTarget> = HashSet::new();
    for log in &logs {
        // With conditions they may be a request's one or other log.
        if log.condition.is_some() || !is_file(&log.target) || !known.insert(&log.target) {
            continue;
        }
        let same: Vec<_> =
            logs.iter().filter(|other| other.target == log.target && other.condition.is_none()).collect();
        if same.len() < 2 {
            continue;
        }
        // The one that tells more stays.
        let joins = |log: &AccessLog| has_join_fields(nginx, &log.format);
        let stays = same.iter().position(|log| joins(log)).unwrap_or(0);
        let others = same.iter().enumerate().filter(|(at, _)| *at != stays).map(|(_, log)| log);
        let others: Vec<_> = others.filter_map(|log| Some((log.place.clone()?, line(log)))).collect();
        let Some((place, _)) = others.first() else { continue };
        let text = format!("each request is logged {} times into {}", same.len(), name(&log.target));
        let effect = "Every failure counts that often, and lines of two shapes in one file are hard to read.";
        let mut finding = Finding::new(Severity::Warning, "logged_twice", Some(place.clone()), text, effect);
        for (at, line) in others {
            finding = finding.step(Step::Replace { at, with: format!("# {line};") });
        }
        out.push(finding);
    }
}

/// Lines that wait in a buffer without end, or are written in a form that cannot be followed.
fn late(log: &AccessLog, out: &mut Vec<Finding>) {
    let (Some(place), true) = (&log.place, is_file(&log.target)) else { return };
    if log.gzip {
        out.push(
            Finding::new(
                Severity::Warning,
                "log_delayed",
                Some(place.clone()),
                format!("{} is written compressed", name(&log.target)),
                "It cannot be followed: its failures are not counted.",
            )
            .step(Step::Replace { at: place.clone(), with: format!("{};", line(log)) }),
        );
    } else if let (Some(buffer), None) = (log.buffer, log.flush) {
        out.push(
            Finding::new(
                Severity::Warning,
                "log_delayed",
                Some(place.clone()),
                format!("lines of {} wait until {buffer} bytes are together", name(&log.target)),
                "A quiet site's failures are seen minutes or hours late and without the error log's entry; a worker that is \
                 killed loses them.",
            )
            .step(Step::Replace { at: place.clone(), with: format!("{};", line(log)) }),
        );
    }
}

/// An error log without the entries that tell why.
fn hidden(log: &ErrorLog, level: &Level, out: &mut Vec<Finding>) {
    let Some(place) = &log.place else { return };
    let nowhere = matches!(&log.target, LogTarget::File(path) if path.as_os_str() == "/dev/null");
    // Another log of the same level may have them.
    let elsewhere =
        level.error_logs.iter().any(|other| other.level <= Grave::Error && !is_null(&other.target));
    if !(nowhere || log.level > Grave::Error) || elsewhere {
        return;
    }
    let (what, with) = if nowhere {
        ("the error log goes to /dev/null".to_owned(), "error_log /var/log/nginx/error.log error;".to_owned())
    } else {
        let what = format!("the error log leaves out entries below {}", word(log.level));
        (what, format!("error_log {} error;", quoted(&name(&log.target))))
    };
    out.push(
        Finding::new(
            Severity::Warning,
            "evidence_hidden",
            Some(place.clone()),
            what,
            "Connections refused, timeouts and answers that nginx rejects are logged as errors: their 502s and 504s stay \
             without a cause.",
        )
        .cause(Cause::Unknown)
        .step(Step::Replace { at: place.clone(), with }),
    );
}

/// Requests that go to an upstream and are written to no access log.
fn not_logged(nginx: &NginxSite, out: &mut Vec<Finding>) {
    let tree = &nginx.config.tree;
    for pass in &nginx.config.http.passes {
        let Some(server) = nginx.config.http.servers.iter().find(|server| server.id == pass.server) else {
            continue;
        };
        let mut block = tree.get(pass.id).and_then(Directive::parent);
        // The innermost level that holds for it; the server's own is the first of them.
        let level = loop {
            let Some(at) = block else { break None };
            match server.levels.iter().find(|level| level.id == at.id()) {
                Some(level) => break Some((level, at)),
                None => block = at.parent(),
            }
        };
        let Some((_, at)) =
            level.filter(|(level, _)| level.access_logs.iter().all(|log| is_null(&log.target)))
        else {
            continue;
        };
        let off = at.settings("access_log").last().map(|off| off.place());
        let with = "access_log /var/log/nginx/access.log;".to_owned();
        let finding = Finding::new(
            Severity::Warning,
            "not_logged",
            Some(off.clone().unwrap_or_else(|| pass.place.clone())),
            "requests that go to an upstream are in no access log",
            "Their 502s cannot be counted.",
        );
        out.push(match off {
            Some(at) => finding.step(Step::Replace { at, with }),
            None => finding,
        });
    }
}

fn is_null(target: &LogTarget) -> bool {
    matches!(target, LogTarget::File(path) if path.as_os_str() == "/dev/null")
}

fn is_file(target: &LogTarget) -> bool {
    matches!(target, LogTarget::File(_) | LogTarget::Relative(_) | LogTarget::Variable(_)) && !is_null(target)
}

fn word(level: Grave) -> &'static str {
    match level {
        Grave::Debug => "debug",
        Grave::Info => "info",
        Grave::Notice => "notice",
        Grave::Warn => "warn",
        Grave::Error => "error",
        Grave::Crit => "crit",
        Grave::Alert => "alert",
        Grave::Emerg => "emerg",
    }
}
