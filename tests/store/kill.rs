//! A process that commits as fast as it can, killed again and again.

use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use badgateway::ledger::store::{Opened, Reason};

use crate::support::{DIR, number, open, payload, this_test};

/// Of different lengths, most of them many pages, so that kills hit writes.
fn length(number: u32) -> usize {
    [900_000, 20, 300_000, 2_000][number as usize % 4]
}

/// Commits, and says so: for ever in the process that the test below kills, and a hundred times otherwise.
#[test]
fn commits() {
    // A killed process removes nothing, so only the one that ends by itself makes a directory.
    let given = std::env::var_os(DIR).map(PathBuf::from);
    let own = given.is_none().then(|| tempfile::tempdir().unwrap());
    let most = if given.is_some() { u32::MAX } else { 100 };
    let dir = given.or_else(|| Some(own.as_ref()?.path().join("state"))).unwrap();
    let Opened { mut store, loaded, .. } = open(&dir);
    let first = loaded.as_ref().map_or(0, number);
    let begin = Instant::now();
    for n in first + 1..most {
        // Time flies, to have the syncing thread at work all along.
        store.commit(&payload(n, length(n)), begin + Duration::from_secs(n.into())).unwrap();
        if most == u32::MAX {
            eprintln!("{n}");
        }
    }
    drop(store);
    let loaded = open(&dir).loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (99, true));
}

/// The last number that it said before it was killed.
fn kill_after(child: &mut Child, bytes: usize) -> u32 {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut text = vec![0; bytes];
    said.read_exact(&mut text).unwrap();
    child.kill().unwrap();
    said.read_to_end(&mut text).unwrap();
    child.wait().unwrap();
    let text = String::from_utf8(text).unwrap();
    // The last line is cut if it has no newline, and a number that is cut was published, too.
    let whole = text.rsplit_once('\n').unwrap().0;
    whole.rsplit('\n').next().unwrap().parse().unwrap()
}

#[test]
fn a_killed_process_loses_nothing_that_it_said() {
    let dir = tempfile::tempdir().unwrap();
    let (mut torn, mut last) = (0, 0);
    for round in 0..40 {
        let mut command = this_test("", "kill::commits", dir.path());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = kill_after(&mut child, 20 + round * 7 % 50);
        let Opened { loaded, set_aside, .. } = open(dir.path());
        let loaded = loaded.unwrap();
        assert!(said > last && loaded.trusted, "round {round}: {said}, {set_aside:?}");
        assert!((said..=said + 1).contains(&number(&loaded)), "round {round}: {said} was published");
        assert!(set_aside.iter().all(|broken| broken.reason == Reason::Unfinished), "{set_aside:?}");
        torn += set_aside.len();
        last = said;
    }
    println!("kill: 40 kills, {last} commits, {torn} torn slots, nothing lost");
}
