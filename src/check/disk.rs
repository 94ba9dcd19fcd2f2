//! Logs that nobody rotates, and disks that are nearly full.

use std::collections::BTreeMap;
use std::path::Path;

use globset::GlobBuilder;

use super::finding::{Finding, Severity, Step};
use super::machine::Machine;
use super::site::shell;
use crate::vocabulary::Cause;

pub(super) fn check(machine: &Machine, out: &mut Vec<Finding>) {
    full(machine, out);
    not_rotated(machine, out);
}

/// One finding for each file system.
fn full(machine: &Machine, out: &mut Vec<Finding>) {
    let mut disks: BTreeMap<(u64, u64), &Path> = BTreeMap::new();
    for (path, log) in &machine.logs {
        if let Some(disk) = log.disk {
            disks.entry(disk).or_insert(path);
        }
    }
    for ((free, all), path) in disks {
        let percent = free.saturating_mul(100).checked_div(all).unwrap_or(100);
        let severity = match (percent, free >> 20) {
            (_, ..100) => Severity::Error,
            (..5, ..2048) => Severity::Warning,
            _ => continue,
        };
        out.push(
            Finding::new(
                severity,
                "disk_full",
                None,
                format!("the disk of {} has {} MiB left ({percent} %)", path.display(), free >> 20),
                "When it is full, logs end in the middle of a line, and where nginx or PHP keep temporary files on it, uploads and \
                 large answers fail.",
            )
            .cause(Cause::NginxResources)
            .step(Step::Run(vec![format!(
                "du -xh {} | sort -h | tail -n 20",
                shell(path.parent().unwrap_or(path))
            )])),
        );
    }
}

fn not_rotated(machine: &Machine, out: &mut Vec<Finding>) {
    let Some(patterns) = &machine.rotated else { return };
    let matchers: Vec<_> = patterns
        .iter()
        .filter_map(|pattern| GlobBuilder::new(pattern).literal_separator(true).build().ok())
        .map(|glob| glob.compile_matcher())
        .collect();
    let lacking: Vec<_> = machine
        .logs
        .iter()
        .filter(|(path, log)| log.size > 0 && !matchers.iter().any(|matcher| matcher.is_match(path)))
        .map(|(path, _)| path.display().to_string())
        .collect();
    let Some(first) = lacking.first() else { return };
    let more = match lacking.len() {
        1 => String::new(),
        n => format!(" and {} other logs", n - 1),
    };
    let mut lines = vec![format!("{} {{", lacking.join(" "))];
    lines.extend(
        [
            "daily",
            "rotate 14",
            "compress",
            "delaycompress",
            "missingok",
            "notifempty",
            "sharedscripts",
            "postrotate",
        ]
        .map(|line| format!("    {line}")),
    );
    lines.push("        pkill -USR1 -o -x nginx; pkill -USR1 -o php-fpm; true".to_owned());
    lines.extend(["    endscript", "}"].map(str::to_owned));
    out.push(
        Finding::new(
            Severity::Warning,
            "not_rotated",
            None,
            format!("logrotate does not know {first}{more}"),
            "It grows until the disk is full.",
        )
        .step(Step::Write { file: "/etc/logrotate.d/nginx-php-more".into(), lines }),
    );
}
