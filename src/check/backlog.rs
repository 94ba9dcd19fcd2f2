//! The queue of a pool: longer than the kernel keeps, or so long that nginx gives up before a request's turn comes.

use super::finding::{Finding, Severity};
use super::machine::Machine;
use super::permission::set;
use super::site::Site;
use super::timeouts::read_timeout;
use crate::vocabulary::Cause;

/// A fast application's mean time for a request, in milliseconds.
const FAST: u64 = 100;
/// PHP-FPM's default up to 8.1.
const USUAL: u64 = 511;

pub(super) fn check(site: &Site, machine: Option<&Machine>, out: &mut Vec<Finding>) {
    for upstream in site.fastcgi() {
        let Some(pool) = upstream.listener().ok().and_then(|listener| site.pool_at(&listener)) else {
            continue;
        };
        // A negative one is as long as the kernel allows, which is its default.
        let Some(written) = pool.pool.backlog.and_then(|backlog| u64::try_from(backlog).ok()) else {
            continue;
        };
        let place = pool.pool.place_of("listen.backlog").cloned();
        let kept = machine.and_then(|machine| machine.somaxconn).map_or(written, |most| written.min(most));
        if kept < written {
            out.push(
                Finding::new(
                    Severity::Warning,
                    "backlog_cut",
                    place.clone(),
                    format!("listen.backlog of the pool [{}] is {written}, but the kernel keeps {kept}", pool.pool.name),
                    "net.core.somaxconn cuts it without a word: the queue is full, and requests fail, long before that many wait.",
                )
                .cause(Cause::BacklogFull)
                .step(set(&pool, "listen.backlog", format!("listen.backlog = {kept}"))),
            );
        }
        let children = u64::from(pool.pool.max_children);
        let read = read_timeout(&upstream).0.as_secs();
        let wait = kept.saturating_mul(FAST) / children.max(1) / 1000;
        if wait > read {
            let fits = (read.saturating_mul(children).saturating_mul(1000) / FAST).clamp(1, USUAL);
            out.push(
                Finding::new(
                    Severity::Warning,
                    "backlog_long",
                    place,
                    format!(
                        "{kept} requests may wait for the {children} workers of the pool [{}]",
                        pool.pool.name
                    ),
                    format!(
                        "Even at {FAST} ms a request the last one waits {wait} s. nginx gives up after {read} s: when the pool is \
                         full, every visitor waits and gets 504, where a shorter queue would answer 502 at once, and the workers go \
                         on with requests of visitors who have left.",
                    ),
                )
                .cause(Cause::ResponseTimeout)
                .step(set(&pool, "listen.backlog", format!("listen.backlog = {fits}"))),
            );
        }
    }
}
