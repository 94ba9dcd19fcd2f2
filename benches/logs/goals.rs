//! What must be reached, and what was not.

/// The goals of this stage. All are ratios or sizes but one: nothing depends on how fast the machine is,
/// except the cost of following a line, whose limit leaves room for a slow one.
pub(crate) const MOST_TIMES_WC: f64 = 4.0;
pub(crate) const LEAST_MTAIL: f64 = 40.0;
/// The program's own pages are counted, too: 14.0 of the 15.7 MiB that a build for tests has at rest.
pub(crate) const MOST_MEMORY: u64 = if cfg!(debug_assertions) { 20 << 20 } else { 16 << 20 };
pub(crate) const MOST_GROWTH: u64 = 1 << 20;
pub(crate) const MOST_LIVE_NS: f64 = 500.0;

/// Keeps the verdicts.
pub(crate) struct Goals {
    missed: Vec<String>,
    lenient: bool,
}

impl Goals {
    /// `lenient`: times are shown but not judged, as for small files, where they are mostly start-up.
    pub(crate) fn new(lenient: bool) -> Self {
        Self { missed: Vec::new(), lenient }
    }

    /// A goal on CPU time: `ok` or `MISSED`.
    pub(crate) fn time(&mut self, what: &str, reached: bool) -> &'static str {
        match (self.lenient, reached) {
            (true, _) => "",
            (false, _) => self.check(what, reached),
        }
    }

    /// Any other goal.
    pub(crate) fn check(&mut self, what: &str, reached: bool) -> &'static str {
        if reached {
            return "ok";
        }
        self.missed.push(what.to_owned());
        "MISSED"
    }

    /// The goals missed.
    pub(crate) fn missed(&self) -> &[String] {
        &self.missed
    }
}
