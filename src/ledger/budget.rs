//! How many series there may be, and of how many bytes: names that come when there is no room for more are counted as `other`,
//! and when we start with more than there may be, the rarest are. Totals stay exact.

use std::collections::HashSet;
use std::sync::PoisonError;

use super::Ledger;
use crate::attribute::names::Widths;
use crate::attribute::{Id, Names};
use crate::view::{LogState, OF_LOG, OF_POOL, Size, View};

/// `--limit.series` and `--limit.bytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series on the page of metrics.
    pub series: u64,
    /// Bytes of that page.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { series: 200_000, bytes: 32 << 20 }
    }
}

/// Of four parts, those that may be of names from logs; the rest is for pools and logs.
const COUNTERS: u64 = 3;

#[derive(Clone, Debug)]
pub(super) struct Budget {
    limits: Limits,
    used: Size,
    /// Of the names of servers and of upstreams.
    widths: [Widths; 2],
}

impl Default for Budget {
    /// Without limits.
    fn default() -> Self {
        let limits = Limits { series: u64::MAX, bytes: u64::MAX };
        Self { limits, used: Size::default(), widths: Default::default() }
    }
}

impl Budget {
    /// Whether there is room for so many more series of a server and an upstream; if so, it is taken.
    pub(super) fn take(&mut self, series: u64, server: Id, upstream: Id) -> bool {
        self.take_wide(series, self.width(server, upstream))
    }

    /// Takes room whether or not there is any: for series of a pair that has its place. Others are refused the sooner.
    pub(super) fn take_anyway(&mut self, series: u64, server: Id, upstream: Id) {
        self.used.add_wide(series, self.width(server, upstream));
    }

    fn width(&self, server: Id, upstream: Id) -> u64 {
        let ids = self.widths.iter().zip([server, upstream]);
        let width = ids.map(|(widths, id)| {
            let widths = widths.lock().unwrap_or_else(PoisonError::into_inner);
            widths.get(id.index()).copied().unwrap_or_default()
        });
        width.sum()
    }

    /// The same of labels that take so many bytes together.
    pub(super) fn take_wide(&mut self, series: u64, width: u64) -> bool {
        let mut used = self.used;
        used.add_wide(series, width);
        let fits = self.fits(used);
        if fits {
            self.used = used;
        }
        fits
    }

    fn fits(&self, used: Size) -> bool {
        used.series <= self.limits.series / 4 * COUNTERS && used.bytes <= self.limits.bytes / 4 * COUNTERS
    }

    /// Leaves out pools, and puts logs together, for which there is no room beside the counters.
    pub(super) fn cut(&self, view: &mut View) {
        let mut size = view.counters();
        let limits = self.limits;
        let mut fits = |series: u64, values: &[&str]| {
            let mut with = size;
            with.add(series, values);
            let fits = with.series <= limits.series && with.bytes <= limits.bytes;
            if fits {
                size = with;
            }
            fits
        };
        view.machine.pools.retain(|pool| fits(OF_POOL, &[&pool.fpm, &pool.name, &pool.upstream]));
        let (shown, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut view.logs).into_iter().partition(|log| fits(OF_LOG, &[&log.log]));
        view.logs = shown;
        view.logs.extend(together(others));
    }
}

fn together(logs: Vec<LogState>) -> Option<LogState> {
    logs.into_iter()
        .reduce(|sum, log| LogState {
            // One access log among them that can be read is one.
            kind: sum
                .kind
                .filter(|kind| sum.is_access() || Some(*kind) == log.kind)
                .or(log.kind.filter(|_| log.is_access())),
            log: String::new(),
            parsed: sum.parsed + log.parsed,
            unparsed: sum.unparsed + log.unparsed,
            oversized: sum.oversized + log.oversized,
            unread: sum.unread.into_iter().chain(log.unread).reduce(|a, b| a + b),
            lost: sum.lost + log.lost,
            gaps: sum.gaps + log.gaps,
            last_read: sum.last_read.max(log.last_read),
            readable: sum.readable.into_iter().chain(log.readable).reduce(|a, b| a && b),
            available: sum.available.into_iter().chain(log.available).min(),
        })
        .map(|log| LogState { log: "other".to_owned(), ..log })
}

impl Ledger {
    /// How much there may be.
    pub fn limits(&self) -> Limits {
        self.budget.limits
    }

