//! What changed on the machine, as marks on the time axis.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::label::label;
use crate::sample::facts::Fact;
use crate::topology::Topology;
use crate::topology::diff;
use crate::view::{Mark, MarkKind};

/// Most marks of one change of the topology: a host with a thousand pools may change them all at once.
const MOST: usize = 16;

fn mark(at: SystemTime, kind: MarkKind, what: &str) -> Mark {
    let at = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Mark { at, kind, what: label(what.as_bytes()).into_owned(), count: 1 }
}

/// A reload shows in the workers of each pool; it is one of their master.
pub(super) fn of_fact(topology: &Topology, at: SystemTime, fact: Fact) -> Option<Mark> {
    match fact {
        Fact::Reloaded(key) => {
            let (fpm, _) = topology.pools().find(|(_, pool)| pool.key == key)?;
            Some(mark(at, MarkKind::Reload, &format!("PHP-FPM {} was reloaded", fpm.name)))
        }
        Fact::OomKills(count @ 1.., _) => {
            Some(Mark { count, ..mark(at, MarkKind::Death, "process killed by the kernel for memory") })
        }
        Fact::Up(..) | Fact::Full(..) | Fact::Stopped(_) | Fact::OomKills(..) | Fact::SeesOomKills => None,
    }
}

/// What makes `after` of `before`; nothing of the first one, which was so before we looked.
pub(super) fn of_topology(before: &Topology, after: &Topology, at: SystemTime) -> Vec<Mark> {
    if *before == Topology::default() {
        return Vec::new();
    }
    let configuration = diff::changes(before, after);
    let mut marks: Vec<Mark> = (configuration.iter().take(MOST))
        .map(|change| mark(at, MarkKind::Configuration, &change.to_string()))
        .collect();
    let (old, new) = (masters(before), masters(after));
    for (name, now) in &new {
        let what = match (old.get(name), now) {
            (Some(Some(old)), Some(new)) if old != new => "was restarted",
            (Some(None), Some(_)) => "began to run",
            (Some(Some(_)), None) => "ended",
            _ => continue,
        };
        marks.push(mark(at, MarkKind::Restart, &format!("{name} {what}")));
    }
    marks.truncate(MOST);
    marks
}

/// Every nginx and PHP-FPM with the pid of its master, while it runs.
fn masters(topology: &Topology) -> BTreeMap<String, Option<u32>> {
    let nginx = topology.nginx.iter().map(|nginx| (format!("nginx {}", nginx.name), nginx.pid));
    let fpm = topology.fpm.iter();
    let fpm = fpm.map(|fpm| (format!("PHP-FPM {}", fpm.name), fpm.process.as_ref().map(|master| master.pid)));
    nginx.chain(fpm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Fpm, FpmProcess, InstanceId};

    fn machine(pid: Option<u32>) -> Topology {
        let process = pid.map(|pid| FpmProcess { pid, network: None, shares_root: true, program: None });
        let id = InstanceId { path: "/etc/php/8.2/fpm/php-fpm.conf".into(), nth: 0 };
        let fpm =
            Fpm { id, name: "8.2".into(), process, group: None, log: None, conf: None, pools: Vec::new() };
        Topology { fpm: vec![fpm], ..Topology::default() }
    }

    #[test]
    fn masters_that_come_and_go_are_marked_and_the_first_look_is_not() {
        let told = |before: &Topology, after: &Topology| {
            let marks = of_topology(before, after, UNIX_EPOCH);
            marks.into_iter().map(|mark| (mark.kind, mark.what)).collect::<Vec<_>>()
        };
        let restart = |what: &str| vec![(MarkKind::Restart, format!("PHP-FPM 8.2 {what}"))];
        assert_eq!(told(&Topology::default(), &machine(Some(1))), []);
        assert_eq!(told(&machine(Some(1)), &machine(Some(2))), restart("was restarted"));
        assert_eq!(told(&machine(Some(1)), &machine(None)), restart("ended"));
        assert_eq!(told(&machine(None), &machine(Some(2))), restart("began to run"));
        assert_eq!(told(&machine(Some(1)), &machine(Some(1))), []);
    }
}
