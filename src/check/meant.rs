//! Which pool was probably meant by an address at which none listens.

use std::path::Path;

use super::site::{PoolSite, Site, plain};
use crate::address::Listener;

/// Names of sockets that differ in more letters are not taken for one another.
const LETTERS: usize = 3;
/// Among more pools than this, names that are alike say little.
const POOLS: usize = 256;

/// The pool that was probably meant, and why, as the end of a sentence.
pub(super) fn pool<'a>(site: &'a Site, wanted: &Listener) -> Option<(PoolSite<'a>, Listener, &'static str)> {
    let wanted = plain(wanted);
    let mut pools: Vec<_> = site.pools().filter_map(|pool| Some((pool, pool.listener()?))).collect();
    // Of several that are as likely, one that runs.
    pools.sort_by_key(|(pool, _)| (pool.fpm.pid.is_none(), !pool.fpm.shown));
    let found = |why: &'static str, fits: &dyn Fn(&Listener) -> bool| {
        let (pool, listener) = pools.iter().find(|(_, listener)| fits(&plain(listener)))?;
        Some((*pool, listener.clone(), why))
    };
    match &wanted {
        Listener::Unix(wanted) => found("it has the same name with another version of PHP", &|listener| {
            matches!(listener, Listener::Unix(path) if without_version(path) == without_version(wanted))
        })
        .or_else(|| {
            found("it has the same name in another directory", &|listener| {
                matches!(listener, Listener::Unix(path) if path.file_name() == wanted.file_name())
            })
        })
        .or_else(|| if pools.len() <= POOLS { nearest(&pools, wanted) } else { None })
        .or_else(|| only(&pools)),
        Listener::Tcp { port, .. } => found("it has the same port at another address", &|listener| {
            matches!(listener, Listener::Tcp { port: other, .. } if other == port)
        })
        .or_else(|| {
            let mut tcp = pools.iter().filter(|(_, listener)| matches!(listener, Listener::Tcp { .. }));
            let (pool, listener) = tcp.next()?;
            if tcp.next().is_some() {
                return None;
            }
            Some((*pool, listener.clone(), "it is the only one that listens on a port"))
        })
        .or_else(|| only(&pools)),
    }
}

fn nearest<'a>(
    pools: &[(PoolSite<'a>, Listener)],
    wanted: &Path,
) -> Option<(PoolSite<'a>, Listener, &'static str)> {
    let text = wanted.to_string_lossy();
    let distance = |listener: &Listener| match plain(listener) {
        Listener::Unix(path) => Some(strsim::damerau_levenshtein(&path.to_string_lossy(), &text)),
        Listener::Tcp { .. } => None,
    };
    let near = pools.iter().filter_map(|(pool, listener)| Some((distance(listener)?, pool, listener)));
    let (letters, pool, listener) = near.min_by_key(|(letters, ..)| *letters)?;
    (letters <= LETTERS).then(|| (*pool, listener.clone(), "its path differs in a few letters"))
}

fn only<'a>(pools: &[(PoolSite<'a>, Listener)]) -> Option<(PoolSite<'a>, Listener, &'static str)> {
    match pools {
        [(pool, listener)] => Some((*pool, listener.clone(), "it is the only pool")),
        _ => None,
    }
}

/// The name of a socket without versions: `php-fpm.sock` for `php8.2-fpm.sock`.
fn without_version(path: &Path) -> String {
    path.to_string_lossy().chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
}
