//! Text of a `log_format` to its parts.

use super::field::{Field, Shape, shape_of_other};
use super::{Format, Part, builtin, quick};
use crate::record::escape::Escape;

/// Why a `log_format` cannot be used. Columns count characters of the given text from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum FormatError {
    #[error("the log format is empty: give a name ({names}) or the string of a log_format directive", names = named())]
    Empty,
    #[error(
        "no log format is called {0:?}: known are {names}; or give the string of your log_format directive, which holds at least $status",
        names = named()
    )]
    UnknownName(String),
    #[error("the log format has no $status, so no failed response could be seen: add $status to it")]
    NoStatus,
    #[error("column {0}: a $ must be followed by the name of a variable, as in $status or ${{status}}")]
    BadVariable(usize),
    #[error(
        "column {column}: nothing stands between ${first} and the variable after it, so their values could not be told apart: put a space or a quote between them"
    )]
    Adjacent { column: usize, first: String },
    #[error("escape={0} is not known to nginx: it has escape=default, escape=json and escape=none")]
    UnknownEscape(String),
    #[error("$status stands twice in the log format: keep one of them")]
    TwoStatus,
    #[error("the log_format directive is not complete: after its name a quoted string must follow")]
    Directive,
}

impl FormatError {
    /// The column of the string at which it is wrong, from 1, where it is one place.
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::BadVariable(column) | Self::Adjacent { column, .. } => Some(*column),
            _ => None,
        }
    }
}

fn named() -> String {
    builtin::names().collect::<Vec<_>>().join(", ")
}

pub(super) fn format(text: &str) -> Result<Format, FormatError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(FormatError::Empty);
    }
    if let Some(known) = builtin::by_name(text) {
        return format(known);
    }
    if !text.contains('$') && !text.contains(char::is_whitespace) {
        return Err(FormatError::UnknownName(text.to_owned()));
    }
    let pasted;
    let text = match text.strip_prefix("log_format") {
        Some(rest) if rest.starts_with(char::is_whitespace) => {
            pasted = directive(rest)?;
            &pasted
        }
        _ => text,
    };
    let (escape, text) = escape(text)?;
    let quoted = if text.starts_with(['\'', '"']) { unquote(text) } else { None };
    let text = quoted.unwrap_or_else(|| control_characters(text));
    assemble(parts(&text)?, escape)
}

pub(super) fn strings(text: &str, escape: Escape) -> Result<Format, FormatError> {
    assemble(parts(text)?, escape)
}

pub(super) fn assemble(parts: Vec<Part>, escape: Escape) -> Result<Format, FormatError> {
    let mut fields = [false; Field::COUNT];
    for part in &parts {
        if let Part::Variable { field: Some(field), .. } = part {
            if *field == Field::Status && fields[*field as usize] {
                return Err(FormatError::TwoStatus);
            }
            fields[*field as usize] = true;
        }
    }
    if !fields[Field::Status as usize] {
        return Err(FormatError::NoStatus);
    }
    let quick = quick::Plan::new(&parts, escape);
    Ok(Format { parts, escape, quick, fields })
}

/// `name [escape=…] 'string' 'string' …;` after the word `log_format`.
fn directive(rest: &str) -> Result<String, FormatError> {
    let rest = rest.trim().trim_end_matches(';').trim_end();
    let (_name, rest) = rest.split_once(char::is_whitespace).ok_or(FormatError::Directive)?;
    Ok(rest.trim_start().to_owned())
}

fn escape(text: &str) -> Result<(Escape, &str), FormatError> {
    let Some(rest) = text.strip_prefix("escape=") else { return Ok((Escape::Default, text)) };
    let (name, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let escape = match name {
        "default" => Escape::Default,
        "json" => Escape::Json,
        "none" => Escape::None,
        _ => return Err(FormatError::UnknownEscape(name.to_owned())),
    };
    Ok((escape, rest.trim_start()))
}

/// Joins nginx's quoted strings: `'a' "b"` is `ab`, and a backslash keeps the quote after it. `None`: it
/// is not a sequence of quoted strings, but a format that happens to begin with a quote.
fn unquote(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut chars = rest.char_indices().skip(1);
        let end = loop {
            match chars.next()? {
                (at, c) if c == quote => break at,
                (_, '\\') => match chars.next()?.1 {
                    c @ ('\'' | '"' | '\\') => out.push(c),
                    // `ngx_conf_read_token`
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'n' => out.push('\n'),
                    c => out.extend(['\\', c]),
                },
                (_, c) => out.push(c),
            }
        };
        rest = &rest[end + 1..];
        let spaces = rest.len() - rest.trim_start().len();
        if spaces == 0 && !rest.is_empty() {
            return None;
        }
        rest = rest.trim_start();
    }
    Some(out)
}

/// The same control characters in a format that is given without quotes.
fn control_characters(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\r", "\r").replace("\\n", "\n")
}

