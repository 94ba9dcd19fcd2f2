//! What each alert must do: a row each, judged at every interval of scrapes, with one scrape in five lost.

mod failures;
mod fpm;
mod own;
mod shape;
mod silence;
mod special;
mod thresholds;

use std::collections::BTreeSet;

use crate::{
    promtool::{Expect, Run, Series, WITHOUT_SLO, test_of},
    rules,
};
use shape::{Pace, Shape, paces};

/// Between samples and evaluations of the cases that stand alone, in seconds.
const STEP: u32 = 15;

/// When trouble begins, and when it ends, in seconds.
const START: u32 = 900;
const END: u32 = 2100;
const FROM: f64 = START as f64;
const TO: f64 = END as f64;

/// A series: name, labels besides the target's, values.
type Shaped = (&'static str, String, Shape);

/// One alert, and what makes it fire.
#[derive(Clone)]
struct Case {
    alert: &'static str,
    severity: &'static str,
    /// Labels of the alert besides those of the target, `alertname` and those that the rule sets.
    labels: String,
    input: Vec<Shaped>,
    /// The same a little less, on other machines: nothing may fire there, ever.
    less: Vec<Vec<Shaped>>,
    /// It fires so long after three scrapes of the trouble at the latest,
    within: u32,
    /// and is over so long after it: 6 minutes for a page.
    over: u32,
    /// Other alerts that belong to the same trouble.
    along: &'static str,
}

/// A page: within three scrapes and 45 s, over within six minutes.
fn page(alert: &'static str, labels: &str, input: Vec<Shaped>, less: Vec<Vec<Shaped>>) -> Case {
    Case {
        alert,
        severity: "critical",
        labels: labels.to_owned(),
        input,
        less,
        within: 45,
        over: 360,
        along: "",
    }
}

/// A ticket: some minutes later.
fn ticket(alert: &'static str, labels: &str, input: Vec<Shaped>, less: Vec<Vec<Shaped>>) -> Case {
    Case { severity: "warning", within: 480, over: 660, ..page(alert, labels, input, less) }
}

fn series(name: &'static str, labels: impl Into<String>, values: impl Into<String>) -> Series {
    (name, labels.into(), values.into())
}

fn shaped(name: &'static str, labels: impl Into<String>, shape: Shape) -> Shaped {
    (name, labels.into(), shape)
}

/// A counter that always rises.
fn always(name: &'static str, labels: impl Into<String>, rate: f64) -> Shaped {
    shaped(name, labels, Shape::Rising(rate, 0.0, f64::INFINITY))
}

/// A counter that rises during the trouble.
fn rising(name: &'static str, labels: impl Into<String>, rate: f64) -> Shaped {
    shaped(name, labels, Shape::Rising(rate, FROM, TO))
}

/// A gauge that differs during the trouble.
fn gauge(name: &'static str, labels: impl Into<String>, calm: f64, troubled: f64) -> Shaped {
    shaped(name, labels, Shape::Gauge(calm, troubled, FROM, TO))
}

/// What every Badgateway shows, unless the case has other requests.
fn base(input: &[Shaped]) -> Vec<Shaped> {
    let mut all = vec![shaped("badgateway_build_info", r#"version="1""#, Shape::Gauge(1.0, 1.0, 0.0, 0.0))];
    if !input.iter().any(|(name, ..)| *name == "badgateway_http_responses_total") {
        all.push(always("badgateway_http_responses_total", r#"server="a",code="200""#, 100.0));
    }
    all
}

/// All cases of a table as machines of one Prometheus, each under a job of its own.
fn run(cases: &[Case], pace: Pace) -> Run {
    let (mut targets, mut expects) = (Vec::new(), Vec::new());
    let until = END + 1500;
    let mut machine = |job: &str, input: &[Shaped]| {
        let target = format!(r#"job="{job}",instance="{job}:10502""#);
        let mut all = vec![series("up", "", pace.up(until))];
        for (name, labels, shape) in base(input).into_iter().chain(input.iter().cloned()) {
            all.push((name, labels, pace.sees(shape, until)));
        }
        targets.push((target.clone(), all));
        target
    };
    for (number, case) in cases.iter().enumerate() {
        let target = machine(&format!("case{number}"), &case.input);
        let rule = rules::alert_of(case.alert, case.severity);
        let own: String = rule.labels.iter().map(|(name, value)| format!(",{name}=\"{value}\"")).collect();
        let labels = if case.labels.is_empty() { String::new() } else { format!(",{}", case.labels) };
        let firing = format!("alertname=\"{}\",{target}{labels}{own}", case.alert);
        let matchers = format!("job=\"case{number}\",alertname!~\"NginxErrorBudgetBurn|{}\"", case.along);
        let expect =
            |at: u32, firing: Vec<String>| Expect { at: pace.after(at), matchers: matchers.clone(), firing };
        expects.push(expect(START, Vec::new()));
        expects.push(expect(START + pace.scrapes() + case.within, vec![firing.clone()]));
        if case.within < END - START - 400 {
            expects.push(expect(END - pace.evaluation, vec![firing]));
        }
        expects.push(expect(END + case.over, Vec::new()));
        for (part, less) in case.less.iter().enumerate() {
            let job = format!("less{number}_{part}");
            machine(&job, less);
            // Every three minutes: what fires in between would still be there.
            for at in (START..END + 400).step_by(180) {
                let matchers = format!("job=\"{job}\",alertname!~\"NginxErrorBudgetBurn\"");
                expects.push(Expect { at: pace.after(at), matchers, firing: Vec::new() });
            }
        }
    }
    Run { name: format!("{pace:?}"), step: pace.scrape, targets, expects }
}

/// At 60 s all of them, else the first of each rule: what differs between them is labels.
fn judge(title: &str, cases: &[Case]) {
    for pace in paces() {
        let all = pace.scrape == 60 && pace.evaluation == 60 && pace.lossy;
        let mut seen = BTreeSet::new();
        let cases: Vec<Case> =
            cases.iter().filter(|case| seen.insert((case.alert, case.severity)) || all).cloned().collect();
        test_of(&format!("{title}, {pace:?}"), pace.evaluation, &[run(&cases, *pace)], WITHOUT_SLO);
    }
}

#[test]
fn alerts_of_failures_fire_stay_silent_below_and_end() {
    judge("failed responses", &failures::cases());
}

#[test]
fn alerts_of_php_fpm_fire_stay_silent_below_and_end() {
    judge("PHP-FPM", &fpm::cases());
}

#[test]
fn alerts_of_ourselves_fire_stay_silent_below_and_end() {
    judge("Badgateway", &own::cases());
}

#[test]
fn every_alert_has_a_case() {
    let cases = [failures::cases(), fpm::cases(), own::cases()].concat();
    let tested: Vec<(&str, &str)> =
        cases.iter().map(|case| (case.alert, case.severity)).chain(special::TESTED.iter().copied()).collect();
    for rule in rules::alerts() {
        let severity = rule.labels["severity"].as_str();
        assert!(tested.contains(&(rule.alert.as_str(), severity)), "{} ({severity}) has no case", rule.alert);
    }
}
