//! A histogram of seconds with fixed buckets.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// Upper bounds in seconds: a quick page, a usual one, one that visitors notice, and nginx's default timeout of 60 s. Each
/// bound is a series for every upstream and phase.
const BOUNDS: [f64; 6] = [0.05, 0.25, 1.0, 5.0, 30.0, 60.0];

/// The bounds of a state of 0.1, of which those above are some: what was counted then is counted on.
const OLD_BOUNDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Counts by bucket, not cumulative.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    #[serde(deserialize_with = "buckets")]
    buckets: [u64; BOUNDS.len() + 1],
    /// A sum that came back from text a little smaller would look like a reset, so it is saved bit by bit.
    #[serde(with = "bits")]
    sum: f64,
}

/// Reads those of a state of 0.1, too.
fn buckets<'d, D: Deserializer<'d>>(from: D) -> Result<[u64; BOUNDS.len() + 1], D::Error> {
    let counts = Vec::<u64>::deserialize(from)?;
    if let Ok(same) = <[u64; BOUNDS.len() + 1]>::try_from(counts.as_slice()) {
        return Ok(same);
    }
    if counts.len() != OLD_BOUNDS.len() + 1 {
        return Err(D::Error::custom(format!("a histogram of {} buckets", counts.len())));
    }
    let mut buckets = [0; BOUNDS.len() + 1];
    let bounds = OLD_BOUNDS.into_iter().chain([f64::INFINITY]);
    for (bound, count) in bounds.zip(counts) {
        let at = BOUNDS.iter().filter(|new| bound > **new).count();
        buckets[at] += count;
    }
    Ok(buckets)
}

mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(number.to_bits())
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

impl Histogram {
    pub fn observe(&mut self, seconds: f64) {
        // All bounds are compared: times vary, so a search that stops would mostly be predicted wrong.
        let at = BOUNDS.iter().filter(|bound| seconds > **bound).count();
        self.buckets[at] += 1;
        self.sum += seconds;
    }

    /// Adds what another one has.
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(sum, count)| *sum += count);
        self.sum += other.sum;
    }

    /// How many series show it: buckets, sum and count.
    pub const fn series() -> u64 {
        BOUNDS.len() as u64 + 3
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Bounds with the number of observations up to each.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.iter().zip(&self.buckets).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((*bound, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_fall_into_their_buckets() {
        let mut histogram = Histogram::default();
        for seconds in [0.0, 0.05, 0.06, 60.0, 61.0] {
            histogram.observe(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative, [(0.05, 2), (0.25, 3), (1.0, 3), (5.0, 3), (30.0, 3), (60.0, 4)]);
        assert_eq!(histogram.count(), 5);
    }

    #[test]
    fn a_state_with_more_buckets_is_read_on() {
        let old = r#"{"buckets":[1,1,1,1,1,1,1,1,1,1,1,1,1,1],"sum":0}"#;
        let read: Histogram = serde_json::from_str(old).unwrap();
        assert_eq!(read.buckets, [4, 2, 2, 2, 2, 1, 1]);
        let again: Histogram = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, read);
        assert!(serde_json::from_str::<Histogram>(r#"{"buckets":[1,2],"sum":0}"#).is_err());
    }
}
