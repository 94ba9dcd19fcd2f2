//! Which entries belong to an access line.
//!
//! With `$connection` in the log format the key is (pid, connection, request bytes), and the number of
//! attempts in `$upstream_addr` says how many entries a request has. Without it, as in `combined`, the key
//! is (client, request, time): entries of one connection are grouped to requests, and a failed line takes
//! the group that fits it best. The counts are right either way; only the label can be wrong.

use crate::record::access::{Access, Asked, Written};
use crate::record::stamp::{self, Local};

use super::names::Id;
use super::pending::{Evidence, Pending, WaitingEntry};
use crate::vocabulary::{Cause, RootCause, is_failed};

/// An entry's sequence number beside a copy of it.
pub type Candidate = (u64, WaitingEntry);

/// How long before a failed access line its last entry may stand: `lingering_time` delays the line.
const LINGERING: Local = 30;

/// PHP-FPM keeps 128 bytes of the URI and 512 of the query.
const LONGEST_TARGET: usize = 1024;

/// How long a request may have taken when the log format has no `$request_time`: a connection number makes a
/// wrong pair impossible, time alone does not.
const LONGEST: Local = 600;
const LONGEST_PROBABLE: Local = 90;

/// What the join reads off an access line.
pub struct Keys<'a> {
    /// `$status`.
    pub status: u16,
    /// End of the request, local seconds.
    pub end: Local,
    /// Its beginning: `end` less `$request_time`.
    pub start: Local,
    /// The local zone is only assumed, so stamps are compared modulo a quarter of an hour.
    pub zone_is_assumed: bool,
    /// `$pid`.
    pub pid: Option<u64>,
    /// `$connection`.
    pub connection: Option<u64>,
    /// What was asked for.
    pub asked: Asked<'a>,
    /// `$remote_addr`.
    pub client: Option<&'a [u8]>,
    /// How many entries of failed attempts the request can have; `None` when the format does not tell.
    pub entries: Option<usize>,
}

impl<'a> Keys<'a> {
    /// `offset` is the local zone for a line without one; `now` stands in for a missing time.
    pub fn new(access: &Access<'a>, offset: i32, now: Local) -> Self {
        let written = access.written();
        let end = written.map_or(now, |w| w.local(offset));
        let longest = if access.connection().is_some() { LONGEST } else { LONGEST_PROBABLE };
        let duration = access.duration().map_or(longest, |seconds| seconds.ceil() as Local);
        Keys {
            status: access.status(),
            end,
            start: end.saturating_sub(duration),
            zone_is_assumed: !matches!(written, Some(Written::Zoned(_))),
            pid: access.pid(),
            connection: access.connection(),
            asked: access.asked(),
            client: access.client(),
            entries: entries(access),
        }
    }

    /// `METHOD URI`, the part of the request line that PHP-FPM knows, no longer than FPM keeps it.
    pub fn target(&self) -> Vec<u8> {
        let mut target = self.asked.target();
        target.truncate(LONGEST_TARGET);
        target
    }

    /// How far an entry's stamp lies behind the end of the request.
    fn behind(&self, entry: &WaitingEntry) -> Local {
        let difference = self.end - entry.at;
        match self.zone_is_assumed {
            // Zones are multiples of a quarter of an hour. Rounding keeps small differences either way.
            true if self.connection.is_some() => (difference + 450).rem_euclid(900) - 450,
            _ => difference,
        }
    }

    fn is_in_time(&self, entry: &WaitingEntry) -> bool {
        let longest = (self.end - self.start + 1).min(if self.zone_is_assumed { 448 } else { Local::MAX });
        (-1..=longest).contains(&self.behind(entry))
    }
}

/// Each failed attempt leaves one entry. A request that never reached a peer (DNS, a bad URL), or that failed
/// although its peers answered (a redirect cycle, an answer without a status line), leaves one as well.
fn entries(access: &Access<'_>) -> Option<usize> {
    let failed = access.failed_attempts()?;
    let last = access.last_attempt();
    let answered =
        last.is_some_and(|attempt| stamp::number(attempt.status) == Some(u64::from(access.status())));
    Some(if answered { failed } else { failed.max(1) })
}

/// The entries of one request.
#[derive(Debug, Default)]
pub struct Group {
    /// In the order in which nginx wrote them.
    pub entries: Vec<Candidate>,
}

impl Group {
    /// The failure that decided the answer, and its cause: the last one of the request itself.
    pub fn decisive(&self) -> Option<(&Candidate, Cause)> {
        self.last_failure(|entry| !entry.subrequest)
    }

    /// A failed subrequest that can have failed the main request.
    pub fn subrequest(&self) -> Option<(&Candidate, Cause)> {
        self.last_failure(|entry| entry.subrequest)
    }

    fn last_failure(&self, wanted: impl Fn(&WaitingEntry) -> bool) -> Option<(&Candidate, Cause)> {
        self.entries.iter().rev().find_map(|candidate| match candidate.1.evidence {
            Evidence::Failure(cause) if wanted(&candidate.1) => Some((candidate, cause)),
            _ => None,
        })
    }

    /// Whether auth_request announced that it failed the request.
    pub fn auth_request(&self) -> bool {
        self.entries.iter().any(|(_, e)| e.evidence == Evidence::AuthRequest)
    }

    /// What PHP said about its own end.
    pub fn php(&self) -> Option<RootCause> {
        self.entries.iter().rev().find_map(|(_, entry)| match entry.evidence {
            Evidence::Php(root) => Some(root),
            _ => None,
        })
    }

