//! What to do for each alert: the texts of `alerts/runbooks`, inside the binary, so that they are at hand where the
//! network is not.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::vocabulary::{Cause, RootCause};

/// A runbook.
#[derive(Debug)]
pub struct Runbook {
    /// The alert that it is for.
    pub name: &'static str,
    /// The text, as Markdown.
    pub text: &'static str,
}

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/alerts/runbooks");

/// All, sorted by name.
pub static ALL: LazyLock<Vec<Runbook>> = LazyLock::new(|| {
    let runbooks = FILES.files().filter_map(|file| {
        Some(Runbook { name: file.path().file_stem()?.to_str()?, text: file.contents_utf8()? })
    });
    let mut runbooks: Vec<_> = runbooks.collect();
    runbooks.sort_by_key(|runbook| runbook.name);
    runbooks
});

impl Runbook {
    /// The commands with which its diagnosis begins: of a shell, as they can be typed without Prometheus.
    pub fn first_commands(&self) -> Vec<String> {
        let lines = self.text.lines().skip_while(|line| *line != "## Diagnosis");
        let block = lines.skip_while(|line| line.trim() != "```sh").skip(1);
        let block = block.take_while(|line| !line.trim_start().starts_with("```"));
        block.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// Its first sentence: what is happening.
    pub fn summary(&self) -> &'static str {
        self.text.lines().skip(1).find(|line| !line.is_empty()).unwrap_or_default()
    }
}

/// The runbook of an alert, of a cause or of a root cause, whatever the case of its letters.
pub fn find(name: &str) -> Option<&'static Runbook> {
    let of_alert = |alert: &str| ALL.iter().find(|runbook| runbook.name.eq_ignore_ascii_case(alert));
    let alert = || words().find(|(word, _)| word.eq_ignore_ascii_case(name)).map(|(_, alert)| alert);
    of_alert(name).or_else(|| of_alert(alert()?))
}

/// Every name under which a runbook is found.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|runbook| runbook.name).chain(words().map(|(word, _)| word))
}

/// Causes and root causes, each with its alert.
fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let causes = Cause::ALL.iter().map(|cause| (cause.word(), cause.alert()));
    causes.chain(RootCause::ALL.iter().map(|root| (root.word(), root.alert())))
}

/// The one of some words that a person may have meant, if one of them is near.
pub fn nearest<'a>(typed: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this share of equal letters a suggestion is no help.
    const NEAR: f64 = 0.5;
    /// Nothing longer is a name; comparing takes time and memory in proportion, and anybody may type a URL.
    const LONGEST: usize = 64;
    if typed.len() > LONGEST {
        return None;
    }
    let typed = typed.to_ascii_lowercase();
    let likeness = |word: &str| {
        let word = word.to_ascii_lowercase();
        if typed.len() > 3 && word.contains(&typed) {
            1.0
        } else {
            strsim::normalized_damerau_levenshtein(&typed, &word)
        }
    };
    let scored = words.map(|word| (likeness(word), word)).filter(|(likeness, _)| *likeness >= NEAR);
    // The first of equals.
    scored
        .fold(None, |best, next| if best.is_some_and(|(most, _)| most >= next.0) { best } else { Some(next) })
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(typed: &str) -> Option<&'static str> {
        nearest(typed, ALL.iter().map(|runbook| runbook.name))
    }

    #[test]
    fn names_are_found_in_any_case_and_near_misses_are_guessed() {
        assert_eq!(find("phpfpmdown").map(|runbook| runbook.name), Some("PhpFpmDown"));
        assert!(find("PhpFpmDow").is_none());
        for (word, alert) in [("socket_missing", "NginxCannotConnect"), ("FPM_NOT_RUNNING", "PhpFpmDown")] {
            assert_eq!(find(word).map(|runbook| runbook.name), Some(alert));
        }
        assert_eq!(near("PhpFpmDow"), Some("PhpFpmDown"));
        assert_eq!(near("cannotconect"), Some("NginxCannotConnect"));
        assert_eq!(near("xyzzy"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"PhpFpmDown".repeat(7)), None);
    }

    #[test]
    fn first_commands_are_of_a_shell() {
        for runbook in ALL.iter() {
            let commands = runbook.first_commands();
            assert!(
                commands.iter().all(|command| !command.contains("badgateway_")),
                "{}: {commands:?}",
                runbook.name
            );
        }
        let commands = find("PhpFpmPoolExhausted").map(Runbook::first_commands).unwrap_or_default();
        assert!(commands.first().is_some_and(|command| command.starts_with("sudo tail")), "{commands:?}");
    }

    #[test]
    fn every_runbook_has_a_summary() {
        assert!(ALL.len() > 30);
        for runbook in ALL.iter() {
            assert!(runbook.summary().ends_with('.'), "{}: {:?}", runbook.name, runbook.summary());
        }
    }
}
