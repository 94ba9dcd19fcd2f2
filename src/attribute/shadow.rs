//! Which shadowed entries may be believed for one response.
//!
//! A shadowed entry may be nginx's or text that a client wrote into the entry before it. It labels a response only if
//! no entry in the light speaks for that, the access line's own fields agree with it, and no other shadowed one
//! contradicts it.

use super::join::{Candidate, Keys, is_attempt};
use super::names::{Id, Interner};
use super::pending::{Evidence, WaitingEntry};
use crate::record::access::{Access, Attempt};
use crate::record::list;
use crate::vocabulary::{Cause, is_failed};

/// What is left of the entries that may belong to an access line.
pub fn believed(
    mut candidates: Vec<Candidate>,
    access: &Access<'_>,
    keys: &Keys<'_>,
    upstreams: &Interner,
) -> Vec<Candidate> {
    if !candidates.iter().any(|(_, entry)| entry.shadowed) {
        return candidates;
    }
    let kind = |entry: &WaitingEntry| (std::mem::discriminant(&entry.evidence), entry.subrequest);
    let lit: Vec<_> = candidates.iter().filter(|(_, e)| !e.shadowed).map(|(_, entry)| kind(entry)).collect();
    candidates.retain(|(_, entry)| {
        !entry.shadowed || !lit.contains(&kind(entry)) && agrees(entry, access, keys.status, upstreams)
    });
    let shadowed = || candidates.iter().filter(|(_, entry)| entry.shadowed && is_attempt(entry));
    let what = |entry: &WaitingEntry| (entry.evidence, entry.upstream, entry.server);
    let first = shadowed().next().map(|(_, entry)| what(entry));
    let contradict = shadowed().any(|(_, entry)| Some(what(entry)) != first);
    // A request that was tried again has several entries, which name several peers.
    if contradict && keys.entries.is_none_or(|entries| shadowed().count() > entries) {
        candidates.retain(|(_, entry)| !entry.shadowed);
    }
    candidates
}

/// Whether the access line has an attempt that can have left this entry.
fn agrees(entry: &WaitingEntry, access: &Access<'_>, status: u16, upstreams: &Interner) -> bool {
    let Evidence::Failure(cause) = entry.evidence else { return true };
    if is_failed(status) && !entry.subrequest && !cause.codes().contains(&status) {
        return false;
    }
    // Subrequests are not in these fields, nor is what failed before there was a peer.
    if entry.subrequest || !access.knows_upstream() || !has_peer(cause) {
        return true;
    }
    let same_peer = |attempt: &Attempt<'_>| {
        let known = entry.upstream != Id::NONE && entry.upstream != Id::OTHER && !entry.upstream_guessed;
        !known || list::missing(attempt.addr) || upstreams.known(attempt.addr) == Some(entry.upstream)
    };
    let connected = |attempt: &Attempt<'_>| attempt.connect.is_some_and(|time| !list::missing(time));
    access
        .each_attempt()
        .any(|attempt| same_peer(&attempt) && !(before_connected(cause) && connected(&attempt)))
}

/// Whether such a failure is one of an attempt.
fn has_peer(cause: Cause) -> bool {
    !matches!(cause, Cause::DnsFailure | Cause::NginxLimit | Cause::NginxResources | Cause::NginxConfig)
}

/// Whether such a failure leaves `-` in `$upstream_connect_time`.
fn before_connected(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::ConnectionRefused
            | Cause::SocketMissing
            | Cause::PermissionDenied
            | Cause::BacklogFull
            | Cause::FirewallDenied
            | Cause::HostUnreachable
            | Cause::LocalPortsExhausted
            | Cause::ConnectFailed
            | Cause::ConnectTimeout
            | Cause::NoLiveUpstreams
            | Cause::TlsFailure
    )
}
