//! Logs of another nginx and another PHP-FPM beside them change nothing, and nothing of theirs is changed.

use super::cases;
use super::verdict::explain_texts;

/// The case as another machine has it: other processes, and so other connections; other sockets and other ports.
fn elsewhere(text: &str) -> String {
    // Longer names could be cut elsewhere by nginx or PHP-FPM: these have their length.
    text.replace("/srv/webhost/", "/srv/another/").replace("127.0.0.1:", "127.0.0.9:")
}

#[test]
fn foreign_logs_change_no_verdict() {
    let cases = cases::all();
    let mut faults = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let other = &cases[(number + 31) % cases.len()];
        let theirs = other.logs().map(|(kind, text)| (kind, elsewhere(text)));
        let theirs: Vec<_> = theirs.iter().map(|(kind, text)| (*kind, text.as_str())).collect();
        let apart = explain_texts(&case.logs()).plus(explain_texts(&theirs));
        let together = explain_texts(&[&case.logs()[..], &theirs].concat());
        if apart != together {
            faults.push(format!("{} and {}: {together:#?}\nnot {apart:#?}", case.name, other.name));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {}:\n{}",
        faults.len(),
        cases.len(),
        faults[..faults.len().min(4)].join("\n")
    );
}
