//! How long a stop and a reload explain failures.

use super::*;

const HOUR: Local = 3600;
const DAY: Local = 24 * HOUR;

fn refused(at: Local) -> PendingRootCause {
    question(at, Cause::ConnectionRefused, b"GET /")
}

fn tell(roots: &mut Roots, log: LogId, events: &[(Local, Event<'_>)]) {
    for (at, event) in events {
        roots.event(*at, *at, log, Id::NONE, *event);
    }
}

#[test]
fn a_reload_keeps_its_sockets() {
    for cause in [Cause::ConnectionRefused, Cause::SocketMissing, Cause::ConnectTimeout] {
        let mut roots = Roots::default();
        tell(&mut roots, 0, &[(10, Event::Reloading), (12, Event::Ready)]);
        assert_eq!(answers(&mut roots, vec![question(11, cause, b"")]), [RootCause::Unknown], "{cause:?}");
    }
    let mut roots = Roots::default();
    tell(&mut roots, 0, &[(10, Event::Stopping), (11, Event::Reloading), (12, Event::Ready)]);
    let told = answers(&mut roots, vec![refused(11), reset(11), question(11, Cause::NoLiveUpstreams, b"")]);
    assert_eq!(told, [RootCause::FpmStopped, RootCause::FpmReloaded, RootCause::FpmReloaded]);
}

#[test]
fn a_log_that_ends_with_a_stop_explains_nothing_of_later_days() {
    let mut roots = Roots::default();
    tell(&mut roots, 0, &[(0, Event::Stopping)]);
    let told = answers(&mut roots, vec![refused(5), refused(20 * HOUR), refused(DAY + 1), refused(3 * DAY)]);
    assert_eq!(told, [RootCause::FpmStopped, RootCause::FpmStopped, RootCause::Unknown, RootCause::Unknown]);
}

#[test]
fn beside_a_master_that_lives_it_explains_less() {
    let mut roots = Roots::default();
    tell(&mut roots, 7, &[(0, Event::Stopping)]);
    tell(&mut roots, 8, &[(60, Event::Ready)]);
    assert_eq!(
        answers(&mut roots, vec![refused(5), refused(HOUR), refused(2 * HOUR)]),
        [RootCause::FpmStopped, RootCause::FpmStopped, RootCause::Unknown]
    );
    // Where the pool is known to be the stopped master's, another one says nothing about it.
    let mut roots = Roots::default();
    tell(&mut roots, 7, &[(0, Event::Stopping)]);
    tell(&mut roots, 8, &[(60, Event::Ready)]);
    let told = ask(&mut roots, &two_pools(), vec![of(10, refused(2 * HOUR)), of(20, refused(2 * HOUR))]);
    assert_eq!(told.roots, [RootCause::FpmStopped, RootCause::Unknown]);
}

#[test]
fn the_next_sign_of_life_ends_it() {
    let exited = Event::Exited { pool: b"www", child: 1, how: Exit::Code(0) };
    for sign in [Event::Ready, Event::Working, exited] {
        let mut roots = Roots::default();
        tell(&mut roots, 0, &[(0, Event::Stopping), (500, sign)]);
        let told = answers(&mut roots, vec![refused(400), refused(600)]);
        assert_eq!(told, [RootCause::FpmStopped, RootCause::Unknown], "{sign:?}");
    }
    // Workers that end while their master stops are none.
    let mut roots = Roots::default();
    tell(&mut roots, 0, &[(0, Event::Stopping), (2, exited)]);
    assert_eq!(answers(&mut roots, vec![refused(600)]), [RootCause::FpmStopped]);
}

#[test]
fn a_listener_that_is_seen_ends_it() {
    for seen_before in [false, true] {
        let mut roots = Roots::default();
        roots.observe(-500, Fact::Up(1, true));
        tell(&mut roots, 7, &[(0, Event::Stopping)]);
        if !seen_before {
            roots.observe(1, Fact::Up(1, false));
            roots.observe(50, Fact::Up(1, true));
        }
        let told = ask(&mut roots, &two_pools(), vec![of(10, refused(1)), of(10, refused(100))]);
        assert_eq!(told.roots, [RootCause::FpmStopped, RootCause::Unknown], "{seen_before}");
    }
}

#[test]
fn a_connection_lost_long_after_a_stop_is_not_its_doing() {
    let mut roots = Roots::default();
    tell(&mut roots, 0, &[(0, Event::Stopping)]);
    assert_eq!(answers(&mut roots, vec![reset(0), reset(500)]), [RootCause::FpmStopped, RootCause::Unknown]);
}
