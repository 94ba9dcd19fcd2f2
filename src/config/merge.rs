//! The command line with a file added to it: what is typed wins, then what the environment says, then the file.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::file::keys::{Change, KEYS, Key};
use super::file::{ConfigFile, argument};
use super::flags::{Cli, ServeArgs};

/// The command line as it was typed.
#[derive(Clone, Debug)]
pub struct CommandLine(Vec<OsString>);

/// What holds.
#[derive(Debug)]
pub struct Merged {
    /// As if all of it had been typed.
    pub args: ServeArgs,
    /// Keys of the file for which the command line or the environment says something else.
    pub overridden: Vec<&'static Key>,
    matches: ArgMatches,
}

impl CommandLine {
    /// That of this process.
    pub fn of_process() -> Self {
        Self(std::env::args_os().collect())
    }

    /// Of these words; the first is the program.
    pub fn of(words: &[&str]) -> Self {
        Self(words.iter().map(Into::into).collect())
    }

    /// With a file.
    ///
    /// # Errors
    /// When they do not go together.
    pub fn with(&self, file: &ConfigFile) -> Result<Merged, clap::Error> {
        let command = Cli::command();
        let typed = self.matches(&command, &[])?;
        let (mut added, mut overridden) = (Vec::new(), Vec::new());
        let is_given = |key: &Key| {
            let id = argument(&command, key).map(|arg| arg.get_id().as_str());
            let source = id.and_then(|id| typed.value_source(id));
            matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
        };
        for (key, values) in &file.values {
            if is_given(key) {
                overridden.push(*key);
                continue;
            }
            let is_switch = argument(&command, key).is_some_and(|arg| !arg.get_action().takes_values());
            for value in values {
                let mut flag = OsString::from(format!("--{}", key.flag));
                match (is_switch, value.text == "true") {
                    (true, false) => continue,
                    (true, true) => {}
                    (false, _) => {
                        flag.push("=");
                        flag.push(&value.text);
                    }
                }
                added.push(flag);
            }
        }
        let matches = self.matches(&command, &added)?;
        let mut args = ServeArgs::from_arg_matches(&matches)?;
        if !overridden.iter().any(|key| ["access_logs", "log_format"].contains(&key.path)) {
            args.logs.formats.clone_from(&file.formats);
        }
        Ok(Merged { args, overridden, matches })
    }

    /// What `serve` is told by it and by these flags.
    fn matches(&self, command: &Command, added: &[OsString]) -> Result<ArgMatches, clap::Error> {
        let mut words = self.0.clone();
        // Before all that is typed, of which the last may take any number of values.
        let at = if words.get(1).is_some_and(|word| word == "serve") { 2 } else { 1 };
        words.splice(at.min(words.len())..at.min(words.len()), added.iter().cloned());
        let mut matches = command.clone().try_get_matches_from(words)?;
        Ok(matches.remove_subcommand().map_or(matches, |(_, of_serve)| of_serve))
    }
}

impl Merged {
    /// Keys whose value here is another one than in `before`, and that only a start changes.
    pub fn needs_restart(&self, before: &Self) -> impl Iterator<Item = &'static Key> {
        let command = Cli::command();
        let value = move |merged: &Self, key: &Key| -> Option<Vec<OsString>> {
            let id = argument(&command, key)?.get_id().as_str();
            Some(merged.matches.get_raw(id)?.map(OsString::from).collect())
        };
        KEYS.iter()
            .filter(|key| key.change == Change::Restart)
            .filter(|key| value(self, key) != value(before, key))
            .collect::<Vec<_>>()
            .into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::flags::Begin;

    fn merged(words: &[&str], file: &str) -> Merged {
        let (file, problems) = ConfigFile::parse(file.as_bytes(), Path::new("/etc/badgateway"));
        assert!(problems.is_empty(), "{problems:?}");
        CommandLine::of(words).with(&file).unwrap()
    }

    const FILE: &str = "read_from: start\nlimits:\n  series: 5000\naccess_logs:\n- path: a.log\n  format: main\n- /b.log\n\
        web:\n  listen_addresses: [\":1\", \":2\"]\n  enable_lifecycle: yes\n  systemd_socket: false\nstatus_pages:\n  enabled: off\n";

    #[test]
    fn what_is_typed_wins() {
        for serve in [&["badgateway"][..], &["badgateway", "serve"]] {
            let of = |more: &[&str]| merged(&[serve, more].concat(), FILE);
            let args = of(&[]).args;
            assert_eq!((args.read_from, args.limit_series), (Begin::Start, 5000));
            assert_eq!(args.listen, [":1", ":2"]);
            assert_eq!(args.logs.access, [Path::new("/etc/badgateway/a.log"), Path::new("/b.log")]);
            assert!(args.logs.format_of(&args.logs.access[0]).is_some());
            assert!(args.logs.format_of(&args.logs.access[1]).is_none());
            assert!(args.enable_lifecycle && !args.systemd_socket && !args.status.enabled);
            let typed = of(&["--limit.series", "7000", "--web.listen-address=:3", "--access-log", "x", "y"]);
            assert_eq!((typed.args.limit_series, typed.args.read_from), (7000, Begin::Start));
            assert_eq!(typed.args.listen, [":3"]);
            assert_eq!(typed.args.logs.access, [Path::new("x"), Path::new("y")]);
            assert!(typed.args.logs.formats.is_empty());
            let overridden: Vec<_> = typed.overridden.iter().map(|key| key.path).collect();
            assert_eq!(overridden, ["limits.series", "access_logs", "web.listen_addresses"]);
        }
    }

    #[test]
    fn what_only_a_start_changes_is_named() {
        let before = merged(&["badgateway"], FILE);
        let named = |file: &str| -> Vec<&str> {
            merged(&["badgateway"], file).needs_restart(&before).map(|key| key.path).collect()
        };
        assert!(named(FILE).is_empty());
        assert!(named(&FILE.replace("5000", "6000").replace("start", "end")).is_empty());
        assert_eq!(named(&FILE.replace("\":2\"", "\":4\"")), ["web.listen_addresses"]);
        assert_eq!(named(&format!("{FILE}state:\n  dir: /x\n")), ["state.dir"]);
    }
}
