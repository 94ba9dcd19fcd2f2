//! Which pool an upstream leads to, for an nginx of this machine.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::model::{Fpm, Network, Pool, Topology};
use crate::address::Listener;
use crate::kernel::network::NetworkId;

/// Where connections to an upstream end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Destination<'a> {
    /// This pool.
    Pool(&'a Fpm, &'a Pool),
    /// An address of this machine at which none of its pools listens.
    Nobody,
    /// An address of another host or network namespace: what happens to this machine's pools says nothing of it.
    Elsewhere,
    /// It cannot be told.
    Unknown,
}

/// The pools of a topology, found by their addresses.
pub struct Destinations<'a> {
    topology: &'a Topology,
    by_path: HashMap<&'a Path, (&'a Fpm, &'a Pool)>,
    by_port: HashMap<u16, Vec<(&'a Fpm, &'a Pool)>>,
    /// The network namespaces in which nginx runs; where none is seen, ours: in a pod they are one.
    nginx: Vec<&'a Network>,
    /// By server, how long an idle connection to it is kept.
    kept: HashMap<Listener, Duration>,
    /// A pool may listen on a unix socket under another path than the one that nginx has for it.
    hidden_paths: bool,
}

impl<'a> Destinations<'a> {
    /// Of this topology.
    pub fn new(topology: &'a Topology) -> Self {
        let mut nginx: Vec<&Network> =
            topology.nginx.iter().filter_map(|nginx| nginx.network.as_ref()).collect();
        if nginx.is_empty() {
            nginx.extend(&topology.network);
        }
        nginx.sort_by_key(|network| network.id);
        nginx.dedup_by_key(|network| network.id);
        let mut found = Self {
            topology,
            by_path: HashMap::new(),
            by_port: HashMap::new(),
            nginx,
            kept: HashMap::new(),
            hidden_paths: false,
        };
        for (server, time) in topology.nginx.iter().flat_map(|nginx| &nginx.kept) {
            // Of two nginx that keep some to one upstream the shorter time counts.
            let at = found.kept.entry(server.resolved()).or_insert(*time);
            *at = (*at).min(*time);
        }
        for (fpm, pool) in topology.pools() {
            match &pool.resolved {
                Listener::Unix(path) => {
                    found.by_path.entry(path).or_insert((fpm, pool));
                    found.hidden_paths |= fpm.process.as_ref().is_some_and(|process| !process.shares_root);
                }
                Listener::Tcp { port, .. } => found.by_port.entry(*port).or_default().push((fpm, pool)),
            }
        }
        found
    }

    /// Where a connection to `upstream`, with links followed, ends.
    pub fn find(&self, upstream: &Listener) -> Destination<'a> {
        match upstream {
            Listener::Unix(path) => match self.by_path.get(path.as_path()) {
                Some((fpm, pool)) => Destination::Pool(fpm, pool),
                None if self.hidden_paths => Destination::Unknown,
                None => Destination::Nobody,
            },
            // nginx connects to an address; this is none.
            Listener::Tcp { host: None, .. } => Destination::Unknown,
            Listener::Tcp { host: Some(host), port } => self.find_tcp(*host, *port, upstream),
        }
    }

    /// How long nginx keeps an idle connection to it, if it keeps any.
    pub fn kept(&self, upstream: &Listener) -> Option<Duration> {
        self.kept.get(upstream).copied()
    }

    fn find_tcp(&self, host: IpAddr, port: u16, upstream: &Listener) -> Destination<'a> {
        let mut networks = Vec::new();
        for network in &self.nginx {
            if host.is_loopback() || has(network, host) == Some(true) {
                networks.push(network.id);
            }
        }
        let is_local = !networks.is_empty();
        let of_port = self.by_port.get(&port).map(Vec::as_slice).unwrap_or_default();
        let mut reached: Vec<(&Fpm, &Pool)> = Vec::new();
        for (fpm, pool) in of_port.iter().filter(|(_, pool)| pool.resolved.accepts(upstream)) {
            let network = self.network_of(fpm);
            let is_there = match network {
                // What cannot be seen is taken for what it mostly is.
                None => true,
                Some(network) if is_local => networks.contains(&network.id),
                Some(network) => has(network, host).unwrap_or_else(|| self.is_nginx_s(network.id)),
            };
            if is_there {
                reached.push((fpm, pool));
            }
        }
        // Of several the one that runs has the port.
        if reached.len() > 1 && reached.iter().any(|(_, pool)| pool.runs) {
            reached.retain(|(_, pool)| pool.runs);
        }
        let networks_reached = reached.iter().filter_map(|(fpm, _)| self.network_of(fpm)).map(|n| n.id);
        let mut networks_reached: Vec<NetworkId> = networks_reached.collect();
        networks_reached.sort_unstable();
        networks_reached.dedup();
        match reached.first() {
            // Two nginx that each have one of their own at this address.
            Some(_) if networks_reached.len() > 1 => Destination::Unknown,
            Some((fpm, pool)) => Destination::Pool(fpm, pool),
            None if is_local => Destination::Nobody,
            None if self.nginx.iter().all(|network| has(network, host) == Some(false))
                && !self.nginx.is_empty() =>
            {
                Destination::Elsewhere
            }
            None => Destination::Unknown,
        }
    }

    /// Where a PHP-FPM is; one that does not run would be where we are.
    fn network_of(&self, fpm: &'a Fpm) -> Option<&'a Network> {
        match &fpm.process {
            Some(process) => process.network.as_ref(),
            None => self.topology.network.as_ref(),
        }
    }

    fn is_nginx_s(&self, id: NetworkId) -> bool {
        self.nginx.iter().any(|network| network.id == id)
    }
}

/// Whether an address is local there; `None`: not known.
fn has(network: &Network, host: IpAddr) -> Option<bool> {
    network.addresses.as_ref().map(|addresses| addresses.contains(&host))
}

#[cfg(test)]
mod tests;
