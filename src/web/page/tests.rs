use super::*;
use crate::record::LogKind;
use crate::sample::machine::Pool;
use crate::view::{Episode, LogState, Mark, MarkKind};
use crate::vocabulary::{Cause, Outcome, RootCause};

/// 14:10:00 of some day.
const NOW: i64 = 1_795_183_800;
const MINUTE: u64 = 1_795_183_800 / 60;

fn site() -> Site {
    Site { host: "web1".into(), telemetry_path: "/metrics".into() }
}

fn page(view: &View) -> String {
    render(view, &site())
}

/// An access log that is read since ten minutes.
fn watched() -> View {
    let log = LogState {
        log: "a.log".into(),
        kind: Some(LogKind::Access),
        readable: Some(true),
        ..LogState::default()
    };
    let mut view = View { logs: vec![log], now: NOW, ..View::default() };
    (MINUTE - 10..=MINUTE).for_each(|minute| view.history.watch(minute, 100, true));
    view
}

fn fails(name: &str) -> View {
    let mut view = watched();
    for _ in 0..3 {
        view.history.add(MINUTE, Cause::ConnectionRefused);
    }
    view.episodes.push(Episode {
        server: name.into(),
        upstream: name.into(),
        code: 502,
        cause: Cause::ConnectionRefused,
        roots: vec![(RootCause::FpmNotRunning, 3)],
        count: 3,
        first: NOW - 5,
        last: NOW,
    });
    view
}

#[test]
fn each_state_has_its_word_its_shape_and_its_sentence() {
    let unread = || {
        let mut view = watched();
        view.logs[0].readable = Some(false);
        view.history = crate::view::History::default();
        view
    };
    let down = || {
        let mut view = watched();
        view.machine.pools.push(Pool {
            fpm: "8.2".into(),
            name: "www".into(),
            up: Some(false),
            ..Pool::default()
        });
        view
    };
    for (view, word, title, says, says_not) in [
        (
            watched(),
            "Fine:",
            "Fine - web1",
            "No failed response since the logs are read, for 10 min; 1,100 requests",
            "Do this first",
        ),
        (
            fails("a"),
            "Failing:",
            "Failing: fpm not running - web1",
            "In the last hour 3 of 1,100 requests failed (0.3 %).",
            "No failed response",
        ),
        (
            down(),
            "Warning:",
            "Warning: fpm not running - web1",
            "PHP-FPM is not running.",
            "Nothing is wrong",
        ),
        (unread(), "Cannot tell:", "Cannot tell - web1", "nothing is known", "No failed response"),
        (
            View::default(),
            "Cannot tell:",
            "Cannot tell - web1",
            "No access log was read in the last hour",
            "No response.",
        ),
    ] {
        let page = page(&view);
        assert!(page.contains(&format!("<span class=\"word\">{word}</span>")), "{word} {page}");
        assert!(page.contains(&format!("<title>{title}</title>")), "{title} {page}");
        assert!(page.contains(says) && !page.contains(says_not), "{says} {says_not} {page}");
        assert_eq!((page.matches("<h1").count(), page.matches("<main").count()), (1, 1));
    }
}

#[test]
fn nothing_that_is_written_anywhere_becomes_markup() {
    for name in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=y>",
        "\" onload=\"x",
        "</main><b>",
        "]]><svg/onload=x>",
    ] {
        let mut view = fails(name);
        view.machine.pools.push(Pool {
            fpm: name.into(),
            name: name.into(),
            upstream: name.into(),
            up: Some(true),
            busy: Some(9),
            queue: Some(3),
            limit: Some(2),
            ..Pool::default()
        });
        view.logs.push(LogState {
            log: name.into(),
            kind: Some(LogKind::Fpm),
            readable: Some(false),
            ..LogState::default()
        });
        view.history.mark(Mark {
            at: MINUTE * 60,
            kind: MarkKind::Configuration,
            what: name.into(),
            count: 1,
        });
        let failures = [Outcome::Rescued, Outcome::Truncated].map(|outcome| crate::view::Failures {
            upstream: name.into(),
            cause: Cause::ConnectionReset,
            outcome,
            count: 2,
        });
        view.failures.extend(failures);
        let host = Site { host: name.into(), telemetry_path: "/metrics".into() };
        let found = render(&view, &host);
        let ours = page(&fails("a"));
        for bad in ["<script>", "<img", "<svg/onload", "\" onload=\"", "</main>"] {
            assert_eq!(found.matches(bad).count(), ours.matches(bad).count(), "{name}: {bad}");
        }
        assert!(!found.contains(" style="), "the policy forbids styles of single elements");
    }
}

#[test]
fn the_page_of_a_crowd_is_small_and_says_what_it_leaves_out() {
    let mut view = watched();
    for n in 0..500_i64 {
        let name = format!("site{n}.example");
        view.machine.pools.push(Pool {
            fpm: "8.2".into(),
            name: name.clone(),
            upstream: format!("unix:/run/php/{name}.sock"),
            up: Some(n % 7 != 0),
            busy: Some(3),
            queue: Some(9),
            limit: Some(2),
            ..Pool::default()
        });
        let mut episode = fails(&name).episodes.remove(0);
        episode.upstream = format!("unix:/run/php/{name}.sock").into();
        view.episodes.push(episode);
        let what = format!("worker of pool {name} of PHP-FPM 8.2 ended");
        view.history.mark(Mark { at: MINUTE * 60 - n as u64 * 60, kind: MarkKind::Death, what, count: 1 });
    }
    for cause in Cause::ALL {
        (0..1440).for_each(|minute| view.history.add(MINUTE - minute, *cause));
    }
    let page = page(&view);
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert!(
        page.contains("more pools") && page.contains("kinds more") && page.contains("Earlier, within a day"),
        "{page}"
    );
}

#[test]
fn a_restart_that_forgot_which_servers_failed_says_so() {
    let mut view = fails("a");
    view.episodes.clear();
    assert!(page(&view).contains("is not known any more"));
}

#[test]
fn what_the_style_sheet_needs_is_there() {
    for kind in &crate::vocabulary::kinds::FAILURE_KINDS {
        assert_eq!(STYLE.matches(&format!(".k-{}{{", kind.word)).count(), 2, "{kind:?}");
    }
    assert!(!STYLE.contains("http") && !SCRIPT.contains("http:"), "nothing comes from elsewhere");
}
