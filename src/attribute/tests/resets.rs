//! Counters that begin at 0 again: the sum of root causes stays the sum of errors.

use super::*;

fn options() -> Options {
    Options {
        live: false,
        access_log: true,
        window: 90,
        error_log: true,
        fpm: true,
        timings: false,
        offset: 0,
    }
}

#[test]
fn root_causes_sum_up_to_the_errors_behind_a_reset() {
    for reset in [false, true] {
        let mut world = World::new(false, false);
        world.attributor = Attributor::new(options());
        for n in 0..20 {
            let entry = if n % 2 == 0 { refused } else { closed }(n, "1.2.3.4", "/a", "a:1");
            world.error(&entry);
            world.access(&rich(n, "502", "/a", "a:1", "502", "-"));
        }
        assert_eq!((world.seen.errors.values().sum::<u64>(), world.seen.roots), (20, 0), "all wait");
        let mut saved = world.attributor.save();
        if reset {
            saved.counters_reset();
            world.seen = Seen::default();
        }
        let saved = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
        world.attributor = Attributor::resume(options(), saved, NOON);
        for n in 20..25 {
            world.error(&refused(n, "1.2.3.4", "/a", "a:1"));
            world.access(&rich(n, "502", "/a", "a:1", "502", "-"));
        }
        let seen = world.finish();
        let expected = if reset { 5 } else { 25 };
        assert_eq!((seen.errors.values().sum::<u64>(), seen.roots), (expected, expected));
    }
}
