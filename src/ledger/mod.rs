//! The counters: what was seen, by label.
//!
//! Plain numbers that one thread owns. A [`Ledger::view`] is what is shown. With a state directory it is
//! shown only when the [`State`] it is of, counters together with read positions, has been committed.

mod budget;
mod episodes;
mod publish;
mod recent;
mod saved;
pub mod store;
mod sums;

use budget::Budget;
pub use budget::Limits;
use episodes::Episodes;
use recent::Turn;
pub use sums::family;

use std::collections::{BTreeMap, HashMap};

use crate::attribute::{Id, Sink, Verdict};
use crate::record::stamp::Local;
use crate::vocabulary::{Cause, ExitReason, FAILED_CODES, Outcome, Phase, RootCause};

use crate::sample::machine::{CounterDelta, Machine};
use crate::topology::remembered::{Remembered, RememberedNginx};
use crate::view::{Histogram, History, LogState};

pub use saved::{SavedCounters, SavedCounts, SavedInput, SavedInputs, State};

/// Most (server, upstream) pairs: each begins with some 20 series of `http_errors_total`.
const MOST_PAIRS: usize = 1000;

/// What a new server, a new pair and a new upstream are charged: the series that begin at 0, some root causes, and an
/// upstream's times.
const OF_SERVER: u64 = 1 + FAILED_CODES.len() as u64;
const OF_PAIR: u64 = 24;
const OF_UPSTREAM: u64 = 40 + Histogram::series() * Phase::ALL.len() as u64;

/// Two labels of the longest kind.
const MOST_WIDTH: u64 = 2 * crate::label::LONGEST as u64;

/// Why a state that is whole was not used: what is in it is no state of ours.
pub const NOT_UNDERSTOOD: &str = "content";

/// All counters.
#[derive(Debug)]
pub struct Ledger {
    /// By server: status and count. A server answers with few codes, so a list beats a map.
    responses: Vec<Vec<(u16, u64)>>,
    errors: HashMap<(Id, Id, u16, Cause), u64>,
    roots: HashMap<(Id, Id, u16, RootCause), u64>,
    failures: HashMap<(Id, Cause, Outcome), u64>,
    /// By upstream, then by phase: three observations for each line, so no hashing.
    seconds: Vec<[Histogram; Phase::ALL.len()]>,
    /// By master, pool and reason.
    exits: HashMap<(Id, Id, ExitReason), u64>,
    /// The pairs that are counted, by server, then by upstream: asked for each attempt, so no hashing.
    known: Vec<Vec<bool>>,
    pairs: usize,
    /// Lines of which a pair found no place, and whether the present one is such a line.
    pairs_overflowed: u64,
    pair_overflows: bool,
    /// How many series there may be.
    budget: Budget,
    observed: sums::Sums,
    gains: u64,
    /// The last day.
    history: History,
    /// Lines of access logs since the last turn.
    answered: u64,
    /// Ends of workers since the last turn, by the second.
    deaths: BTreeMap<(u64, Id, Id, ExitReason), u64>,
    /// Where the times of logs are in those of the history.
    turn: Turn,
    /// What failed lately, with its beginning.
    episodes: Episodes,
    /// Upstreams that were seen, by their ids: their failed attempts begin at 0.
    attempted: Vec<bool>,
    /// Pools to be known again after a restart.
    pub remembered: Vec<Remembered>,
    /// nginx to be known again after a restart.
    pub remembered_nginx: Vec<RememberedNginx>,
    remembered_changes: u64,
    /// The machine as it stands, refreshed before each snapshot.
    pub machine: Machine,
    /// The `phpfpm_*` families are wanted, too.
    pub compat: bool,
    /// State files that could not be used, by reason.
    rejected: BTreeMap<String, u64>,
    /// Whether what is shown is on disk; `None`: there is no state directory.
    pub durable: Option<bool>,
    /// The logs, refreshed before each snapshot.
    pub logs: Vec<LogState>,
}

