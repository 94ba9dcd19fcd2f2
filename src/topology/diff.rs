//! What has changed between two topologies, in words for the own log.

use std::collections::BTreeMap;
use std::fmt;

use super::model::{Fpm, Pool, Topology};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A pool is there that was not.
    PoolCame {
        /// The short name of its master.
        fpm: String,
        /// Its name.
        pool: String,
        /// Where it listens.
        listen: String,
    },
    /// A pool is gone from the configuration.
    PoolWent {
        /// The short name of its master.
        fpm: String,
        /// Its name.
        pool: String,
    },
    /// A pool listens at another address.
    PoolMoved {
        /// The short name of its master.
        fpm: String,
        /// Its name.
        pool: String,
        /// Where it listened.
        from: String,
        /// Where it listens.
        to: String,
    },
    /// An nginx was found.
    NginxCame(String),
    /// An nginx is gone.
    NginxWent(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoolCame { fpm, pool, listen } => {
                write!(f, "pool {pool} of PHP-FPM {fpm} listens at {listen}")
            }
            Self::PoolWent { fpm, pool } => write!(f, "pool {pool} of PHP-FPM {fpm} is no longer configured"),
            Self::PoolMoved { fpm, pool, from, to } => {
                write!(f, "pool {pool} of PHP-FPM {fpm} listens at {to}, no longer at {from}")
            }
            Self::NginxCame(config) => write!(f, "nginx with {config} was found"),
            Self::NginxWent(config) => write!(f, "nginx with {config} is gone"),
        }
    }
}

/// What makes `after` of `before`. Of pools, only those that are shown count.
pub fn changes(before: &Topology, after: &Topology) -> Vec<Change> {
    let (old, new) = (shown(before), shown(after));
    let mut changes = Vec::new();
    for (key, (fpm, pool)) in &new {
        let (name, to) = (pool.name.clone(), pool.listener.to_string());
        match old.get(key) {
            None => changes.push(Change::PoolCame { fpm: fpm.name.clone(), pool: name, listen: to }),
            Some((_, before)) if before.listener != pool.listener => {
                let from = before.listener.to_string();
                changes.push(Change::PoolMoved { fpm: fpm.name.clone(), pool: name, from, to });
            }
            Some(_) => {}
        }
    }
    for (key, (fpm, pool)) in &old {
        if !new.contains_key(key) {
            changes.push(Change::PoolWent { fpm: fpm.name.clone(), pool: pool.name.clone() });
        }
    }
    let configs = |topology: &Topology| -> Vec<String> {
        topology.nginx.iter().map(|nginx| nginx.config.display().to_string()).collect()
    };
    let (old, new) = (configs(before), configs(after));
    changes.extend(new.iter().filter(|config| !old.contains(config)).cloned().map(Change::NginxCame));
    changes.extend(old.iter().filter(|config| !new.contains(config)).cloned().map(Change::NginxWent));
    changes
}

/// By their names, of which no two are the same.
fn shown(topology: &Topology) -> BTreeMap<(&str, &str), (&Fpm, &Pool)> {
    let shown = topology.pools().filter(|(_, pool)| pool.shown);
    shown.map(|(fpm, pool)| ((fpm.name.as_str(), pool.name.as_str()), (fpm, pool))).collect()
}
