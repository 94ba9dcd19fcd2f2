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
    watcher::Watcher,
};

/// Visitors come undisturbed for so long, before anything breaks: five scrapes of the slowest. The short form takes two.
const CALM: Duration = Duration::from_secs(300);
const SHORT_CALM: Duration = Duration::from_secs(12);

/// When the failure is over, its alert leaves the window of four minutes, a ticket that of five minutes ago, too; then a
/// group is told after its interval.
const OVER: Duration = Duration::from_secs(1080);

/// The scrapes that the times of `TABLE` are for.
const SHORTEST: u64 = 5;

/// "Over" of a page must be there so soon after the last failed request, in seconds.
const OVER_PAGE: u64 = 360;

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
    let mut wrong = Vec::new();
    for (number, failure) in failures.iter().enumerate() {
        // A visitor whom a retry saved notices nothing: then it counts from when they began to come.
        let is_hidden = failure.alert == "NginxRetriesMaskFailures";
        let patience = Duration::from_secs(if is_hidden { 1 } else { 20 });
        let first = wait_for("a failed request", patience, || visitors[&number].first_failure());
        assert!(first.is_ok() != is_hidden, "{}: {first:?}", failure.path);
        let first = first.unwrap_or(broken);
        for watcher in &stack.watchers {
            wrong.extend(await_notice(&stack, watcher, failure, first).err());
        }
    }
    for watcher in &stack.watchers {
        wrong.extend(watcher.prometheus.broken_rules().unwrap());
    }
    if !all() {
        assert!(wrong.is_empty(), "{wrong:#?} {:#?}", lines(&stack.notices()));
    } else {
        // An upgrade in the middle of it changes nothing: nobody hears of it again, and nothing is over.
        stack.restart_exporter().expect("a restart");
        thread::sleep(Duration::from_secs(180));
    }

    for (number, failure) in failures.iter().enumerate() {
        match failure.trouble {
            Trouble::Visits => drop(visitors.remove(&number)),
            Trouble::Breaks(_, mend) => mend(&mut stack).expect(failure.alert),
        }
    }
    let mended = Instant::now();
    if all() {
        let is_over = || {
            let ended = |watcher| told(&stack, watcher, false) == expected;
            stack.watchers.iter().all(ended).then_some(())
        };
        let _ = wait_for("the end of all alerts", OVER, is_over);
    } else {
        // Nobody hears of it again; that it ends, five minutes later, is for the long form.
        thread::sleep(calm);
    }
    for watcher in &stack.watchers {
        for firing in [true, false].into_iter().take(if all() { 2 } else { 1 }) {
            let of = if firing { "said" } else { "said to be over" };
            let told = told(&stack, watcher, firing);
            wrong.extend(
                differences(&expected, &told).iter().map(|line| format!("{}: {of}: {line}", watcher.name)),
            );
        }
        // The error budget is a page of its own, by site, and nothing mutes it.
        let notices = stack.notices_of(watcher);
        let is_burn = |notice: &&Notice| notice.firing && !notice.group("server").is_empty();
        let burns: Vec<String> = notices.iter().filter(is_burn).map(Notice::line).collect();
        assert!(notices.iter().filter(is_burn).all(|notice| notice.names() == ["NginxErrorBudgetBurn"]));
        if all() {
            wrong.extend((burns.len() != 1).then(|| format!("{}: the budget: {burns:#?}", watcher.name)));
            wrong.extend(report(&stack, watcher, &failures, mended));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    drop(visitors);
    stack.finish().expect("everything stops");
}

/// Waits for the notification of `failure`, which must come in time and say what it is.
fn await_notice(
    stack: &E2eStack,
    watcher: &Watcher,
    failure: &Failure,
    first: Instant,
) -> Result<(), String> {
    let upstream = stack.names.fill(failure.upstream).unwrap();
    // Three scrapes, and what does not depend on them.
    let within = Duration::from_secs(failure.within + 3 * watcher.pace.scrape - 3 * SHORTEST);
    let left = (first + within).saturating_duration_since(Instant::now());
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
        stack.notices_of(watcher).iter().find(of).cloned()
    });
    let name = &watcher.name;
    let notice = notice.map_err(|error| format!("{name}: {error} {upstream}"))?;
    let took = notice.at.saturating_duration_since(first);
    say(&format!(
        "{:6.1} s  {name}  {:8} {} {upstream}",
        took.as_secs_f64(),
        failure.receiver,
        failure.alert
    ));
    let said = notice.alerts[0]["annotations"]["description"].as_str().unwrap_or_default();
    if !said.contains(failure.says) || said.contains("error expanding") {
        return Err(format!("{name}: {} says: {said}", failure.alert));
    }
    if took > within {
        return Err(format!("{name}: {} {upstream} came after {took:.0?}, not {within:.0?}", failure.alert));
    }
    Ok(())
}

/// How often each was told, that it fires or that it is over.
fn told(stack: &E2eStack, watcher: &Watcher, firing: bool) -> Told {
    let mut told = BTreeMap::new();
    for notice in stack.notices_of(watcher).iter().filter(|notice| notice.firing == firing) {
        if notice.group("server").is_empty() {
            let names = notice.names().join("+");
            let key = (notice.receiver.clone(), notice.group("upstream").to_owned(), names);
            *told.entry(key).or_insert(0) += 1;
        }
    }
    told
}

/// Says for each failure how many pages, tickets and "over"s came, and when it was over; gives the pages that were over
/// too late.
fn report(stack: &E2eStack, watcher: &Watcher, failures: &[&Failure], mended: Instant) -> Vec<String> {
    let mut late = Vec::new();
    for failure in failures {
        let upstream = stack.names.fill(failure.upstream).unwrap();
        let of = |notice: &&Notice| {
            notice.names() == [failure.alert] && notice.group("upstream") == group_of(failure, &upstream)
        };
        let notices = stack.notices_of(watcher);
        let notices: Vec<&Notice> = notices.iter().filter(of).collect();
        let count = |is: &dyn Fn(&Notice) -> bool| notices.iter().filter(|notice| is(notice)).count();
        let pages = count(&|notice| notice.firing && notice.receiver == "pager");
        let tickets = count(&|notice| notice.firing && notice.receiver == "tickets");
        let overs = count(&|notice| !notice.firing);
        let last = notices.iter().filter(|notice| !notice.firing).map(|notice| notice.at).max();
        let seconds = last.map_or(f64::NAN, |at| at.saturating_duration_since(mended).as_secs_f64());
        say(&format!(
            "{}  {:26} {pages} pages, {tickets} tickets, {overs} overs {seconds:4.0} s after the repair  {upstream}",
            watcher.name, failure.alert
        ));
        if failure.receiver == "pager" && (seconds.is_nan() || seconds > OVER_PAGE as f64) {
            late.push(format!(
                "{}: {} {upstream} was over {seconds:.0} s after the repair",
                watcher.name, failure.alert
            ));
        }
    }
    late
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
