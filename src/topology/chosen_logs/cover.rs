//! Which of several logs to read, when each request may be written to more than one.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;

/// A log to which the requests of one level of the configuration are written, with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate<N> {
    /// The log.
    pub(super) name: N,
    /// How much it tells; a higher one is better.
    pub(super) rank: u32,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover<N> {
    /// The logs to read.
    pub(super) chosen: BTreeSet<N>,
    /// Lists of which more than one log is read: the requests of those levels are counted as often.
    pub(super) doubled: Vec<usize>,
}

/// Chooses logs so that of every list one is read, and of few more than one. `lists`: the logs to which the same requests
/// are written. One that is `followed` already stays, the better one of several: which log is chosen must not change while
/// lines are in both.
pub(super) fn cover<N: Clone + Ord + Hash>(lists: &[Vec<Candidate<N>>], followed: &HashSet<N>) -> Cover<N> {
    let mut chosen: BTreeSet<N> = BTreeSet::new();
    // Where there is one only, there is no choice.
    for list in lists {
        if let [only] = list.as_slice() {
            chosen.insert(only.name.clone());
        }
    }
    let is_open = |list: &&Vec<Candidate<N>>, chosen: &BTreeSet<N>| {
        list.len() > 1 && !list.iter().any(|candidate| chosen.contains(&candidate.name))
    };
    for list in lists {
        if is_open(&list, &chosen) {
            let kept = list.iter().rev().filter(|candidate| followed.contains(&candidate.name));
            chosen.extend(kept.max_by_key(|candidate| candidate.rank).map(|kept| kept.name.clone()));
        }
    }
    // A log that stands in many lists leaves fewer that are read twice.
    let mut uses: BTreeMap<&N, usize> = BTreeMap::new();
    for candidate in lists.iter().flatten() {
        *uses.entry(&candidate.name).or_default() += 1;
    }
    for list in lists {
        if is_open(&list, &chosen) {
            let mut best: Option<&Candidate<N>> = None;
            for candidate in list {
                let value = |candidate: &Candidate<N>| (candidate.rank, uses.get(&candidate.name).copied());
                if best.is_none_or(|best| value(candidate) > value(best)) {
                    best = Some(candidate);
                }
            }
            chosen.extend(best.map(|best| best.name.clone()));
        }
    }
    let read = |list: &Vec<Candidate<N>>| list.iter().filter(|c| chosen.contains(&c.name)).count();
    let doubled = lists.iter().enumerate().filter(|(_, list)| read(list) > 1).map(|(at, _)| at).collect();
    Cover { chosen, doubled }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists as `a1 b2`: names, each with its rank.
    fn of(lists: &[&str], followed: &str) -> (String, Vec<usize>) {
        let candidate =
            |word: &str| Candidate { name: word[..1].to_owned(), rank: word[1..].parse().unwrap() };
        let lists: Vec<Vec<_>> =
            lists.iter().map(|list| list.split_whitespace().map(candidate).collect()).collect();
        let followed = followed.split_whitespace().map(str::to_owned).collect();
        let Cover { chosen, doubled } = cover(&lists, &followed);
        (chosen.into_iter().collect::<Vec<_>>().join(" "), doubled)
    }

    #[test]
    fn of_each_list_one_log_is_read() {
        for (lists, followed, expected) in [
            (&["a1", "b1"][..], "", "a b"),
            (&["a1 b2"], "", "b"),
            (&["a1 b1"], "", "a"),
            (&["a1 b2"], "a", "a"),
            (&["a1 b2 c3"], "a b", "b"),
            (&["a1 b2", "a1"], "", "a"),
            (&["a1 b2", "a1"], "b", "a"),
            (&["a1 b1", "c1 b1"], "", "b"),
            (&["a1 b2 c3", "b2", "c3"], "", "b c"),
            (&["", "a1"], "", "a"),
            (&[], "a", ""),
        ] {
            let (chosen, doubled) = of(lists, followed);
            assert_eq!(chosen, expected, "{lists:?}");
            assert_eq!(doubled.is_empty(), expected != "b c", "{lists:?}");
        }
    }
}