fn parts(text: &str) -> Result<Vec<Part>, FormatError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut last_variable: Option<String> = None;
    // Counted for messages only: for every character, a long format would take as long as its square.
    let column = |rest: &str| text[..text.len() - rest.len()].chars().count() + 1;
    while let Some(c) = rest.chars().next() {
        if c != '$' {
            literal.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (name, tail) = variable(&rest[1..]).ok_or_else(|| FormatError::BadVariable(column(rest)))?;
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal).into_bytes().into()));
        } else if let Some(first) = last_variable {
            if needed(&first) || needed(name) {
                return Err(FormatError::Adjacent { column: column(rest), first });
            }
            // Neither is read, so both are one value.
            parts.pop();
            parts.push(Part::Variable { shape: Shape::Any, field: None });
            (last_variable, rest) = (Some(name.to_owned()), tail);
            continue;
        }
        parts.push(variable_part(name));
        last_variable = Some(name.to_owned());
        rest = tail;
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.into_bytes().into()));
    }
    Ok(parts)
}

fn needed(name: &str) -> bool {
    Field::of_variable(name).is_some() || shape_of_other(name) == Shape::Rest
}

pub(super) fn variable_part(name: &str) -> Part {
    let field = Field::of_variable(name);
    Part::Variable { shape: field.map_or_else(|| shape_of_other(name), Field::shape), field }
}

pub(super) fn json_part(field: Option<Field>) -> Part {
    Part::Variable { shape: field.map_or(Shape::Any, Field::shape), field }
}

fn variable(text: &str) -> Option<(&str, &str)> {
    let name_end = |t: &str| t.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(t.len());
    let (name, tail) = match text.strip_prefix('{') {
        Some(inner) => {
            let end = name_end(inner);
            (&inner[..end], inner[end..].strip_prefix('}')?)
        }
        None => text.split_at(name_end(text)),
    };
    (!name.is_empty()).then_some((name, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_directive_has_the_control_characters_that_nginx_writes() {
        for (text, line) in [
            (
                r#"log_format ltsv "host:$remote_addr\tstatus:$status\treq:$request";"#,
                "host:1.2.3.4\tstatus:502\treq:GET / HTTP/1.1",
            ),
            (r#"log_format x '$remote_addr\t' "$status";"#, "1.2.3.4\t502"),
            (r#"'"$request"\t$status\r'"#, "\"GET / HTTP/1.1\"\t502\r"),
        ] {
            let format = super::format(text).unwrap();
            assert_eq!(
                format.access(line.as_bytes()).map(|access| access.status()).ok(),
                Some(502),
                "{text}"
            );
        }
    }

    #[test]
    fn combined_may_go_on_without_a_blank() {
        let combined =
            "1.2.3.4 - - [20/Nov/2026:15:00:00 +0000] \"GET /a HTTP/1.1\" 502 157 \"-\" \"curl/8\"";
        for rest in ["rt=0.001 uct=\"-\"", " rt=0.001", "\"x\"", " \"a\" \"b\""] {
            let line = format!("{combined}{rest}");
            let format = Format::detect(line.as_bytes()).unwrap();
            assert_eq!(
                format.access(line.as_bytes()).map(|access| access.status()).ok(),
                Some(502),
                "{rest}"
            );
        }
    }

    /// nginx.conf may have 1 MiB: for a quadratic reader, minutes.
    #[test]
    fn a_format_of_any_length_is_read_at_once() {
        let begun = std::time::Instant::now();
        for part in ["9\"\n", "é", "$host ", "\\t", "' '"] {
            let text = format!("$status {}", part.repeat((1 << 20) / part.len()));
            assert!(
                Format::new(&text).is_ok() && Format::of_strings(&text, Escape::Default).is_ok(),
                "{part:?}"
            );
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn names_strings_and_pasted_directives() {
        assert!(Format::new("combined").is_ok());
        assert!(Format::new("$status").is_ok());
        let pasted = "log_format mine escape=json\n  '{\"s\":\"$status\",'\n  '\"a\":\"${upstream_addr}\"}';";
        let format = Format::new(pasted).unwrap();
        assert!(format.has(Field::UpstreamAddr));
        let access = format.access(br#"{"s":"502","a":"unix:/x"}"#).unwrap();
        assert_eq!(access.status(), 502);
    }

    #[test]
    fn variables_side_by_side_are_one_value_where_neither_is_read() {
        let format = Format::new("$scheme$host$http_x \"$request\" $status").unwrap();
        let access = format.access(b"httpsexample.com- \"GET / HTTP/1.1\" 502").unwrap();
        assert_eq!(access.status(), 502);
        for adjacent in ["$host$request $status", "$status$host", "$scheme$host$upstream_addr $status"] {
            assert!(matches!(Format::new(adjacent), Err(FormatError::Adjacent { .. })), "{adjacent}");
        }
    }

    #[test]
    fn what_cannot_work_is_said() {
        let error = |text: &str| Format::new(text).unwrap_err();
        assert_eq!(error(""), FormatError::Empty);
        assert_eq!(error("$request $body_bytes_sent"), FormatError::NoStatus);
        assert_eq!(error("combined2"), FormatError::UnknownName("combined2".into()));
        assert_eq!(error("$status $"), FormatError::BadVariable(9));
        assert_eq!(error("$status ${request"), FormatError::BadVariable(9));
        assert_eq!(error("é $request$status"), FormatError::Adjacent { column: 11, first: "request".into() });
        assert_eq!(error("escape=xml $status"), FormatError::UnknownEscape("xml".into()));
        assert_eq!(error("$status $status"), FormatError::TwoStatus);
        assert_eq!(error("log_format main;"), FormatError::Directive);
        for error in [error("nope"), error("$a $"), error("$request$status")] {
            assert!(!error.to_string().is_empty());
        }
    }
}
