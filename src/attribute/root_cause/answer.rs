//! The answers, for all responses of a kind at once.

use super::peers::{Peers, Site};
use super::{PendingRootCause, RootCauseSink, Roots, WorkerExit};
use crate::record::stamp::Local;
use crate::vocabulary::{ExitReason, RootCause};

/// How much older than the last answer evidence may be and still be of use, in seconds.
const REMEMBERED: Local = 60;

/// Responses of a kind while their root causes are found.
struct Asked<'t> {
    question: PendingRootCause,
    site: Site<'t>,
    /// How many are not explained yet.
    left: u64,
    found: Vec<(RootCause, u64)>,
}

impl Asked<'_> {
    fn explain(&mut self, root: RootCause, count: u64) {
        self.left -= count;
        match self.found.last_mut() {
            Some((last, so_far)) if *last == root => *so_far += count,
            _ => self.found.push((root, count)),
        }
    }
}

impl Roots {
    /// Failed responses wait for their evidence. Gives back those that have waited longest, when too many different
    /// ones wait.
    pub fn ask(&mut self, question: PendingRootCause) -> Option<PendingRootCause> {
        self.questions.add(question)
    }

    /// Answers all that was asked before `deadline`. `peers` tells which pool an upstream is.
    pub fn answer(&mut self, deadline: Local, peers: &Peers, answers: &mut impl RootCauseSink) {
        self.answer_kills(deadline, peers, answers);
        let ready = self.questions.take(deadline);
        let Some(last) = ready.last().map(|question| question.at) else { return };
        let asked = |question: PendingRootCause| {
            let (site, left) = (peers.site(&question), question.count);
            Asked { question, site, left, found: Vec::new() }
        };
        let mut ready: Vec<Asked<'_>> = ready.into_iter().map(asked).collect();
        let mut lost: Vec<&mut Asked<'_>> = ready.iter_mut().filter(|a| a.question.is_lost()).collect();
        lost.iter_mut().for_each(|asked| self.terminated(asked));
        // Exits of the same second first, over all responses, so that a neighbour's is not taken.
        for shift in [0, 1, -1] {
            lost.iter_mut().for_each(|asked| self.died(asked, shift, peers));
        }
        for mut asked in ready {
            self.otherwise(&mut asked, peers);
            if let Some(verdict) = &asked.question.verdict {
                asked.found.iter().for_each(|(root, count)| answers.root(verdict, *root, *count));
            }
        }
        self.forget(last.saturating_sub(REMEMBERED));
    }

    /// Tells kills by the OOM killer from others, before the responses that they explain.
    fn answer_kills(&mut self, deadline: Local, peers: &Peers, answers: &mut impl RootCauseSink) {
        while let Some(kill) = self.kills.front().filter(|kill| kill.asked < deadline).cloned() {
            self.kills.pop_front();
            let oom = self.observed.take_oom_kill(kill.at, peers.groups.get(&kill.log).copied());
            if oom
                && let Some(death) = self
                    .deaths
                    .iter_mut()
                    .find(|d| d.child == kill.child && d.at == kill.at && d.is_told_by(kill.log))
            {
                death.root = RootCause::WorkerOomKilled;
            }
            answers.killed(
                peers.fpm_of(kill.log),
                kill.pool,
                if oom { ExitReason::Oom } else { ExitReason::Sigkill },
                kill.at,
            );
        }
    }

    /// Requests that FPM's log says it ended.
    fn terminated(&mut self, asked: &mut Asked<'_>) {
        let (at, target, site) = (asked.question.at, asked.question.target, asked.site);
        let fits = |seen: Local| (at - seen).abs() <= 1;
        for found in &mut self.terminations {
            if asked.left == 0 {
                break;
            }
            if found.used || !fits(found.at) || found.target != target || !site.is_of(found.pool, found.log) {
                continue;
            }
            found.used = true;
            let of_it = |death: &WorkerExit| {
                death.child == found.child && death.log == found.log && (death.at - at).abs() <= 10
            };
            if let Some(death) = self.deaths.iter_mut().find(|death| !death.used && of_it(death)) {
                death.used = true;
            }
            asked.explain(RootCause::RequestTerminated, 1);
        }
    }

    /// Ends of workers so many seconds later than the responses, one for each.
    fn died(&mut self, asked: &mut Asked<'_>, shift: Local, peers: &Peers) {
        let (second, site) = (asked.question.at + shift, asked.site);
        let is_free = |death: &WorkerExit| death.at == second && !death.used && death.is_at(site);
        let exits = self.deaths.iter().filter(|death| is_free(death)).count() as u64;
        let most = match shift {
            1 if exits > 0 => exits.saturating_sub(self.rivals(second, site, peers)),
            _ => exits,
        };
        let mut left = most.min(asked.left);
        for death in &mut self.deaths {
            if left == 0 {
                break;
            }
            if is_free(death) {
                death.used = true;
                asked.explain(death.root, 1);
                left -= 1;
            }
        }
    }

    /// How many responses still to be answered have a better claim to the exits of that second.
    fn rivals(&self, second: Local, site: Site<'_>, peers: &Peers) -> u64 {
        let pool = site.key();
        let rivals = self.questions.iter().filter(|question| {
            let theirs = peers.site(question).key();
            question.at == second && (pool.is_none() || theirs.is_none() || pool == theirs)
        });
        rivals.map(|question| question.count).sum()
    }

    /// What explains all that are left, or as many as it can.
    fn otherwise(&mut self, asked: &mut Asked<'_>, peers: &Peers) {
        let Asked { question, site, .. } = *asked;
        while asked.left > 0 {
            let root = self.absences.explain(&question, site, &self.observed);
            let root = root.or_else(|| self.observed.explain(&question, site, peers));
            let count = match root {
                // An OOM kill is behind one response.
                Some(RootCause::WorkerOomKilled) => 1,
                _ => asked.left,
            };
            asked.explain(root.unwrap_or(question.otherwise), count);
        }
    }

    /// Drops what can explain nothing any more.
    fn forget(&mut self, old: Local) {
        self.terminations.retain(|t| t.at >= old);
        self.deaths.retain(|d| d.at >= old);
        self.absences.forget(old);
        self.observed.forget(old);
    }
}
