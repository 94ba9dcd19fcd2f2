//! Values over time, in seconds, and what scrapes of some interval see of them.

use std::fmt::Write;

/// A value over time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A counter that rises by so much in a second, from one moment to another.
    Rising(f64, f64, f64),
    /// The same, at the beginning of every so many seconds, for so many: `(rate, for, every)`, from one moment to another.
    Again(f64, f64, f64, f64, f64),
    /// A gauge that is the second number between two moments, else the first.
    Gauge(f64, f64, f64, f64),
    /// A counter that rises all the time but between two moments.
    Pausing(f64, f64, f64),
}

impl Shape {
    fn at(self, t: f64) -> f64 {
        match self {
            Self::Rising(rate, from, to) => rate * (t.min(to) - from).max(0.0),
            Self::Again(rate, length, every, from, to) => {
                let since = (t.min(to) - from).max(0.0);
                rate * ((since / every).floor() * length + (since % every).min(length))
            }
            Self::Gauge(calm, troubled, from, to) => {
                if (from..to).contains(&t) {
                    troubled
                } else {
                    calm
                }
            }
            Self::Pausing(rate, from, to) => rate * (t.min(from) + (t - to).max(0.0)),
        }
    }
}

/// How it is scraped and judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Seconds between two scrapes.
    pub(super) scrape: u32,
    /// Seconds between two evaluations.
    pub(super) evaluation: u32,
    /// One scrape in five fails.
    pub(super) lossy: bool,
}

/// Every interval that must work: those of `make test`, and two more of `make e2e`, one with an evaluation that is faster than
/// the scrapes.
pub(super) fn paces() -> &'static [Pace] {
    if std::env::var_os("E2E").is_some() { PACES } else { &PACES[..3] }
}

const PACES: &[Pace] = &[
    Pace { scrape: 15, evaluation: 15, lossy: true },
    Pace { scrape: 30, evaluation: 30, lossy: true },
    Pace { scrape: 60, evaluation: 60, lossy: true },
    Pace { scrape: 60, evaluation: 60, lossy: false },
    Pace { scrape: 60, evaluation: 15, lossy: true },
];

impl Pace {
    fn fails(self, scrape: u32) -> bool {
        self.lossy && scrape % 5 == 3
    }

    /// In promtool's notation, until some moment. Prometheus marks the series of a target as gone when a scrape fails.
    pub(super) fn sees(self, shape: Shape, until: u32) -> String {
        self.each(until, "stale", |t| shape.at(t))
    }

    /// `up` of that target.
    pub(super) fn up(self, until: u32) -> String {
        self.each(until, "0", |_| 1.0)
    }

    fn each(self, until: u32, failed: &str, value: impl Fn(f64) -> f64) -> String {
        let mut out = String::new();
        for scrape in 0..=until / self.scrape {
            let space = if scrape == 0 { "" } else { " " };
            if self.fails(scrape) {
                write!(out, "{space}{failed}").unwrap();
            } else {
                write!(out, "{space}{}", value(f64::from(scrape * self.scrape))).unwrap();
            }
        }
        out
    }

    /// The first evaluation at or after some moment.
    pub(super) fn after(self, at: u32) -> u32 {
        at.next_multiple_of(self.evaluation)
    }

    /// Three scrapes, and one that may fail among them.
    pub(super) fn scrapes(self) -> u32 {
        self.scrape * (3 + u32::from(self.lossy))
    }
}

#[test]
fn shapes_are_what_they_say() {
    let pace = Pace { scrape: 30, evaluation: 30, lossy: true };
    assert_eq!(pace.sees(Shape::Rising(1.0, 30.0, 100.0), 180), "0 0 30 stale 70 70 70");
    assert_eq!(pace.sees(Shape::Again(1.0, 3.0, 60.0, 0.0, 130.0), 150), "0 3 3 stale 6 9");
    assert_eq!(pace.sees(Shape::Gauge(1.0, 0.0, 30.0, 60.0), 60), "1 0 1");
    assert_eq!(pace.sees(Shape::Pausing(2.0, 30.0, 60.0), 120), "0 60 60 stale 180");
    assert_eq!(pace.up(120), "1 1 1 0 1");
}
