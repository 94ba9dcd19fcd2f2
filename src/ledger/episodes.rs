//! Failures that follow each other, by server, upstream, status and cause.

use std::collections::HashMap;

use crate::attribute::{Id, Names, Verdict};
use crate::view::{Episode, QUIET};
use crate::vocabulary::{Cause, RootCause};

/// Most that are kept; where there are more, those that ended first go.
const MOST: usize = 512;

/// How long one that has ended is kept, in seconds.
const KEPT: i64 = 24 * 3600;

type Key = (Id, Id, u16, Cause);

#[derive(Debug, Default)]
struct Run {
    count: u64,
    first: i64,
    last: i64,
    roots: HashMap<RootCause, u64>,
}

/// The latest of each kind.
#[derive(Debug, Default)]
pub(super) struct Episodes(HashMap<Key, Run>);

fn key(verdict: &Verdict) -> Key {
    (verdict.server, verdict.upstream, verdict.status, verdict.cause)
}

impl Episodes {
    /// A response failed.
    pub(super) fn error(&mut self, verdict: &Verdict) {
        let key = key(verdict);
        if !self.0.contains_key(&key) && self.0.len() >= MOST {
            self.make_room(verdict.at);
        }
        let run = self.0.entry(key).or_insert_with(|| Run { first: verdict.at, ..Run::default() });
        if verdict.at.saturating_sub(run.last) > QUIET && run.count > 0 {
            *run = Run { first: verdict.at, ..Run::default() };
        }
        run.count += 1;
        run.first = run.first.min(verdict.at);
        run.last = run.last.max(verdict.at);
    }

    /// What broke some that failed is known.
    pub(super) fn root(&mut self, verdict: &Verdict, root: RootCause, count: u64) {
        if let Some(run) = self.0.get_mut(&key(verdict)).filter(|run| run.first <= verdict.at) {
            *run.roots.entry(root).or_default() += count;
        }
    }

    fn make_room(&mut self, now: i64) {
        self.0.retain(|_, run| now.saturating_sub(run.last) < KEPT);
        while self.0.len() >= MOST {
            let Some(oldest) = self.0.iter().min_by_key(|(key, run)| (run.last, **key)).map(|(key, _)| *key)
            else {
                break;
            };
            self.0.remove(&oldest);
        }
    }

    /// All, under the names of the labels, the latest first.
    pub(super) fn view(&self, names: &Names) -> Vec<Episode> {
        let mut keys: Vec<(&Key, &Run)> = self.0.iter().collect();
        keys.sort_by_key(|(key, run)| (std::cmp::Reverse(run.last), **key));
        let episode = |((server, upstream, code, cause), run): (&Key, &Run)| {
            let mut roots: Vec<_> = run.roots.iter().map(|(root, count)| (*root, *count)).collect();
            roots.sort();
            Episode {
                server: names.servers.shared(*server),
                upstream: names.upstreams.shared(*upstream),
                code: *code,
                cause: *cause,
                roots,
                count: run.count,
                first: run.first,
                last: run.last,
            }
        };
        keys.into_iter().map(episode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(upstream: usize, at: i64) -> Verdict {
        let cause = Cause::ConnectionRefused;
        Verdict { status: 502, cause, server: Id::NONE, upstream: Id::at(upstream), at }
    }

    #[test]
    fn a_pause_begins_another_one() {
        let mut episodes = Episodes::default();
        for at in [100, 101, 400, 399] {
            episodes.error(&verdict(2, at));
            episodes.root(&verdict(2, at), RootCause::FpmNotRunning, 1);
        }
        let view = |episodes: &Episodes| {
            let of = |episode: Episode| (episode.count, episode.first, episode.last, episode.roots);
            episodes.view(&Names::default()).into_iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(view(&episodes), [(4, 100, 400, vec![(RootCause::FpmNotRunning, 4)])]);
        episodes.error(&verdict(2, 701));
        episodes.root(&verdict(2, 400), RootCause::FpmNotRunning, 1);
        assert_eq!(
            view(&episodes),
            [(1, 701, 701, Vec::new())],
            "the root cause of an earlier one is none of this"
        );
    }

    #[test]
    fn there_are_few_and_the_latest_stay() {
        let mut episodes = Episodes::default();
        for n in 0..2000 {
            episodes.error(&verdict(n % 1001, i64::try_from(n).unwrap()));
        }
        assert_eq!(episodes.0.len(), MOST);
        assert_eq!(episodes.view(&Names::default())[0].last, 1999);
    }
}
