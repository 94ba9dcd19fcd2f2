//! A real Alertmanager with the shipped example; only the receivers are ours.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    alerts,
    harness::{Result, client::Http1, ports::free_port, proc::Proc},
    inbox::Inbox,
    launch,
};

/// A running Alertmanager. Dropping it stops it.
pub(crate) struct Alertmanager {
    _proc: Proc,
    pub(crate) port: u16,
}

impl Alertmanager {
    /// Starts it as shipped, or so that a group that changes is told after 10 s instead of minutes: what comes twice shows
    /// at once.
    pub(crate) fn start(root: &Path, inbox: &Inbox, as_shipped: bool) -> Result<Self> {
        let dir = root.join("alertmanager");
        fs::create_dir_all(&dir)?;
        fs::copy(alerts().join("badgateway.tmpl"), dir.join("badgateway.tmpl"))?;
        let example = fs::read_to_string(alerts().join("alertmanager.example.yml"))?;
        let (routes, _) = example.split_once("\nreceivers:").ok_or("the example has no receivers")?;
        let mut config = routes.to_owned();
        if !as_shipped {
            config = config.replace("group_interval: 5m", "group_interval: 10s");
        }
        config.push_str("\nreceivers:\n  - name: nobody\n");
        for name in ["pager", "tickets"] {
            let url = format!("http://{}/", inbox.address());
            config.push_str(&format!("  - name: {name}\n    webhook_configs: [{{url: '{url}'}}]\n"));
        }
        let path = dir.join("alertmanager.yml");
        fs::write(&path, config)?;
        let port = free_port()?;
        let mut command = launch::command("ALERTMANAGER", &["prometheus-alertmanager", "alertmanager"])?;
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.path={}", dir.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=");
        Ok(Self { _proc: launch::ready("Alertmanager", &mut command, &dir, port)?, port })
    }

    /// Tells it of alerts, as Prometheus does.
    pub(crate) fn post(&self, alerts: &Value) -> Result<()> {
        let headers = [("Content-Type", "application/json")];
        let body = serde_json::to_vec(alerts)?;
        let answer = Http1::new(self.port).send("POST", "/api/v2/alerts", &headers, &body);
        if answer.status == Some(200) {
            return Ok(());
        }
        Err(format!("{}: {}", answer.code(), String::from_utf8_lossy(&answer.body)).into())
    }

    /// Its alerts and their state.
    pub(crate) fn alerts(&self) -> Result<Vec<Value>> {
        let answer = Http1::new(self.port).get("/api/v2/alerts");
        Ok(serde_json::from_slice(&answer.body)?)
    }
}
