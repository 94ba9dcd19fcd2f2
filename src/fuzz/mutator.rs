//! Inputs made of seeds: spliced, cut, doubled, with words of the grammar and numbers at their bounds put in.

/// Where a parser's arithmetic would break.
const NUMBERS: [&[u8]; 16] = [
    b"0",
    b"-1",
    b"1",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e999",
];

/// Most inputs are short, so that many are tried; one of so many is repeated until it is long.
const LONG: usize = 20_000;
const SHORT_BYTES: usize = 8 << 10;
const LONG_BYTES: usize = 256 << 10;

/// Makes the same inputs each time.
pub(super) struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

impl Mutator {
    pub(super) fn new(name: &str, seeds: Vec<Vec<u8>>, words: &'static [&'static str]) -> Self {
        assert!(seeds.iter().any(|seed| !seed.is_empty()), "{name} has no seeds");
        // Targets with the same seeds get other inputs. Never 0, which xorshift would stay at.
        let state = name.bytes().fold(0x9e37_79b9_7f4a_7c15, |state: u64, byte| {
            state.rotate_left(7).wrapping_mul(31) ^ u64::from(byte)
        });
        Self { state: state | 1, seeds, words }
    }

    pub(super) fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    fn below(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 11) % below.max(1) as u64) as usize
    }

    /// Replaces `out` by the next input.
    pub(super) fn next(&mut self, out: &mut Vec<u8>) {
        out.clear();
        let seed = self.below(self.seeds.len());
        out.extend_from_slice(&self.seeds[seed]);
        for _ in 0..=self.below(5) {
            self.change(out);
        }
        out.truncate(SHORT_BYTES);
        if self.below(LONG) == 0 {
            self.repeat(out);
        }
    }

    /// Doubles the whole, or a short part of it, until it is long: what is quadratic shows.
    fn repeat(&mut self, out: &mut Vec<u8>) {
        let from = self.below(out.len());
        let most = if self.below(2) == 0 { out.len() } else { 32 };
        let part = out[from..].iter().take(most).copied().collect::<Vec<_>>();
        let part = if part.is_empty() { b"x".to_vec() } else { part };
        let rest = out.split_off(from);
        while out.len() < LONG_BYTES {
            out.extend_from_slice(&part);
        }
        out.extend_from_slice(&rest);
    }

    fn change(&mut self, out: &mut Vec<u8>) {
        let at = self.below(out.len() + 1);
        let most = if self.below(8) == 0 { 1024 } else { 40 };
        let length = 1 + self.below(most);
        let to = (at + length).min(out.len());
        match self.below(10) {
            0 => out.truncate(at),
            1 => drop(out.drain(at..to)),
            2 => {
                let part = out[at..to].to_vec();
                let place = self.below(out.len() + 1);
                put(out, place, &part);
            }
            3 => self.splice(out, at),
            4 | 5 if !self.words.is_empty() => {
                let word = self.below(self.words.len());
                put(out, at, self.words[word].as_bytes());
            }
            6 => self.number(out, at),
            7 => {
                let byte = self.below(256) as u8;
                put(out, at, &[byte]);
            }
            8 => {
                if let Some(byte) = out.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            _ => {
                let byte = b" :;,\"'\\/%\t\r\n\0-0fF9)([]{}=$#\x7f\x80\xc3\xff"[self.below(31)];
                if let Some(old) = out.get_mut(at) {
                    *old = byte;
                }
            }
        }
    }

    /// What stands behind `at` comes from another seed.
    fn splice(&mut self, out: &mut Vec<u8>, at: usize) {
        let other = self.below(self.seeds.len());
        let from = self.below(self.seeds[other].len() + 1);
        out.truncate(at);
        out.extend_from_slice(&self.seeds[other][from..]);
    }

    /// The next number becomes another.
    fn number(&mut self, out: &mut Vec<u8>, at: usize) {
        let from = out[at..].iter().position(u8::is_ascii_digit).map_or(at, |from| at + from);
        let digits = out[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.below(NUMBERS.len())];
        out.splice(from..from + digits, number.iter().copied());
    }
}

fn put(out: &mut Vec<u8>, at: usize, part: &[u8]) {
    out.splice(at..at, part.iter().copied());
}