    /// Sets how much there may be.
    pub fn limit(&mut self, limits: Limits, names: &Names) {
        self.budget.limits = limits;
        self.budget.widths = [names.servers.widths(), names.upstreams.widths()];
        loop {
            self.budget.used = self.view(names).counters();
            if self.budget.fits(self.budget.used) || !self.fold() {
                return;
            }
        }
    }

    /// Takes the size as it is: what was charged was what may come.
    pub fn measured(&mut self, view: &View) {
        self.budget.used = view.counters();
    }

    /// Makes `other` of the rarer half of all servers and upstreams. False: there are none.
    fn fold(&mut self) -> bool {
        let servers: Vec<(u64, Id)> =
            (self.responses.iter().enumerate().filter(|(_, codes)| !codes.is_empty()))
                .map(|(at, codes)| (codes.iter().map(|(_, count)| count).sum(), Id::at(at)))
                .collect();
        let mut upstreams: Vec<(u64, Id)> = (0..self.attempted.len()).map(|at| (0, Id::at(at))).collect();
        let mut count = |id: &Id, by: u64| {
            if let Some((sum, _)) = upstreams.get_mut(id.index()) {
                *sum += by;
            }
        };
        self.errors.iter().for_each(|((_, upstream, ..), by)| count(upstream, *by));
        self.failures.iter().for_each(|((upstream, ..), by)| count(upstream, *by));
        upstreams.retain(|(_, id)| self.has_attempts(*id));
        let (servers, upstreams) = (rarer(servers), rarer(upstreams));
        if servers.is_empty() && upstreams.is_empty() {
            return false;
        }
        let server = |id: Id| if servers.contains(&id) { Id::OTHER } else { id };
        let upstream = |id: Id| if upstreams.contains(&id) { Id::OTHER } else { id };
        let pairs: Vec<_> = self.pairs().map(|(s, u)| (server(s), upstream(u))).collect();
        let mut folded = Self::default();
        for (s, u) in pairs {
            folded.pair_of(s, u);
        }
        for (at, codes) in self.responses.iter().enumerate().filter(|(_, codes)| !codes.is_empty()) {
            let row = folded.codes_of(server(Id::at(at)));
            for (code, by) in codes {
                match row.iter_mut().find(|(known, _)| known == code) {
                    Some((_, count)) => *count += by,
                    None => row.push((*code, *by)),
                }
            }
        }
        for ((s, u, code, cause), by) in &self.errors {
            *folded.errors.entry((server(*s), upstream(*u), *code, *cause)).or_default() += by;
        }
        for ((s, u, code, root), by) in &self.roots {
            *folded.roots.entry((server(*s), upstream(*u), *code, *root)).or_default() += by;
        }
        for ((u, cause, outcome), by) in &self.failures {
            folded.start_attempts(upstream(*u));
            *folded.failures.entry((upstream(*u), *cause, *outcome)).or_default() += by;
        }
        for (at, phases) in self.seconds.iter().enumerate() {
            let to = upstream(Id::at(at)).index();
            if to >= folded.seconds.len() {
                folded.seconds.resize_with(to + 1, Default::default);
            }
            folded.seconds[to].iter_mut().zip(phases).for_each(|(sum, phase)| sum.add(phase));
        }
        (self.responses, self.errors, self.roots) = (folded.responses, folded.errors, folded.roots);
        (self.failures, self.seconds) = (folded.failures, folded.seconds);
        (self.known, self.pairs, self.attempted) = (folded.known, folded.pairs, folded.attempted);
        true
    }
}

