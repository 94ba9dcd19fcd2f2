//! Packed entries against a plain list of them.

use super::*;

fn asked(method: &str, uri: &str) -> Asked<'static> {
    let part = |text: &str| Some(text.as_bytes().to_owned().into());
    Asked { method: part(method), uri: part(uri), ..Asked::default() }
}

fn entry(pending: &Pending, connection: u64, line: &str) -> WaitingEntry {
    WaitingEntry {
        at: 1_795_176_000,
        arrived: 1_795_176_000,
        pid: 7,
        connection,
        request: pending.request_key(Request { line: line.as_bytes(), cut: false }),
        client: Some(pending.hash(b"1.2.3.4")),
        server: Id::at(2),
        upstream: Id::at(3),
        upstream_guessed: false,
        fastcgi: Some(true),
        subrequest: false,
        evidence: Evidence::Failure(Cause::ConnectionRefused),
        root: None,
        rescued: false,
        counted: false,
        shadowed: false,
        taken: false,
    }
}

/// A generator that needs no crate and repeats itself.
fn random(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// The simplest thing that does the same.
#[derive(Default)]
struct Model(Vec<WaitingEntry>);

impl Model {
    fn of(&self, wanted: impl Fn(&WaitingEntry) -> bool) -> Vec<u64> {
        let free = self.0.iter().enumerate().filter(|(_, entry)| !entry.taken && wanted(entry));
        free.map(|(at, _)| at as u64).take(MOST_CANDIDATES).collect()
    }

    fn settle(&mut self, deadline: Local) -> usize {
        let mut settled = 0;
        for entry in &mut self.0 {
            if !entry.taken && entry.arrived >= deadline {
                break;
            }
            settled += usize::from(!entry.counted);
            entry.counted = true;
        }
        settled
    }
}

#[test]
fn whatever_happens_they_are_as_in_a_list() {
    let mut state = 0x1234_5678_9abc_def1;
    for round in 0..40 {
        let (mut pending, mut model) = (Pending::default(), Model::default());
        // Few connections make long chains, many make many places.
        let (connections, uris) = ([3, 50, 5000][round % 3], [2, 20, 3000][round / 3 % 3]);
        for step in 0..3000 {
            let now = 1_795_176_000 + step / 20;
            let (connection, uri) =
                (random(&mut state, connections), format!("/{}", random(&mut state, uris)));
            let kind = usize::try_from(random(&mut state, 4)).unwrap();
            match random(&mut state, 8) {
                0..=3 => {
                    let entry = WaitingEntry {
                        at: now,
                        arrived: now,
                        upstream: Id::at(kind),
                        ..entry(&pending, connection, &format!("GET {uri} HTTP/1.1"))
                    };
                    assert_eq!(pending.push(entry), None);
                    model.0.push(entry);
                }
                4 => {
                    let is = |entry: &WaitingEntry| entry.connection == connection;
                    let found = pending.of_connection(connection, &Asked::default(), |_| true);
                    assert_eq!(found.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), model.of(is));
                    assert_eq!(pending.waits_for(connection), !found.is_empty());
                }
                5 | 6 => {
                    let asked = asked("GET", &uri);
                    let key =
                        pending.request_key(Request { line: format!("GET {uri}").as_bytes(), cut: true });
                    let hash = key.unwrap().uri;
                    let found = pending.of_request(&asked, |_| true);
                    let expected = model.of(|entry| entry.request.is_some_and(|request| request.uri == hash));
                    assert_eq!(found.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), expected);
                    for (seq, entry) in found.iter().take(2) {
                        assert_eq!(*entry, model.0[*seq as usize]);
                        let counted = std::mem::replace(&mut model.0[*seq as usize].counted, true);
                        model.0[*seq as usize].taken = true;
                        assert_eq!(pending.take(*seq), !counted);
                        assert!(!pending.take(*seq), "only once");
                    }
                }
                _ => {
                    let mut settled = 0;
                    pending.settle(now - 30, |_| settled += 1);
                    assert_eq!(settled, model.settle(now - 30));
                }
            }
            assert_eq!(pending.uncounted(), model.0.iter().filter(|entry| !entry.counted).count());
        }
        // Over a restart the same are found, in the same order.
        let saved = serde_json::to_string(&pending.save()).unwrap();
        let restored = serde_json::from_str::<SavedPending>(&saved).unwrap().restore(5);
        let waiting = |pending: &Pending| -> Vec<WaitingEntry> {
            let all = pending.entries.seqs().filter_map(|seq| pending.entries.get(seq));
            all.filter(|entry| !entry.taken).collect()
        };
        let moved = waiting(&pending).into_iter().map(|entry| {
            // Where requests are not found by their path, it is not saved.
            let request = entry.request.map(|request| RequestKey { path: 0, ..request });
            WaitingEntry { arrived: entry.arrived + 5, request, ..entry }
        });
        assert!(waiting(&restored) == moved.collect::<Vec<_>>(), "round {round}");
    }
}

