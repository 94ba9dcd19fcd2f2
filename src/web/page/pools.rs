//! PHP-FPM's pools: how many workers are busy, how many connections wait, and what the limit is.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::words::{bytes, count, thousands};
use crate::sample::machine::Pool;

/// Pools that are shown with a bar; the worst come first. Of the others a line is shown, up to so many.
const BARS: usize = 12;
const LINES: usize = 1000;

/// How a pool stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Down,
    Saturated,
    Unseen,
    Busy,
    Fine,
}

/// From this share of busy workers on a pool is called nearly full, as the alert does.
const NEARLY: f64 = 0.9;

impl Stands {
    fn of(pool: &Pool) -> Self {
        match (pool.up, pool.ratio()) {
            (Some(false), _) => Self::Down,
            (None, None) => Self::Unseen,
            (_, Some(ratio)) if ratio > 1.0 => Self::Saturated,
            (_, Some(ratio)) if ratio >= NEARLY => Self::Busy,
            (Some(true), _) if pool.busy.is_none() => Self::Unseen,
            _ => Self::Fine,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Saturated => "saturated",
            Self::Unseen => "cannot be seen",
            Self::Busy => "nearly full",
            Self::Fine => "fine",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Down | Self::Saturated => "bad",
            Self::Unseen | Self::Busy => "warn",
            Self::Fine => "ok",
        }
    }
}

pub(super) fn block(pools: &[Pool]) -> Markup {
    let mut sorted: Vec<(Stands, &Pool)> = pools.iter().map(|pool| (Stands::of(pool), pool)).collect();
    let fullness = |pool: &Pool| (pool.ratio().unwrap_or_default() * 1000.0) as u64;
    sorted.sort_by_cached_key(|(stands, pool)| {
        (*stands, Reverse(fullness(pool)), pool.fpm.clone(), pool.name.clone())
    });
    let (first, others) = sorted.split_at(sorted.len().min(BARS));
    html! {
        section aria-labelledby="pools" {
            h2 #pools { "PHP-FPM pools" }
            @if pools.is_empty() { p { "No pool of PHP-FPM is seen." } }
            div.pools { @for (stands, pool) in first { (card(*stands, pool)) } }
            @if !others.is_empty() { (rest(others)) }
        }
    }
}

fn card(stands: Stands, pool: &Pool) -> Markup {
    html! {
        article.pool {
            h3 { (pool.fpm) " / " (pool.name) " " span.(stands.class()) { (stands.word()) } }
            (bar(pool, stands))
            p { (numbers(pool)) }
            (held(pool, stands))
            p.small { code { (pool.upstream) } }
        }
    }
}

/// What holds the workers now.
fn held(pool: &Pool, stands: Stands) -> Markup {
    let full = matches!(stands, Stands::Saturated | Stands::Busy);
    let Some(held) = pool.held.as_ref().filter(|held| !held.by.is_empty()) else {
        let is_asked = pool.status.is_some();
        return html! {
            @if full && !is_asked { p { "What holds the workers would be told by the pool's status page: set pm.status_path." } }
            @if full && is_asked { p { "What holds the workers is not known: while connections wait the status page is not asked, unless it has pm.status_listen." } }
        };
    };
    html! {
        p {
            "What holds the workers"
            @if held.age > 9 { ", " (held.age) " s ago" }
            ":"
        }
        ul.holds {
            @for holder in held.by.iter() {
                li {
                    (thousands(holder.milliseconds / 1000)) " s "
                    @match &holder.script {
                        Some(script) => code { (script) },
                        None => "a script with an unusual name",
                    }
                }
            }
        }
    }
}

/// Busy workers, idle ones, and connections that wait, with a line at the limit and one at the peak.
fn bar(pool: &Pool, stands: Stands) -> Markup {
    let (Some(busy), Some(limit)) = (pool.busy.filter(|_| stands != Stands::Down), pool.limit) else {
        return html! {};
    };
    let (idle, queue) = (pool.idle.unwrap_or_default(), pool.queue.unwrap_or_default());
    let peak = pool.peak.ratio.map(|ratio| (ratio * limit as f64).round() as u64);
    let all = limit.max(busy + queue).max(peak.unwrap_or_default()).max(1);
    let percent = |part: u64| format!("{:.2}%", part as f64 * 100.0 / all as f64);
    html! {
        svg.bar width="100%" height="20" aria-hidden="true" {
            rect.track width="100%" height="14" y="3" {}
            rect.idle width=(percent((busy + idle).min(all))) height="14" y="3" {}
            rect.busy.(stands.class()) width=(percent(busy)) height="14" y="3" {}
            @if queue > 0 { rect.queue x=(percent(busy)) width=(percent(queue)) height="14" y="3" {} }
            @if let Some(peak) = peak { line.peak x1=(percent(peak)) x2=(percent(peak)) y1="3" y2="17" {} }
            line.limit x1=(percent(limit)) x2=(percent(limit)) y1="0" y2="20" {}
        }
    }
}