impl Default for Ledger {
    /// The series that need no upstream exist from the start.
    fn default() -> Self {
        let mut ledger = Self {
            responses: Vec::new(),
            errors: HashMap::new(),
            roots: HashMap::new(),
            failures: HashMap::new(),
            seconds: Vec::new(),
            exits: HashMap::new(),
            pairs: 0,
            known: Vec::new(),
            pairs_overflowed: 0,
            pair_overflows: false,
            budget: Budget::default(),
            observed: sums::Sums::new(),
            history: History::default(),
            answered: 0,
            deaths: BTreeMap::new(),
            turn: Turn::default(),
            episodes: Episodes::default(),
            attempted: Vec::new(),
            gains: 0,
            remembered: Vec::new(),
            remembered_nginx: Vec::new(),
            remembered_changes: 0,
            machine: Machine::default(),
            compat: false,
            rejected: BTreeMap::new(),
            durable: None,
            logs: Vec::new(),
        };
        ledger.pair(Id::NONE, Id::NONE);
        ledger
    }
}

impl Ledger {
    /// Something that is observed has increased.
    pub fn gain(&mut self, gain: CounterDelta) {
        self.gains += u64::from(gain.by > 0.0);
        let mut gain = gain;
        if !sums::has(&self.observed, &gain) && !self.budget.take_wide(1, MOST_WIDTH) {
            gain.labels.iter_mut().for_each(|label| "other".clone_into(label));
        }
        sums::add(&mut self.observed, gain);
    }

    /// Other pools are to be known again after a restart.
    pub fn remember(&mut self, pools: Vec<Remembered>) {
        self.remembered = pools;
        self.remembered_changes += 1;
    }

    /// Other nginx are.
    pub fn remember_nginx(&mut self, nginx: Vec<RememberedNginx>) {
        self.remembered_nginx = nginx;
        self.remembered_changes += 1;
    }

    /// How often the pools that are remembered have changed.
    pub fn remembered_changes(&self) -> u64 {
        self.remembered_changes
    }

    /// How often something that is observed has increased.
    pub fn gains(&self) -> u64 {
        self.gains
    }

    /// There is a state directory: its series exist from the start. `reasons`: why files in it could not be used.
    pub fn count_rejected(&mut self, reasons: &[&str]) {
        for known in store::Reason::COUNTED.map(store::Reason::word).iter().chain(&[NOT_UNDERSTOOD]) {
            self.rejected.entry((*known).to_owned()).or_default();
        }
        for reason in reasons {
            *self.rejected.entry((*reason).to_owned()).or_default() += 1;
        }
    }

    /// The pairs that are counted.
    fn pairs(&self) -> impl Iterator<Item = (Id, Id)> {
        self.known.iter().enumerate().flat_map(|(server, row)| {
            let upstreams = row.iter().enumerate().filter(|(_, known)| **known);
            upstreams.map(move |(upstream, _)| (Id::at(server), Id::at(upstream)))
        })
    }

    fn is_known(&self, server: Id, upstream: Id) -> bool {
        self.known.get(server.index()).and_then(|row| row.get(upstream.index())) == Some(&true)
    }

    fn has_attempts(&self, upstream: Id) -> bool {
        self.attempted.get(upstream.index()) == Some(&true)
    }

    /// An upstream is seen in either log.
    fn start_attempts(&mut self, upstream: Id) {
        let at = upstream.index();
        if at >= self.attempted.len() {
            self.attempted.resize(at + 1, false);
        }
        self.attempted[at] = true;
    }

    /// A pool is known. Gives what it is counted as.
    pub fn start_exits(&mut self, fpm: Id, pool: Id) -> (Id, Id) {
        let is_known = self.exits.contains_key(&(fpm, pool, ExitReason::ALL[0]));
        let (fpm, pool) = if is_known || self.budget.take_wide(ExitReason::ALL.len() as u64, MOST_WIDTH) {
            (fpm, pool)
        } else {
            (Id::OTHER, Id::OTHER)
        };
        for reason in ExitReason::ALL {
            self.exits.entry((fpm, pool, *reason)).or_default();
        }
        (fpm, pool)
    }

    /// What an upstream is counted as.
    fn upstream_of(&mut self, upstream: Id) -> Id {
        if self.has_attempts(upstream) {
            return upstream;
        }
        if upstream == Id::OTHER || self.budget.take(OF_UPSTREAM, Id::NONE, upstream) {
            self.start_attempts(upstream);
            return upstream;
        }
        self.pair_overflows = true;
        self.start_attempts(Id::OTHER);
        Id::OTHER
    }

    /// What a server that was not seen yet is counted as.
    #[cold]
    fn server_of(&mut self, server: Id) -> Id {
        if server == Id::OTHER || self.budget.take(OF_SERVER, server, Id::NONE) {
            return server;
        }
        self.pair_overflows = true;
        Id::OTHER
    }

    fn pairs_overflowed(&self) -> u64 {
        self.pairs_overflowed + u64::from(self.pair_overflows)
    }

