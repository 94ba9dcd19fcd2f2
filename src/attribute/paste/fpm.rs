//! A pasted line of PHP-FPM's log.

use crate::record::fpm::{self, Event, Exit};
use crate::record::search;
use crate::vocabulary::RootCause;

/// What a line is evidence of; `None`: it is no line of PHP-FPM's.
pub(super) fn read(text: &[u8]) -> Option<Option<RootCause>> {
    const LEVELS: [&[u8]; 10] = [
        b"[WARNING] ",
        b"[NOTICE] ",
        b"[ERROR] ",
        b"[ALERT] ",
        b"[DEBUG] ",
        b"WARNING: ",
        b"NOTICE: ",
        b"ERROR: ",
        b"ALERT: ",
        b"DEBUG: ",
    ];
    let behind = LEVELS.iter().find_map(|level| Some(search::find(text, level)? + level.len()));
    let pool = search::find(text, b"[pool ");
    let message = match (behind, pool) {
        (Some(behind), Some(pool)) if pool < behind => &text[pool..],
        (Some(behind), _) => &text[behind..],
        (None, Some(pool)) => &text[pool..],
        (None, None) => return None,
    };
    const SATURATED: [&[u8]; 3] =
        [b"server reached pm.max_children", b"server reached max_children", b"seems busy (you may need to"];
    if SATURATED.iter().any(|words| search::find(message, words).is_some()) {
        return Some(Some(RootCause::PoolSaturated));
    }
    let Some(event) = fpm::event(fpm::skip_debug_origin(message)) else { return pool.map(|_| None) };
    Some(match event {
        Event::Exited { how: Exit::Signal(9 | 1 | 2 | 3 | 15), .. } => Some(RootCause::WorkerKilled),
        Event::Exited { how: Exit::Signal(_), .. } => Some(RootCause::WorkerCrashed),
        Event::Exited { how: Exit::Code(0), .. } => None,
        Event::Exited { .. } => Some(RootCause::WorkerCrashed),
        Event::Terminating { .. } => Some(RootCause::RequestTerminated),
        Event::Reloading => Some(RootCause::FpmReloaded),
        Event::Stopping => Some(RootCause::FpmStopped),
        Event::Disallowed => Some(RootCause::ClientNotAllowed),
        Event::Working if search::find(message, b" executing too slow (").is_some() => {
            Some(RootCause::SlowRequest)
        }
        Event::Ready | Event::Working => None,
    })
}
