use super::*;
use crate::record::LogKind;
use crate::runbooks;
use crate::view::LogState;
use crate::vocabulary::Cause;

/// 14:10:00 of some day.
const NOW: i64 = 1_795_183_800;

fn log(readable: bool) -> LogState {
    LogState {
        log: "/var/log/nginx/access.log".into(),
        kind: Some(LogKind::Access),
        readable: Some(readable),
        ..LogState::default()
    }
}

fn episode(upstream: &str, cause: Cause, roots: &[(RootCause, u64)], count: u64, ago: i64) -> Episode {
    Episode {
        server: "a.test".into(),
        upstream: upstream.into(),
        code: 502,
        cause,
        roots: roots.to_vec(),
        count,
        first: NOW - 480,
        last: NOW - ago,
    }
}

fn view(episodes: Vec<Episode>) -> View {
    View { logs: vec![log(true)], episodes, now: NOW, ..View::default() }
}

fn pool(up: Option<bool>, busy: u64, queue: u64) -> Pool {
    Pool {
        fpm: "8.2".into(),
        name: "www".into(),
        upstream: "unix:/run/x.sock".into(),
        up,
        busy: Some(busy),
        queue: Some(queue),
        limit: Some(5),
        ..Pool::default()
    }
}

#[test]
fn a_failure_is_told_with_since_when_how_many_whose_and_the_fix() {
    let refused =
        episode("unix:/run/x.sock", Cause::ConnectionRefused, &[(RootCause::FpmNotRunning, 312)], 312, 3);
    let mut view = view(vec![refused]);
    view.machine.pools.push(pool(Some(false), 0, 0));
    let diagnosis = of(&view);
    assert_eq!(diagnosis.state, State::Failing);
    assert_eq!(
        diagnosis.verdict,
        "PHP-FPM 8.2 pool www (unix:/run/x.sock): PHP-FPM is not running; 312 requests failed with 502 since 14:02:00."
    );
    let [finding] = diagnosis.findings.as_slice() else { panic!("{diagnosis:?}") };
    assert_eq!((finding.name.as_str(), finding.sure), ("fpm_not_running", true));
    assert_eq!(finding.servers, [("a.test".to_owned(), 312)]);
    assert_eq!(finding.runbook, "PhpFpmDown");
    assert!(finding.commands.iter().any(|command| command.starts_with("systemctl status")), "{finding:?}");
    let text = text(&diagnosis);
    for part in [
        "whose     a.test 312",
        "pool www of PHP-FPM 8.2 is down",
        "$ systemctl status",
        "badgateway runbook PhpFpmDown",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_broke_it_is_said_to_be_unknown() {
    let view = view(vec![episode("10.0.0.1:80", Cause::ConnectionReset, &[(RootCause::Unknown, 4)], 4, 3)]);
    let diagnosis = of(&view);
    assert!(!diagnosis.findings[0].sure && diagnosis.findings[0].name == "connection_reset");
    assert!(text(&diagnosis).contains("unknown   what broke it was not seen"));
}

#[test]
fn a_pool_that_is_down_now_is_likely_what_refused() {
    let mut view =
        view(vec![episode("unix:/run/x.sock", Cause::ConnectionRefused, &[(RootCause::Unknown, 4)], 4, 90)]);
    view.machine.pools.push(pool(Some(false), 0, 0));
    let told = |view: &View| (of(view).findings[0].name.clone(), of(view).findings[0].sure);
    assert_eq!(told(&view), ("fpm_not_running".to_owned(), false));
    view.machine.pools[0].up = Some(true);
    assert_eq!(told(&view), ("connection_refused".to_owned(), false));
}

#[test]
fn one_thing_is_one_finding_and_two_are_two() {
    let down = &[(RootCause::FpmNotRunning, 1)][..];
    let diagnosis = of(&view(vec![
        episode("unix:/x", Cause::ConnectionRefused, down, 5, 1),
        episode("unix:/x", Cause::SocketMissing, down, 7, 2),
        episode("unix:/y", Cause::BacklogFull, &[(RootCause::PoolSaturated, 2)], 2, 2),
        episode("unix:/z", Cause::BacklogFull, &[(RootCause::PoolSaturated, 2)], 99, QUIET + 1),
    ]));
    let told: Vec<_> =
        diagnosis.findings.iter().map(|f| (f.upstream.as_str(), f.name.as_str(), f.count)).collect();
    assert_eq!(told, [("unix:/x", "fpm_not_running", 12), ("unix:/y", "pool_saturated", 2)]);
    assert!(diagnosis.verdict.ends_with("And 1 more, see below."), "{}", diagnosis.verdict);
}

#[test]
fn failures_of_one_kind_with_two_root_causes_are_two_findings() {
    let roots = [(RootCause::WorkerCrashed, 3), (RootCause::FpmReloaded, 2), (RootCause::Unknown, 1)];
    let diagnosis = of(&view(vec![episode("unix:/x", Cause::ConnectionReset, &roots, 8, 1)]));
    let told: Vec<_> = diagnosis.findings.iter().map(|f| (f.name.as_str(), f.count, f.sure)).collect();
    assert_eq!(
        told,
        [("worker_crashed", 5, true), ("fpm_reloaded", 2, true), ("connection_reset", 1, false)]
    );
}

#[test]
fn what_may_fail_next_is_no_failure() {
    for (pool, name) in
        [(pool(Some(false), 0, 0), "fpm_not_running"), (pool(Some(true), 5, 2), "pool_saturated")]
    {
        let mut view = view(Vec::new());
        view.machine.pools.push(pool);
        let diagnosis = of(&view);
        assert_eq!((diagnosis.state, diagnosis.findings[0].name.as_str()), (State::Threatened, name));
        assert!(!diagnosis.findings[0].fails);
    }
    let mut view = view(Vec::new());
    view.machine.pools.push(pool(None, 0, 0));
    view.machine.nginx.push(("nginx".to_owned(), false));
    assert_eq!(of(&view).findings[0].name, "nginx_down");
}

#[test]
fn who_sees_nothing_says_so_and_who_sees_no_failure_too() {
    let mut well = view(Vec::new());
    assert_eq!(of(&well).state, State::Well);
    assert!(
        of(&well).verdict.ends_with("of PHP-FPM nothing is seen.")
            && of(&well).unseen[0].contains("no nginx is seen")
    );
    well.machine.pools.push(pool(Some(true), 1, 0));
    well.machine.nginx.push(("nginx".to_owned(), true));
    let unseen = of(&well).unseen;
    assert!(
        unseen.len() == 2
            && unseen[0].starts_with("no error log")
            && unseen[1].starts_with("no log of PHP-FPM")
    );
    for kind in [LogKind::Error, LogKind::Fpm] {
        well.logs.push(LogState { kind: Some(kind), ..log(true) });
    }
    assert!(of(&well).verdict.starts_with("Nothing is wrong") && of(&well).unseen.is_empty());
    let blind = of(&View { logs: vec![log(false)], now: NOW, ..View::default() });
    assert_eq!(blind.state, State::Blind);
    assert!(
        blind.verdict.contains("nothing is known") && blind.unseen[0].contains("access.log cannot be read")
    );
    let none = of(&View::default());
    assert!(none.state == State::Blind && none.unseen.iter().any(|text| text.contains("no log is followed")));
    let errors =
        LogState { log: "/var/log/nginx/error.log".into(), readable: Some(true), ..LogState::default() };
    assert_eq!(of(&View { logs: vec![errors], now: NOW, ..View::default() }).state, State::Blind);
    // A pool that is down is told all the same.
    let mut view = View { logs: vec![log(false)], now: NOW, ..View::default() };
    view.machine.pools.push(pool(Some(false), 0, 0));
    assert_eq!((of(&view).state, of(&view).findings.len()), (State::Blind, 1));
}

#[test]
fn every_word_has_a_runbook_with_commands() {
    for root in RootCause::ALL {
        let runbook = runbooks::find(root.alert()).unwrap();
        assert!(!runbook.first_commands().is_empty(), "{} has no commands", runbook.name);
    }
    for alert in ["NginxDown", "NginxLogDiskFull"] {
        assert!(!runbooks::find(alert).unwrap().first_commands().is_empty(), "{alert}");
    }
}
