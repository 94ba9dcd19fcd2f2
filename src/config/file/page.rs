//! The table of keys in docs/configuration.md.

use std::fmt::Write as _;

use super::keys::{Change, KEYS, NO_KEYS};
use super::{argument, command};

/// The table, and the flags that are no key.
pub fn markdown() -> String {
    let command = command();
    let mut out =
        String::from("| key | flag | default | example | changed by | |\n|---|---|---|---|---|---|\n");
    for key in KEYS {
        let Some(arg) = argument(&command, key) else { continue };
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match (defaults.as_slice(), arg.get_action().takes_values()) {
            ([], true) => String::new(),
            ([], false) => "`false`".to_owned(),
            (values, _) => format!("`{}`", values.join(", ")),
        };
        let change = match key.change {
            Change::Reload => "reload",
            Change::Restart => "restart",
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(
            out,
            "| `{}` | `--{}` | {default} | `{}` | {change} | {} |",
            key.path,
            key.flag,
            key.example.replace('|', "\\|"),
            help.replace('\n', " ")
        );
    }
    for (flag, reason) in NO_KEYS {
        let _ = writeln!(out, "\n`--{flag}` is no key: it {reason}.");
    }
    out
}
