use std::time::Duration;

use super::*;

fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn enter(clients: &Arc<Clients>, now: Instant) -> Place {
    clients.enter(now).expect("a place")
}

#[test]
fn the_one_longest_without_progress_makes_room() {
    let (clients, start) = (Clients::new(3), Instant::now());
    let places: Vec<_> = (0..3).map(|n| enter(&clients, at(start, n))).collect();
    places[0].client.has_read(at(start, 9));
    let _fourth = enter(&clients, at(start, 10));
    let left = |place: &Place| !clients.open().clients.contains_key(&place.number);
    assert_eq!(places.iter().map(left).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn who_is_being_answered_stays_and_if_all_are_nobody_comes() {
    let (clients, start) = (Clients::new(2), Instant::now());
    let (old, new) = (enter(&clients, start), enter(&clients, at(start, 5)));
    old.client.asks(false, Instant::now());
    let third = enter(&clients, at(start, 6));
    assert!(!clients.open().clients.contains_key(&new.number));
    third.client.asks(false, Instant::now());
    assert!(clients.enter(at(start, 7)).is_none());
    old.client.is_answered(at(start, 8));
    assert!(clients.enter(at(start, 8)).is_some());
}

#[test]
fn who_takes_its_answer_slowly_stays_and_who_does_not_goes() {
    let (clients, start) = (Clients::new(2), Instant::now());
    let (reader, stuck) = (enter(&clients, start), enter(&clients, start));
    for place in [&reader, &stuck] {
        place.client.asks(false, Instant::now());
        place.client.is_answered(start);
    }
    reader.client.has_written(true, at(start, 1));
    reader.client.has_written(false, at(start, 1));
    stuck.client.has_written(false, at(start, 1));
    assert!(!clients.drop_stuck(at(start, 0) + STUCK / 2), "it may still read");
    let _third = enter(&clients, start + Duration::from_millis(1500));
    assert!(clients.open().clients.contains_key(&reader.number));
    assert!(!clients.open().clients.contains_key(&stuck.number));
    assert!(clients.drop_stuck(at(start, 2)), "where memory is short");
    assert!(!clients.open().clients.contains_key(&reader.number));
}

#[test]
fn who_asks_on_and_takes_no_answer_is_stuck_all_the_same() {
    let (clients, start) = (Clients::new(2), Instant::now());
    let stuck = enter(&clients, start);
    stuck.client.asks(false, Instant::now());
    stuck.client.is_answered(start);
    stuck.client.has_written(true, start);
    stuck.client.has_written(false, at(start, 1));
    stuck.client.has_read(at(start, 2));
    assert_eq!(stuck.client.deadline(), Some(start + WRITE));
    assert!(clients.drop_stuck(at(start, 2)));
}

#[test]
fn a_place_is_free_when_its_connection_ends() {
    let clients = Clients::new(1);
    drop(enter(&clients, Instant::now()));
    assert!(clients.open().clients.is_empty());
}

#[test]
fn a_head_has_its_time_however_it_drips() {
    let start = Instant::now();
    let client = Client::new(start);
    client.has_read(at(start, 4));
    assert_eq!(client.deadline(), Some(start + HEAD));
    client.asks(false, Instant::now());
    assert_eq!(client.deadline(), None, "we are to answer");
    client.is_answered(at(start, 20));
    assert_eq!(client.deadline(), Some(at(start, 20) + IDLE));
    client.has_written(false, at(start, 21));
    assert_eq!(client.deadline(), Some(at(start, 20) + WRITE), "it does not read");
    client.has_written(true, at(start, 23));
    assert_eq!(client.deadline(), Some(at(start, 23) + IDLE));
    client.has_read(at(start, 90));
    assert_eq!(client.deadline(), Some(at(start, 90) + HEAD), "the next request");
}

#[test]
fn a_handshake_has_the_time_of_a_head_and_its_bytes_are_no_answer() {
    let start = Instant::now();
    let client = Client::new(start);
    client.shakes_hands(start);
    client.has_read(at(start, 1));
    client.has_written(true, at(start, 2));
    assert_eq!(client.deadline(), Some(start + HEAD), "however it drips");
    assert!(!client.lingers(at(start, 2)));
    client.has_shaken_hands(at(start, 3));
    assert_eq!(client.deadline(), Some(at(start, 3) + HEAD));
}

#[test]
fn what_nobody_reads_is_waited_for_after_the_answer() {
    let start = Instant::now();
    let refused = Client::new(start);
    assert!(!refused.lingers(start), "half a request, and no answer to lose");
    refused.has_written(true, at(start, 1));
    assert!(refused.lingers(at(start, 1)));
    refused.has_read(at(start, 2));
    assert_eq!(refused.deadline(), Some(at(start, 1) + LINGER), "however it drips");
    for body in [false, true] {
        let client = Client::new(start);
        client.asks(body, start);
        client.is_answered(start);
        client.has_written(true, start);
        assert_eq!(client.lingers(start), body);
    }
}

#[test]
fn a_next_request_waits_while_the_answer_is_on_its_way() {
    let start = Instant::now();
    let client = Client::new(start);
    client.asks(false, start);
    client.is_answered(start);
    let number = client.sends(start);
    client.has_read(at(start, 1));
    assert_eq!(client.deadline(), Some(start + IDLE), "no head that comes");
    client.has_written(false, at(start, 1));
    assert_eq!(client.deadline(), Some(start + WRITE));
    client.has_written(true, at(start, 2));
    client.is_sent(number, at(start, 2));
    client.has_read(at(start, 3));
    assert_eq!(client.deadline(), Some(at(start, 3) + HEAD));
}
