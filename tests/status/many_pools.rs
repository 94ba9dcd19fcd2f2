//! Two hundred pools, of which fifty are dead and two hang: nobody waits for anybody, and nothing grows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use badgateway::address::Listener;
use badgateway::sample::status::poller::{Poller, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

const INTERVAL: Duration = Duration::from_millis(100);
const DEADLINE: Duration = Duration::from_millis(50);

fn reply(pool: usize) -> Vec<u8> {
    let page = format!(
        "Content-Type: application/json\r\n\r\n{{\"pool\":\"p{pool}\",\"process manager\":\"static\",\"start time\":1,\"start since\":1,\
         \"accepted conn\":{pool},\"listen queue\":0,\"max listen queue\":0,\"listen queue len\":0,\"idle processes\":1,\
         \"active processes\":1,\"total processes\":2,\"max active processes\":1,\"max children reached\":0,\"slow requests\":0}}"
    );
    let [high, low] = (page.len() as u16).to_be_bytes();
    let mut out = vec![1, 6, 0, 1, high, low, 0, 0];
    out.extend(page.as_bytes());
    out.extend([1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out
}

/// Pools that answer: each notes how many questions it had at once.
fn serve(path: PathBuf, pool: usize, most: Arc<AtomicUsize>) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        let open = Arc::new(AtomicUsize::new(0));
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (open, most) = (Arc::clone(&open), Arc::clone(&most));
            tokio::spawn(async move {
                most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&reply(pool)).await;
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
}

/// Pools that accept and never answer.
fn hang(path: PathBuf) {
    let listener = UnixListener::bind(path).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Until the other side has had enough.
            tokio::spawn(
                async move { while stream.read(&mut [0; 1024]).await.is_ok_and(|length| length > 0) {} },
            );
        }
    });
}

fn count(dir: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{dir}")).unwrap().count()
}

fn key(pool: usize) -> String {
    format!("pool-{pool:03}")
}

fn target(dir: &Path, pool: usize) -> (String, Target) {
    (key(pool), Target { address: Listener::Unix(dir.join(pool.to_string())), path: "/status".to_owned() })
}

/// Polls until it is so.
async fn until(condition: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "it never came true");
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "current_thread")]
async fn two_hundred_pools_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    (0..148).for_each(|pool| serve(dir.path().join(pool.to_string()), pool, Arc::clone(&most)));
    (148..150).for_each(|pool| hang(dir.path().join(pool.to_string())));
    let before = count("fd");
    let mut poller = Poller::new(INTERVAL, DEADLINE);
    assert_eq!(poller.set((0..200).map(|pool| target(dir.path(), pool))), 0);
    let answers = poller.answers();
    let polls = || answers.all().values().map(|latest| latest.polls).sum::<u64>();
    let (mut files, mut threads) = (Vec::new(), Vec::new());
    for round in 1.. {
        tokio::time::sleep(INTERVAL).await;
        files.push(count("fd"));
        threads.push(count("task"));
        if polls() >= 10_000 {
            break;
        }
        assert!(round < 600, "only {} polls in a minute", polls());
    }
    let all = answers.all();
    assert_eq!(all.len(), 200);
    for (pool, latest) in all.values().enumerate() {
        match &latest.result {
            Ok(page) => {
                assert!(pool < 148 && page.accepted_conn == pool as u64, "{latest:?}");
            }
            Err(error) if pool < 150 => {
                assert!(pool >= 148 && error.contains("no answer within"), "{pool}: {error}");
            }
            Err(error) => assert!(error.contains("no such socket"), "{error}"),
        }
        // On a busy machine a page may miss its deadline once in a while.
        assert!(pool >= 148 || latest.failures * 10 <= latest.polls, "{pool}: {latest:?}");
        // Those that hang cost their own deadline and nothing of the others' rounds.
        assert!(latest.polls * 200 > polls() / 2, "pool {pool} was asked {} times", latest.polls);
    }
    assert_eq!(most.load(Ordering::SeqCst), 1, "questions at once");
    // Both ends of each question are in this process; the rest is what the other tests of this program hold.
    let peak = files.iter().max().unwrap();
    println!("{} polls, {before} descriptors before, {peak} at most", polls());
    assert!(*peak <= before + 2 * 150 + 32, "{files:?}");
    // The other tests of this program have threads, too; none of ours may be one for each pool.
    assert!(threads.iter().max().unwrap() - threads.iter().min().unwrap() < 16, "{threads:?}");

    // A pool that went is forgotten, one that moved begins anew, one that stayed goes on.
    let polled = answers.get(&key(1)).unwrap().polls;
    let moved = Target { address: Listener::Unix(dir.path().join("7")), path: "/status".to_owned() };
    poller.set([target(dir.path(), 1), (key(2), moved)]);
    assert_eq!(
        (poller.len(), answers.get(&key(3)).is_none(), answers.get(&key(2)).is_none()),
        (2, true, true)
    );
    until(|| answers.get(&key(1)).unwrap().polls > polled).await;
    until(|| {
        answers.get(&key(2)).is_some_and(|latest| latest.result.as_ref().is_ok_and(|page| page.pool == "p7"))
    })
    .await;
    drop(poller);
    until(|| answers.all().is_empty()).await;
    assert_eq!(polls(), 0);
}
