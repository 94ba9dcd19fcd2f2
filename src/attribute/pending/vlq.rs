//! Numbers as text, five bits to a character: small ones take one, and a state file is JSON.

/// One character for each value of six bits.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// More digits follow.
const MORE: u8 = 32;

/// Adds a number.
pub(super) fn write(text: &mut String, mut number: u64) {
    loop {
        let (digit, rest) = ((number & 31) as u8, number >> 5);
        let more = if rest == 0 { 0 } else { MORE };
        text.push(char::from(DIGITS[usize::from(digit | more)]));
        if rest == 0 {
            return;
        }
        number = rest;
    }
}

/// Adds a number that may be negative.
pub(super) fn write_signed(text: &mut String, number: i64) {
    write(text, (number << 1 ^ number >> 63) as u64);
}

/// Takes a number from the front. `None`: there is none.
pub(super) fn read(text: &mut &[u8]) -> Option<u64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = text.split_first()?;
        let digit = DIGITS.iter().position(|digit| digit == byte)? as u8;
        *text = rest;
        if shift > 60 {
            return None;
        }
        number |= u64::from(digit & 31) << shift;
        shift += 5;
        if digit & MORE == 0 {
            return Some(number);
        }
    }
}

/// Takes a number that may be negative.
pub(super) fn read_signed(text: &mut &[u8]) -> Option<i64> {
    let number = read(text)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let mut text = String::new();
        let unsigned = [0, 1, 31, 32, 1 << 20, u64::MAX, u64::MAX - 1];
        let signed = [0, -1, 1, i64::MIN, i64::MAX, -300];
        unsigned.iter().for_each(|number| write(&mut text, *number));
        signed.iter().for_each(|number| write_signed(&mut text, *number));
        let mut rest = text.as_bytes();
        assert_eq!(unsigned.map(|_| read(&mut rest).unwrap()), unsigned);
        assert_eq!(signed.map(|_| read_signed(&mut rest).unwrap()), signed);
        assert_eq!(read(&mut rest), None);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for mut bad in [&b""[..], b"-", b"g", b"gggggggggggggggggggggA"] {
            assert_eq!(read(&mut bad), None);
        }
    }
}
