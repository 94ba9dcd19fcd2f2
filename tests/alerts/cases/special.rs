//! Alerts whose windows or series are unlike the others': the error budget, and no Badgateway at all.

use super::{STEP, base, series, steady};
use crate::promtool::{Expect, MACHINE, POD, Run, Series, test};

pub(super) const TESTED: &[&str] = &["NginxErrorBudgetBurn", "BadgatewayDown", "BadgatewayAbsent"];

/// A site of which `errors` of 1000 requests a minute fail for `minutes`.
fn site(errors: f64, minutes: u32, cause: &str) -> Vec<Series> {
    let labels = format!(r#"server="shop",upstream="unix:/w.sock",code="502",cause="{cause}""#);
    let total = errors * f64::from(minutes);
    let failed = format!("0+0x10 {errors}+{errors}x{} {total}+0x6000", minutes.saturating_sub(1));
    vec![
        series("badgateway_http_responses_total", r#"server="shop",code="502""#, failed.clone()),
        series("badgateway_http_responses_total", r#"server="shop",code="200""#, "0+1000x6000"),
        series("badgateway_http_errors_total", labels, failed),
        series("badgateway_build_info", r#"version="1""#, "1+0x6000"),
    ]
}

/// (of 1000 requests a minute, for minutes, window, short window, severity, fires at, is over at), times in minutes.
const SPEEDS: &[(f64, u32, &str, &str, &str, u32, u32)] = &[
    (16.0, 120, "1h", "5m", "critical", 100, 150),
    (7.0, 500, "6h", "30m", "critical", 400, 560),
    (3.5, 2000, "1d", "2h", "warning", 1600, 2180),
    (1.2, 5000, "3d", "6h", "warning", 4800, 5500),
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
    test("the error budget", 240, &[run]);
}

#[test]
fn instances_of_a_site_are_one() {
    // The labels of an instance are gone, those that somebody added stay. One pod fails in 4 %, so the site in 2 %.
    let firing = r#"alertname="NginxErrorBudgetBurn",severity="critical",component="nginx",long="1h",short="5m",job="shop/badgateway",namespace="shop",cluster="eu",team="blue",server="shop""#;
    let well = vec![series("badgateway_http_responses_total", r#"server="shop",code="200""#, "0+1000x9000")];
    let targets =
        vec![(POD.to_owned(), site(40.0, 120, "backlog_full")), (POD.replace("web-7d9f", "web-other"), well)];
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
    let expect = |at: u32, name: &str, firing: Vec<String>| Expect {
        at,
        matchers: format!("alertname=\"{name}\""),
        firing,
    };
    let down = |values: &str, with: bool| {
        let mut input = vec![series("up", "", values)];
        if with {
            input.push(series("badgateway_build_info", r#"version="1""#, "1+0x20 _x400"));
        }
        input
    };
    let own = format!(r#"alertname="BadgatewayDown",{MACHINE},severity="critical",component="badgateway""#);
    let run = |name: &str, input, expects| Run {
        name: name.to_owned(),
        step: STEP,
        targets: vec![(MACHINE.to_owned(), input)],
        expects,
    };
    let absent =
        vec![r#"alertname="BadgatewayAbsent",severity="critical",component="badgateway""#.to_owned()];
    let runs = [
        run(
            "BadgatewayDown fires and ends",
            down("1+0x20 0+0x20 1+0x200", true),
            vec![
                expect(420, "BadgatewayDown", vec![]),
                expect(480, "BadgatewayDown", vec![own]),
                expect(700, "BadgatewayDown", vec![]),
            ],
        ),
        run(
            "BadgatewayDown is silent for a restart",
            down("1+0x20 0+0x6 1+0x200", true),
            vec![expect(480, "BadgatewayDown", vec![])],
        ),
        run(
            "BadgatewayDown is silent about others",
            down("0+0x400", false),
            vec![expect(480, "BadgatewayDown", vec![])],
        ),
        run(
            "BadgatewayAbsent fires",
            vec![series("up", "", "1+0x400")],
            vec![expect(585, "BadgatewayAbsent", vec![]), expect(660, "BadgatewayAbsent", absent)],
        ),
        run(
            "BadgatewayAbsent is silent",
            [base(), vec![series("badgateway_fpm_up", r#"fpm="8.2",pool="www""#, steady(0.0))]].concat(),
            vec![expect(900, "BadgatewayAbsent", vec![])],
        ),
    ];
    test("Badgateway is gone", STEP, &runs);
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
                format!(r#"{upstream},root_cause="worker_crashed""#),
                roots,
            ),
        ]
    };
    let always = "1+0x400";
    let at = |at: u32, firing: Vec<String>| Expect {
        at,
        matchers: r#"alertname="Nginx502WorkerCrashed""#.to_owned(),
        firing,
    };
    let own = || {
        vec![format!(
            r#"alertname="Nginx502WorkerCrashed",{MACHINE},upstream="unix:/w.sock",severity="critical",component="nginx""#
        )]
    };
    let run = |name: &str, input, expects| Run {
        name: name.to_owned(),
        step: STEP,
        targets: vec![(MACHINE.to_owned(), input)],
        expects,
    };
    // One burst of a hundred at 600 s: it is seen while it is in the window, and then no more.
    let burst = [at(585, vec![]), at(660, own()), at(900, vec![])];
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
