//! A client that knows how the error log is read writes entries into it through a real nginx: no response of anybody
//! else moves, and none of its words becomes a name.

#![allow(clippy::disallowed_methods, reason = "the real nginx and the real binary are run")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod attack;
mod nginx;

use std::collections::BTreeMap;

use attack::{Way, attack};
use serde_json::Value;

/// Requests of the forger alone.
const ALONE: usize = 10_000;

/// Failures of others, each seventh request being the forger's.
const HONEST: usize = 6000;

/// Responses by cause and upstream.
fn causes(explained: &Value) -> BTreeMap<(String, String), u64> {
    let mut out = BTreeMap::new();
    for row in explained["responses"].as_array().unwrap().iter().filter(|row| row["code"] == "502") {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        *out.entry((text("cause"), text("upstream"))).or_default() += row["count"].as_u64().unwrap();
    }
    out
}

#[test]
fn alone_a_forger_makes_no_name_and_no_failure() {
    let nginx = nginx::start();
    for n in 0..ALONE {
        attack(&nginx, n);
    }
    let log = nginx.read("error.log");
    assert!(log.matches("\n2").count() > ALONE, "the forged lines stand in the log");
    for way in Way::ALL.into_iter().filter(|way| way.is_offered(&nginx)) {
        assert!(log.contains(way.mark()), "{way:?} came into no entry");
    }
    for access in ["rich.log", "combined.log"] {
        let got = nginx.explain(access);
        assert!(!got.to_string().contains("evil"), "{access}: {got:#}");
        assert_eq!(causes(&got), BTreeMap::new());
        let failures = got["failures"].as_array().unwrap();
        assert!(failures.iter().all(|row| row["cause"] != "connection_reset"), "{access}: {got:#}");
    }
}

#[test]
fn among_honest_failures_a_forger_moves_none() {
    let nginx = nginx::start();
    for n in 0..HONEST {
        if n % 6 == 0 {
            attack(&nginx, n / 6);
        }
        // Every other request is one that no forger can guess.
        let guess = if n % 2 == 0 { String::new() } else { format!("?{}", n * 7919) };
        assert_eq!(nginx.send(&format!("GET /pay/{n}{guess}"), ""), 502);
    }
    let upstream = nginx.refused.address.clone();
    for access in ["rich.log", "combined.log"] {
        let got = nginx.explain(access);
        assert!(!got.to_string().contains("evil"), "{access}: {got:#}");
        let causes = causes(&got);
        let right = causes[&("connection_refused".to_owned(), upstream.clone())];
        assert_eq!(causes.values().sum::<u64>(), HONEST as u64, "{causes:?}");
        let coarse: u64 = ["unknown", "connect_failed"]
            .iter()
            .flat_map(|coarse| causes.iter().filter(move |(of, _)| of.0 == *coarse))
            .map(|(_, count)| count)
            .sum();
        println!("{access}: {right} of {HONEST} keep their cause, {coarse} have the coarse one");
        assert_eq!(right + coarse, HONEST as u64, "{access}: {causes:?}");
        // Who guesses all that an entry says of a request makes the cause of that response the coarse one, where the access
        // log has nothing that speaks against it.
        let most = if access == "rich.log" { HONEST / 1000 } else { HONEST / 6 };
        assert!(coarse <= most as u64, "{access}: {causes:?}");
        let unguessed: Vec<_> = causes.keys().filter(|(cause, _)| cause == "connection_reset").collect();
        assert!(unguessed.is_empty(), "{access}: {causes:?}");
    }
}