#[test]
fn what_waits_is_bounded_and_each_is_counted_once() {
    let mut pending = Pending::default();
    let (mut evicted, mut settled) = (0, 0);
    let more = CAPACITY as u64 + 1000;
    for connection in 0..more {
        let entry = entry(&pending, connection, "GET /a HTTP/1.1");
        evicted += u64::from(pending.push(entry).is_some());
        assert!(pending.entries.len() <= CAPACITY);
    }
    pending.settle(Local::MAX, |_| settled += 1);
    assert_eq!((evicted, settled), (1000, CAPACITY as u64));
    assert_eq!((pending.entries.len(), pending.uncounted()), (LATE, 0));
    // The latest still label.
    assert!(pending.waits_for(more - 1) && !pending.waits_for(0));
    let saved = serde_json::to_string(&pending.save()).unwrap();
    assert!(saved.len() < LATE * 4, "equal failures are saved in few bytes: {}", saved.len());
}

#[test]
fn different_failures_are_saved_in_few_bytes_too() {
    let mut pending = Pending::default();
    for n in 0..10_000 {
        let client = pending.hash(format!("10.0.{}.{}", n / 256, n % 256).as_bytes());
        let entry = WaitingEntry {
            client: Some(client),
            pid: 7 + n % 4,
            ..entry(&pending, n, &format!("GET /{n}?a=b HTTP/1.1"))
        };
        pending.push(entry);
    }
    let saved = serde_json::to_string(&pending.save()).unwrap();
    assert!(saved.len() < 10_000 * 24, "{}", saved.len() / 10_000);
}

#[test]
fn a_kind_that_no_entry_has_takes_no_memory() {
    let mut pending = Pending::default();
    for n in 0..200_000 {
        let entry = WaitingEntry { upstream: Id::at(n), ..entry(&pending, 1, "GET / HTTP/1.1") };
        pending.push(entry);
        let found = pending.of_connection(1, &Asked::default(), |_| true);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.upstream, Id::at(n));
        pending.take(found[0].0);
    }
    assert!(pending.entries.kinds() <= 5000, "{}", pending.entries.kinds());
}

#[test]
fn a_request_is_compared_as_far_as_both_know_it() {
    let mut pending = Pending::default();
    let long = format!("/{}", "x".repeat(400));
    let push = |pending: &mut Pending, line: &str, cut: bool| {
        let request = pending.request_key(Request { line: line.as_bytes(), cut });
        let entry = WaitingEntry { request, ..entry(pending, 9, "GET / HTTP/1.1") };
        pending.push(entry);
    };
    push(&mut pending, "POST /a?b=c HTTP/1.1", false);
    push(&mut pending, "GET /a?b=c HTTP/2.0", false);
    push(&mut pending, &format!("GET {}", &long[..300]), true);
    push(&mut pending, &format!("GET {long} HT"), true);
    let part = |text: &str| Some(text.as_bytes().to_owned().into());
    let mut found = |asked: &Asked<'_>| -> Vec<u64> {
        let by_connection = pending.of_connection(9, asked, |_| true);
        let by_request = pending.of_request(asked, |_| true);
        assert_eq!(by_connection, by_request, "{asked:?}");
        by_request.iter().map(|(seq, _)| *seq).collect()
    };
    assert_eq!(found(&asked("POST", "/a?b=c")), [0]);
    assert_eq!(found(&Asked { uri: part("/a?b=c"), ..Asked::default() }), [0, 1]);
    assert_eq!(found(&Asked { protocol: part("HTTP/2.0"), ..asked("GET", "/a?b=c") }), [1]);
    assert_eq!(found(&Asked { protocol: part("HTTP/1.1"), ..asked("GET", "/a?b=c") }), [0_u64; 0]);
    assert_eq!(found(&asked("GET", "/a")), [0_u64; 0]);
    assert_eq!(found(&asked("GET", &long)), [2, 3]);
    assert_eq!(found(&asked("GET", &long[..300])), [2]);
    assert_eq!(found(&asked("GET", &long[..299])), [0_u64; 0]);
    // Once an access log has only paths, whole URIs are found by theirs.
    assert_eq!(found(&Asked { path: part("/a"), ..Asked::default() }), [0, 1]);
    assert_eq!(found(&asked("POST", "/a?b=c")), [0]);
    assert_eq!(found(&asked("GET", &long)), [2, 3]);
}