fn rarer(mut counts: Vec<(u64, Id)>) -> HashSet<Id> {
    counts.retain(|(_, id)| *id != Id::NONE && *id != Id::OTHER);
    counts.sort_unstable();
    let half = counts.len().div_ceil(2);
    counts.into_iter().take(half).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::attribute::{Sink, Verdict};
    use crate::vocabulary::{Cause, Outcome, Phase, RootCause};

    /// Failures of names that never come again, beside two that come often. Gives how many there were.
    fn storm(ledger: &mut Ledger, names: &mut Names, count: u64, long: usize) -> u64 {
        for n in 0..count {
            let often = n % 4 == 0;
            let name = if often { format!("often{}", n % 8) } else { format!("{n}\"{}", "x".repeat(long)) };
            let (server, upstream) = (names.servers.id(name.as_bytes()), names.upstreams.id(name.as_bytes()));
            let status = [500, 502, 503, 504][n as usize % 4];
            let verdict = Verdict { status, cause: Cause::Unknown, server, upstream, at: 0 };
            ledger.response(server, status);
            ledger.response(server, 100 + (n % 400) as u16);
            ledger.pair(server, upstream);
            ledger.error(&verdict);
            ledger.root(&verdict, RootCause::ALL[n as usize % RootCause::ALL.len()], 1);
            ledger.failure(upstream, Cause::Unknown, Outcome::Failed, 0);
            ledger.seconds(upstream, Phase::Connect, 0.1);
            if n % 100 == 0 {
                let view = ledger.view(names);
                ledger.measured(&view);
            }
        }
        count
    }

    /// By server, upstream and code.
    fn by_labels<'a, Row: 'a>(
        rows: &'a [Row],
        row: impl Fn(&'a Row) -> ((&'a str, &'a str, u16), u64),
    ) -> BTreeMap<(&'a str, &'a str, u16), u64> {
        let mut sums = BTreeMap::new();
        for (labels, count) in rows.iter().map(row).filter(|(_, count)| *count > 0) {
            *sums.entry(labels).or_default() += count;
        }
        sums
    }

    fn assert_exact(view: &View, count: u64) {
        let all: u64 = view.responses.iter().map(|row| row.count).sum();
        assert_eq!(all, 2 * count);
        assert_eq!(view.errors.iter().map(|row| row.count).sum::<u64>(), count, "by cause");
        assert_eq!(view.roots.iter().map(|row| row.count).sum::<u64>(), count, "by root cause");
        assert_eq!(
            by_labels(&view.errors, |row| ((&*row.server, &*row.upstream, row.code), row.count)),
            by_labels(&view.roots, |row| ((&*row.server, &*row.upstream, row.code), row.count)),
            "each response has one server, upstream and code in both families"
        );
        assert_eq!(view.failures.iter().map(|row| row.count).sum::<u64>(), count);
        assert_eq!(view.seconds.iter().map(|row| row.histogram.count()).sum::<u64>(), count);
    }

    #[test]
    fn totals_stay_exact_whatever_there_is_room_for() {
        for (series, bytes, long) in
            [(2_000, 32 << 20, 10), (10_000, 1 << 20, 190), (50_000, 4 << 20, 5000), (200_000, 32 << 20, 190)]
        {
            let limits = Limits { series, bytes };
            let (mut ledger, mut names) = (Ledger::default(), Names::default());
            ledger.limit(limits, &names);
            let count = storm(&mut ledger, &mut names, 4000, long);
            let view = ledger.view(&names);
            assert_exact(&view, count);
            let size = view.counters();
            assert!(size.series <= series && size.bytes <= bytes, "{size:?} {limits:?}");
            assert!(view.errors.iter().any(|row| &*row.server == "other" && row.count > 0));
            assert!(view.overflow.server > 0 && view.overflow.server <= 2 * count, "lines are counted");
        }
    }

    #[test]
    fn the_rarest_are_other_when_there_is_less_room_after_a_restart() {
        let (mut ledger, mut names) = (Ledger::default(), Names::default());
        let count = storm(&mut ledger, &mut names, 2000, 10);
        let mut again = Ledger::resume(ledger.save());
        let limits = Limits { series: 2_000, bytes: 1 << 20 };
        again.limit(limits, &names);
        let view = again.view(&names);
        assert_exact(&view, count);
        let size = view.counters();
        assert!(size.series <= limits.series && size.bytes <= limits.bytes, "{size:?}");
        let often: u64 =
            view.errors.iter().filter(|row| row.server.starts_with("often")).map(|row| row.count).sum();
        assert_eq!(often, count / 4, "those that come often keep their names");
        // And what follows is counted on.
        let more = storm(&mut again, &mut names, 400, 10);
        assert_exact(&again.view(&names), count + more);
    }

    #[test]
    fn logs_without_room_are_shown_together() {
        let (mut ledger, names) = (Ledger::default(), Names::default());
        ledger.limit(Limits { series: 1_000, bytes: 1 << 20 }, &names);
        let log = |n: u64| LogState {
            log: format!("/log/{n}"),
            parsed: n,
            unread: Some(1),
            readable: Some(n != 900),
            ..LogState::default()
        };
        ledger.logs = (0..1000).map(log).collect();
        let view = ledger.view(&names);
        assert!(view.logs.len() < 125);
        assert_eq!(view.logs.iter().map(|log| log.parsed).sum::<u64>(), 999 * 1000 / 2);
        let other = view.logs.last().unwrap();
        assert_eq!((other.log.as_str(), other.readable), ("other", Some(false)));
    }
}
