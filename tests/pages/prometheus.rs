//! A real Prometheus with the shipped rules.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    alerts,
    harness::{
        Result,
        client::Http1,
        ports::free_port,
        proc::{self, Proc},
    },
    launch,
};

/// Seconds between two scrapes, and between two evaluations of the rules.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) scrape: u64,
    pub(crate) evaluation: u64,
}

/// A running Prometheus. Dropping it stops it.
pub(crate) struct Prometheus {
    _proc: Proc,
    port: u16,
}

impl Prometheus {
    /// Starts `program`, else what `PROMETHEUS` names, else the one that is installed; `scrape` is the body of
    /// `scrape_configs`.
    pub(crate) fn start(
        root: &Path,
        program: Option<&Path>,
        pace: Pace,
        scrape: &str,
        alertmanager: Option<u16>,
    ) -> Result<Self> {
        let dir = root.join("prometheus");
        fs::create_dir_all(&dir)?;
        let port = free_port()?;
        let pager = alertmanager.map_or_else(String::new, |port| {
            format!(
                "alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]}}\n"
            )
        });
        let names = ["thresholds", "nginx", "slo", "php-fpm", "badgateway"];
        let rules = names.map(|name| format!("'{}'", alerts().join(format!("{name}.yml")).display()));
        let config = dir.join("prometheus.yml");
        let Pace { scrape: scrape_interval, evaluation } = pace;
        fs::write(
            &config,
            format!(
                "global: {{scrape_interval: {scrape_interval}s, scrape_timeout: 5s, evaluation_interval: {evaluation}s}}\n\
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
    pub(crate) fn version(&self) -> Result<String> {
        let answer: Value =
            serde_json::from_slice(&Http1::new(self.port).get("/api/v1/status/buildinfo").body)?;
        Ok(answer["data"]["version"].as_str().ok_or("no version")?.to_owned())
    }

    /// The vector that a query gives: labels and value of each.
    pub(crate) fn query(&self, expr: &str) -> Result<Vec<(Value, f64)>> {
        let path = format!("/api/v1/query?query={}", percent(expr));
        let answer: Value = serde_json::from_slice(&Http1::new(self.port).get(&path).body)?;
        let rows = answer["data"]["result"].as_array().ok_or_else(|| format!("{expr}: {answer}"))?;
        let row = |row: &Value| (row["metric"].clone(), number(&row["value"][1]));
        Ok(rows.iter().map(row).collect())
    }

    /// How long each group took to evaluate last time.
    pub(crate) fn groups(&self) -> Result<Vec<(String, Duration)>> {
        let answer: Value = serde_json::from_slice(&Http1::new(self.port).get("/api/v1/rules").body)?;
        let groups = answer["data"]["groups"].as_array().ok_or("no groups")?;
        Ok(groups
            .iter()
            .map(|group| {
                let seconds = group["evaluationTime"].as_f64().unwrap_or_default();
                (group["name"].as_str().unwrap_or_default().to_owned(), Duration::from_secs_f64(seconds))
            })
            .collect())
    }

    /// The rules that took longest last time.
    pub(crate) fn slowest_rules(&self, count: usize) -> Result<Vec<(String, Duration)>> {
        let answer: Value = serde_json::from_slice(&Http1::new(self.port).get("/api/v1/rules").body)?;
        let groups = answer["data"]["groups"].as_array().ok_or("no groups")?;
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
    pub(crate) fn broken_rules(&self) -> Result<Vec<String>> {
        let answer: Value = serde_json::from_slice(&Http1::new(self.port).get("/api/v1/rules").body)?;
        let groups = answer["data"]["groups"].as_array().ok_or("no groups")?;
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
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
