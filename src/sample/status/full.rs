//! What the workers of a pool do: the full status page in JSON (fpm_status.c, `?json&full`).
//!
//! PHP-FPM prints user and script into it as they are, and both may be a client's words, so any client can break the JSON.
//! Nothing is counted of it and nothing decided by it: it is shown to people, and where it cannot be read, nothing is shown.

use serde::Deserialize;

use super::fastcgi::Reply;
use super::page;

/// The query that asks for the page.
pub const QUERY: &str = "json&full";

/// Workers that are told of.
const MOST: usize = 5;

/// Milliseconds below which a request holds nothing up.
const SHORT: u64 = 1000;

/// A worker and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The script's path; `None`: its name is not that of a plain file, so that it may be anybody's words.
    pub script: Option<String>,
    /// For how long, in milliseconds.
    pub milliseconds: u64,
}

#[derive(Deserialize)]
struct Full {
    processes: Vec<Process>,
}

#[derive(Deserialize)]
struct Process {
    state: String,
    script: String,
    /// In microseconds; of the running request, or of the last one.
    #[serde(rename = "request duration")]
    duration: u64,
}

/// The longest requests that run, without those that are short.
pub fn holders(reply: &Reply) -> Option<Vec<Holder>> {
    let full: Full = page::body(reply)?;
    let running = full.processes.into_iter().filter(|process| process.state == "Running");
    let mut holders: Vec<Holder> = running
        .map(|process| Holder { script: plain(process.script), milliseconds: process.duration / 1000 })
        .filter(|holder| holder.milliseconds >= SHORT)
        .collect();
    holders.sort_by_key(|holder| std::cmp::Reverse(holder.milliseconds));
    holders.truncate(MOST);
    Some(holders)
}

/// An absolute path of usual letters, as nobody writes a message in.
fn plain(script: String) -> Option<String> {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    (script.starts_with('/') && script.len() <= crate::label::LONGEST && script.bytes().all(usual))
        .then_some(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(processes: &str) -> Reply {
        let body =
            format!("Content-Type: application/json\r\n\r\n{{\"pool\":\"www\",\"processes\":[{processes}]}}");
        Reply { stdout: body.into_bytes(), stderr: Vec::new() }
    }

    /// As PHP-FPM 8.2 writes a worker.
    fn worker(state: &str, duration: u64, script: &str) -> String {
        format!(
            "{{\"pid\":4711,\"state\":\"{state}\",\"start time\":1795183800,\"start since\":60,\"requests\":3,\
             \"request duration\":{duration},\"request method\":\"GET\",\"request uri\":\"/slow.php?secret=1\",\
             \"content length\":0,\"user\":\"-\",\"script\":\"{script}\",\"last request cpu\":0.00,\"last request memory\":0}}"
        )
    }

    #[test]
    fn the_longest_running_requests_are_told_and_no_uri() {
        let workers = [
            worker("Idle", 9_000_000, "/srv/idle.php"),
            worker("Running", 2_500_000, "/srv/b.php"),
            worker("Running", 300, "/status"),
            worker("Running", 8_000_000, "/srv/a.php"),
            worker("Running", 3_000_000, "run rm -rf / now"),
        ];
        let told = holders(&reply(&workers.join(","))).unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.script.as_deref(), one.milliseconds)).collect();
        assert_eq!(told, [(Some("/srv/a.php"), 8000), (None, 3000), (Some("/srv/b.php"), 2500)]);
        let many = (0..500).map(|_| worker("Running", 2_000_000, "/srv/a.php")).collect::<Vec<_>>();
        assert_eq!(holders(&reply(&many.join(","))).unwrap().len(), MOST);
    }

    #[test]
    fn a_page_that_a_client_broke_tells_nothing() {
        for script in ["a\"b", "/a\",\"script\":\"/b", "\u{0}", "\\"] {
            assert_eq!(holders(&reply(&worker("Running", 9_000_000, script))), None, "{script:?}");
        }
    }
}
