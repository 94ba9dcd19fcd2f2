use std::time::{Duration, Instant};

use super::*;

fn hash(password: &str, cost: u32) -> Hash {
    let text = bcrypt::hash_with_salt(password, cost, [7; 16]).unwrap().to_string();
    Hash { text, cost }
}

fn users(of: &[(&str, &str, u32)]) -> Arc<Users> {
    Arc::new(of.iter().map(|(name, password, cost)| ((*name).to_owned(), hash(password, *cost))).collect())
}

fn pair(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), password: password.as_bytes().to_vec() }
}

fn address(last: u8) -> Peer {
    Peer::of(IpAddr::from([192, 0, 2, last]))
}

#[test]
fn headers_are_read() {
    let header = |text: &str| Credentials::parse(text.as_bytes());
    assert!(header("Basic YTpiOmM=") == Some(pair("a", "b:c")));
    assert!(header("basic  YTo=") == Some(pair("a", "")));
    for text in
        ["", "Basic", "Basic !", "Basic YQ==", "Bearer YTpi", "Digest YTpi", "Basié YTpi", "Basic /zpi"]
    {
        assert!(header(text).is_none(), "{text}");
    }
}

#[test]
fn addresses_that_one_client_has_are_one() {
    let of = |text: &str| Peer::of(text.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

#[tokio::test]
async fn the_right_pair_and_no_other() {
    let auth = Auth::start().unwrap();
    let both = users(&[("a", "one", 4), ("b", "two", 6)]);
    for _ in 0..2 {
        for (user, password, verdict) in [
            ("a", "one", Verdict::Right),
            ("b", "two", Verdict::Right),
            ("a", "two", Verdict::Wrong),
            ("b", "one", Verdict::Wrong),
            ("c", "one", Verdict::Wrong),
            ("a", "", Verdict::Wrong),
            ("", "", Verdict::Wrong),
            ("a", "one\0", Verdict::Wrong),
        ] {
            let found = auth.check(&both, pair(user, password), address(1)).await;
            assert_eq!(found, verdict, "{user} {password:?}");
        }
    }
    let changed = users(&[("a", "three", 4)]);
    assert_eq!(auth.check(&changed, pair("a", "one"), address(1)).await, Verdict::Wrong, "a new hash");
    assert_eq!(auth.check(&changed, pair("a", "three"), address(1)).await, Verdict::Right);
    assert_eq!(
        auth.check(&changed, pair("b", "two"), address(1)).await,
        Verdict::Wrong,
        "a user who was taken out"
    );
}

/// CPU time of this thread.
fn cpu_time() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
}

#[test]
fn any_user_and_any_password_take_the_same_time() {
    let three = users(&[("low", "one", 5), ("middle", "two", 7), ("high", "three", 9)]);
    let long = "a much longer password than the others have, which is cut at 72 bytes";
    let pairs = [
        ("low", "one"),
        ("high", "three"),
        ("low", "x"),
        ("middle", "x"),
        ("high", long),
        ("nobody", "x"),
        ("", ""),
    ];
    let pairs = pairs.map(|(user, password)| (user, pair(user, password)));
    // The least of a few turns, all in each: what the computation itself takes, however busy the machine is.
    let mut least = [Duration::MAX; 7];
    for _ in 0..9 {
        for (least, (_, pair)) in least.iter_mut().zip(&pairs) {
            let begun = cpu_time();
            std::hint::black_box(compare(&three, pair));
            *least = (*least).min(cpu_time() - begun);
        }
    }
    let (min, max) = (least.iter().min().unwrap(), least.iter().max().unwrap());
    println!("longest to shortest: {:.3}; {least:?}", max.as_secs_f64() / min.as_secs_f64());
    // A user who is not there, answered at once or by another cost, would be 4 to 10,000 times as fast.
    assert!(*max < *min * 2, "{least:?}");
}

#[tokio::test]
async fn a_flood_of_one_address_leaves_the_turns_of_others() {
    let auth = Arc::new(Auth::start().unwrap());
    let one = users(&[("a", "one", 10)]);
    let wrong = |n: u8, from: Peer| {
        let (auth, one) = (auth.clone(), one.clone());
        tokio::spawn(async move { auth.check(&one, pair("a", &format!("wrong {n}")), from).await })
    };
    let flood: Vec<_> = (0..100).map(|n| wrong(n, address(1))).collect();
    tokio::task::yield_now().await;
    let honest = auth.check(&one, pair("a", "one"), address(2)).await;
    assert_eq!(honest, Verdict::Right);
    let mut busy = 0;
    let mut waiting = 0;
    for check in flood {
        waiting += usize::from(!check.is_finished());
        busy += usize::from(check.await.unwrap() == Verdict::Busy);
    }
    assert!(busy >= 100 - MOST_OF_ONE - 1, "{busy} of 100 were turned away");
    assert!(waiting >= 1, "the honest one did not wait for all of them");
    // Who is known does not wait at all: the thread is busy with this one.
    let _busy = wrong(0, address(3));
    tokio::task::yield_now().await;
    assert!(auth.0.is_known(&one, &pair("a", "one")));
    assert!(!auth.0.is_known(&one, &pair("a", "two")));
}

#[tokio::test]
async fn who_has_left_costs_nothing() {
    let auth = Auth::start().unwrap();
    let slow = users(&[("a", "one", 12)]);
    for n in 0..MOST_WAITING {
        let from = address(u8::try_from(n).unwrap());
        let check = auth.check(&slow, pair("a", "wrong"), from);
        assert!(tokio::time::timeout(Duration::from_millis(1), check).await.is_err());
    }
    // 32 hashes of cost 12 would take some 8 s in optimised code; the first one and this one are computed.
    let start = Instant::now();
    let quick = users(&[("a", "one", 4)]);
    while auth.check(&quick, pair("a", "one"), address(200)).await == Verdict::Busy {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}
