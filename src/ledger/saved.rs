//! The counters in the form in which they are saved, and the whole record: counters together with the read
//! positions and everything that waits, so that what is loaded is of one moment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::attribute::logs::SavedReader;
use crate::attribute::{Id, SavedAttribution};
use crate::record::LogKind;
use crate::sample::machine::Counted;
use crate::source::SavedSet;
use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause};

use super::{Ledger, sums};
use crate::topology::remembered::{Remembered, RememberedNginx};
use crate::view::Histogram;

/// Everything that a restart must not lose.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// Names, entries and responses that wait.
    pub attribution: SavedAttribution,
    /// The counters.
    pub counters: SavedCounters,
    /// The logs.
    #[serde(flatten)]
    pub inputs: SavedInputs,
}

/// The logs by their kind.
pub type SavedInputs = BTreeMap<LogKind, SavedInput>;

/// The logs of one kind.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SavedInput {
    /// Where their files stand.
    pub set: SavedSet,
    /// What was counted of each, also of those no longer followed.
    pub logs: Vec<SavedCounts>,
}

/// What was counted of one log.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedCounts {
    /// Its path.
    #[serde(with = "crate::bytes::path")]
    pub path: PathBuf,
    /// Lines.
    pub reader: SavedReader,
    /// Lines skipped for their length.
    pub oversized: u64,
    /// Bytes lost.
    pub lost: u64,
    /// Gaps of unknown size.
    pub gaps: u64,
    /// Unix time of the last read, in seconds.
    pub last_read: u64,
}

impl State {
    /// The same positions with all counters at 0: for a record that may be older than what was shown. A counter
    /// that begins at 0 again is understood by `rate()`; one that is a little lower than before is not.
    pub fn counters_reset(mut self) -> Self {
        self.counters = SavedCounters::default();
        self.attribution.counters_reset();
        for input in self.inputs.values_mut() {
            for counts in &mut input.logs {
                counts.reader.reset_counts();
                (counts.oversized, counts.lost, counts.gaps) = (0, 0, 0);
            }
        }
        self
    }
}

/// A [`Ledger`] without its zeros, which come back with the pairs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedCounters {
    responses: Vec<Vec<(u16, u64)>>,
    errors: Vec<(Id, Id, u16, Cause, u64)>,
    /// Without a server, as a state of 0.1 has it: they are counted on under no server's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roots: Vec<(Id, u16, RootCause, u64)>,
    #[serde(default)]
    root_causes: Vec<(Id, Id, u16, RootCause, u64)>,
    failures: Vec<(Id, Cause, Outcome, u64)>,
    seconds: Vec<(Id, [Histogram; Phase::ALL.len()])>,
    /// By pool alone, as a state of 0.1 has it: the ends are counted on under no master's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    exits: Vec<(Id, ExitReason, u64)>,
    #[serde(default)]
    worker_exits: Vec<(Id, Id, ExitReason, u64)>,
    pairs: Vec<(Id, Id)>,
    pairs_overflowed: u64,
    #[serde(default)]
    observed: Vec<(Counted, Vec<String>, f64)>,
    /// Pools that were seen running.
    #[serde(default)]
    remembered: Vec<Remembered>,
    /// nginx that were.
    #[serde(default)]
    remembered_nginx: Vec<RememberedNginx>,
    #[serde(default, rename = "set_aside")]
    rejected: Vec<(String, u64)>,
}

/// A state of 0.1 has no master's name with its pools.
fn with_fpm(what: Counted, mut labels: Vec<String>) -> Vec<String> {
    if labels.len() + 1 == sums::family(what).labels.len() {
        labels.insert(0, String::new());
    }
    labels
}