    /// The peer whose script said something about its own end.
    pub fn php_peer(&self) -> Option<&WaitingEntry> {
        let said = |entry: &&WaitingEntry| matches!(entry.evidence, Evidence::Php(_));
        self.entries.iter().rev().map(|(_, entry)| entry).find(said)
    }

    fn last_at(&self) -> Local {
        self.entries.last().map_or(Local::MIN, |(_, entry)| entry.at)
    }

    /// Whether the failure usually leads to this status.
    fn fits(&self, status: u16) -> bool {
        match self.decisive() {
            Some((_, cause)) => cause.codes().contains(&status),
            None => status == 500,
        }
    }
}

pub(super) fn is_attempt(entry: &WaitingEntry) -> bool {
    // A response that was cut off is the answer of an attempt that did not fail.
    let failed = |cause| cause != Cause::ResponseTruncated;
    !entry.subrequest && matches!(entry.evidence, Evidence::Failure(cause) if failed(cause))
}

/// The entries of an access line that carries `$connection`.
/// `believed` takes away those that cannot be believed.
pub fn exact(
    pending: &Pending,
    keys: &Keys<'_>,
    connection: u64,
    believed: impl FnOnce(Vec<Candidate>) -> Vec<Candidate>,
) -> Group {
    let fits = |entry: &WaitingEntry| keys.pid.is_none_or(|pid| pid == entry.pid) && keys.is_in_time(entry);
    let candidates = believed(pending.of_connection(connection, &keys.asked, fits));
    one_request(&candidates, keys.entries)
}

/// The first request's entries out of those of one connection: attempts up to their number, or, where it
/// is not known, one for each peer; of everything else each only once.
fn one_request(candidates: &[Candidate], most: Option<usize>) -> Group {
    let mut group = Group::default();
    let mut tried = 0;
    for (seq, entry) in candidates {
        let repeats = group.entries.iter().any(|(_, taken)| {
            (taken.evidence, taken.subrequest, taken.upstream)
                == (entry.evidence, entry.subrequest, entry.upstream)
        });
        if is_attempt(entry) {
            let peer_again =
                group.entries.iter().any(|(_, taken)| is_attempt(taken) && taken.upstream == entry.upstream);
            match most {
                Some(most) if tried == most => break,
                // The same peer again is another request's attempt. Streams of one connection interleave, so
                // entries of this request may still follow.
                None if peer_again => continue,
                _ => {}
            }
            tried += 1;
        } else if repeats {
            // The next request of a keepalive connection begins.
            if matches!(entry.evidence, Evidence::Php(_)) {
                break;
            }
            continue;
        }
        group.entries.push((*seq, *entry));
    }
    group
}

/// The entries that most probably belong to a line without `$connection`.
pub fn probable(
    pending: &mut Pending,
    keys: &Keys<'_>,
    believed: impl FnOnce(Vec<Candidate>) -> Vec<Candidate>,
) -> Group {
    let earliest = if is_failed(keys.status) { keys.start.min(keys.end - LINGERING) } else { keys.start };
    let in_time = |entry: &WaitingEntry| (earliest - 1..=keys.end + 1).contains(&entry.at);
    let client = keys.client.map(|client| pending.hash(client));
    let same_client = |entry: &WaitingEntry| match (entry.client, client) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let candidates = pending.of_request(&keys.asked, |entry| in_time(entry) && same_client(entry));
    let groups = requests(believed(candidates), keys.entries);
    match is_failed(keys.status) {
        true => best(groups, keys),
        // The first one that no other success has claimed.
        false => groups.into_iter().find(|g| !g.entries.iter().any(|(_, e)| e.rescued)).unwrap_or_default(),
    }
}

/// Entries with the same request line, taken apart into requests: one connection's after the other.
fn requests(candidates: Vec<Candidate>, most: Option<usize>) -> Vec<Group> {
    let mut left = candidates;
    let mut groups = Vec::new();
    while let Some((_, first)) = left.first() {
        let (pid, connection) = (first.pid, first.connection);
        let same = |entry: &WaitingEntry| (entry.pid, entry.connection) == (pid, connection);
        let of_connection: Vec<_> = left.iter().filter(|(_, entry)| same(entry)).copied().collect();
        let group = one_request(&of_connection, most);
        if group.entries.is_empty() {
            break;
        }
        left.retain(|(seq, _)| !group.entries.iter().any(|(taken, _)| taken == seq));
        groups.push(group);
    }
    groups
}

/// A failed line is written right after its last failure, and the failure usually shows in its status.
fn best(groups: Vec<Group>, keys: &Keys<'_>) -> Group {
    groups
        .into_iter()
        .filter(|g| g.last_at() >= keys.end - LINGERING)
        .min_by_key(|g| {
            let rescued = g.entries.iter().any(|(_, e)| e.rescued);
            let late = (keys.end - g.last_at()).abs() > 1;
            (rescued, late, !g.fits(keys.status))
        })
        .unwrap_or_default()
}

/// The peer of a decisive entry: as the access line names it, when the entry's own is a guess.
pub fn peer(entry: &WaitingEntry, names: &mut super::Names, last_addr: Option<&[u8]>) -> Id {
    match last_addr {
        Some(addr)
            if (entry.upstream_guessed || entry.upstream == Id::NONE || entry.upstream == Id::OTHER)
                && !addr.is_empty()
                && addr != b"-" =>
        {
            names.upstreams.id(addr)
        }
        _ => entry.upstream,
    }
}
