//! The verdict on one failed response, from its access line and its entries.

use crate::record::access::{Access, Attempt};
use crate::record::list;
use crate::record::stamp;

use super::join::{Candidate, Group};
use crate::vocabulary::{Cause, RootCause};

/// Where the label of a response comes from.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'g> {
    /// This entry, and its cause: the last failed attempt, or the subrequest that failed the request.
    Entry(&'g Candidate, Cause),
    /// The access line alone, or a script's own words.
    Line {
        /// The cause.
        cause: Cause,
        /// A root cause that is known better than by the cause.
        root: Option<RootCause>,
    },
}

/// Decides. `error_log`: there is an error log, so that the absence of an entry means something.
pub fn decide<'g>(access: &Access<'_>, group: &'g Group, error_log: bool) -> Decision<'g> {
    let status = access.status();
    let last = access.last_attempt();
    let php = group.php();
    let answered = Decision::Line { cause: Cause::UpstreamStatus, root: php };
    if last.is_some_and(|attempt| is_own_answer(&attempt, status)) {
        return answered;
    }
    if let Some((entry, cause)) = group.decisive() {
        return Decision::Entry(entry, cause);
    }
    let used_upstream = access.attempts().is_some_and(|n| n > 0);
    if let Some((entry, cause)) = group.subrequest()
        && (group.auth_request() || (status == 500 && !used_upstream))
    {
        return Decision::Entry(entry, cause);
    }
    // The authorising backend answered with it: nginx says so, and makes a 500 of it.
    if status == 500 && group.auth_request() && !used_upstream {
        return Decision::Line { cause: Cause::UpstreamStatus, root: None };
    }
    if let Some(cause) = by_line(access, last, status, error_log) {
        let root = if cause == Cause::UpstreamStatus { php } else { None };
        return Decision::Line { cause, root };
    }
    match php {
        // A fatal error is answered with 500 by PHP itself.
        Some(_) if status == 500 => answered,
        _ => Decision::Line { cause: Cause::Unknown, root: None },
    }
}

/// Whether the last attempt answered with the status by itself. `$upstream_header_time` is a number only
/// if a complete header came; `$upstream_status` alone proves nothing for 502 and 504, which nginx also
/// writes there for its own.
fn is_own_answer(attempt: &Attempt<'_>, status: u16) -> bool {
    if stamp::number(attempt.status) != Some(u64::from(status)) {
        return false;
    }
    match attempt.header {
        Some(header) => stamp::duration(header).is_some(),
        None => matches!(status, 500 | 503),
    }
}

/// What the access line alone tells (reference: the signatures of `ngx_http_upstream_next` in the
/// `$upstream_*` variables). `None`: nothing.
fn by_line(access: &Access<'_>, last: Option<Attempt<'_>>, status: u16, error_log: bool) -> Option<Cause> {
    if !access.knows_upstream() {
        return None;
    }
    let Some(attempt) = last else {
        return match access.cache() {
            Some(b"HIT" | b"STALE" | b"UPDATING" | b"REVALIDATED") => Some(Cause::CachedError),
            // A DNS failure and auth_request leave the same empty fields; only their entries tell.
            _ => error_log.then_some(Cause::NginxReturn),
        };
    };
    if attempt.addr.is_empty() && status == 500 {
        // An attempt began and got no peer: no descriptor or no connection was left.
        return Some(Cause::NginxResources);
    }
    if is_group_name(attempt.addr) {
        return Some(Cause::NoLiveUpstreams);
    }
    let connected = attempt.connect.map(|time| !list::missing(time))?;
    match (status, connected) {
        (504, false) => Some(Cause::ConnectTimeout),
        (504, true) => Some(Cause::ResponseTimeout),
        (502, false) => Some(Cause::ConnectFailed),
        (502, true) => match stamp::number(attempt.bytes?)? {
            0 => Some(Cause::ConnectionReset),
            _ => Some(Cause::InvalidResponse),
        },
        (9, _) => Some(Cause::ProtocolMismatch),
        _ => None,
    }
}

/// Without a live peer the group's name stands where an address should.
fn is_group_name(addr: &[u8]) -> bool {
    !list::missing(addr) && !addr.starts_with(b"unix:") && !addr.contains(&b':')
}
