//! What a pool lacks that is known to help when it matters: a status page that answers while all workers are busy, and
//! time for running requests at a reload.

use std::path::Path;
use std::sync::Arc;

use super::finding::{Finding, Severity, Step};
use super::site::{FpmSite, Site};
use crate::address::Listener;
use crate::topology::config_error::Place;
use crate::topology::fpm_conf::{LogLevel, Pool};
use crate::vocabulary::Cause;

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for fpm in site.fpm.iter().filter(|fpm| fpm.shown) {
        out.extend(no_status_page(fpm));
        out.extend(no_time_at_a_reload(fpm));
        out.extend(log_level(fpm));
    }
}

fn no_status_page(fpm: &FpmSite) -> Option<Finding> {
    let lacking: Vec<_> = fpm.config.pools.iter().filter(|pool| pool.status_listen.is_none()).collect();
    let first = lacking.first()?;
    let pools = match lacking.len() {
        1 => format!("the pool [{}] has no pm.status_listen", first.name),
        n => format!("{n} pools have no pm.status_listen, [{}] first", first.name),
    };
    let listen = status_address(first, &fpm.config.pools);
    let mut lines = Vec::new();
    if first.status_path.is_none() {
        lines.push("pm.status_path = /status".to_owned());
    }
    lines.push(format!("pm.status_listen = {listen}"));
    Some(
        Finding::new(
            Severity::Info,
            "no_status_listen",
            Some(first.place.clone()),
            pools,
            "While all workers are busy, the pool's own status page waits with the other requests. One with an address \
             of its own (PHP 8.0) answers.",
        )
        .step(Step::Add { at: first.place.clone(), block: format!("[{}]", first.name), lines }),
    )
}

/// Beside the pool's own socket, or the next port that no pool has.
fn status_address(pool: &Pool, all: &[Pool]) -> String {
    match Listener::from_fpm(&pool.listen) {
        Ok(Listener::Tcp { port, .. }) => {
            let taken = |port: &u16| {
                let text = format!(":{port}");
                all.iter().any(|pool| {
                    let listens = [Some(&pool.listen), pool.status_listen.as_ref()];
                    let mut listens = listens.into_iter().flatten();
                    listens.any(|listen| listen.ends_with(&text) || *listen == port.to_string())
                })
            };
            let free = (port.saturating_add(1)..u16::MAX).find(|port| !taken(port)).unwrap_or(9001);
            format!("127.0.0.1:{free}")
        }
        _ => {
            let dir = Path::new(&pool.listen).parent().unwrap_or(Path::new("/run/php"));
            // Two PHP-FPM may have a pool of the same name, and sockets in one directory.
            let stem = Path::new(&pool.listen).file_stem().and_then(|stem| stem.to_str()).unwrap_or("php");
            format!("{}/{stem}-status.sock", dir.display())
        }
    }
}

fn no_time_at_a_reload(fpm: &FpmSite) -> Option<Finding> {
    if !fpm.config.process_control_timeout.is_zero() {
        return None;
    }
    let line = "process_control_timeout = 10s".to_owned();
    let set = fpm.config.place_of("process_control_timeout").cloned();
    let main: Arc<Path> = Arc::from(fpm.path.as_path());
    let step = match &set {
        Some(at) => Step::Replace { at: at.clone(), with: line },
        None => Step::Add {
            at: Place { file: Arc::clone(&main), line: 0 },
            block: "[global]".to_owned(),
            lines: vec![line],
        },
    };
    Some(
        Finding::new(
            Severity::Info,
            "reload_drops",
            set.or(Some(Place { file: main, line: 1 })),
            "process_control_timeout is 0",
            format!(
                "Each reload (systemctl reload {}) ends the requests that run, and they answer 502.",
                fpm.service()
            ),
        )
        .cause(Cause::ConnectionReset)
        .step(step),
    )
}

fn log_level(fpm: &FpmSite) -> Option<Finding> {
    if fpm.config.log_level <= LogLevel::Warning {
        return None;
    }
    let at = fpm.config.place_of("log_level")?.clone();
    Some(
        Finding::new(
            Severity::Warning,
            "evidence_hidden",
            Some(at.clone()),
            "PHP-FPM's log_level leaves warnings out",
            "Workers that crash, are killed or take too long, and pools that are full, are logged as warnings: 502s from \
             them stay without a root cause.",
        )
        .cause(Cause::ConnectionReset)
        .step(Step::Replace { at, with: "log_level = notice".to_owned() }),
    )
}
