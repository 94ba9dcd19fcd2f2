//! Every byte of every file, wrong; every length; all NUL (beats#3537, loki#6268).

use super::super::{Reason, SetAside};
use super::run::{BOOT, Run, number};
use super::sim::Sim;

/// Four slots and the mark: 5 is published in live-0, 4 is in live-1, 3 and 2 are durable.
fn intact() -> Sim {
    let sim = Sim::default();
    let mut run = Run::start(&sim, BOOT);
    for n in 1..=3 {
        run.commit(n).unwrap();
        run.pass(5);
    }
    run.now -= std::time::Duration::from_secs(5);
    run.commit(4).unwrap();
    run.commit(5).unwrap();
    run.kill();
    sim
}

/// Length of the record in a file, without what is left of older ones.
fn record(bytes: &[u8]) -> usize {
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let text = std::str::from_utf8(&bytes[..line]).unwrap();
    let length = text.split(' ').skip_while(|word| *word != "length").nth(1).unwrap();
    line + 1 + length.parse::<usize>().unwrap()
}

fn check(name: &str, bytes: Vec<u8>, what: &str) -> Reason {
    let sim = intact();
    sim.damage(name, bytes);
    let mut run = Run::start(&sim, BOOT);
    let loaded = run.loaded.take().unwrap();
    let expected = match name {
        "live-0" => (4, false),
        "mark" => (5, false),
        _ => (5, true),
    };
    assert_eq!((number(&loaded), loaded.trusted), expected, "{what}");
    let [SetAside { file, reason }] = &run.set_aside.clone()[..] else {
        panic!("{what}: {:?}", run.set_aside)
    };
    assert_eq!(file, name, "{what}");
    let kept = name == "mark" || *reason == Reason::Unfinished;
    assert_eq!(sim.state().names.contains_key(&format!("{name}.bad")), !kept, "{what}");

    run.commit(6).unwrap();
    run.kill();
    let run = Run::start(&sim, BOOT);
    let loaded = run.loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (6, true), "{what}, then a commit");
    *reason
}

const FILES: [&str; 5] = ["live-0", "live-1", "durable-0", "durable-1", "mark"];

#[test]
fn every_flipped_byte_is_noticed() {
    let mut flips = 0;
    for name in FILES {
        let bytes = intact().bytes(name);
        let end = if name == "mark" { bytes.len() } else { record(&bytes) };
        for at in 0..end {
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                check(name, bytes, &format!("{name}, byte {at} xor {flip:#x}"));
                flips += 1;
            }
        }
    }
    println!("damage: {flips} flipped bytes");
}

#[test]
fn every_truncation_is_noticed() {
    for name in FILES {
        let bytes = intact().bytes(name);
        let end = if name == "mark" { bytes.len() } else { record(&bytes) };
        for length in 0..end {
            check(name, bytes[..length].to_vec(), &format!("{name}, cut to {length}"));
        }
    }
}

#[test]
fn nothing_but_nul_is_noticed() {
    for name in FILES {
        let reason = check(name, vec![0; 4096], name);
        assert_eq!(reason, Reason::Unreadable, "{name}");
    }
}

#[test]
fn what_an_older_record_left_behind_the_payload_is_ignored() {
    let sim = intact();
    let mut bytes = sim.bytes("live-0");
    bytes.extend_from_slice(b"left of an older, longer record");
    sim.damage("live-0", bytes);
    let run = Run::start(&sim, BOOT);
    let loaded = run.loaded.unwrap();
    assert_eq!((number(&loaded), loaded.trusted), (5, true));
    assert_eq!(run.set_aside, []);
}

#[test]
fn a_newer_version_is_set_aside() {
    let sim = intact();
    let newer = b"badgateway state 2 {\"sequence\": 900}\n...".to_vec();
    sim.damage("live-0", newer.clone());
    let run = Run::start(&sim, BOOT);
    assert_eq!(run.set_aside, [SetAside { file: "live-0".into(), reason: Reason::Version }]);
    assert_eq!(sim.bytes("live-0.bad"), newer);
    assert!(!run.loaded.unwrap().trusted, "the newer one may have published more");
}

#[test]
fn with_everything_broken_the_store_starts_anew() {
    let sim = intact();
    for name in FILES {
        sim.damage(name, vec![0; 300]);
    }
    let mut run = Run::start(&sim, BOOT);
    assert!(run.loaded.is_none());
    assert_eq!(run.set_aside.len(), 5);
    run.commit(6).unwrap();
    run.kill();
    assert!(Run::start(&sim, BOOT).loaded.unwrap().trusted);
}
