//! What visitors were given, against what the panels show.

use std::time::Duration;

use badgateway_harness::{Result, prometheus::Prometheus, wait_for};
use serde_json::Value;

use crate::{
    live::{Truth, is_long, say},
    queries::{self, Filling, Kind},
    site::Site,
};

/// One number of one panel.
struct Claim {
    board: &'static str,
    panel: &'static str,
    letter: &'static str,
    /// The row or series: each label that must have that value; `@name@` is an address.
    labels: &'static [(&'static str, &'static str)],
    /// What it must be.
    is: fn(&Truth) -> f64,
    /// It is estimated between scrapes, as every `increase` is; else it is exact.
    estimated: bool,
}

fn failed(truth: &Truth, server: &'static str, path: &'static str) -> f64 {
    truth.get(&(server, path)).map_or(f64::NAN, |got| got.failed as f64)
}

fn answered(truth: &Truth, server: &'static str, path: &'static str) -> f64 {
    truth.get(&(server, path)).map_or(f64::NAN, |got| got.answered as f64)
}

const OVERVIEW: &str = "badgateway-overview";
const CAUSES: &str = "badgateway-causes";
const PHP_FPM: &str = "badgateway-php-fpm";

const CLAIMS: &[Claim] = &[
    Claim {
        board: OVERVIEW,
        panel: "Who is hit?",
        letter: "A",
        labels: &[
            ("server", "shop.example"),
            ("upstream", "@closed@"),
            ("cause", "connection_refused"),
            ("code", "502"),
        ],
        is: |truth| failed(truth, "shop", "/old/"),
        estimated: true,
    },
    Claim {
        board: OVERVIEW,
        panel: "Who is hit?",
        letter: "A",
        labels: &[
            ("server", "api.example"),
            ("upstream", "@nosuch@"),
            ("cause", "socket_missing"),
            ("code", "502"),
        ],
        is: |truth| failed(truth, "api", "/moved/ok.php"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "Which upstream fails how?",
        letter: "A",
        labels: &[("upstream", "@www@"), ("cause", "header_too_big")],
        is: |truth| failed(truth, "shop", "/bigheader.php"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "When did each cause begin, and when did it end?",
        letter: "C",
        labels: &[("cause", "nginx_return")],
        is: |truth| failed(truth, "shop", "/maintenance/"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "What broke which upstream?",
        letter: "A",
        labels: &[("upstream", "@nosuch@"), ("root_cause", "wrong_address")],
        is: |truth| failed(truth, "api", "/moved/ok.php"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "What broke which upstream?",
        letter: "A",
        labels: &[("upstream", "@worker@"), ("root_cause", "worker_crashed")],
        is: |truth| failed(truth, "jobs", "/kill.php?sig=11"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "What broke which upstream?",
        letter: "A",
        labels: &[("upstream", "@www@"), ("root_cause", "buffers_too_small")],
        is: |truth| failed(truth, "shop", "/bigheader.php"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "What do visitors not see, or see half of?",
        letter: "A",
        labels: &[("upstream", "@closed2@"), ("outcome", "rescued")],
        is: |truth| answered(truth, "shop", "/spare/"),
        estimated: true,
    },
    Claim {
        board: CAUSES,
        panel: "What do visitors not see, or see half of?",
        letter: "A",
        labels: &[("upstream", "@cut@"), ("outcome", "truncated")],
        is: |truth| failed(truth, "api", "/cut/short-body"),
        estimated: true,
    },
    Claim {
        board: PHP_FPM,
        panel: "Which pool?",
        letter: "D",
        labels: &[("fpm", "shop"), ("pool", "www")],
        is: |_| 8.0,
        estimated: false,
    },
    Claim {
        board: PHP_FPM,
        panel: "Which pool?",
        letter: "A",
        labels: &[("fpm", "batch"), ("pool", "batch")],
        is: |_| 0.0,
        estimated: false,
    },
    Claim { board: PHP_FPM, panel: "Pools down", letter: "A", labels: &[], is: |_| 1.0, estimated: false },
];

/// In the short form both happen within two seconds, and may be seen as one.
const LONG_CLAIMS: &[Claim] = &[Claim {
    board: PHP_FPM,
    panel: "Which pool?",
    letter: "H",
    labels: &[("fpm", "shop"), ("pool", "www")],
    // It was stopped and started, and reloaded.
    is: |_| 2.0,
    estimated: true,
}];

/// Waits until Badgateway has counted what the visitors saw, and knows what broke it.
pub(crate) fn settle(site: &Site, truth: &Truth) -> Result<()> {
    let moved = site.names.fill("@nosuch@")?;
    let expected = failed(truth, "api", "/moved/ok.php") as u64;
    let mut last = 0;
    let counted = wait_for("the root causes", Duration::from_secs(15), || {
        let sums = site
            .exporter
            .scrape()
            .ok()?
            .sums("badgateway_http_root_causes_total", &["upstream", "root_cause"]);
        last = sums.get(&vec![moved.clone(), "wrong_address".to_owned()]).copied().unwrap_or_default();
        (last == expected).then_some(())
    });
    counted.map_err(|error| format!("{error}: {last} of {expected}").into())
}

/// The claims that do not hold.
pub(crate) fn compare(prometheus: &Prometheus, filling: &Filling, site: &Site, truth: &Truth) -> Vec<String> {
    let queries = queries::all();
    let mut wrong = Vec::new();
    let more = if is_long() { LONG_CLAIMS } else { &[] };
    for claim in CLAIMS.iter().chain(more) {
        let query = queries.iter().find(|query| {
            (&*query.board, &*query.panel, &*query.letter) == (claim.board, claim.panel, claim.letter)
        });
        let query = query.unwrap_or_else(|| panic!("no query {} {}", claim.board, claim.panel));
        let has = |row: &&Value| {
            let is = |(label, value): &(&str, &str)| {
                row["metric"][label] == site.names.fill(value).unwrap_or_default()
            };
            claim.labels.iter().all(is)
        };
        let rows = filling.ask(prometheus, query).unwrap_or_default();
        let row = rows.iter().find(has);
        let shown = row.and_then(|row| match query.kind {
            Kind::Instant => number(&row["value"][1]),
            Kind::Range => Some(
                filling.integral(query, row["values"].as_array()?.iter().filter_map(|at| number(&at[1]))),
            ),
        });
        let expected = (claim.is)(truth);
        // increase() assumes that what rose between two scrapes rose up to the ends of the window as well. A graph shows means of
        // four scrapes: what is at the end of it is not all in it yet.
        let part = if query.kind == Kind::Range { 0.25 } else { 0.1 };
        let least = if query.kind == Kind::Range { 1.0 } else { 0.5 };
        let slack = if claim.estimated { f64::max(least, expected * part) } else { 0.0 };
        say(&format!("{}: {:?} shows {shown:?}, visitors had {expected}", query.name(), claim.labels));
        if shown.is_none_or(|shown| (shown - expected).abs() > slack) {
            wrong.push(format!("{}: {:?} shows {shown:?} instead of {expected}", query.name(), claim.labels));
        }
    }
    wrong
}

fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}