#[test]
fn a_path_that_nginx_changed_is_found_by_the_connection_alone() {
    let mut pending = Pending::default();
    let entry = entry(&pending, 9, "GET /blog?p=1 HTTP/1.1");
    pending.push(entry);
    let index = Asked { path: Some(b"/index.php".as_slice().into()), ..Asked::default() };
    assert_eq!(pending.of_connection(9, &index, |_| true).len(), 1);
    assert_eq!(pending.of_connection(8, &index, |_| true).len(), 0);
    assert_eq!(pending.of_request(&index, |_| true).len(), 0);
}

/// As entries were saved before they were packed.
#[test]
fn what_was_saved_one_by_one_waits_on() {
    let old = r#"{"key":[1,2],"entries":[{"at":100,"arrived":100,"pid":7,"connection":9,
        "request":{"head":1,"whole":1,"length":14,"cut":false},"client":5,"server":2,"upstream":3,
        "upstream_guessed":false,"fastcgi":true,"subrequest":false,"says":{"Failure":"socket_missing"},"root":null,
        "rescued":false,"counted":false,"taken":false}]}"#;
    let mut pending = serde_json::from_str::<SavedPending>(old).unwrap().restore(10);
    assert_eq!(pending.uncounted(), 1);
    let found = pending.of_connection(9, &asked("GET", "/any"), |_| true);
    assert_eq!(found.len(), 1);
    let (seq, entry) = found[0];
    assert_eq!((entry.arrived, entry.evidence), (110, Evidence::Failure(Cause::SocketMissing)));
    assert!(pending.take(seq));
}

#[test]
fn sixty_thousand_equal_failures_of_one_connection_are_taken_at_once() {
    let started = std::time::Instant::now();
    let mut pending = Pending::default();
    for _ in 0..60_000 {
        let entry = entry(&pending, 9, "GET /a HTTP/1.1");
        pending.push(entry);
    }
    for _ in 0..60_000 {
        assert!(pending.waits_for(9));
        let found = pending.of_connection(9, &asked("GET", "/a"), |_| true);
        assert!(pending.take(found[0].0));
    }
    assert!(pending.is_empty() || !pending.waits_for(9));
    // 0.1 s alone on the machine; 9 s when each line walked past those that were taken.
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn requests_that_are_found_by_path_or_were_cut_are_found_after_a_restart() {
    let mut pending = Pending::default();
    let long = format!("/{}", "x".repeat(400));
    let cut = pending.request_key(Request { line: format!("GET {}", &long[..300]).as_bytes(), cut: true });
    let cut = WaitingEntry { request: cut, ..entry(&pending, 9, "GET / HTTP/1.1") };
    pending.push(cut);
    let whole = entry(&pending, 8, "POST /a?b HTTP/1.1");
    pending.push(whole);
    let path = Asked { path: Some(b"/a".as_slice().into()), ..Asked::default() };
    let again = |pending: &Pending| -> Pending {
        let saved = serde_json::to_string(&pending.save()).unwrap();
        serde_json::from_str::<SavedPending>(&saved).unwrap().restore(0)
    };
    let mut restored = again(&pending);
    assert_eq!(restored.of_request(&asked("GET", &long), |_| true).len(), 1);
    assert_eq!(restored.of_request(&asked("POST", "/a?b"), |_| true).len(), 1);
    assert_eq!(pending.of_request(&path, |_| true).len(), 1);
    assert_eq!(again(&pending).of_request(&path, |_| true).len(), 1);
}
