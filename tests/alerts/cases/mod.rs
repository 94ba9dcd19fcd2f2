//! What each alert must do: a row each, judged for a machine and for a pod.

mod failures;
mod fpm;
mod own;
mod special;

use crate::{
    promtool::{Expect, MACHINE, POD, Run, Series, test},
    rules,
};

/// Between samples and evaluations, in seconds.
const STEP: u32 = 15;

/// When trouble begins, in seconds: [`quiet`] before.
const START: u32 = 300;

/// One alert, and what makes it fire.
#[derive(Clone)]
struct Case {
    alert: &'static str,
    /// What is special about this row.
    what: String,
    /// Labels of the alert besides those of the target, `alertname` and those that the rule sets.
    labels: String,
    /// Trouble from [`START`] to `over`.
    input: Vec<Series>,
    /// The same a little less, on other machines: nothing may fire there.
    less: Vec<Vec<Series>>,
    /// Not yet at this time, if it waits.
    before: Option<u32>,
    fires: u32,
    /// Not any more at this time.
    ends: u32,
    /// Other alerts that belong to the same trouble; Alertmanager mutes them or tells them apart.
    along: &'static str,
}

/// Values that rise by `step` at each sample of the trouble, which lasts `steps` samples.
fn rising(step: f64, steps: u32) -> String {
    let last = step * f64::from(steps);
    format!("0+0x{} {step}+{step}x{} {last}+0x200", START / STEP, steps - 1)
}

/// A gauge that is `calm`, then `troubled` for `steps` samples, then calm again.
fn gauge(calm: &str, troubled: &str, steps: u32) -> String {
    format!("{calm}+0x{} {troubled}+0x{} {calm}+0x200", START / STEP, steps - 1)
}

/// Values that always rise.
fn steady(step: f64) -> String {
    format!("0+{step}x400")
}

/// A series.
fn series(name: &'static str, labels: impl Into<String>, values: impl Into<String>) -> Series {
    (name, labels.into(), values.into())
}

/// What every Badgateway shows.
fn base() -> Vec<Series> {
    vec![
        series("badgateway_build_info", r#"version="1""#, "1+0x400"),
        series("up", "", "1+0x400"),
        series("badgateway_http_responses_total", r#"server="a",code="200""#, steady(1500.0)),
    ]
}

impl Case {
    /// One machine and one pod in trouble, and machines that are a little less so: exactly two alerts.
    fn run(&self) -> Run {
        let rule = rules::alert(self.alert);
        let own: String = rule.labels.iter().map(|(name, value)| format!(",{name}=\"{value}\"")).collect();
        let labels = if self.labels.is_empty() { String::new() } else { format!(",{}", self.labels) };
        let matchers = format!("alertname!~\"NginxErrorBudgetBurn|{}\"", self.along);
        let silent = |at| Expect { at, matchers: matchers.clone(), firing: Vec::new() };
        let firing = |target| format!("alertname=\"{}\",{target}{labels}{own}", self.alert);
        let troubled = [MACHINE.to_owned(), POD.to_owned()];
        let mut targets: Vec<(String, Vec<Series>)> =
            troubled.iter().map(|target| (target.clone(), [base(), self.input.clone()].concat())).collect();
        for (number, less) in self.less.iter().enumerate() {
            let target = MACHINE.replace("web1", &format!("less{number}"));
            targets.push((target, [base(), less.clone()].concat()));
        }
        let mut expects = vec![silent(START)];
        expects.extend(self.before.map(silent));
        let both = troubled.iter().map(firing).collect();
        expects.push(Expect { at: self.fires, matchers: matchers.clone(), firing: both });
        expects.push(silent(self.ends));
        Run { name: format!("{} {}", self.alert, self.what), step: STEP, targets, expects }
    }
}

fn judge(title: &str, cases: &[Case]) {
    test(title, STEP, &cases.iter().map(Case::run).collect::<Vec<_>>());
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
    let tested: Vec<&str> =
        cases.iter().map(|case| case.alert).chain(special::TESTED.iter().copied()).collect();
    for rule in rules::alerts() {
        assert!(tested.contains(&rule.alert.as_str()), "{} has no case", rule.alert);
    }
}
