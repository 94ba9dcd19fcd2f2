//! A key's value, judged by the flag that the key stands for.

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgAction;
use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue};

use super::keys::Key;
use super::{Typed, Walk, argument, format};
use crate::config::problem::{Place, Problem};
use crate::config::yaml::{Node, Value};

/// What a flag wants.
#[derive(Clone, Copy)]
struct Wanted {
    many: bool,
    switch: bool,
    path: bool,
}

impl Walk<'_> {
    /// Notes the value of a key.
    pub(super) fn value(&mut self, key: &'static Key, node: Node) {
        let Some(wanted) = argument(&self.command, key).map(Wanted::of) else { return };
        let nodes = match node.value {
            // As if it were not there.
            Value::Null => return,
            Value::List(nodes) if wanted.many => nodes,
            Value::Scalar { .. } if !wanted.many => vec![node],
            _ => {
                let kind = if wanted.many { "a list" } else { "one value" };
                let message = format!("`{}` must be {kind}, as in `{}`", key.path, line(key));
                return self.problems.push(node.place.problem(message));
            }
        };
        let mut values = Vec::new();
        for node in nodes {
            let value = if wanted.path && ["access_logs", "error_logs", "fpm_logs"].contains(&key.path) {
                self.log(key, node)
            } else {
                self.scalar(key, wanted, node)
            };
            match value {
                Ok(value) => values.push(value),
                Err(problem) => self.problems.extend(problem),
            }
        }
        self.file.values.push((key, values));
    }

    fn scalar(&mut self, key: &Key, wanted: Wanted, node: Node) -> Result<Typed, Option<Problem>> {
        let place = node.place;
        let Value::Scalar { text, shift } = node.value else {
            let message = format!("`{}` must hold words or numbers, as in `{}`", key.path, line(key));
            return Err(Some(place.problem(message)));
        };
        if key.path == "log_format" {
            format(&text, place, shift)?;
        }
        let text = self.typed(key, wanted, &text, place)?;
        Ok(Typed { text, place })
    }

    fn typed(&self, key: &Key, wanted: Wanted, text: &str, place: Place) -> Result<OsString, Problem> {
        if wanted.path {
            return self.path(key.path, text, place).map(PathBuf::into_os_string);
        }
        let text = if wanted.switch { truth(key, text, place)? } else { text };
        if !wanted.is_flag_alone(&self.command, key) {
            let typed = [OsString::from("badgateway"), format!("--{}={text}", key.flag).into()];
            if let Err(error) = self.command.clone().try_get_matches_from(typed) {
                return Err(place.problem(format!("`{}` cannot be {text:?}: {}", key.path, why(&error))));
            }
        }
        Ok(text.into())
    }

    /// Relative to the directory of the file.
    pub(super) fn path(&self, what: &str, text: &str, place: Place) -> Result<PathBuf, Problem> {
        match text {
            "" => Err(place.problem(format!("`{what}` is empty: write a path"))),
            "-" => Ok(text.into()),
            _ => Ok(self.dir.join(text)),
        }
    }
}

impl Wanted {
    fn of(arg: &clap::Arg) -> Self {
        let parser = arg.get_value_parser();
        let is_bool = parser.type_id() == ValueParser::bool().type_id();
        Self {
            many: matches!(arg.get_action(), ArgAction::Append),
            switch: is_bool,
            path: parser.type_id() == ValueParser::path_buf().type_id(),
        }
    }

    /// A flag that is typed without a value.
    fn is_flag_alone(self, command: &clap::Command, key: &Key) -> bool {
        self.switch
            && argument(command, key).is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue))
    }
}

/// The words for true and false that YAML has had.
fn truth<'t>(key: &Key, text: &'t str, place: Place) -> Result<&'t str, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok("true"),
        "false" | "no" | "off" => Ok("false"),
        _ => Err(place.problem(format!("`{}` is true or false, not {text:?}", key.path))),
    }
}

/// How a key is written in one line.
fn line(key: &Key) -> String {
    format!("{}: {}", key.path.rsplit('.').next().unwrap_or_default(), key.example)
}

/// What clap says of a value, without the rest of its page.
fn why(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) {
        return format!("write one of {}", values.join(", "));
    }
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
