//! An entry of `access_logs`, `error_logs` or `fpm_logs`: a path or a pattern, or keys about one.

use std::path::Path;

use super::keys::Key;
use super::{Typed, Walk, format};
use crate::config::problem::{Place, Problem};
use crate::config::yaml::{self, Node, Value};
use crate::runbooks::nearest;
use crate::source;

impl Walk<'_> {
    /// Its path. `Err(None)`: what is wrong was noted.
    pub(super) fn log(&mut self, key: &Key, node: Node) -> Result<Typed, Option<Problem>> {
        let place = node.place;
        match node.value {
            Value::Scalar { text, .. } => Ok(self.named(&text, place)?),
            Value::Map(entries) => self.described(key, entries, place),
            _ => Err(Some(place.problem(format!(
                "an entry of `{}` is a path or a pattern, or has the key `path`, as in `- path: /var/log/nginx/access.log`",
                key.path
            )))),
        }
    }

    fn named(&self, text: &str, place: Place) -> Result<Typed, Problem> {
        let path = self.path("path", text, place)?;
        match source::never_a_log(&path) {
            Some(error) => Err(place.problem(error.to_string())),
            None => Ok(Typed { text: path.into_os_string(), place }),
        }
    }

    fn described(
        &mut self,
        key: &Key,
        entries: Vec<(yaml::Key, Node)>,
        place: Place,
    ) -> Result<Typed, Option<Problem>> {
        let known: &[&str] = if key.path == "access_logs" { &["path", "format"] } else { &["path"] };
        let (mut path, mut of_format) = (None, None);
        let (mut seen, mut path_is_misspelt) = (Vec::new(), false);
        for (name, node) in entries {
            if seen.contains(&name.text) {
                let message = format!("the key `{}` stands here again", name.text);
                self.problems.push(name.place.problem(message));
                continue;
            }
            seen.push(name.text.clone());
            let is_known = known.contains(&name.text.as_str());
            match (name.text.as_str(), node.value) {
                ("path", Value::Scalar { text, .. }) => path = Some(self.named(&text, node.place)),
                ("format", Value::Scalar { text, shift }) if is_known => {
                    of_format = Some(format(&text, node.place, shift));
                }
                ("format", Value::Null) if is_known => {}
                (_, _) if is_known => {
                    let message = format!("`{}` must be one value", name.text);
                    self.problems.push(node.place.problem(message));
                }
                (typed, _) => {
                    let meant = nearest(typed, known.iter().copied());
                    path_is_misspelt |= meant == Some("path");
                    let meant = meant.map(|meant| format!("did you mean `{meant}`?"));
                    let meant = meant.unwrap_or_else(|| format!("an entry has {}", known.join(" and ")));
                    let message = format!("unknown key `{typed}` in an entry of `{}`; {meant}", key.path);
                    self.problems.push(name.place.problem(message));
                }
            }
        }
        let path = match path {
            Some(path) => path.map_err(Some),
            None if path_is_misspelt => Err(None),
            None => Err(Some(place.problem(format!("this entry of `{}` has no `path`", key.path)))),
        };
        match (path, of_format.transpose()) {
            (Ok(path), Ok(format)) => {
                let formats = format.map(|format| (Path::new(&path.text).to_owned(), format));
                self.file.formats.extend(formats);
                Ok(path)
            }
            (Err(problem), Ok(_)) => Err(problem),
            (path, Err(problem)) => {
                self.problems.push(problem);
                Err(path.err().flatten())
            }
        }
    }
}
