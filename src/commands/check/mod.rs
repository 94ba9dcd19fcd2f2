//! `badgateway check`: what will answer 502, before it does.

mod print;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::check::finding::{Finding, Severity};
use crate::check::machine::Machine;
use crate::check::site::Site;
use crate::check::{findings, look, read};
use crate::config::flags::{CheckArgs, FailOn, Report};
use crate::label::repaired;
use crate::topology::loader::ConfigLimits;

/// It could not be checked, or not all of it.
const COULD_NOT: u8 = 2;

/// What was checked and what came of it.
pub struct Checked {
    findings: Vec<Finding>,
    /// Whether processes, sockets and logs were looked at.
    live: bool,
    /// What was looked at, in words.
    subject: Vec<String>,
    /// What could not be, each as a sentence.
    left_out: Vec<String>,
    /// What could not be read of the configurations.
    problems: Vec<String>,
}

/// Runs it and gives the exit code: 0 nothing to do, 1 something is wrong, 2 it could not be checked.
pub fn run(args: &CheckArgs) -> ExitCode {
    let limits = ConfigLimits::from(&args.config_limits);
    let (site, machine) = if args.machine.names_files() {
        let root = args.rootfs.as_deref().unwrap_or(Path::new("/"));
        match read::files(&args.machine.nginx_config, &args.machine.fpm_config, root, &limits) {
            Ok(site) => (site, None),
            Err(errors) => return could_not(errors.iter().map(ToString::to_string)),
        }
    } else {
        look::discover(&args.machine, limits)
    };
    let left_out = machine.as_ref().map(|machine: &Machine| machine.left_out.clone()).unwrap_or_default();
    if site.nginx.is_empty() && site.fpm.is_empty() {
        let nothing =
            "no nginx and no PHP-FPM was found: name their main files with --nginx-config and --fpm-config.";
        return could_not(left_out.into_iter().chain([nothing.to_owned()]));
    }
    let checked = Checked {
        findings: findings(&site, machine.as_ref()),
        live: machine.is_some(),
        subject: subject(&site),
        left_out,
        problems: problems(&site),
    };
    let text = match args.format {
        Report::Text => print::text(&checked),
        Report::Json => print::json(&checked),
        Report::Github => print::github(&checked),
    };
    let mut out = std::io::stdout().lock();
    for line in text.lines() {
        // A reader that went away (`| head`) is no failure.
        let _ = writeln!(out, "{}", repaired(line.as_bytes()));
    }
    exit_code(&checked, args.fail_on)
}

fn exit_code(checked: &Checked, fail_on: FailOn) -> ExitCode {
    let least = match fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Info => Severity::Info,
    };
    if !checked.problems.is_empty() {
        return COULD_NOT.into();
    }
    ExitCode::from(u8::from(checked.findings.iter().any(|finding| finding.severity <= least)))
}

fn could_not(errors: impl Iterator<Item = String>) -> ExitCode {
    for error in errors {
        let _ = writeln!(std::io::stderr(), "badgateway: {}", repaired(error.as_bytes()));
    }
    COULD_NOT.into()
}

fn subject(site: &Site) -> Vec<String> {
    let running = |pid: Option<u32>| pid.map_or_else(String::new, |pid| format!(" (runs, pid {pid})"));
    let nginx =
        site.nginx.iter().map(|nginx| format!("nginx {}{}", nginx.path.display(), running(nginx.pid)));
    let fpm = site.fpm.iter().filter(|fpm| fpm.shown);
    let fpm = fpm.map(|fpm| format!("PHP-FPM {}{}", fpm.path.display(), running(fpm.pid)));
    nginx.chain(fpm).collect()
}

/// Of configurations that count.
fn problems(site: &Site) -> Vec<String> {
    let nginx = site.nginx.iter().flat_map(|nginx| &nginx.config.problems);
    let fpm = site.fpm.iter().filter(|fpm| fpm.shown).flat_map(|fpm| &fpm.config.problems);
    nginx.chain(fpm).map(|problem| problem.text.clone()).collect()
}