/// The bar in words.
fn numbers(pool: &Pool) -> String {
    if pool.up == Some(false) {
        let limit = pool.limit.map(|limit| format!("; it may have {}", count(limit, "worker", "workers")));
        return format!("It does not run, or does not listen{}.", limit.unwrap_or_default());
    }
    let mut parts = Vec::new();
    match (pool.busy, pool.limit) {
        (Some(busy), Some(limit)) => {
            parts.push(format!("{} of {} busy", thousands(busy), count(limit, "worker", "workers")));
        }
        (Some(busy), None) => parts.push(format!("{} busy, the limit is not known", thousands(busy))),
        (None, _) => parts.push("how many workers are busy cannot be seen".to_owned()),
    }
    parts.extend(pool.idle.map(|idle| format!("{} idle", thousands(idle))));
    if let Some(queue) = pool.queue {
        let holds = pool.queue_limit.map(|limit| format!(" (the queue holds {})", thousands(limit)));
        parts.push(format!("{} waiting{}", thousands(queue), holds.unwrap_or_default()));
    }
    parts.extend(pool.peak.ratio.map(|ratio| format!("peak of the last minute {:.0} %", ratio * 100.0)));
    parts.extend(
        pool.resident.filter(|bytes| *bytes > 0).map(|resident| format!("{} of memory", bytes(resident))),
    );
    parts.join(" · ")
}

/// Those that have no bar: a sentence, and a line for each.
fn rest(others: &[(Stands, &Pool)]) -> Markup {
    let fine = others.iter().filter(|(stands, _)| *stands == Stands::Fine).count();
    let more = others.len().saturating_sub(LINES);
    html! {
        details #more-pools {
            summary {
                (count(others.len() as u64, "more pool", "more pools")) ", "
                @if fine == others.len() { "all fine" } @else { (thousands(fine as u64)) " of them fine" }
            }
            ul.lines {
                @for (stands, pool) in others.iter().take(LINES) {
                    li { (pool.fpm) " / " (pool.name) " " span.(stands.class()) { (stands.word()) } " " (short(pool)) }
                }
            }
            @if more > 0 { p { "And " (thousands(more as u64)) " more, see the metrics." } }
        }
    }
}

fn short(pool: &Pool) -> String {
    let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), thousands);
    format!("{} of {} busy, {} waiting", number(pool.busy), number(pool.limit), number(pool.queue))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str, up: Option<bool>, busy: Option<u64>, queue: u64) -> Pool {
        Pool {
            fpm: "8.2".into(),
            name: name.into(),
            upstream: format!("unix:/run/{name}.sock"),
            up,
            busy,
            queue: busy.map(|_| queue),
            limit: Some(4),
            ..Pool::default()
        }
    }

    #[test]
    fn what_is_not_seen_is_never_fine() {
        let stands: Vec<_> = [
            pool("a", Some(false), Some(0), 0),
            pool("b", Some(true), Some(4), 9),
            pool("c", None, None, 0),
            pool("c2", Some(true), None, 0),
            pool("d", Some(true), Some(4), 0),
            pool("e", Some(true), Some(0), 0),
        ]
        .iter()
        .map(|pool| Stands::of(pool).word())
        .collect();
        assert_eq!(stands, ["down", "saturated", "cannot be seen", "cannot be seen", "nearly full", "fine"]);
        assert!(!numbers(&pool("a", Some(false), Some(0), 0)).contains("busy"));
        assert!(numbers(&pool("c", None, None, 0)).contains("cannot be seen"));
    }

    #[test]
    fn the_worst_of_many_come_first_and_the_page_stays_small() {
        let mut pools: Vec<_> =
            (0..500).map(|n| pool(&format!("p{n}"), Some(true), Some(n % 3), 0)).collect();
        pools.push(pool("broken", Some(false), Some(0), 0));
        let page = block(&pools).into_string();
        assert!(page.find("broken").unwrap() < page.find("p499").unwrap());
        assert!(page.contains("489 more pools, all fine"), "{page}");
        assert_eq!(page.matches("<article").count(), BARS);
        assert!(page.len() < 100_000, "{} bytes", page.len());
        let page =
            block(&(0..5000).map(|n| pool(&format!("p{n}"), Some(true), Some(0), 0)).collect::<Vec<_>>());
        assert!(page.into_string().len() < 200_000);
    }
}
