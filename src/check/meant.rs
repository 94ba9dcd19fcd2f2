//! Which pool was probably meant by an address at which none listens.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use super::site::{PoolSite, Site, plain};
use crate::address::Listener;

/// Names of sockets that differ in more letters are not taken for one another.
const LETTERS: usize = 3;
/// Among more pools than this, names that are alike say little.
const POOLS: usize = 256;

/// A pool, where it listens, and why it was probably meant: the end of a sentence.
pub(super) type Guess<'a> = (PoolSite<'a>, Listener, &'static str);

/// The pools by what their addresses have in common with others.
pub(super) struct Meant<'a> {
    /// Of several that are as likely, one that runs comes first.
    pools: Vec<(PoolSite<'a>, Listener)>,
    by_version: HashMap<String, usize>,
    by_name: HashMap<OsString, usize>,
    by_port: HashMap<u16, usize>,
}

impl<'a> Meant<'a> {
    pub(super) fn new(site: &'a Site) -> Self {
        let mut pools: Vec<_> = site.pools().filter_map(|pool| Some((pool, pool.listener()?))).collect();
        pools.sort_by_key(|(pool, _)| (pool.fpm.pid.is_none(), !pool.fpm.shown));
        let (mut by_version, mut by_name, mut by_port) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (at, (_, listener)) in pools.iter().enumerate() {
            match plain(listener) {
                Listener::Unix(path) => {
                    by_version.entry(without_version(&path)).or_insert(at);
                    if let Some(name) = path.file_name() {
                        by_name.entry(name.to_owned()).or_insert(at);
                    }
                }
                Listener::Tcp { port, .. } => _ = by_port.entry(port).or_insert(at),
            }
        }
        Self { pools, by_version, by_name, by_port }
    }

    /// The pool that was probably meant.
    pub(super) fn pool(&self, wanted: &Listener) -> Option<Guess<'a>> {
        let found = |at: Option<&usize>, why: &'static str| {
            let (pool, listener) = self.pools.get(*at?)?;
            Some((*pool, listener.clone(), why))
        };
        let known = match plain(wanted) {
            Listener::Unix(wanted) => {
                let version = self.by_version.get(&without_version(&wanted));
                let name = wanted.file_name().and_then(|name| self.by_name.get(name));
                found(version, "it has the same name with another version of PHP")
                    .or_else(|| found(name, "it has the same name in another directory"))
                    .or_else(|| self.nearest(&wanted))
            }
            Listener::Tcp { port, .. } => {
                let mut ports = self.by_port.values();
                let alone = ports.next().filter(|_| ports.next().is_none());
                found(self.by_port.get(&port), "it has the same port at another address")
                    .or_else(|| found(alone, "it is the only one that listens on a port"))
            }
        };
        known.or_else(|| match self.pools.as_slice() {
            [_] => found(Some(&0), "it is the only pool"),
            _ => None,
        })
    }

    fn nearest(&self, wanted: &Path) -> Option<Guess<'a>> {
        if self.pools.len() > POOLS {
            return None;
        }
        let text = wanted.to_string_lossy();
        let distance = |listener: &Listener| match plain(listener) {
            Listener::Unix(path) => Some(strsim::damerau_levenshtein(&path.to_string_lossy(), &text)),
            Listener::Tcp { .. } => None,
        };
        let near =
            self.pools.iter().filter_map(|(pool, listener)| Some((distance(listener)?, pool, listener)));
        let (letters, pool, listener) = near.min_by_key(|(letters, ..)| *letters)?;
        (letters <= LETTERS).then(|| (*pool, listener.clone(), "its path differs in a few letters"))
    }
}

/// A path without versions of PHP: `php-fpm.sock` for `php8.2-fpm.sock` and `php82-fpm.sock`. Other numbers stay: `web1.sock` and
/// `web2.sock` are two sites.
fn without_version(path: &Path) -> String {
    let text = path.to_string_lossy();
    let (mut out, mut rest) = (String::new(), &*text);
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        out.push_str(before);
        let length = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        // The dot before `sock` is none of the version's.
        let version = number[..length].trim_end_matches('.');
        let of_php = ["php", "php-", "php-fpm", "php-fpm-"].iter().any(|name| out.ends_with(name));
        if !of_php && !version.contains('.') {
            out.push_str(version);
        }
        rest = &number[version.len()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_php_are_left_out() {
        for (one, other, same) in [
            ("/run/php/php8.2-fpm.sock", "/run/php/php7.4-fpm.sock", true),
            ("/run/php/php82-fpm.sock", "/run/php/php74-fpm.sock", true),
            ("/run/php-fpm8/x.sock", "/run/php-fpm7/x.sock", true),
            ("/run/php/8.4/shop.sock", "/run/php/7.4/shop.sock", true),
            ("/run/web1.sock", "/run/web2.sock", false),
            ("/run/php/php8.2-a.sock", "/run/php/php8.2-b.sock", false),
            ("/run/1.", "/run/2.", false),
        ] {
            assert_eq!(
                without_version(Path::new(one)) == without_version(Path::new(other)),
                same,
                "{one} {other}"
            );
        }
    }
}
