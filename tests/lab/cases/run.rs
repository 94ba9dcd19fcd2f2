//! Runs the table: one nginx, two PHP-FPM, one exporter on each log format, one case after the other.
//!
//! Each case is a difference of two scrapes: exactly the expected series of `http_errors_total` gained exactly the
//! expected numbers and nothing else moved. What settles seconds later (root causes, unmatched attempts) is added up
//! and compared once at the end, in `totals`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    ALL, Case, Error, Send,
    compare::{Counts, Row, differences},
    table,
    totals::Totals,
};
use crate::{
    full_lab::Lab,
    harness::{
        Result,
        client::{Answer, Http1, Http2, by_code},
        exporter::{Exporter, gained},
        nginx::Setup,
        wait_for,
    },
    say, share_machine,
};

/// How long a page may lag behind the logs: a scrape drains them, but nginx writes an access line after the answer.
const SETTLED: Duration = Duration::from_secs(8);

#[test]
fn every_failure_is_named() {
    // `LAB_CASE=forged cargo test --test lab` runs only the cases with that in their name.
    let _held = share_machine();
    let wanted = std::env::var("LAB_CASE").unwrap_or_default();
    let table = table();
    let block =
        |part: fn(&Case) -> &'static str| table.iter().map(|case| part(case)).collect::<Vec<_>>().join("\n");
    let (http, server) = (block(|case| case.http), block(|case| case.server));
    let setup = Setup { http: &http, server: &server, ..Setup::default() };
    let mut lab = Lab::start(&setup).expect("the lab starts");
    let mut totals = Totals::default();
    let mut wrong = Vec::new();
    let mut quiet_since = Instant::now();
    for case in table.iter().filter(|case| case.name.contains(&wanted)) {
        if case.needs_own_second() {
            // FPM's stamps are whole seconds: two seconds apart nothing can be taken for its neighbour.
            std::thread::sleep(Duration::from_millis(2100).saturating_sub(quiet_since.elapsed()));
        }
        let began = Instant::now();
        let found = run(case, &mut lab, &mut totals).unwrap_or_else(|error| vec![format!("lab: {error}")]);
        let verdict = if found.is_empty() { "ok  " } else { "FAIL" };
        say(&format!("{verdict} {:28} {:5} ms  {}", case.name, began.elapsed().as_millis(), summary(case)));
        for line in &found {
            say(&format!("     {line}"));
        }
        wrong.extend(found.into_iter().map(|line| format!("{}: {line}", case.name)));
        if !wrong.is_empty() && case.name == table[0].name {
            say("a request that works is not counted: the other cases would only say the same");
            break;
        }
        if case.needs_own_second() {
            quiet_since = Instant::now();
        }
    }
    wrong.extend(totals.check(&lab));
    for (name, exporter) in [("rich", &lab.rich), ("combined", &lab.plain)] {
        if !exporter.complaints().trim().is_empty() {
            say(&format!("{name} exporter said: {}", exporter.complaints().trim()));
        }
    }
    lab.finish().expect("everything stops");
    assert!(wrong.is_empty(), "{} of the lab's expectations failed:\n{}", wrong.len(), wrong.join("\n"));
}

/// What a case is about, for its line on the terminal.
fn summary(case: &Case) -> String {
    let seen: Vec<String> = case.seen.iter().map(|(code, _)| (*code).to_owned()).collect();
    let mut causes: Vec<&str> = case.errors.iter().map(|(_, cause, _, _)| *cause).collect();
    causes.extend(case.failures.unwrap_or_default().iter().map(|(_, cause, _, _)| *cause));
    causes.sort_unstable();
    causes.dedup();
    format!("{} {}", seen.join(","), causes.join(", "))
}

/// Provokes one failure and compares the records; everything that does not agree, in words.
fn run(case: &'static Case, lab: &mut Lab, totals: &mut Totals) -> Result<Vec<String>> {
    let before = [View::of(&lab.rich)?, View::of(&lab.plain)?];
    let error_log = Tail::of(&lab.nginx.error_log());
    let access_log = Tail::of(&lab.nginx.combined_log());
    let rich_log = Tail::of(&lab.nginx.rich_log());

    let answers = send(case, lab)?;
    let mut wrong = compare_clients(case, &answers);

    let seen = by_code(&answers);
    let logged: BTreeMap<String, u64> = match case.logged {
        None => seen.clone(),
        Some(codes) => codes.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect(),
    };
    // nginx's own log first: if it does not say what the client saw, the lab is wrong and not the exporter.
    let written =
        wait_for("the access log", SETTLED, || (codes_in(&access_log.added()) == logged).then_some(()));
    if written.is_err() {
        wrong.push(format!("access log has {:?} instead of {logged:?}", codes_in(&access_log.added())));
    }
    let errors = error_log.added();
    for text in case.says {
        if !errors.contains(text) {
            wrong.push(format!("nginx did not write {text:?}"));
        }
    }

    let rows = [
        rows_of(case, case.errors, lab, &logged)?,
        rows_of(case, case.plain.unwrap_or(case.errors), lab, &logged)?,
    ];
    for (number, (name, before)) in [("rich", &before[0]), ("combined", &before[1])].into_iter().enumerate() {
        let exporter = if number == 0 { &lab.rich } else { &lab.plain };
        let mut found = Vec::new();
        let settled = wait_for(name, SETTLED, || {
            found = match View::of(exporter) {
                Ok(now) => now.differences(before, &rows[number], &logged),
                Err(error) => vec![error.to_string()],
            };
            found.is_empty().then_some(())
        });
        if settled.is_err() {
            wrong.extend(found.into_iter().map(|line| format!("{name}: {line}")));
        }
    }
    totals.expect(case, lab, &rows)?;
    if !wrong.is_empty() {
        let quote = |text: String| text.lines().take(6).map(|line| format!("  | {line}")).collect::<Vec<_>>();
        wrong.extend(quote(errors));
        wrong.extend(quote(rich_log.added()));
    }
    Ok(wrong)
}

