//! A real Prometheus with the shipped rules.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    Result,
    client::Http1,
    launch,
    ports::free_port,
    proc::{self, Proc},
};

/// Seconds between two scrapes, and between two evaluations of the rules.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Between two scrapes.
    pub scrape: u64,
    /// Between two evaluations.
    pub evaluation: u64,
}

/// A running Prometheus. Dropping it stops it.
pub struct Prometheus {
    _proc: Proc,
    /// Port of 127.0.0.1 that it listens on.
    pub port: u16,
}

/// The files of rules as they are shipped, in the order in which they are loaded.
pub fn rules() -> [PathBuf; 5] {
    let alerts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../alerts");
    ["thresholds", "nginx", "slo", "php-fpm", "badgateway"].map(|name| alerts.join(format!("{name}.yml")))
}

impl Prometheus {
    /// Starts `program`, else what `PROMETHEUS` names, else the one that is installed; `scrape` is the body of
    /// `scrape_configs`.
    pub fn start(
        root: &Path,
        program: Option<&Path>,
        pace: Pace,
        scrape: &str,
        alertmanager: Option<u16>,
    ) -> Result<Self> {
        Self::start_with(root, program, pace, scrape, alertmanager, &rules())
    }

    /// The same with other files of rules.
    pub fn start_with(
        root: &Path,
        program: Option<&Path>,
        pace: Pace,
        scrape: &str,
        alertmanager: Option<u16>,
        rules: &[PathBuf],
    ) -> Result<Self> {
        let dir = root.join("prometheus");
        fs::create_dir_all(&dir)?;
        let port = free_port()?;
        let pager = alertmanager.map_or_else(String::new, |port| {
            format!(
                "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}\n"
            )
        });
        let rules: Vec<String> = rules.iter().map(|path| format!("'{}'", path.display())).collect();
        let config = dir.join("prometheus.yml");
        let Pace { scrape: scrape_interval, evaluation } = pace;
        let timeout = scrape_interval.min(5);
        fs::write(
            &config,
            format!(
                "global: {{scrape_interval: {scrape_interval}s, scrape_timeout: {timeout}s, evaluation_interval: {evaluation}s}}\n\
                 rule_files: [{}]\n{pager}scrape_configs:\n{scrape}",
                rules.join(", ")
            ),
        )?;
        let mut command = match program {
            Some(program) => proc::command(program),
            None => launch::command("PROMETHEUS", &["prometheus"])?,
        };
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        Ok(Self { _proc: launch::ready("Prometheus", &mut command, &dir, port)?, port })
    }

    /// Its version.
    pub fn version(&self) -> Result<String> {
        Ok(self.api("status/buildinfo")?["version"].as_str().ok_or("no version")?.to_owned())
    }

    /// What the API answers at `path`, without `/api/v1/`: its `data`.
    pub fn api(&self, path: &str) -> Result<Value> {
        let mut answer: Value =
            serde_json::from_slice(&Http1::new(self.port).get(&format!("/api/v1/{path}")).body)?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].take()),
            _ => Err(format!("{path}: {answer}").into()),
        }
    }

    /// The vector that a query gives: labels and value of each.
    pub fn query(&self, expr: &str) -> Result<Vec<(Value, f64)>> {
        let data = self.api(&format!("query?query={}", percent(expr)))?;
        let rows = data["result"].as_array().ok_or_else(|| format!("{expr}: {data}"))?;
        let row = |row: &Value| (row["metric"].clone(), number(&row["value"][1]));
        Ok(rows.iter().map(row).collect())
    }

    /// How long each group took to evaluate last time.
    pub fn groups(&self) -> Result<Vec<(String, Duration)>> {
        let data = self.api("rules")?;
        let groups = data["groups"].as_array().ok_or("no groups")?;
        Ok(groups
            .iter()
            .map(|group| {
                let seconds = group["evaluationTime"].as_f64().unwrap_or_default();
                (group["name"].as_str().unwrap_or_default().to_owned(), Duration::from_secs_f64(seconds))
            })
            .collect())
    }

    /// The rules that took longest last time.
    pub fn slowest_rules(&self, count: usize) -> Result<Vec<(String, Duration)>> {
        let data = self.api("rules")?;
        let groups = data["groups"].as_array().ok_or("no groups")?;
        let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
        let mut times: Vec<(String, Duration)> = rules
            .map(|rule| {
                let seconds = rule["evaluationTime"].as_f64().unwrap_or_default();
                (rule["name"].as_str().unwrap_or_default().to_owned(), Duration::from_secs_f64(seconds))
            })
            .collect();
        times.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
        times.truncate(count);
        Ok(times)
    }

    /// Rules whose last evaluation failed, with the reason.
    pub fn broken_rules(&self) -> Result<Vec<String>> {
        let data = self.api("rules")?;
        let groups = data["groups"].as_array().ok_or("no groups")?;
        let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
        Ok(rules
            .filter(|rule| rule["health"] == "err")
            .map(|rule| format!("{}: {}", rule["name"], rule["lastError"]))
            .collect())
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

/// A query as part of a URL.
pub fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
