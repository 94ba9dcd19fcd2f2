//! YAML as it is written: each part with its place, so that all that is wrong can be told at once. Aliases and tags are not
//! read: a file of settings needs none, and without them no file is larger than it looks.

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle};

use super::problem::{Place, Problem};
use super::read::at_end_of;

/// Keys of ours are three levels deep.
const DEEPEST: usize = 16;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its first character.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Words or a number. `shift`: columns between the place and the first character of the text, if it is written as it is.
    Scalar {
        /// As it is meant.
        text: String,
        /// Of quotes.
        shift: Option<usize>,
    },
    /// `- …`
    List(Vec<Node>),
    /// `key: …`
    Map(Vec<(Key, Node)>),
}

/// A key and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its first character.
    pub place: Place,
    /// Its name.
    pub text: String,
}

/// A list or a mapping that has not ended yet.
struct Open {
    place: Place,
    kind: Kind,
}

enum Kind {
    List(Vec<Node>),
    Map(Vec<(Key, Node)>, Option<Key>),
}

/// The one document of a text; `None`: it holds nothing.
///
/// # Errors
/// At what is no YAML, or none of the kind that is read here.
pub fn parse(text: &str) -> Result<Option<Node>, Problem> {
    if let Some(at) = text.bytes().position(|byte| byte == 0x7f || byte < b' ' && !b"\t\r\n".contains(&byte))
    {
        let message = format!("the control character {:#04x} stands here: remove it", text.as_bytes()[at]);
        return Err(at_end_of(&text[..at]).problem(message));
    }
    let (mut open, mut root, mut documents) = (Vec::new(), None, 0);
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| place(error.marker()).problem(said(&error.info())))?;
        let at = place(&span.start);
        let is_tagged = matches!(
            &event,
            Event::Scalar(_, _, _, Some(_))
                | Event::SequenceStart(_, _, Some(_))
                | Event::MappingStart(_, _, Some(_))
        );
        if is_tagged {
            return Err(at.problem("tags (`!…`) are not read here: write the value alone"));
        }
        let node = match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(
                        at.problem("a second document begins here: write all keys into the first one")
                    );
                }
                continue;
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                return Err(at.problem("aliases (`*…`) are not read here: write the value itself"));
            }
            Event::Scalar(words, style, ..) => {
                let is_null = style == ScalarStyle::Plain && ["", "~", "null"].contains(&&*words);
                let shift = shift(&words, style, span.slice(text));
                let scalar = || Value::Scalar { text: words.into_owned(), shift };
                Node { place: at, value: if is_null { Value::Null } else { scalar() } }
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= DEEPEST {
                    return Err(at.problem(format!("values are nested more than {DEEPEST} levels deep")));
                }
                let is_list = matches!(event, Event::SequenceStart(..));
                let kind = if is_list { Kind::List(Vec::new()) } else { Kind::Map(Vec::new(), None) };
                open.push(Open { place: at, kind });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { place, kind }) = open.pop() else { continue };
                let value = match kind {
                    Kind::List(nodes) => Value::List(nodes),
                    Kind::Map(entries, _) => Value::Map(entries),
                };
                Node { place, value }
            }
            _ => continue,
        };
        match open.last_mut() {
            None => root = Some(node),
            Some(Open { kind: Kind::List(nodes), .. }) => nodes.push(node),
            Some(Open { kind: Kind::Map(entries, key), .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(name(node)?),
            },
        }
    }
    Ok(root.filter(|root| root.value != Value::Null))
}

/// What the parser says, and what to do where it does not say that.
fn said(info: &str) -> String {
    if info.contains("recursion limit") {
        return format!("values are nested more than {DEEPEST} levels deep");
    }
    let remedy = if info.contains("tab") { ": indent with spaces" } else { "" };
    format!("{info}{remedy}")
}

fn name(node: Node) -> Result<Key, Problem> {
    match node.value {
        Value::Scalar { text, .. } => Ok(Key { place: node.place, text }),
        _ => Err(node.place.problem("a key must be a word, as in `read_from: end`")),
    }
}

fn place(marker: &Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

/// How far behind its place a text begins, if it stands in the file as it is.
fn shift(words: &str, style: ScalarStyle, source: Option<&str>) -> Option<usize> {
    let quotes = usize::from(style != ScalarStyle::Plain);
    let written = source?.get(quotes..)?;
    (written.starts_with(words) && !words.contains('\n')).then_some(quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn values_have_their_places() {
        let root = parse("# c\na:\n  - x\n  - {b: \"y z\"}\nc: ~\n").unwrap().unwrap();
        let Value::Map(entries) = root.value else { panic!("{root:?}") };
        assert_eq!(entries.len(), 2);
        let (key, list) = &entries[0];
        assert_eq!((key.text.as_str(), key.place), ("a", Place { line: 2, column: 1 }));
        let Value::List(items) = &list.value else { panic!("{list:?}") };
        assert_eq!(items[0].place, Place { line: 3, column: 5 });
        let Value::Map(inner) = &items[1].value else { panic!("{items:?}") };
        let quoted = Value::Scalar { text: "y z".to_owned(), shift: Some(1) };
        assert_eq!((inner[0].1.place, &inner[0].1.value), (Place { line: 4, column: 9 }, &quoted));
        assert_eq!(entries[1].1.value, Value::Null);
        for nothing in ["", "# c\n", "---\n", "~\n"] {
            assert_eq!(parse(nothing).unwrap(), None, "{nothing:?}");
        }
    }

    #[test]
    fn what_is_not_read_is_told_with_its_place() {
        for (text, place) in [
            ("a: &x [1]\nb: *x\n", "line 2, column 4: aliases"),
            ("a: !!str 1\n", "line 1, column"),
            ("a: 1\n---\nb: 2\n", "line 2, column 1: a second document"),
            ("a: \u{1}\n", "line 1, column 4: the control character 0x01"),
            ("a:\n\0", "line 2, column 1: the control character 0x00"),
            ("a: [1\n", "line "),
            ("a:\n\tb: 2\n", "line 2, column "),
            ("? [a]\n: b\n", "line 1, column 3: a key must be a word"),
        ] {
            assert!(problem(text).starts_with(place), "{text:?}: {}", problem(text));
        }
        for open in ["[", "{a: ", "- ", "? "] {
            let text = open.repeat(100_000);
            assert!(problem(&text).starts_with("line 1, column "), "{open}: {}", problem(&text));
        }
    }
}
