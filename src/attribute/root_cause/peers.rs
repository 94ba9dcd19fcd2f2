//! Which pool an upstream is, and whose evidence tells of it.

use std::collections::HashMap;

use super::{LogId, PendingRootCause};
use crate::attribute::Id;
use crate::attribute::keepalive::Kept;
use crate::topology::{GroupKey, PoolKey};

/// A pool, as evidence is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPeer {
    /// Its name, as PHP-FPM's log has it.
    pub pool: Id,
    /// Short name of its master.
    pub fpm: Id,
    /// Which pool this is, among those of the same name.
    pub key: PoolKey,
    /// The log of its master, if that is read.
    pub log: Option<LogId>,
    /// The cgroup of its master.
    pub group: Option<GroupKey>,
    /// Its configuration refuses some addresses: `listen.allowed_clients`.
    pub may_refuse: bool,
    /// It refuses nginx's.
    pub refuses: bool,
}

/// What is at the other end of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// This pool.
    Pool(PoolPeer),
    /// An address of this machine at which none of its pools listens.
    Nobody,
    /// Another host, or another network namespace.
    Elsewhere,
}

/// What is known of each upstream, from the topology.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// By the upstream's name; of those that are not here nothing is known.
    pub by_upstream: HashMap<Id, Peer>,
    /// All PHP-FPM of this machine are known: then an address without a pool is a wrong one.
    pub complete: bool,
    /// Any pool runs or listens: one that is only configured is no evidence that another address is wrong.
    pub any: bool,
    /// In which cgroup the master of each log is.
    pub groups: HashMap<LogId, GroupKey>,
    /// Short name of the master that writes each log.
    pub fpms: HashMap<LogId, Id>,
    /// The servers of each of nginx's groups that is known, by the group's name.
    pub members: HashMap<Id, Vec<Id>>,
    /// To which upstreams nginx keeps connections, from its configuration.
    pub kept: Kept,
}

impl Peers {
    /// The master that writes a log.
    pub(in crate::attribute) fn fpm_of(&self, log: LogId) -> Id {
        self.fpms.get(&log).copied().unwrap_or(Id::NONE)
    }

    /// Where a failure happened.
    pub(super) fn site(&self, question: &PendingRootCause) -> Site<'_> {
        let at = match self.by_upstream.get(&question.upstream) {
            // The name of a group is no address.
            _ if question.is_of_group() => At::Unknown,
            Some(Peer::Pool(pool)) => At::Pool(pool),
            // That FastCGI is spoken there is what nginx was told; without that it may be any server.
            Some(Peer::Nobody) if self.complete && question.fastcgi == Some(true) => At::Nobody,
            Some(Peer::Elsewhere) => At::Elsewhere,
            Some(Peer::Nobody) | None => At::Unknown,
        };
        Site { at, peers: self }
    }
}

/// Where a failure happened, as far as PHP-FPM is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'a> {
    /// At this pool.
    Pool(&'a PoolPeer),
    /// At an address of this machine where none of its pools listens: what befell those explains nothing.
    Nobody,
    /// On another host: what this machine's PHP-FPM tells explains nothing.
    Elsewhere,
    /// Nobody knows.
    Unknown,
}

/// Where a failure happened, and whose logs tell of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    pub(super) at: At<'a>,
    peers: &'a Peers,
}

impl Site<'_> {
    /// Whether evidence of a pool, told by that log, is evidence here: what is not known on either side does not
    /// exclude.
    pub(super) fn is_of(self, pool: Id, log: Option<LogId>) -> bool {
        if let At::Pool(peer) = self.at
            && peer.pool != pool
        {
            return false;
        }
        log.is_none_or(|log| self.is_logged_in(log)) && !matches!(self.at, At::Nobody)
    }

    /// Whether nginx may be refused here (`listen.allowed_clients`).
    pub(super) fn may_refuse(self) -> bool {
        match self.at {
            At::Pool(pool) => pool.may_refuse,
            At::Nobody => false,
            At::Elsewhere | At::Unknown => true,
        }
    }

    /// Whether that log tells of this site.
    pub(super) fn is_logged_in(self, log: LogId) -> bool {
        match self.at {
            At::Pool(PoolPeer { log: Some(own), .. }) => *own == log,
            // Its own log is not read. Another master's tells nothing of it.
            At::Pool(pool) => self.peers.fpms.get(&log).is_none_or(|fpm| *fpm == pool.fpm),
            At::Nobody => false,
            // A log that no master of this machine writes may have come from that host.
            At::Elsewhere => !self.peers.fpms.contains_key(&log),
            At::Unknown => true,
        }
    }

    /// Whether it is known which log tells of this site.
    pub(super) fn has_log(self) -> bool {
        matches!(self.at, At::Pool(PoolPeer { log: Some(_), .. }))
    }

    /// Its pool, if it is one that is known.
    pub(super) fn key(self) -> Option<PoolKey> {
        if let At::Pool(pool) = self.at { Some(pool.key) } else { None }
    }
}