impl Ledger {
    /// What is needed to go on after a restart.
    pub fn save(&self) -> SavedCounters {
        let counted = |count: &&u64| **count > 0;
        let seconds = self.seconds.iter().enumerate();
        let seconds = seconds.filter(|(_, phases)| phases.iter().any(|histogram| histogram.count() > 0));
        SavedCounters {
            responses: self.responses.clone(),
            errors: (self.errors.iter().filter(|(_, count)| counted(count)))
                .map(|((server, upstream, code, cause), count)| (*server, *upstream, *code, *cause, *count))
                .collect(),
            roots: Vec::new(),
            root_causes: (self.roots.iter().filter(|(_, count)| counted(count)))
                .map(|((server, upstream, code, root), count)| (*server, *upstream, *code, *root, *count))
                .collect(),
            failures: (self.failures.iter().filter(|(_, count)| counted(count)))
                .map(|((upstream, cause, outcome), count)| (*upstream, *cause, *outcome, *count))
                .collect(),
            seconds: seconds.map(|(at, phases)| (Id::at(at), phases.clone())).collect(),
            exits: Vec::new(),
            worker_exits: (self.exits.iter())
                .map(|((fpm, pool, reason), count)| (*fpm, *pool, *reason, *count))
                .collect(),
            pairs: self.pairs().collect(),
            pairs_overflowed: self.pairs_overflowed(),
            observed: (self.observed.iter())
                .map(|((what, labels), sum)| (*what, labels.clone(), *sum))
                .collect(),
            remembered: self.remembered.clone(),
            remembered_nginx: self.remembered_nginx.clone(),
            rejected: self.rejected.iter().map(|(reason, count)| (reason.clone(), *count)).collect(),
        }
    }

    /// Goes on from what was saved.
    pub fn resume(saved: SavedCounters) -> Self {
        let mut ledger = Self::default();
        for (server, upstream) in saved.pairs {
            ledger.pair_of(server, upstream);
        }
        ledger.responses = saved.responses;
        for (server, upstream, code, cause, count) in saved.errors {
            ledger.errors.insert((server, upstream, code, cause), count);
        }
        let before = saved
            .roots
            .into_iter()
            .map(|(upstream, code, root, count)| (Id::NONE, upstream, code, root, count));
        for (server, upstream, code, root, count) in before.chain(saved.root_causes) {
            ledger.roots.insert((server, upstream, code, root), count);
        }
        for (upstream, cause, outcome, count) in saved.failures {
            ledger.start_attempts(upstream);
            ledger.failures.insert((upstream, cause, outcome), count);
        }
        for (upstream, phases) in saved.seconds {
            let at = upstream.index();
            if at >= ledger.seconds.len() {
                ledger.seconds.resize_with(at + 1, Default::default);
            }
            ledger.seconds[at] = phases;
        }
        let before = saved.exits.into_iter().map(|(pool, reason, count)| ((Id::NONE, pool, reason), count));
        let exits = saved.worker_exits.into_iter();
        ledger.exits =
            before.chain(exits.map(|(fpm, pool, reason, count)| ((fpm, pool, reason), count))).collect();
        ledger.pairs_overflowed = saved.pairs_overflowed;
        let observed = saved.observed.into_iter();
        ledger.observed = observed.map(|(what, labels, sum)| ((what, with_fpm(what, labels)), sum)).collect();
        ledger.remembered = saved.remembered;
        ledger.remembered_nginx = saved.remembered_nginx;
        ledger.rejected.extend(saved.rejected);
        ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Attributor, Options};

    const OPTIONS: Options = Options {
        live: true,
        access_log: true,
        window: 60,
        error_log: true,
        fpm: true,
        timings: true,
        offset: 0,
    };

    /// The logs as 0.1 wrote them: a field for each kind.
    const LOGS: &str = r#"
        "access": {"set": {"logs": [], "claims": [], "saved": 1795132800000}, "logs": [
            {"path": "/a.log", "reader": {"parsed": 5, "unparsed": 1}, "oversized": 2, "lost": 3, "gaps": 4, "last_read": 9}]},
        "error": {"set": {"logs": [], "claims": [], "saved": null}, "logs": [
            {"path": "/e.log", "reader": {"parsed": 7, "unparsed": 0, "open": ["Plain", 3, "2026/11/20 x"]},
             "oversized": 0, "lost": 0, "gaps": 0, "last_read": 0}]},
        "fpm": {"set": {"logs": [], "claims": [], "saved": null}, "logs": []}"#;

