//! Near bytes and short texts, without a call for each.
//!
//! A log line is some tens of short values between quotes. memchr and memcmp are called through a pointer, which
//! costs more than the few bytes that are looked at, so here they are looked at in line.

/// A byte to be looked for that is probably near.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    byte: u8,
    /// Every processor of this kind has what it needs, so it is called without a detour.
    #[cfg(target_arch = "x86_64")]
    inline: Option<memchr::arch::x86_64::sse2::memchr::One>,
}

impl Near {
    /// For one byte.
    #[inline]
    pub fn new(byte: u8) -> Self {
        Self {
            byte,
            #[cfg(target_arch = "x86_64")]
            inline: memchr::arch::x86_64::sse2::memchr::One::new(byte),
        }
    }

    /// Where it stands first.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if let Some(inline) = &self.inline {
            return inline.find(text);
        }
        memchr::memchr(self.byte, text)
    }

    /// Where it stands last.
    #[inline]
    pub fn rfind(&self, text: &[u8]) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if let Some(inline) = &self.inline {
            return inline.rfind(text);
        }
        memchr::memrchr(self.byte, text)
    }
}

/// Where `byte` stands from a position on, when it is probably near.
#[inline]
pub fn find(text: &[u8], from: usize, byte: u8) -> Option<usize> {
    Near::new(byte).find(text.get(from..)?).map(|at| from + at)
}

/// Where `byte` stands for the `n`-th time (from 1) from a position on.
#[inline]
pub fn nth(text: &[u8], from: usize, byte: u8, n: usize) -> Option<usize> {
    let mut at = find(text, from, byte)?;
    for _ in 1..n {
        at = find(text, at + 1, byte)?;
    }
    Some(at)
}

/// Whether `byte` stands in a text that is probably short.
#[inline]
pub fn holds(text: &[u8], byte: u8) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // Of the bytes that are 0 after this, the first one borrows from its own highest bit.
    let holds = |word: [u8; 8]| {
        let word = u64::from_le_bytes(word) ^ (ONES * u64::from(byte));
        word.wrapping_sub(ONES) & !word & (ONES << 7) != 0
    };
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) if text.len() <= 16 => holds(*first) || holds(*last),
        (None, _) => text.contains(&byte),
        _ => find(text, 0, byte).is_some(),
    }
}

/// Whether two texts are the same.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && begins(a, b)
}

/// Whether a text begins with another one, as long ones do mostly or not at all.
#[inline]
pub fn begins(text: &[u8], head: &[u8]) -> bool {
    let Some(text) = text.get(..head.len()) else { return false };
    match head.len() {
        0 => true,
        1 => text[0] == head[0],
        2..4 => words::<2>(text, head),
        4..8 => words::<4>(text, head),
        8..16 => words::<8>(text, head),
        16..=32 => words::<16>(text, head),
        _ => text == head,
    }
}

/// Two texts of equal length, from N to 2 N bytes, by their first and their last N bytes.
#[inline]
fn words<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// A text that is expected at places of many lines.
#[derive(Clone, Debug)]
pub struct Expected {
    text: Box<[u8]>,
    head: [u64; 4],
    /// Which bits of the head are the text's.
    mask: [u64; 4],
}

impl Expected {
    /// For a text.
    pub fn new(text: &[u8]) -> Self {
        let word = |bytes: &mut dyn Iterator<Item = u8>| {
            u64::from_le_bytes(std::array::from_fn(|_| bytes.next().unwrap_or_default()))
        };
        let (mut head, mut mask) = (text.iter().copied(), text.iter().map(|_| u8::MAX));
        Self {
            text: text.into(),
            head: std::array::from_fn(|_| word(&mut head)),
            mask: std::array::from_fn(|_| word(&mut mask)),
        }
    }

    /// Where it ends, if it stands at a position.
    #[inline]
    pub fn end(&self, line: &[u8], at: usize) -> Option<usize> {
        let rest = line.get(at..)?;
        match rest.first_chunk::<32>() {
            // No branch depends on its length: such texts follow each other in all lengths.
            Some(chunk) if self.text.len() <= 32 => {
                let mut differ = 0;
                for (i, word) in chunk.as_chunks().0.iter().enumerate() {
                    differ |= (u64::from_le_bytes(*word) ^ self.head[i]) & self.mask[i];
                }
                (differ == 0).then_some(at + self.text.len())
            }
            _ => begins(rest, &self.text).then_some(at + self.text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_what_memchr_finds() {
        for length in 0..70 {
            for seed in 0_u64..200 {
                let is_quote = |i: u64| (seed + 1).wrapping_mul((i + 7) * 0x9e37_79b9) >> 7 & 7 == 0;
                let text: Vec<u8> = (0..length).map(|i| if is_quote(i) { b'"' } else { b'a' }).collect();
                for from in 0..text.len() {
                    let quotes: Vec<_> =
                        memchr::memchr_iter(b'"', &text[from..]).map(|at| from + at).collect();
                    assert_eq!(find(&text, from, b'"'), quotes.first().copied());
                    assert_eq!(holds(&text[from..], b'"'), !quotes.is_empty());
                    for n in 1..4 {
                        assert_eq!(nth(&text, from, b'"', n), quotes.get(n - 1).copied());
                    }
                }
            }
        }
    }

    #[test]
    fn texts_are_compared_to_their_last_byte() {
        let text: Vec<u8> = (0..40).collect();
        for length in 0..text.len() {
            let head = &text[..length];
            assert!(begins(&text, head) && same(head, head) && !begins(head, &text));
            for at in 0..text.len() - length {
                assert_eq!(Expected::new(&text[at..at + length]).end(&text, at), Some(at + length));
            }
            for wrong in 0..length {
                let mut other = head.to_vec();
                other[wrong] ^= 1;
                assert!(!begins(&text, &other) && !same(head, &other));
                assert_eq!(Expected::new(&other).end(&text, 0), None);
            }
        }
    }
}
