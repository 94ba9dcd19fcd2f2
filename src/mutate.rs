//! Damaged text, always the same, for tests of the parsers.

/// How often each parser is tried.
const TIMES: u64 = 10_000;

/// Gives `try_it` the text with one to four changes, ten thousand times.
pub(super) fn each(text: &[u8], mut try_it: impl FnMut(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for _ in 0..TIMES {
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
        try_it(&text);
    }
}