/// Sends what the case says and returns all answers.
fn send(case: &Case, lab: &mut Lab) -> Result<Vec<Answer>> {
    let (port, h2_port) = (lab.nginx.port, lab.nginx.h2_port);
    match &case.send {
        Send::Get(paths) => Ok(paths.iter().map(|path| Http1::new(port).get(path)).collect()),
        Send::Keepalive(paths) => {
            let mut client = Http1::new(port);
            Ok(paths.iter().map(|path| client.get(path)).collect())
        }
        Send::Streams(paths) => {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            Ok(Http2::connect(h2_port)?.get_all(&paths))
        }
        Send::With(path, headers) => Ok(vec![Http1::new(port).send("GET", path, headers, b"")]),
        Send::Do(act) => act(lab),
    }
}

/// The clients' answers against the case's own prediction.
fn compare_clients(case: &Case, answers: &[Answer]) -> Vec<String> {
    let seen = by_code(answers);
    let predicted = |code: &str, count: u64| {
        case.seen.iter().any(|(wanted, number)| *wanted == code && (*number == count || *number == ALL))
    };
    let mut wrong = Vec::new();
    if seen.len() != case.seen.len() || !seen.iter().all(|(code, count)| predicted(code, *count)) {
        wrong.push(format!("clients saw {seen:?} instead of {:?}", case.seen));
    }
    let cut = answers.iter().filter(|answer| !answer.complete).count() as u64;
    if cut != case.cut {
        wrong.push(format!("{cut} answers were cut short instead of {}", case.cut));
    }
    wrong
}

/// The expected rows of `http_errors_total`, with real addresses and numbers.
fn rows_of(
    case: &'static Case,
    errors: &[Error],
    lab: &Lab,
    logged: &BTreeMap<String, u64>,
) -> Result<Vec<Row>> {
    errors
        .iter()
        .map(|(code, cause, upstream, count)| {
            let key = vec![(*code).to_owned(), (*cause).to_owned(), lab.names.fill(upstream)?];
            let all = logged.get(*code).copied().unwrap_or(0);
            Ok(Row { key, count: if *count == ALL { all } else { *count }, from: case.name })
        })
        .collect()
}

/// The two families that a case is compared with at once.
struct View {
    errors: Counts,
    responses: Counts,
}

impl View {
    fn of(exporter: &Exporter) -> Result<Self> {
        let page = exporter.scrape()?;
        Ok(Self {
            errors: page.sums("badgateway_http_errors_total", &["code", "cause", "upstream"]),
            responses: page.sums("badgateway_http_responses_total", &["code"]),
        })
    }

    /// What moved since `before` against what should have.
    fn differences(&self, before: &Self, rows: &[Row], logged: &BTreeMap<String, u64>) -> Vec<String> {
        let mut found = differences(rows, &gained(&before.errors, &self.errors));
        let responses: BTreeMap<String, u64> = gained(&before.responses, &self.responses)
            .into_iter()
            .map(|(key, count)| (key.concat(), count))
            .collect();
        if responses != *logged {
            found.push(format!("http_responses_total gained {responses:?} instead of {logged:?}"));
        }
        found
    }
}

/// What is added to a file from now on.
struct Tail {
    path: PathBuf,
    from: usize,
}

impl Tail {
    fn of(path: &Path) -> Self {
        let from = fs::metadata(path).map_or(0, |about| about.len() as usize);
        Self { path: path.to_owned(), from }
    }

    fn added(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.from..).unwrap_or_default()).into_owned()
    }
}

/// Lines by status, in nginx's `combined`: the number behind the quoted request, in which quotes are escaped.
pub(crate) fn codes_in(log: &str) -> BTreeMap<String, u64> {
    let mut codes = BTreeMap::new();
    for line in log.lines() {
        if let Some(code) = line.split('"').nth(2).and_then(|rest| rest.trim_start().split(' ').next()) {
            *codes.entry(code.to_owned()).or_default() += 1;
        }
    }
    codes
}
