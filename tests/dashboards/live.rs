//! Each query runs on a real Prometheus that scraped the real program while a real site failed.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use badgateway_harness::{
    Result,
    prometheus::{self, Pace, Prometheus, percent},
    root::not_run,
    wait_for,
};
use regex::Regex;

use crate::{
    empty,
    files::committed,
    queries::{self, Filling},
    scenes::{self, Got},
    site::{MASTERS, Site},
    truth,
};

/// Whether everything is to be tried, which takes a quarter of an hour.
pub(crate) fn is_long() -> bool {
    std::env::var_os("DASHBOARDS").is_some()
}

/// One line on the terminal, also when the test passes.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "dashboards: {line}");
}

pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs_f64()
}

/// The rules as they are shipped; in the short form those of every minute are evaluated every second.
fn rules(dir: &std::path::Path) -> Result<Vec<PathBuf>> {
    let interval = Regex::new(r"(?m)^    interval: \d+m$")?;
    prometheus::rules()
        .into_iter()
        .map(|path| {
            if is_long() {
                return Ok(path);
            }
            let copy = dir.join(path.file_name().ok_or("a rule file has a name")?);
            fs::write(
                &copy,
                interval.replace_all(&fs::read_to_string(&path)?, "    interval: 1s").as_bytes(),
            )?;
            Ok(copy)
        })
        .collect()
}

#[test]
fn every_query_answers_and_ten_panels_say_what_visitors_saw() {
    let mut site = Site::start().expect("the site starts");
    if site.cgroup.is_none() {
        not_run("dashboards: an OOM kill", "no memory cgroup may be made here");
    }
    let paces = if is_long() { vec![15, 60] } else { vec![1] };
    let takes = Duration::from_secs(if is_long() { 600 } else { 8 });
    let scrape =
        format!("  - {{job_name: badgateway, static_configs: [{{targets: ['{}']}}]}}\n", site.address);
    let mut watchers = Vec::new();
    for scrape_interval in paces {
        let dir = site.root().unwrap().join(format!("every-{scrape_interval}"));
        fs::create_dir_all(&dir).unwrap();
        let pace = Pace { scrape: scrape_interval, evaluation: scrape_interval.min(15) };
        let rules = rules(&dir).unwrap();
        let prometheus =
            Prometheus::start_with(&dir, None, pace, &scrape, None, &rules).expect("Prometheus starts");
        watchers.push((scrape_interval, dir, prometheus));
    }
    for (seconds, _, prometheus) in &watchers {
        let has = || prometheus.query("badgateway_fpm_up").is_ok_and(|rows| !rows.is_empty()).then_some(());
        wait_for("the first scrape", Duration::from_secs(10 + 2 * seconds), has).unwrap();
    }
    let start = now();
    let got = scenes::play(&mut site, takes).expect("the scenes are played");
    truth::settle(&site, &got).expect("all is counted");
    let (mut wrong, mut asked) = (Vec::new(), Vec::new());
    for (seconds, _, prometheus) in &watchers {
        // Two more scrapes: each number is there, and rates have seen its last step.
        let settled = now();
        let fresh = || {
            let rows = prometheus.query("min(timestamp(badgateway_build_info))").ok()?;
            rows.first().is_some_and(|(_, at)| *at >= settled + *seconds as f64).then_some(())
        };
        wait_for("two more scrapes", Duration::from_secs(10 + 3 * seconds), fresh).unwrap();
        let filling = Filling {
            scrape: Duration::from_secs(*seconds),
            start: start - 2.0 * *seconds as f64,
            end: now(),
            masters: MASTERS,
        };
        asked.push(filling.end);
        wrong.extend(ask_all(prometheus, &filling));
        wrong.extend(ask_variables(prometheus));
        wrong.extend(truth::compare(prometheus, &filling, &site, &got));
        wrong.extend(prometheus.broken_rules().unwrap());
    }
    if is_long() {
        keep(watchers.swap_remove(0), start, asked[0]);
    }
    drop(watchers);
    site.finish().expect("nothing is left running");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What did not answer as it must.
fn ask_all(prometheus: &Prometheus, filling: &Filling) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut answered, mut excused) = (0, 0);
    for query in queries::all() {
        let reason = empty::reason(&query.board, &query.panel, &query.letter, is_long());
        match filling.ask(prometheus, &query) {
            Err(error) => wrong.push(error.to_string()),
            Ok(rows) if !rows.is_empty() => answered += 1,
            Ok(_) if reason.is_some() => excused += 1,
            Ok(_) => wrong.push(format!(
                "{}: no data\n{}",
                query.name(),
                filling.fill(&query.expr, query.interval)
            )),
        }
    }
    say(&format!(
        "scraped every {} s: {answered} queries answer, {excused} are empty for a known reason, {} wrong",
        filling.scrape.as_secs(),
        wrong.len()
    ));
    wrong
}

/// Each variable must offer something; `namespace` is absent outside Kubernetes.
fn ask_variables(prometheus: &Prometheus) -> Vec<String> {
    let shape = Regex::new(r"^label_values\((.*), (\w+)\)$").unwrap();
    let mut wrong = Vec::new();
    for (file, board) in committed() {
        for variable in board["templating"]["list"].as_array().into_iter().flatten() {
            let Some(query) = variable["query"]["query"].as_str() else { continue };
            let found = shape.captures(query).unwrap_or_else(|| panic!("{file}: {query}"));
            let filling = Filling { scrape: Duration::from_secs(1), start: 0.0, end: 1.0, masters: MASTERS };
            let path = format!("label/{}/values?match[]={}", &found[2], percent(&filling.fill(&found[1], 0)));
            let values = prometheus.api(&path).map(|values| values.as_array().map_or(0, Vec::len));
            match values {
                Ok(0) if &found[2] != "namespace" => wrong.push(format!("{file}: {query} offers nothing")),
                Ok(_) => {}
                Err(error) => wrong.push(format!("{file}: {query}: {error}")),
            }
        }
    }
    wrong
}

/// Keeps what Prometheus stored, for pictures: `make dashboards-picture`.
fn keep(watcher: (u64, PathBuf, Prometheus), start: f64, end: f64) {
    let (_, dir, prometheus) = watcher;
    drop(prometheus);
    let to = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/dashboards/run");
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(dir.join("prometheus/data"))
        .arg(&to)
        .status()
        .expect("cp runs");
    assert!(copied.success());
    let times = serde_json::json!({
        "start": start - 60.0, "end": end, "scrape": 15, "fpm": MASTERS, "pools": ["www", "api", "worker", "batch"]
    });
    fs::write(to.join("times.json"), times.to_string()).expect("the times");
}

/// By server and path.
pub(crate) type Truth = BTreeMap<(&'static str, &'static str), Got>;
