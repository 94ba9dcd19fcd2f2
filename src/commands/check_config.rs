//! `badgateway check-config`: whether a file of configuration can be used, and what in it is wrong or only looks so.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::fail;
use crate::config::file::{ConfigFile, Typed};
use crate::config::flags::CheckConfigArgs;
use crate::config::merge::CommandLine;
use crate::config::problem::Problem;
use crate::config::read;
use crate::label::repaired;
use crate::source::{is_pattern, paths_of};
use crate::web;

/// It cannot be read.
const COULD_NOT: u8 = 2;

/// Characters of a line that are shown.
const SHOWN: usize = 120;

/// Runs it and gives the exit code: 0 it can be used, 1 it cannot, 2 it cannot be read.
pub fn run(args: &CheckConfigArgs) -> ExitCode {
    let path = args.file.as_path();
    let bytes = match read::beginning(path) {
        Ok(bytes) => bytes,
        Err(error) => return fail(&format!("{} cannot be read: {error}", path.display()), COULD_NOT),
    };
    let (file, mut errors) = ConfigFile::parse(&bytes, path.parent().unwrap_or(Path::new("")));
    let mut warnings = Vec::new();
    for key in ["access_logs", "error_logs", "fpm_logs"] {
        warnings.extend(file.of(key).iter().filter_map(log));
    }
    for key in ["discovery.nginx_configs", "discovery.fpm_configs", "web.config_file"] {
        for named in file.of(key) {
            match File::open(&named.text).map_err(|error| error.kind()) {
                Err(ErrorKind::PermissionDenied) => warnings.push(closed(named)),
                Err(kind) => {
                    let text = format!("`{key}`: {} cannot be read: {kind}", shown(named));
                    // Without the other ones Badgateway runs, and tries again.
                    let list = if key == "web.config_file" { &mut errors } else { &mut warnings };
                    list.push(named.place.problem(text));
                }
                Ok(_) if key == "web.config_file" => match web::check_config(Path::new(&named.text)) {
                    Ok(more) => warnings.extend(more.into_iter().map(|text| named.place.problem(text))),
                    Err(error) => errors.push(named.place.problem(format!("`{key}`: {error}"))),
                },
                Ok(_) => {}
            }
        }
    }
    if errors.is_empty()
        && let Err(error) = CommandLine::of(&["badgateway"]).with(&file)
    {
        errors.push(Problem::of_file(error.to_string()));
    }
    for problems in [&mut errors, &mut warnings] {
        problems.sort_by_key(|problem| problem.place.map_or((1, None), |place| (0, Some(place))));
    }
    let text = report(path, &String::from_utf8_lossy(&bytes), &errors, &warnings);
    let mut out = std::io::stdout().lock();
    for line in text.lines() {
        // A reader that went away (`| head`) is no failure.
        let _ = writeln!(out, "{}", repaired(line.as_bytes()));
    }
    ExitCode::from(u8::from(!errors.is_empty()))
}

/// A log that may not be what was meant. It may come later, and another user may read it.
fn log(named: &Typed) -> Option<Problem> {
    let path = Path::new(&named.text);
    if named.text == OsStr::new("-") {
        return None;
    }
    match File::open(path).map_err(|error| error.kind()) {
        Ok(_) => None,
        Err(ErrorKind::PermissionDenied) => Some(closed(named)),
        Err(_) if !is_pattern(path) => Some(
            named.place.problem(format!("{} is not there: it is followed when it appears", shown(named))),
        ),
        Err(_) if paths_of(&path.to_string_lossy()).is_empty() => Some(named.place.problem(format!(
            "no file matches {}: those that will are followed when they appear",
            shown(named)
        ))),
        Err(_) => None,
    }
}

fn closed(named: &Typed) -> Problem {
    let uid = rustix::process::getuid().as_raw();
    named.place.problem(format!(
        "{} may not be read by this user ({uid}): check as the user that runs Badgateway",
        shown(named)
    ))
}

fn shown(named: &Typed) -> String {
    Path::new(&named.text).display().to_string()
}

/// What a person reads: each problem with its line and a mark below its column.
fn report(path: &Path, text: &str, errors: &[Problem], warnings: &[Problem]) -> String {
    let mut out = String::new();
    let name = path.display();
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    if errors.is_empty() {
        let _ = writeln!(out, "{name} can be used.");
    } else {
        let _ = writeln!(out, "{name} cannot be used: {}.", count(errors.len(), "error"));
    }
    quote(&mut out, text, errors);
    if !warnings.is_empty() {
        let _ = writeln!(out, "{}:", count(warnings.len(), "warning"));
        quote(&mut out, text, warnings);
    }
    out
}

fn quote(out: &mut String, text: &str, problems: &[Problem]) {
    for problem in problems {
        let _ = writeln!(out, "  {}", problem.to_string().trim_end().replace('\n', "\n  "));
        let line = problem.place.and_then(|place| Some((place.column, text.lines().nth(place.line - 1)?)));
        if let Some((column, line)) = line.filter(|(column, _)| *column <= SHOWN) {
            let line: String = line.replace('\t', " ").chars().take(SHOWN).collect();
            let _ = writeln!(out, "      {line}\n      {:1$}^", "", column - 1);
        }
    }
}
