//! What Badgateway itself may not see.

use std::path::Path;

use super::finding::{Finding, Severity, Step};
use super::machine::Machine;
use super::site::{Site, shell};
use crate::topology::config_error::Place;
use crate::topology::fpm_conf::ErrorLog;

pub(super) fn check(site: &Site, machine: &Machine, out: &mut Vec<Finding>) {
    for sentence in &machine.hidden {
        let effect = "What it would tell is missing: root causes stay unknown.";
        out.push(Finding::new(Severity::Warning, "not_seen", None, sentence.trim_end_matches('.'), effect));
    }
    let fpm: Vec<_> = site
        .fpm
        .iter()
        .filter_map(|fpm| match &fpm.config.error_log {
            ErrorLog::File(path) => Some((path.as_path(), fpm.service())),
            ErrorLog::Syslog => None,
        })
        .collect();
    for (path, _) in machine.logs.iter().filter(|(_, log)| !log.readable) {
        let reader = &machine.reader;
        let service = fpm.iter().find(|(other, _)| other == path).map(|(_, service)| service);
        let effect = match service {
            Some(_) => "Why workers ended stays unknown: 502s have a cause, but no root cause.",
            None => "Its failures are not counted, or have no cause.",
        };
        let what = format!("{reader} may not read {}", path.display());
        let finding = Finding::new(Severity::Warning, "log_unreadable", None, what, effect);
        out.push(readable(finding, path, reader, service.map(String::as_str)));
    }
}

/// By the group of Debian's that reads logs: an ACL would have to be set anew after every rotation.
fn readable(finding: Finding, path: &Path, reader: &str, service: Option<&str>) -> Finding {
    let file = path.display();
    let mut finding = finding.step(Step::Run(vec![
        format!("usermod -aG adm {reader}"),
        format!("chgrp adm {0} && chmod 0640 {0}", shell(path)),
    ]));
    // Without it, logrotate's successor of the file is PHP-FPM's own again: root's, 0600.
    if let Some(service) = service {
        finding = finding.step(Step::Add {
            at: Place { file: Path::new("/etc/logrotate.d").join(service).into(), line: 0 },
            block: format!("{file} {{"),
            lines: vec!["create 0640 root adm".to_owned()],
        });
    }
    finding
}
