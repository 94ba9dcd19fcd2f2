//! Where notifications arrive: a webhook that writes down what it gets, and when.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
    time::Instant,
};

use serde_json::Value;

use crate::{harness::Result, upstream::Server};

/// One notification.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) at: Instant,
    pub(crate) receiver: String,
    pub(crate) firing: bool,
    /// The labels that its alerts are grouped by.
    pub(crate) group: Value,
    /// Those that fire, then those that are over.
    pub(crate) alerts: Vec<Value>,
}

impl Notice {
    /// A label of the group; empty: it has none.
    pub(crate) fn group(&self, label: &str) -> &str {
        self.group[label].as_str().unwrap_or_default()
    }

    /// The names of its alerts.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.alerts.iter().filter_map(|alert| alert["labels"]["alertname"].as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// In one line, for people.
    pub(crate) fn line(&self) -> String {
        let state = if self.firing { "firing" } else { "resolved" };
        format!("{} {state} {} {}", self.receiver, self.names().join("+"), self.group)
    }
}

/// A listening webhook.
pub(crate) struct Inbox {
    server: Server,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl Inbox {
    pub(crate) fn open() -> Result<Self> {
        let notices = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&notices);
        let server = Server::tcp(move |stream| {
            if let Ok(notice) = receive(stream) {
                received.lock().unwrap().push(notice);
            }
        })?;
        Ok(Self { server, notices })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.server.address
    }

    /// Everything that came, in order.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }
}

fn receive(stream: TcpStream) -> Result<Notice> {
    let mut answer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    answer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let body: Value = serde_json::from_slice(&body)?;
    Ok(Notice {
        at: Instant::now(),
        receiver: body["receiver"].as_str().unwrap_or_default().to_owned(),
        firing: body["status"] == "firing",
        group: body["groupLabels"].clone(),
        alerts: body["alerts"].as_array().cloned().unwrap_or_default(),
    })
}
