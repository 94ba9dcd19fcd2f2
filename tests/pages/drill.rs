//! All failures at the same time: each must bring its own notification, once, and no other.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use crate::{
    all, alone,
    e2e_stack::E2eStack,
    failures::{Failure, TABLE, Trouble},
    harness::{root::not_run, wait_for},
    inbox::Notice,
    say,
    visitors::Visitors,
};

/// Visitors come undisturbed for so long, before anything breaks: five scrapes. The short form takes two.
const CALM: Duration = Duration::from_secs(25);
const SHORT_CALM: Duration = Duration::from_secs(12);

/// When the failure is over, its alert leaves the window of four minutes.
const OVER: Duration = Duration::from_secs(540);

#[test]
fn each_failure_brings_its_own_page_once() {
    let _alone = alone();
    let is_tried = |failure: &&Failure| all() || failure.short;
    let mut failures: Vec<&Failure> = TABLE.iter().filter(is_tried).collect();
    let text = |of: fn(&Failure) -> &'static str| {
        failures.iter().map(|failure| of(failure)).collect::<Vec<_>>().join("\n")
    };
    let (http, server) = (text(|failure| failure.http), text(|failure| failure.server));
    let mut stack = E2eStack::start(&http, &server, "").expect("everything starts");
    if stack.cgroup.is_none() {
        failures.retain(|failure| !failure.needs_cgroup);
        not_run("pages: an OOM kill", "no memory cgroup may be made here");
    }

    let port = stack.nginx.port;
    let come = |failure: &Failure| Visitors::of(port, failure.path, failure.lanes, failure.per_second);
    let mut visitors: BTreeMap<usize, Visitors> = failures
        .iter()
        .enumerate()
        .filter(|(_, failure)| matches!(failure.trouble, Trouble::Breaks(..)))
        .map(|(number, failure)| (number, come(failure)))
        .collect();
    let calm = if all() { CALM } else { SHORT_CALM };
    thread::sleep(calm);
    assert!(stack.notices().is_empty(), "{:?}", lines(&stack.notices()));
    assert!(visitors.values().all(|visitors| visitors.failed() == 0), "somebody was failed before");

    let broken = Instant::now();
    for (number, failure) in failures.iter().enumerate() {
        match failure.trouble {
            Trouble::Visits => {
                visitors.insert(number, come(failure));
            }
            Trouble::Breaks(break_it, _) => break_it(&mut stack).expect(failure.alert),
        }
    }
    let expected = expected(&failures, &stack);
    let mut late = Vec::new();
    for (number, failure) in failures.iter().enumerate() {
        // A visitor whom a retry saved notices nothing: then it counts from when they began to come.
        let is_hidden = failure.alert == "NginxRetriesMaskFailures";
        let patience = Duration::from_secs(if is_hidden { 1 } else { 20 });
        let first = wait_for("a failed request", patience, || visitors[&number].first_failure());
        assert!(first.is_ok() != is_hidden, "{}: {first:?}", failure.path);
        let first = first.unwrap_or(broken);
        let upstream = stack.names.fill(failure.upstream).unwrap();
        let left = (first + Duration::from_secs(failure.within)).saturating_duration_since(Instant::now());
        let notice = wait_for(failure.alert, left.max(Duration::from_millis(1)), || {
            let of = |notice: &&Notice| {
                notice.firing
                    && notice.receiver == failure.receiver
                    && notice.names().contains(&failure.alert)
                    && notice.group("upstream") == group_of(failure, &upstream)
                    && notice.group("server").is_empty()
                    && (failure.alert != "PhpFpmDown"
                        || notice.alerts[0]["annotations"]["description"]
                            .as_str()
                            .is_some_and(|text| text.contains(&upstream)))
            };
            stack.notices().iter().find(of).cloned()
        });
        match notice {
            Ok(notice) => {
                let took = notice.at.saturating_duration_since(first).as_secs_f64();
                say(&format!("{took:6.1} s  {:8} {} {upstream}", failure.receiver, failure.alert));
                let said = notice.alerts[0]["annotations"]["description"].as_str().unwrap_or_default();
                assert!(said.contains(failure.says), "{} says: {said}", failure.alert);
                assert!(!said.contains("error expanding"), "{} says: {said}", failure.alert);
            }
            Err(error) => late.push(format!("{error} {upstream}")),
        }
    }
    let invalid = stack.prometheus.broken_rules().unwrap();
    assert!(late.is_empty() && invalid.is_empty(), "{late:?} {invalid:?} {:#?}", lines(&stack.notices()));

    for (number, failure) in failures.iter().enumerate() {
        match failure.trouble {
            Trouble::Visits => drop(visitors.remove(&number)),
            Trouble::Breaks(_, mend) => mend(&mut stack).expect(failure.alert),
        }
    }
    let mended = Instant::now();
    let told = |firing: bool| {
        let mut told = BTreeMap::new();
        for notice in stack.notices().iter().filter(|notice| notice.firing == firing) {
            if notice.group("server").is_empty() {
                let names = notice.names().join("+");
                let key = (notice.receiver.clone(), notice.group("upstream").to_owned(), names);
                *told.entry(key).or_insert(0) += 1;
            }
        }
        told
    };
    if all() {
        let over = wait_for("the end of all alerts", OVER, || (told(false) == expected).then_some(()));
        assert!(over.is_ok(), "{:#?}", differences(&expected, &told(false)));
        say(&format!("all {} are over {:.0?} after they were mended", expected.len(), mended.elapsed()));
    } else {
        // Nobody hears of it again; that it ends, five minutes later, is for the long form.
        thread::sleep(calm);
    }
    assert_eq!(told(true), expected, "{:#?}", differences(&expected, &told(true)));

    // The error budget is a page of its own, by site, and nothing mutes it.
    let burns = stack.notices();
    let burns: Vec<&Notice> =
        burns.iter().filter(|notice| notice.firing && !notice.group("server").is_empty()).collect();
    assert!(burns.iter().all(|notice| notice.names() == ["NginxErrorBudgetBurn"]));
    if all() {
        assert_eq!(burns.len(), 1, "{:#?}", burns.iter().map(|notice| notice.line()).collect::<Vec<_>>());
    }
    drop(visitors);
    stack.finish().expect("everything stops");
}

/// Each notification: receiver, upstream, alert; once.
type Told = BTreeMap<(String, String, String), u32>;

fn expected(failures: &[&Failure], stack: &E2eStack) -> Told {
    let mut expected = Told::new();
    for failure in failures {
        let upstream = stack.names.fill(failure.upstream).unwrap();
        let group = group_of(failure, &upstream).to_owned();
        *expected.entry((failure.receiver.to_owned(), group, failure.alert.to_owned())).or_insert(0) += 1;
    }
    expected
}

/// A master that is down is one page, whichever of its pools somebody wanted.
fn group_of<'u>(failure: &Failure, upstream: &'u str) -> &'u str {
    if failure.alert == "PhpFpmDown" { "" } else { upstream }
}

fn differences(expected: &Told, told: &Told) -> Vec<String> {
    let missing = expected
        .iter()
        .filter(|(key, _)| !told.contains_key(*key))
        .map(|(key, _)| format!("missing {key:?}"));
    let surplus = told
        .iter()
        .filter(|(key, count)| expected.get(*key) != Some(count))
        .map(|(key, count)| format!("{count} times {key:?}"));
    missing.chain(surplus).collect()
}

fn lines(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(Notice::line).collect()
}
