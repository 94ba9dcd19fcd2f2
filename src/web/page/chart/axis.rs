//! The upward axis: from 0 to a round number, with whole numbers between.

/// Pixels of the bars, of a line of marks, and of the line of times.
pub(super) const HEIGHT: u64 = 152;
pub(super) const LANE: u64 = 14;
pub(super) const TEXT: u64 = 20;

/// Free above the bars: the topmost number is as high as that.
const ABOVE: u64 = 10;

/// Lines between 0 and the top.
const STEPS: u64 = 4;

/// An axis.
pub(super) struct Axis {
    step: u64,
    steps: u64,
}

impl Axis {
    /// One on which `most` has room.
    pub(super) fn new(most: u64) -> Self {
        let wanted = most.max(1).div_ceil(STEPS);
        let mut power = 1_u64;
        while power.saturating_mul(10) <= wanted {
            power *= 10;
        }
        let round = [1, 2, 5, 10].map(|round| power.saturating_mul(round));
        let step = round.into_iter().find(|step| *step >= wanted).unwrap_or(wanted);
        Self { step, steps: most.max(1).div_ceil(step) }
    }

    /// The number at the top.
    pub(super) fn top(&self) -> u64 {
        self.step.saturating_mul(self.steps)
    }

    /// Numbers with a line, from 0 up.
    pub(super) fn ticks(&self) -> impl Iterator<Item = u64> {
        (0..=self.steps).map(|at| self.step.saturating_mul(at))
    }

    /// How high a number stands, in pixels.
    pub(super) fn height(&self, number: u64) -> u64 {
        let pixels = u128::from(number) * u128::from(HEIGHT - ABOVE) / u128::from(self.top());
        u64::try_from(pixels).unwrap_or(HEIGHT)
    }

    /// Where it stands from above.
    pub(super) fn y(&self, number: u64) -> u64 {
        HEIGHT - self.height(number).min(HEIGHT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_whole_and_everything_has_room() {
        let ticks = |most| Axis::new(most).ticks().collect::<Vec<_>>();
        assert_eq!(ticks(0), [0, 1]);
        assert_eq!(ticks(3), [0, 1, 2, 3]);
        assert_eq!(ticks(9), [0, 5, 10]);
        assert_eq!(ticks(150), [0, 50, 100, 150]);
        assert_eq!(ticks(1914), [0, 500, 1000, 1500, 2000]);
        for most in [1, 7, 99, 1_000_003, u64::MAX / 2, u64::MAX] {
            let axis = Axis::new(most);
            assert!(axis.top() >= most && axis.height(most) <= HEIGHT - ABOVE, "{most}");
            assert!((2..=6).contains(&axis.ticks().count()), "{most}");
        }
    }
}