    fn state() -> State {
        let attribution = serde_json::to_string(&Attributor::new(OPTIONS).save()).unwrap();
        let counters = serde_json::to_string(&Ledger::default().save()).unwrap();
        let text = format!("{{\"attribution\": {attribution}, \"counters\": {counters}, {LOGS}}}");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_logs_of_a_state_of_0_1_are_read() {
        let state = state();
        let counts = |kind| &state.inputs[&kind].logs;
        let access = &counts(LogKind::Access)[0];
        assert_eq!((access.path.to_str(), access.reader.parsed, access.gaps), (Some("/a.log"), 5, 4));
        assert_eq!(counts(LogKind::Error)[0].reader.parsed, 7);
        assert_eq!(counts(LogKind::Fpm).len(), 0);
        assert_ne!(state.inputs[&LogKind::Access].set, SavedSet::default(), "when it was saved");
    }

    #[test]
    fn it_is_written_as_it_was_read() {
        let state = state();
        let before = serde_json::to_value(&state).unwrap();
        let after = serde_json::to_string(&state).unwrap();
        assert_eq!(before["error"]["logs"][0]["reader"]["open"][2], "2026/11/20 x");
        assert_eq!(before, serde_json::from_str::<serde_json::Value>(&after).unwrap());
        let again: State = serde_json::from_str(&after).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), before);
    }

    #[test]
    fn no_number_in_a_state_becomes_memory() {
        let good = serde_json::to_value(state()).unwrap();
        for huge in [1002_u64, 65_536, u64::from(u32::MAX), u64::MAX] {
            let zeros = serde_json::to_value([(); 3].map(|()| Histogram::default())).unwrap();
            for (field, value) in [
                ("pairs", serde_json::json!([[huge, 0]])),
                ("pairs", serde_json::json!([[0, huge]])),
                ("failures", serde_json::json!([[huge, "timeout", "failed", 1]])),
                ("seconds", serde_json::json!([[huge, zeros]])),
                ("errors", serde_json::json!([[huge, 0, 502, "timeout", 1]])),
                ("worker_exits", serde_json::json!([[huge, 0, "crash", 1]])),
                ("root_causes", serde_json::json!([[huge, 0, 502, "unknown", 1]])),
                ("root_causes", serde_json::json!([[0, huge, 502, "unknown", 1]])),
            ] {
                let mut bad = good.clone();
                bad["counters"][field] = value;
                assert!(serde_json::from_value::<State>(bad).is_err(), "{field} {huge}");
            }
        }
        let mut largest = good;
        largest["counters"]["pairs"] = serde_json::json!([[1001, 1001]]);
        Ledger::resume(serde_json::from_value::<State>(largest).unwrap().counters);
    }

    /// The line before it, which guards it, is a target of its own.
    #[test]
    fn damaged_contents_become_no_memory() {
        const WORDS: &[&str] = &[
            "\"pairs\":[[",
            "\"names\":",
            "\"failures\":",
            "\"seconds\":",
            "\"open\":",
            "\"logs\":[",
            "[[[[",
            "[0,1]",
            "]",
            "}",
            "{",
            "null",
            "\"timeout\"",
            "\"\\ud800\"",
            "-1",
            "1e308",
            ",",
        ];
        let seed = serde_json::to_vec(&state()).unwrap();
        let now = crate::record::stamp::error_log(b"2026/11/20 15:00:09").unwrap();
        crate::fuzz::target("state_contents", vec![seed], WORDS, |text| {
            if let Ok(state) = serde_json::from_slice::<State>(text) {
                Ledger::resume(state.counters);
                Attributor::resume(OPTIONS, state.attribution, now);
            }
        });
    }

    #[test]
    fn counts_begin_at_0_and_what_waits_still_waits() {
        let state = serde_json::to_value(state().counters_reset()).unwrap();
        let reader = &state["error"]["logs"][0]["reader"];
        assert_eq!((&reader["parsed"], &reader["open"][1]), (&0.into(), &3.into()));
        assert_eq!(state["access"]["logs"][0]["gaps"], 0);
    }
}