    /// The pair that a pair is counted as.
    fn pair_of(&mut self, server: Id, upstream: Id) -> (Id, Id) {
        let (pair, row, column) = ((server, upstream), server.index(), upstream.index());
        if self.is_known(server, upstream) {
            return pair;
        }
        let new = if self.has_attempts(upstream) { OF_PAIR } else { OF_PAIR + OF_UPSTREAM };
        if self.pairs >= MOST_PAIRS || !self.budget.take(new, server, upstream) {
            // A line whose server is `other` is counted where it got that name.
            self.pair_overflows |= server != Id::OTHER;
            return (Id::OTHER, Id::OTHER);
        }
        self.pairs += 1;
        self.start_attempts(upstream);
        if row >= self.known.len() {
            self.known.resize_with(row + 1, Vec::new);
        }
        let row = &mut self.known[row];
        if column >= row.len() {
            row.resize(column + 1, false);
        }
        row[column] = true;
        pair
    }

    fn codes_of(&mut self, server: Id) -> &mut Vec<(u16, u64)> {
        let at = server.index();
        if at >= self.responses.len() {
            self.responses.resize_with(at + 1, Vec::new);
        }
        let codes = &mut self.responses[at];
        if codes.is_empty() {
            codes.push((200, 0));
            codes.extend(FAILED_CODES.iter().map(|code| (*code, 0)));
        }
        codes
    }
}

impl Sink for Ledger {
    fn response(&mut self, server: Id, status: u16) {
        self.answered += 1;
        // A line of an access log begins with this, and its pairs follow.
        self.pairs_overflowed = self.pairs_overflowed();
        self.pair_overflows = false;
        let is_known = self.responses.get(server.index()).is_some_and(|codes| !codes.is_empty());
        let server = if is_known { server } else { self.server_of(server) };
        if let Some((_, count)) = self.codes_of(server).iter_mut().find(|(code, _)| *code == status) {
            *count += 1;
            return;
        }
        // There are a thousand codes, and every server could have them all.
        let server = if self.budget.take(1, server, Id::NONE) { server } else { Id::OTHER };
        let codes = self.codes_of(server);
        match codes.iter_mut().find(|(code, _)| *code == status) {
            Some((_, count)) => *count += 1,
            None => codes.push((status, 1)),
        }
    }

    fn error(&mut self, verdict: &Verdict) {
        let (server, upstream) = self.pair_of(verdict.server, verdict.upstream);
        *self.errors.entry((server, upstream, verdict.status, verdict.cause)).or_default() += 1;
        self.history.add(self.turn.unix(verdict.at) / 60, verdict.cause);
        self.episodes.error(verdict);
    }

    fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        // The labels under which the failure was counted.
        let is_known = self.is_known(verdict.server, verdict.upstream);
        let (server, upstream) =
            if is_known { (verdict.server, verdict.upstream) } else { (Id::OTHER, Id::OTHER) };
        let key = (server, upstream, verdict.status, root);
        if !self.roots.contains_key(&key) {
            self.budget.take_anyway(1, server, upstream);
        }
        *self.roots.entry(key).or_default() += count;
        self.episodes.root(verdict, root, count);
    }

    fn failure(&mut self, upstream: Id, cause: Cause, outcome: Outcome, at: Local) {
        self.history.add_hidden(self.turn.unix(at) / 60, outcome);
        let upstream = self.upstream_of(upstream);
        *self.failures.entry((upstream, cause, outcome)).or_default() += 1;
    }

    fn exit(&mut self, fpm: Id, pool: Id, reason: ExitReason, at: Local) {
        let (fpm, pool) = self.start_exits(fpm, pool);
        // Those that the kernel kills for memory are marked by who sees that.
        if !matches!(reason, ExitReason::Recycled | ExitReason::Oom) {
            *self.deaths.entry((self.turn.unix(at), fpm, pool, reason)).or_default() += 1;
        }
        *self.exits.entry((fpm, pool, reason)).or_default() += 1;
    }

    fn seconds(&mut self, upstream: Id, phase: Phase, seconds: f64) {
        let upstream = self.upstream_of(upstream);
        let at = upstream.index();
        if at >= self.seconds.len() {
            self.seconds.resize_with(at + 1, Default::default);
        }
        self.seconds[at][phase as usize].observe(seconds);
    }

    fn pair(&mut self, server: Id, upstream: Id) {
        self.pair_of(server, upstream);
    }
}
