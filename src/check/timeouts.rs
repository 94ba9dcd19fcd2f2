//! Who gives up first: PHP, PHP-FPM or nginx.

use std::time::Duration;

use super::finding::{Finding, Severity, Step};
use super::site::{PoolSite, Site, Upstream};
use crate::topology::config_error::Place;
use crate::topology::units::nginx_time;
use crate::vocabulary::Cause;

/// nginx's default of every `*_read_timeout`.
const READ: Duration = Duration::from_secs(60);

pub(super) fn check(site: &Site, out: &mut Vec<Finding>) {
    for upstream in site.fastcgi() {
        let Some(pool) = upstream.listener().ok().and_then(|listener| site.pool_at(&listener)) else {
            continue;
        };
        let (read, place) = read_timeout(&upstream);
        let end = pool.pool.request_terminate_timeout;
        if !end.is_zero() && end > read {
            out.push(too_late(&pool, end, read, &place));
        }
    }
    for pool in site.pools().filter(|pool| pool.fpm.shown) {
        out.extend(before_php(&pool));
    }
}

/// How long nginx waits, and the directive that says so, or the pass that it holds for.
pub(super) fn read_timeout(upstream: &Upstream<'_>) -> (Duration, Place) {
    let name = format!("{}_read_timeout", upstream.pass.protocol.prefix());
    let block = upstream.nginx.config.tree.get(upstream.pass.id).and_then(|pass| pass.parent());
    let setting = block.and_then(|block| block.setting(&name));
    let time = setting.and_then(|setting| nginx_time(setting.arg()));
    (time.unwrap_or(READ), setting.map_or_else(|| upstream.pass.place.clone(), |setting| setting.place()))
}

fn too_late(pool: &PoolSite<'_>, end: Duration, read: Duration, nginx: &Place) -> Finding {
    let (end, read) = (end.as_secs(), read.as_secs());
    let place = pool.pool.place_of("request_terminate_timeout").cloned();
    let finding = Finding::new(
        Severity::Warning,
        "timeout_order",
        place.clone(),
        format!("PHP-FPM ends a request after {end} s, nginx gives up after {read} s"),
        format!(
            "A slow request answers 504 after {read} s ({nginx}), and its worker goes on for {} s more with nobody to \
             answer: a few of them fill the pool [{}], and then others fail, too.",
            end.saturating_sub(read),
            pool.pool.name
        ),
    )
    .cause(Cause::ResponseTimeout);
    match place.filter(|_| read > 1) {
        Some(at) => {
            finding.step(Step::Replace { at, with: format!("request_terminate_timeout = {}s", read - 1) })
        }
        None => finding,
    }
}

/// PHP's own limit tells the visitor and the log which script it was; PHP-FPM's just ends the worker.
fn before_php(pool: &PoolSite<'_>) -> Option<Finding> {
    let end = pool.pool.request_terminate_timeout.as_secs();
    let (limit, place) = pool.pool.max_execution_time.as_ref()?;
    let limit = *limit;
    if end == 0 || limit == 0 || end > limit {
        return None;
    }
    Some(
        Finding::new(
            Severity::Warning,
            "timeout_order",
            Some(place.clone()),
            format!("PHP-FPM ends a request after {end} s, before PHP's max_execution_time of {limit} s"),
            "The worker is killed and nginx answers 502, where PHP would have ended the script itself with an answer \
             and a message that names it.",
        )
        .cause(Cause::ConnectionReset)
        .step(Step::Replace {
            at: place.clone(),
            with: format!("php_admin_value[max_execution_time] = {}", end.saturating_sub(1).max(1)),
        }),
    )
}
