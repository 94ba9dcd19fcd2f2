//! Alerts whose windows or series are unlike the others': the error budget, and no Badgateway at all.

use super::{STEP, series};
use crate::promtool::{Expect, MACHINE, POD, Run, Series, WITHOUT_SLO, test, test_of};

pub(super) const TESTED: &[(&str, &str)] = &[
    ("NginxErrorBudgetBurn", "critical"),
    ("NginxErrorBudgetBurn", "warning"),
    ("BadgatewayDown", "critical"),
    ("BadgatewayAbsent", "critical"),
    ("BadgatewayThresholdsWrong", "warning"),
    ("NginxLogDiskFull", "critical"),
    ("NginxTrafficStopped", "warning"),
];

/// Values that always rise.
fn steady(step: f64) -> String {
    format!("0+{step}x400")
}

/// What every Badgateway shows.
pub(super) fn base() -> Vec<Series> {
    vec![
        series("badgateway_build_info", r#"version="1""#, "1+0x400"),
        series("up", "", "1+0x400"),
        series("badgateway_http_responses_total", r#"server="a",code="200""#, steady(1500.0)),
    ]
}

pub(super) fn on_machine(name: &str, step: u32, input: Vec<Series>, expects: Vec<Expect>) -> Run {
    Run { name: name.to_owned(), step, targets: vec![(MACHINE.to_owned(), input)], expects }
}

pub(super) fn expect(at: u32, alert: &str, firing: Vec<String>) -> Expect {
    Expect { at, matchers: format!("alertname=\"{alert}\""), firing }
}

pub(super) fn labels(alert: &str, severity: &str, component: &str, more: &str) -> String {
    format!(r#"alertname="{alert}",{MACHINE},severity="{severity}",component="{component}"{more}"#)
}

/// A site of which `errors` of 10,000 requests a minute fail for `minutes`.
fn site(errors: f64, minutes: u32, cause: &str) -> Vec<Series> {
    let labels = format!(r#"server="shop",upstream="unix:/w.sock",code="502",cause="{cause}""#);
    let total = errors * f64::from(minutes);
    let failed = format!("0+0x10 {errors}+{errors}x{} {total}+0x6000", minutes.saturating_sub(1));
    vec![
        series("badgateway_http_responses_total", r#"server="shop",code="502""#, failed.clone()),
        series("badgateway_http_responses_total", r#"server="shop",code="200""#, "0+10000x6000"),
        series("badgateway_http_errors_total", labels, failed),
        series("badgateway_build_info", r#"version="1""#, "1+0x6000"),
    ]
}

/// (of 10,000 requests a minute, for minutes, window, short window, severity, fires at, is over at), times in minutes.
const SPEEDS: &[(f64, u32, &str, &str, &str, u32, u32)] = &[
    (160.0, 120, "1h", "5m", "critical", 100, 150),
    (70.0, 500, "6h", "30m", "critical", 400, 560),
    (35.0, 2000, "1d", "2h", "warning", 1600, 2180),
    (12.5, 5000, "3d", "6h", "warning", 4800, 5500),
];

/// Each speed is a job of its own; others burn a little slower, by refused clients only, or fail once of one request.
#[test]
fn the_error_budget_burns_at_four_speeds() {
    let target = |job: &str| format!(r#"job="{job}",instance="{job}:10502""#);
    let mut targets = Vec::new();
    let mut expects = Vec::new();
    for (errors, minutes, long, short, severity, fires, over) in SPEEDS {
        let (burning, slower, limited) =
            (format!("burns_{long}"), format!("less_{long}"), format!("limit_{long}"));
        targets.push((target(&burning), site(*errors, *minutes, "backlog_full")));
        targets.push((target(&slower), site(errors * 0.8, *minutes, "backlog_full")));
        targets.push((target(&limited), site(*errors, *minutes, "nginx_limit")));
        let expect = |at: u32, firing: Vec<String>| Expect {
            at: at * 60,
            matchers: format!(
                r#"alertname="NginxErrorBudgetBurn",long="{long}",job=~"{burning}|{slower}|{limited}|once""#
            ),
            firing,
        };
        let labels = format!(r#"severity="{severity}",component="nginx",long="{long}",short="{short}""#);
        let firing = format!(r#"alertname="NginxErrorBudgetBurn",{labels},job="{burning}",server="shop""#);
        expects.extend([expect(5, vec![]), expect(*fires, vec![firing]), expect(*over, vec![])]);
    }
    let once = vec![
        series("badgateway_http_responses_total", r#"server="shop",code="502""#, "0+0x10 1+0x6000"),
        series(
            "badgateway_http_errors_total",
            r#"server="shop",upstream="u",code="502",cause="unknown""#,
            "0+0x10 1+0x6000",
        ),
    ];
    targets.push((target("once"), once));
    let run = Run { name: "four speeds".to_owned(), step: 60, targets, expects };
    // Below the five minutes for which Prometheus takes a sample for the present.
    test_of("the error budget", 240, &[run], &["thresholds.yml", "slo.yml"]);
}

#[test]
fn instances_of_a_site_are_one() {
    // The labels of an instance are gone, those that somebody added stay. One pod fails in 4 %, so the site in 2 %.
    let firing = r#"alertname="NginxErrorBudgetBurn",severity="critical",component="nginx",long="1h",short="5m",job="shop/badgateway",namespace="shop",cluster="eu",team="blue",server="shop""#;
    let well = vec![series("badgateway_http_responses_total", r#"server="shop",code="200""#, "0+10000x9000")];
    let targets = vec![
        (POD.to_owned(), site(400.0, 120, "backlog_full")),
        (POD.replace("web-7d9f", "web-other"), well),
    ];
    let expects = vec![Expect {
        at: 100 * 60,
        matchers: r#"alertname="NginxErrorBudgetBurn",long="1h""#.to_owned(),
        firing: vec![firing.to_owned()],
    }];
    let run = Run { name: "two pods".to_owned(), step: 60, targets, expects };
    test("a site of two pods", 60, &[run]);
}

#[test]
fn a_badgateway_that_is_gone_is_missed() {
    let down = |values: &str, with: bool| {
        let mut input = vec![series("up", "", values)];
        if with {
            input.push(series("badgateway_build_info", r#"version="1""#, "1+0x20 stale _x4000"));
        }
        input
    };
    let own = || vec![labels("BadgatewayDown", "critical", "badgateway", "")];
    let absent =
        vec![r#"alertname="BadgatewayAbsent",severity="critical",component="badgateway""#.to_owned()];
    let runs = [
        on_machine(
            "BadgatewayDown fires and ends",
            STEP,
            down("1+0x20 0+0x40 1+0x200", true),
            vec![
                expect(465, "BadgatewayDown", vec![]),
                expect(540, "BadgatewayDown", own()),
                expect(1000, "BadgatewayDown", vec![]),
            ],
        ),
        on_machine(
            "BadgatewayDown is silent for a restart",
            STEP,
            down("1+0x20 0+0x6 1+0x200", true),
            vec![expect(480, "BadgatewayDown", vec![])],
        ),
        on_machine(
            "BadgatewayDown is silent about others",
            STEP,
            down("0+0x400", false),
            vec![expect(600, "BadgatewayDown", vec![])],
        ),
        on_machine(
            "BadgatewayAbsent fires",
            STEP,
            vec![series("up", "", "1+0x400")],
            vec![expect(585, "BadgatewayAbsent", vec![]), expect(660, "BadgatewayAbsent", absent)],
        ),
        on_machine(
            "BadgatewayAbsent is silent",
            STEP,
            [base(), vec![series("badgateway_fpm_up", r#"fpm="8.2",pool="www""#, steady(0.0))]].concat(),
            vec![expect(900, "BadgatewayAbsent", vec![])],
        ),
    ];
    test_of("Badgateway is gone", STEP, &runs, WITHOUT_SLO);
    let long = on_machine(
        "BadgatewayDown stays for as long as the host is down",
        240,
        down("1+0x20 0+0x150", true),
        vec![expect(7 * 3600, "BadgatewayDown", own()), expect(10 * 3600, "BadgatewayDown", own())],
    );
    test_of("Badgateway is gone for long", 240, &[long], &["thresholds.yml", "badgateway.yml"]);
}

/// Failures of one machine, by cause and root cause.
pub(super) fn failing(cause: &str, root: &str, upstream: &str, values: &str) -> Vec<Series> {
    vec![
        series(
            "badgateway_http_errors_total",
            format!(r#"server="a",upstream="{upstream}",code="502",cause="{cause}""#),
            values,
        ),
        series(
            "badgateway_http_root_causes_total",
            format!(r#"server="a",upstream="{upstream}",code="502",root_cause="{root}""#),
            values,
        ),
        series(
            "badgateway_upstream_seconds_count",
            format!(r#"upstream="{upstream}",phase="response""#),
            steady(100.0),
        ),
    ]
}

/// A group gives way to the alerts of its own servers, and to no other's.
#[test]
fn a_group_has_an_alert_where_none_of_its_servers_has() {
    let info = |server: &str| {
        series(
            "badgateway_nginx_group_info",
            format!(r#"nginx="nginx",group="back",upstream="{server}""#),
            "1+0x400",
        )
    };
    let (failing_all, calm) = ("0+0x20 100+100x100", "0+0x400");
    let input = |of_group: &str, server: &str, other: &str| {
        [
            base(),
            failing("no_live_upstreams", "unknown", "back", of_group),
            failing("connection_refused", "unknown", "10.0.0.1:80", server),
            failing("tls_failure", "tls", "10.9.9.9:443", other),
            vec![info("10.0.0.1:80"), info("10.0.0.2:80")],
        ]
        .concat()
    };
    let own = || vec![labels("Nginx502NoLiveUpstreams", "critical", "nginx", r#",upstream="back""#)];
    let run = |name: &str, input, firing| {
        on_machine(name, STEP, input, vec![expect(600, "Nginx502NoLiveUpstreams", firing)])
    };
    let runs = [
        run("alone", input(failing_all, calm, calm), own()),
        run("beside another upstream's", input(failing_all, calm, failing_all), own()),
        run("behind its own server's", input(failing_all, failing_all, calm), vec![]),
    ];
    test("groups", STEP, &runs);
}

/// A new site with two failures, and a quiet one with a single 502.
#[test]
fn small_numbers_burn_no_budget() {
    let site = |failed: &str, well: &str| {
        vec![
            series("badgateway_build_info", r#"version="1""#, "1+0x400"),
            series("badgateway_http_responses_total", r#"server="a",code="502""#, failed),
            series("badgateway_http_responses_total", r#"server="a",code="200""#, well),
        ]
    };
    let silent = || (600..6000).step_by(600).map(|at| expect(at, "NginxErrorBudgetBurn", vec![])).collect();
    let runs = [
        on_machine("new", 60, site("_x10 0 1 2+0x100", "_x10 5 10 15+5x100"), silent()),
        on_machine("quiet", 60, site("0+0x30 1+0x100", "0+2x130"), silent()),
    ];
    test("small numbers", 60, &runs);
}

/// A new version of Badgateway starts while PHP-FPM is down: its page goes on, and nothing else comes.
#[test]
fn an_upgrade_during_an_outage_changes_nothing() {
    let gap = "0+0x20 10+10x39 stale 420+10x100";
    let more = vec![
        series(
            "badgateway_fpm_pool_info",
            r#"fpm="8.2",pool="www",upstream="u:1",pm="static""#,
            "1+0x60 stale 1+0x200",
        ),
        series(
            "badgateway_fpm_down_seconds_total",
            r#"fpm="8.2",pool="www""#,
            "0+0x20 15+15x39 stale 630+15x100",
        ),
    ];
    let mut input = [failing("connection_refused", "fpm_not_running", "u:1", gap), more].concat();
    input.extend([
        series("badgateway_build_info", r#"version="1""#, "1+0x60 stale _x300"),
        series("badgateway_build_info", r#"version="2""#, "_x62 1+0x300"),
        series("badgateway_http_responses_total", r#"server="a",code="200""#, "0+100x60 stale 6200+100x200"),
    ]);
    let always = |at| Expect {
        at,
        matchers: r#"alertname!="NginxErrorBudgetBurn""#.to_owned(),
        firing: vec![labels("PhpFpmDown", "critical", "php-fpm", r#",fpm="8.2""#)],
    };
    let run = on_machine("upgrade", STEP, input, (600..1500).step_by(45).map(always).collect());
    test("an upgrade", STEP, &[run]);
}

/// Series that are not there before their first failure; `unless` a target itself was away, which makes nothing new.
#[test]
fn a_series_that_begins_above_zero_fires_like_one_that_rose() {
    let upstream = r#"upstream="unix:/w.sock",code="502""#;
    let failing = |errors: &str, roots: &str, build: &str| {
        vec![
            series("badgateway_build_info", r#"version="1""#, build),
            series("badgateway_http_responses_total", r#"server="a",code="200""#, steady(100.0)),
            series(
                "badgateway_http_errors_total",
                format!(r#"server="a",{upstream},cause="connection_reset""#),
                errors,
            ),
            series(
                "badgateway_http_root_causes_total",
                format!(r#"server="a",{upstream},root_cause="worker_crashed""#),
                roots,
            ),
        ]
    };
    let always = "1+0x400";
    let at = |at: u32, firing: Vec<String>| Expect {
        at,
        matchers: r#"alertname="PhpFpmWorkersDying""#.to_owned(),
        firing,
    };
    let own = || {
        vec![format!(
            r#"alertname="PhpFpmWorkersDying",{MACHINE},upstream="unix:/w.sock",severity="critical",component="php-fpm""#
        )]
    };
    let run = |name: &str, input, expects| Run {
        name: name.to_owned(),
        step: STEP,
        targets: vec![(MACHINE.to_owned(), input)],
        expects,
    };
    // One burst of a hundred at 600 s: it is seen while it is in the window, and then no more.
    let burst = [at(585, vec![]), at(660, own()), at(960, vec![])];
    let runs = [
        run("rose from 0", failing("0+0x39 100+0x200", "0+0x39 100+0x200", always), burst.to_vec()),
        run("root cause born at 100", failing("0+0x39 100+0x200", "_x40 100+0x200", always), burst.to_vec()),
        run("both born at 100", failing("_x40 100+0x200", "_x40 100+0x200", always), burst.to_vec()),
        run(
            "the target was away",
            failing("900+0x19 _x40 900+0x200", "900+0x19 _x40 900+0x200", "1+0x19 _x40 1+0x200"),
            vec![at(285, vec![]), at(915, vec![]), at(960, vec![]), at(1080, vec![])],
        ),
    ];
    test("births", STEP, &runs);
}
