//! The same failures so many times in the same second: every count is so many times the one before.

use super::cases::{self, Case};
use super::verdict::explain_texts;

/// How many times, where a case has that many lines or fewer.
const TIMES: [(u64, usize); 3] = [(1000, 8), (100, 100), (10, usize::MAX)];

/// A line of connection `n` as one of connection `n * times + i`.
fn renumbered(line: &str, before: &str, times: u64, i: u64) -> String {
    let Some((head, rest)) = line.split_once(before) else { return line.to_owned() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let Ok(connection) = rest[..digits].parse::<u64>() else { return line.to_owned() };
    format!("{head}{before}{}{}", connection * times + i, &rest[digits..])
}

/// A log of which every line stands there so many times, each with a connection of its own.
fn repeated(text: &str, before: &str, times: u64) -> String {
    let line = |line| (0..times).map(move |i| renumbered(line, before, times, i));
    text.split_inclusive('\n').flat_map(line).collect()
}

/// A rich log of requests whose entries are one line each. What PHP-FPM's log tells of single workers, and limits that nginx
/// reached once, cannot be repeated by repeating lines.
fn is_repeatable(case: &Case) -> bool {
    let entries = case.error.lines().all(|line| line.starts_with("20") && line.contains(" *"));
    case.name.ends_with("access.log") && entries && !case.fpm.contains(" child ")
}

#[test]
fn a_thousand_times_the_rate_changes_no_share() {
    let (mut faults, mut compared) = (Vec::new(), 0);
    for case in cases::all().into_iter().filter(is_repeatable) {
        let lines = case.access.lines().count();
        let (times, _) = TIMES.into_iter().find(|(_, most)| lines <= *most).unwrap();
        let expected = explain_texts(&case.logs()).times(times);
        let access = repeated(&case.access, "\"connection\":\"", times);
        let error = repeated(&case.error, ": *", times);
        let got = explain_texts(&[("access", &access), ("error", &error), ("fpm", &case.fpm)]);
        if got != expected {
            faults.push(format!("{} {times} times: {got:#?}\nnot {expected:#?}", case.name));
        }
        compared += 1;
    }
    assert!(
        faults.is_empty(),
        "{} of {compared}:\n{}",
        faults.len(),
        faults[..faults.len().min(4)].join("\n")
    );
    assert!(compared > 40, "only {compared} cases can be repeated");
}
