//! A histogram of seconds with fixed buckets.

use serde::{Deserialize, Serialize};

/// Upper bounds in seconds: from a cached answer to nginx's default timeout of 60 s.
pub(super) const BOUNDS: [f64; 13] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Counts by bucket, not cumulative.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Histogram {
    buckets: [u64; BOUNDS.len() + 1],
    /// A sum that came back from text a little smaller would look like a reset, so it is saved bit by bit.
    #[serde(with = "bits")]
    sum: f64,
}

mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(number.to_bits())
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }
}

impl Histogram {
    pub(super) fn observe(&mut self, seconds: f64) {
        // All bounds are compared: times vary, so a search that stops would mostly be predicted wrong.
        let at = BOUNDS.iter().filter(|bound| seconds > **bound).count();
        self.buckets[at] += 1;
        self.sum += seconds;
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn sum(&self) -> f64 {
        self.sum
    }

    /// Bounds with the number of observations up to each.
    pub(super) fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
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
        for seconds in [0.0, 0.005, 0.006, 60.0, 61.0] {
            histogram.observe(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative[0], (0.005, 2));
        assert_eq!(cumulative[1], (0.01, 3));
        assert_eq!(cumulative[12], (60.0, 4));
        assert_eq!(histogram.count(), 5);
    }
}
