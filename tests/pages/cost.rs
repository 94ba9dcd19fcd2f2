//! What the rules cost a Prometheus that watches many machines.

use std::{
    fmt::Write as _,
    io::Write as _,
    time::{Duration, Instant},
};

use badgateway::vocabulary::{Cause, FAILED_CODES, RootCause, code};

use crate::{
    all,
    harness::{scratch_dir, wait_for},
    prometheus::{Pace, Prometheus},
    say,
    upstream::Server,
};

const PACE: Pace = Pace { scrape: 15, evaluation: 15 };

/// A group may take this long: less than a tenth of its interval, which is that of the evaluation or longer.
const LIMIT: Duration = Duration::from_secs(1);

/// A page with the series of that many machines, every counter higher than on the page before. Every tenth machine
/// has a pool that is down.
fn page(machines: u32, number: u64) -> String {
    let mut page = String::new();
    for machine in 0..machines {
        let at = format!("instance=\"web{machine}:10502\"");
        let upstream = "upstream=\"unix:/run/php/www.sock\"";
        let is_down = machine % 10 == 0;
        for cause in Cause::ALL {
            for status in cause.codes() {
                let is_it = is_down && *cause == Cause::SocketMissing;
                let value = if is_it { number * 50 } else { 0 };
                let labels = format!(
                    "server=\"shop\",{upstream},code=\"{}\",cause=\"{}\"",
                    code(*status),
                    cause.word()
                );
                let _ = writeln!(page, "badgateway_http_errors_total{{{at},{labels}}} {value}");
            }
        }
        for root in RootCause::ALL {
            for status in root.codes() {
                let is_it = is_down && *root == RootCause::FpmNotRunning;
                let value = if is_it { number * 50 } else { 0 };
                let labels = format!(
                    "server=\"shop\",{upstream},code=\"{}\",root_cause=\"{}\"",
                    code(*status),
                    root.word()
                );
                let _ = writeln!(page, "badgateway_http_root_causes_total{{{at},{labels}}} {value}");
            }
        }
        for outcome in ["failed", "rescued"] {
            for cause in Cause::ALL {
                let labels = format!("{upstream},cause=\"{}\",outcome=\"{outcome}\"", cause.word());
                let _ = writeln!(page, "badgateway_upstream_failures_total{{{at},{labels}}} 0");
            }
        }
        for status in FAILED_CODES {
            let value = if is_down && status == 502 { number * 50 } else { 0 };
            let labels = format!("server=\"shop\",code=\"{}\"", code(status));
            let _ = writeln!(page, "badgateway_http_responses_total{{{at},{labels}}} {value}");
        }
        let info = format!("fpm=\"8.2\",pool=\"www\",{upstream},pm=\"static\"");
        let up = u8::from(!is_down);
        let many = number * 500;
        let _ = write!(
            page,
            "badgateway_http_responses_total{{{at},server=\"shop\",code=\"200\"}} {many}\n\
             badgateway_upstream_seconds_count{{{at},{upstream},phase=\"response\"}} {many}\n\
             badgateway_build_info{{{at},version=\"1\"}} 1\n\
             badgateway_fpm_pool_info{{{at},{info}}} 1\n\
             badgateway_fpm_up{{{at},fpm=\"8.2\",pool=\"www\"}} {up}\n\
             badgateway_fpm_saturation_ratio{{{at},fpm=\"8.2\",pool=\"www\"}} 0.3\n\
             badgateway_fpm_listen_queue{{{at},fpm=\"8.2\",pool=\"www\"}} 0\n\
             badgateway_fpm_listen_queue_peak{{{at},fpm=\"8.2\",pool=\"www\"}} 0\n\
             badgateway_fpm_listen_queue_limit{{{at},fpm=\"8.2\",pool=\"www\"}} 511\n\
             badgateway_log_readable{{{at},log=\"a\"}} 1\n\
             badgateway_log_bytes_unread{{{at},log=\"a\"}} 0\n\
             badgateway_log_lines_total{{{at},log=\"a\",result=\"parsed\"}} {many}\n\
             badgateway_collector_success{{{at},collector=\"processes\"}} 1\n\
             badgateway_state_durable{{{at}}} 1\n"
        );
    }
    page
}

#[test]
fn the_rules_of_a_thousand_machines_take_less_than_a_second() {
    let machines = if all() { 1000 } else { 50 };
    let began = Instant::now();
    let server = Server::tcp(move |mut stream| {
        let mut request = [0; 4096];
        let _ = std::io::Read::read(&mut stream, &mut request);
        let body = page(machines, began.elapsed().as_secs());
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    })
    .unwrap();
    let dir = scratch_dir().unwrap();
    let scrape = format!(
        "  - {{job_name: badgateway, honor_labels: true, static_configs: [{{targets: ['{}']}}]}}\n",
        server.address
    );
    let prometheus = Prometheus::start(dir.path(), None, PACE, &scrape, None).expect("Prometheus starts");
    let down = f64::from(machines / 10);
    let firing = || {
        let rows = prometheus.query("count(ALERTS{alertname=\"PhpFpmDown\",alertstate=\"firing\"})").ok()?;
        rows.first().is_some_and(|(_, count)| *count == down).then_some(())
    };
    wait_for("the alerts of the pools that are down", Duration::from_secs(120), firing).unwrap();
    // Full windows of two minutes are what it costs from then on.
    let windows = Duration::from_secs(if all() { 150 } else { 0 });
    let mut slowest: Vec<(String, Duration)> = Vec::new();
    let until = Instant::now() + windows;
    loop {
        for (name, took) in prometheus.groups().unwrap() {
            match slowest.iter_mut().find(|(known, _)| *known == name) {
                Some((_, most)) => *most = took.max(*most),
                None => slowest.push((name, took)),
            }
        }
        if Instant::now() >= until {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let series = prometheus.query("count({instance=~\"web.+\"})").unwrap()[0].1;
    let figures: Vec<String> = slowest.iter().map(|(name, took)| format!("{name} {took:.0?}")).collect();
    say(&format!(
        "Prometheus {}, rules for {machines} machines of {:.0} series ({series} in all), slowest evaluation of each group: {}",
        prometheus.version().unwrap(),
        series / f64::from(machines),
        figures.join(", ")
    ));
    let rules = prometheus.slowest_rules(5).unwrap();
    let figures: Vec<String> = rules.iter().map(|(name, took)| format!("{name} {took:.0?}")).collect();
    say(&format!("of these took longest: {}", figures.join(", ")));
    for (name, took) in slowest {
        assert!(took <= LIMIT, "{name} took {took:?} for {machines} machines");
    }
}
