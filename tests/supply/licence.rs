//! SPDX expressions, as crates write them.

use std::collections::BTreeSet;

/// The allowed licences by which an expression is satisfied; an error says what is not allowed.
///
/// `AND` binds stronger than `OR`, and `/` is an old `OR`.
pub fn needed<'a>(expression: &str, allowed: &BTreeSet<&'a str>) -> Result<BTreeSet<&'a str>, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (found, rest) = alternatives(&words, allowed)?;
    if rest.is_empty() { found } else { Err(format!("{expression:?} cannot be read")) }
}

type Found<'a> = Result<BTreeSet<&'a str>, String>;

fn alternatives<'a, 'w>(
    words: &'w [&'w str],
    allowed: &BTreeSet<&'a str>,
) -> Result<(Found<'a>, &'w [&'w str]), String> {
    let (mut found, mut rest) = all(words, allowed)?;
    while let Some(("OR", after)) = rest.split_first().map(|(word, after)| (*word, after)) {
        let (other, after) = all(after, allowed)?;
        found = found.or(other);
        rest = after;
    }
    Ok((found, rest))
}

fn all<'a, 'w>(
    words: &'w [&'w str],
    allowed: &BTreeSet<&'a str>,
) -> Result<(Found<'a>, &'w [&'w str]), String> {
    let (mut found, mut rest) = one(words, allowed)?;
    while let Some(("AND", after)) = rest.split_first().map(|(word, after)| (*word, after)) {
        let (other, after) = one(after, allowed)?;
        found = found.and_then(|found| Ok(found.union(&other?).copied().collect()));
        rest = after;
    }
    Ok((found, rest))
}

fn one<'a, 'w>(
    words: &'w [&'w str],
    allowed: &BTreeSet<&'a str>,
) -> Result<(Found<'a>, &'w [&'w str]), String> {
    let (first, rest) = words.split_first().ok_or("no licence is named")?;
    if *first == "(" {
        let (found, rest) = alternatives(rest, allowed)?;
        let (")", rest) = rest.split_first().map(|(word, after)| (*word, after)).ok_or("a ( without )")?
        else {
            return Err("a ( without )".into());
        };
        return Ok((found, rest));
    }
    let (name, rest) = match rest {
        ["WITH", exception, rest @ ..] => (format!("{first} WITH {exception}"), rest),
        _ => ((*first).to_owned(), rest),
    };
    let found = allowed.get(name.as_str()).map(|name| BTreeSet::from([*name]));
    Ok((found.ok_or_else(|| format!("{name} is not allowed")), rest))
}

#[test]
fn expressions_are_read() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    let of = |text: &str| needed(text, &allowed).map(|found| found.into_iter().collect::<Vec<_>>());
    assert_eq!(of("MIT"), Ok(vec!["MIT"]));
    assert_eq!(of("GPL-3.0 OR MIT"), Ok(vec!["MIT"]));
    assert_eq!(of("GPL-3.0/MIT"), Ok(vec!["MIT"]));
    assert_eq!(of("Apache-2.0 WITH LLVM-exception OR GPL-3.0"), Ok(vec!["Apache-2.0 WITH LLVM-exception"]));
    assert_eq!(of("(GPL-3.0 OR MIT) AND ISC"), Ok(vec!["ISC", "MIT"]));
    for bad in [
        "",
        "GPL-3.0",
        "Apache-2.0",
        "MIT AND GPL-3.0",
        "GPL-3.0 OR MIT AND Zlib",
        "(MIT",
        "MIT)",
        "MIT ISC",
        "AND",
    ] {
        assert!(of(bad).is_err(), "{bad}");
    }
}
