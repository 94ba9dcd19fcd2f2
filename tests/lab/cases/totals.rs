//! What settles only after a while, added up over all cases: root causes, failed attempts, ends of workers.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    ANY, Case, Failure,
    compare::{Counts, Row, differences},
    forged::FORGED,
};
use crate::{
    full_lab::Lab,
    harness::{
        Result,
        exporter::{Exporter, JOIN_WINDOW},
        wait_for,
    },
    say,
};

/// Expectations of both exporters, by family.
#[derive(Default)]
pub(super) struct Totals {
    failures: Vec<Row>,
    exits: Vec<Row>,
    roots: [Vec<Row>; 2],
}

impl Totals {
    /// Adds what `case` expects. `errors` are its rows for the rich and the combined log.
    pub(super) fn expect(&mut self, case: &'static Case, lab: &Lab, errors: &[Vec<Row>; 2]) -> Result<()> {
        for (number, rows) in errors.iter().enumerate() {
            for row in rows {
                let [code, cause, upstream] = [0, 1, 2].map(|part| row.key[part].clone());
                let mut root = case.root_of(&cause, &upstream, number == 0).to_owned();
                for (of, its) in case.roots {
                    if lab.names.fill(of)? == upstream {
                        root = (*its).to_owned();
                    }
                }
                self.roots[number].push(Row { key: vec![upstream, code, root], ..row.clone() });
            }
        }
        match case.failures {
            Some(rows) => {
                for (upstream, cause, outcome, count) in rows {
                    self.failures.push(failure(case, lab, (upstream, cause, outcome, *count))?);
                }
            }
            // A failed attempt is behind every failure that an upstream's connection or answer caused.
            None => self.failures.extend(errors[0].iter().filter(|row| is_attempt(&row.key[1])).map(|row| {
                Row { key: vec![row.key[2].clone(), row.key[1].clone(), "failed".to_owned()], ..row.clone() }
            })),
        }
        for (pool, reason, count) in case.exits {
            let key = vec![(*pool).to_owned(), (*reason).to_owned()];
            self.exits.push(Row { key, count: *count, from: case.name });
        }
        Ok(())
    }

    /// Waits until both exporters have settled and compares; everything that is wrong, in words.
    pub(super) fn check(&self, lab: &Lab) -> Vec<String> {
        let mut wrong = Vec::new();
        let began = Instant::now();
        let logs = [lab.nginx.rich_log(), lab.nginx.combined_log()];
        for (number, (name, exporter)) in
            [("rich", &lab.rich), ("combined", &lab.plain)].into_iter().enumerate()
        {
            let mut found = Vec::new();
            let settled = wait_for("the totals", Duration::from_secs(JOIN_WINDOW + 8), || {
                found = self.differences(exporter, number).unwrap_or_else(|error| vec![error.to_string()]);
                found.extend(lines_read(exporter, &logs[number]).err().map(|error| error.to_string()));
                // What must not be counted could still be: an entry that no response claims waits for the window.
                (found.is_empty() && began.elapsed().as_secs() > JOIN_WINDOW).then_some(())
            });
            let verdict = if settled.is_ok() { "ok  " } else { "FAIL" };
            say(&format!("{verdict} totals over all cases, {name} log; diagnosis of the same"));
            for line in &found {
                say(&format!("     {line}"));
            }
            wrong.extend(found.into_iter().map(|line| format!("totals, {name}: {line}")));
        }
        wrong
    }

    fn differences(&self, exporter: &Exporter, number: usize) -> Result<Vec<String>> {
        let page = exporter.scrape()?;
        let mut found = Vec::new();
        let mut compare = |family: &str, labels: &[&str], rows: &[Row]| {
            let mut actual: Counts = page.sums(family, labels);
            // Whether a limit of nginx's own is an attempt at an upstream is nobody's question.
            actual.retain(|key, _| !key.iter().any(|part| part.starts_with("nginx_")));
            found.extend(differences(rows, &actual).into_iter().map(|line| format!("{family} {line}")));
        };
        compare("badgateway_upstream_failures_total", &["upstream", "cause", "outcome"], &self.failures);
        compare("badgateway_fpm_worker_exits_total", &["pool", "reason"], &self.exits);
        compare(
            "badgateway_http_root_causes_total",
            &["upstream", "code", "root_cause"],
            &self.roots[number],
        );
        found.extend(self.diagnosis(exporter, number)?);
        if let Some(value) = page.label_values().find(|value| value.contains(FORGED)) {
            found.push(format!("a forged line became a label: {value:?}"));
        }
        Ok(found)
    }
}

impl Totals {
    /// What `/diagnosis` says of everything that failed in these minutes, each root cause that is known with its number.
    fn diagnosis(&self, exporter: &Exporter, number: usize) -> Result<Vec<String>> {
        let told: serde_json::Value = serde_json::from_slice(&exporter.get("/diagnosis").body)?;
        let mut expected: Counts = Counts::new();
        for Row { key, count, .. } in &self.roots[number] {
            if !key.iter().any(|part| part == ANY) && key[2] != "unknown" {
                *expected.entry(vec![key[0].clone(), key[2].clone()]).or_default() += count;
            }
        }
        let text =
            |finding: &serde_json::Value, part: &str| finding[part].as_str().unwrap_or_default().to_owned();
        let findings = told["findings"].as_array().cloned().unwrap_or_default();
        let sure = findings.iter().filter(|finding| finding["fails"] == true && finding["sure"] == true);
        let mut actual: Counts = sure
            .map(|finding| {
                let key = vec![text(finding, "upstream"), text(finding, "name")];
                (key, finding["count"].as_u64().unwrap_or_default())
            })
            .collect();
        // Where several answers are right, any is.
        actual.retain(|key, _| expected.contains_key(key));
        if actual == expected {
            return Ok(Vec::new());
        }
        let missing = expected.iter().filter(|(key, count)| actual.get(*key) != Some(*count));
        Ok(missing
            .map(|(key, count)| format!("diagnosis lacks {key:?} {count}: it has {:?}", actual.get(key)))
            .collect())
    }
}

/// Every line of the access log was read and understood, once.
fn lines_read(exporter: &Exporter, log: &Path) -> Result<()> {
    let written = fs::read(log)?.iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut read = exporter.scrape()?.sums("badgateway_log_lines_total", &["log", "result"]);
    read.retain(|key, _| key[0] == log.to_string_lossy());
    if read != Counts::from([(vec![log.display().to_string(), "parsed".to_owned()], written)]) {
        return Err(format!("{written} lines were written, log_lines_total has {read:?}").into());
    }
    Ok(())
}

fn failure(case: &'static Case, lab: &Lab, row: Failure) -> Result<Row> {
    let (upstream, cause, outcome, count) = row;
    let key = vec![lab.names.fill(upstream)?, cause.to_owned(), outcome.to_owned()];
    Ok(Row { key, count, from: case.name })
}

fn is_attempt(cause: &str) -> bool {
    !matches!(cause, "upstream_status" | "cached_error" | "unknown") && !cause.starts_with("nginx_")
}
