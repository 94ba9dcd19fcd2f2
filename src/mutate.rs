//! Damaged text, always the same, for tests of the parsers.

use std::time::{Duration, Instant};

/// How often each parser is tried, unless `FUZZ_INPUTS` says otherwise.
const TIMES: u64 = 10_000;

/// No input may take longer.
const LONGEST: Duration = Duration::from_secs(1);

/// Inputs for each text: what `make fuzz` sets.
fn times() -> u64 {
    std::env::var("FUZZ_INPUTS").ok().and_then(|times| times.parse().ok()).unwrap_or(TIMES)
}

/// Gives `try_it` the text with one to four changes, ten thousand times or as often as `FUZZ_INPUTS` says.
pub(super) fn each(text: &[u8], mut try_it: impl FnMut(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    for _ in 0..times() {
        let mut text = text.to_vec();
        for _ in 0..=random(4) {
            let at = random(text.len());
            let to = (at + random(40)).min(text.len());
            match random(5) {
                0 => text.truncate(at),
                1 => drop(text.drain(at..to)),
                2 => text.insert(at.min(text.len()), random(256) as u8),
                3 => text.extend_from_within(at..to),
                _ => {
                    if let Some(byte) = text.get_mut(at) {
                        *byte = b" :\n\0-0fF9)("[random(11)];
                    }
                }
            }
        }
        let begun = Instant::now();
        try_it(&text);
        longest = longest.max(begun.elapsed());
    }
    // It is seen with --nocapture, as by `make fuzz`.
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!(
        "fuzz: {name}: {} inputs in {:.1} s, the longest {longest:?}",
        times(),
        begun.elapsed().as_secs_f64()
    );
    assert!(longest <= LONGEST, "{longest:?} for one input");
}
