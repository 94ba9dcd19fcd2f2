//! Names: capped, repaired, cut.

use std::collections::HashSet;

use super::*;

#[test]
fn names_are_capped_repaired_and_stable() {
    let mut names = Interner::new(2);
    let a = names.id(b"a");
    assert_eq!(names.id(b""), Id::NONE);
    assert_eq!(names.id(b"a"), a);
    let bad = names.id(b"\xff");
    assert_eq!(names.text(bad), "\u{fffd}");
    assert_eq!(names.id(b"\xfe"), bad);
    for lines in 1..=3 {
        // The same name, or several, are asked for more than once for one line.
        assert_eq!(names.id(b"c"), Id::OTHER);
        assert_eq!(names.id(b"c"), Id::OTHER);
        assert_eq!(names.id(b"d"), Id::OTHER);
        assert_eq!(names.overflowed(), lines, "lines are counted, not what was asked for");
        names.end_line();
        assert_eq!(names.overflowed(), lines);
    }
    names.id(b"a");
    names.end_line();
    assert_eq!(names.overflowed(), 3);
    assert_eq!(names.text(Id::OTHER), "other");
    assert_eq!(names.id(b"a"), a);
}

#[test]
fn names_of_entries_are_few_until_they_are_confirmed() {
    let mut names = Names::default().for_series().upstreams;
    let first = names.of_entry(b"10.0.0.0:80");
    let ids: Vec<Id> = (1..40).map(|n| names.of_entry(format!("10.0.0.{n}:80").as_bytes())).collect();
    assert_eq!(ids.iter().filter(|id| **id == Id::OTHER).count(), 40 - MOST_UNCONFIRMED);
    assert_eq!(names.of_entry(b"10.0.0.0:80"), first);
    assert_eq!(names.id(b"10.0.0.0:80"), first, "a name keeps its series when it is confirmed");
    assert_ne!(names.of_entry(b"10.0.0.99:80"), Id::OTHER, "which makes room for another one");
    assert_eq!(names.of_entry(b"10.0.0.98:80"), Id::OTHER);
    let confirmed = names.id(b"10.0.0.98:80");
    assert_eq!(names.of_entry(b"10.0.0.98:80"), confirmed);
    let mut again = Interner::restore(CAP, names.save());
    again.most_unconfirmed = MOST_UNCONFIRMED;
    assert_eq!(again.of_entry(b"10.0.0.97:80"), Id::OTHER, "over a restart too");
}

#[test]
fn long_names_take_no_more_than_a_label() {
    let mut names = Interner::new(CAP);
    let ids: Vec<Id> = (0..50).map(|n| names.id(format!("{}{n}", "x".repeat(8192)).as_bytes())).collect();
    for (n, id) in ids.iter().enumerate() {
        let name = format!("{}{n}", "x".repeat(8192));
        assert_eq!((names.id(name.as_bytes()), names.known(name.as_bytes())), (*id, Some(*id)));
        assert!(names.text(*id).len() <= LONGEST);
    }
    let distinct: HashSet<&Id> = ids.iter().collect();
    assert_eq!(distinct.len(), 50);
    let kept =
        names.ids.keys().map(|key| key.len()).chain(names.recent.iter().map(|lately| lately.text.capacity()));
    assert!(kept.max() <= Some(LONGEST), "in memory");
    let saved = serde_json::to_string(&names.save()).unwrap();
    assert!(saved.len() < 50 * (LONGEST + 10) + 100, "in the state");
    let mut again = Interner::restore(CAP, names.save());
    assert_eq!(again.id(format!("{}7", "x".repeat(8192)).as_bytes()), ids[7], "after a restart");
    let old = SavedInterner { texts: vec!["y".repeat(9000).into()], ..SavedInterner::default() };
    let mut old = Interner::restore(CAP, old);
    assert_eq!(old.id("y".repeat(9000).as_bytes()), Id(2), "a state that has it whole");
    assert!(old.text(Id(2)).len() <= LONGEST);
}

#[test]
fn what_the_configuration_has_needs_no_room_and_is_no_name_before_a_log_has_it() {
    let mut names = Names::default().for_series().upstreams;
    let all: Vec<_> = (0..100).map(|n| format!("10.0.0.{n}:80")).collect();
    names.expect(all.iter().map(String::as_bytes));
    assert_eq!(names.ids().count(), 2);
    let ids: HashSet<Id> = all.iter().map(|name| names.of_entry(name.as_bytes())).collect();
    assert_eq!((ids.len(), names.overflowed()), (100, 0));
    assert!(!ids.contains(&Id::OTHER));
    // They are no longer in the configuration: names stay names, and count as none of those that only entries have.
    names.expect([]);
    let others: Vec<_> = (0..40).map(|n| names.of_entry(format!("10.0.1.{n}:80").as_bytes())).collect();
    assert_eq!(others.iter().filter(|id| **id != Id::OTHER).count(), 32);
    assert!(all.iter().all(|name| names.of_entry(name.as_bytes()) != Id::OTHER));
}

#[test]
fn a_log_may_call_a_group_otherwise() {
    let mut names = Names::default().for_series().upstreams;
    let of = |nginx: &str| -> Option<Renamed> {
        let label = format!("app@{nginx}").into_bytes().into_boxed_slice();
        Some(Renamed::new([(Box::from(&b"app"[..]), label)].into()))
    };
    let plain = names.id(b"app");
    names.call(of("a"));
    let of_a = names.id(b"app");
    let other = names.id(b"10.0.0.1:80");
    names.call(of("b"));
    let of_b = names.of_entry(b"app");
    assert_eq!([plain, of_a, of_b].map(|id| names.text(id)), ["app", "app@a", "app@b"]);
    assert_eq!((names.known(b"app"), names.id(b"app"), names.id(b"10.0.0.1:80")), (Some(of_b), of_b, other));
    names.call(of("a"));
    assert_eq!((names.of_entry(b"app"), names.known(b"app")), (of_a, Some(of_a)));
    names.call(None);
    assert_eq!((names.id(b"app"), names.known(b"app")), (plain, Some(plain)));
}
