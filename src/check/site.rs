//! What is checked: configurations of nginx and PHP-FPM, and where they meet.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::Severity;
use crate::address::{Listener, ListenerError};
use crate::topology::fpm_conf::{self, FpmConfig};
use crate::topology::nginx_conf::{Directive, NginxConfig, Pass, Protocol, Target};

/// Configurations, as files or with the processes that run with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    /// Every nginx.
    pub nginx: Vec<NginxSite>,
    /// Every PHP-FPM.
    pub fpm: Vec<FpmSite>,
    /// Pools by where they listen: the numbers of their PHP-FPM and of the pool in it. A hoster has thousands.
    by_address: HashMap<Listener, (usize, usize)>,
}

/// One nginx.
#[derive(Clone, Debug, PartialEq)]
pub struct NginxSite {
    /// Its main file.
    pub path: PathBuf,
    /// What that says.
    pub config: Arc<NginxConfig>,
    /// Its master, if it runs.
    pub pid: Option<u32>,
}

/// One PHP-FPM.
#[derive(Clone, Debug, PartialEq)]
pub struct FpmSite {
    /// Its main file.
    pub path: PathBuf,
    /// What that says.
    pub config: Arc<FpmConfig>,
    /// Its master, if it runs.
    pub pid: Option<u32>,
    /// It was named or runs; others are only installed.
    pub shown: bool,
}

/// One address to which nginx connects.
#[derive(Clone, Copy)]
pub struct Upstream<'a> {
    /// Whose it is.
    pub nginx: &'a NginxSite,
    /// The `*_pass` that leads to it, the first one.
    pub pass: &'a Pass,
    /// The directive that names the address: the `*_pass`, or a `server` of a group.
    pub named: Directive<'a>,
    /// As `$upstream_addr` has it.
    pub address: &'a str,
    /// The address is written there as it is, not made of variables.
    pub literal: bool,
}

impl Upstream<'_> {
    /// Where nginx connects to; `localhost` is 127.0.0.1 first.
    pub fn listener(&self) -> Result<Listener, ListenerError> {
        match self.address.strip_prefix("localhost:") {
            Some(port) => Listener::from_upstream(&format!("127.0.0.1:{port}")),
            None => Listener::from_upstream(self.address),
        }
    }

    /// Servers of the group that it belongs to, those that are down left out; 1 without a group.
    pub fn servers(&self) -> usize {
        let group = self.named.parent().filter(|block| block.name() == "upstream");
        group.map_or(1, |group| {
            group.named("server").filter(|server| !server.args().any(|arg| arg == "down")).count()
        })
    }

    /// How grave it is that nobody answers there, and what it does to requests.
    pub fn fails(&self) -> (Severity, String) {
        if self.servers() > 1 {
            let effect = "Requests that this server is given are tried at another one of the group; when none is left, they \
                          answer 502.";
            return (Severity::Warning, effect.to_owned());
        }
        (Severity::Error, "Every request that comes here answers 502.".to_owned())
    }

    /// The directive with another address in it, that of a pool.
    pub fn instead(&self, pool: &Listener) -> String {
        let mut words = vec![self.named.name().to_owned(), pool.upstream()];
        words.extend(self.named.args().skip(1).map(quoted));
        format!("{};", words.join(" "))
    }
}

/// One pool of one PHP-FPM.
#[derive(Clone, Copy)]
pub struct PoolSite<'a> {
    /// Whose it is.
    pub fpm: &'a FpmSite,
    /// What the configuration says of it.
    pub pool: &'a fpm_conf::Pool,
}

impl PoolSite<'_> {
    /// Where it listens; `None`: at a host name.
    pub fn listener(&self) -> Option<Listener> {
        Listener::from_fpm(&self.pool.listen).ok()
    }

    /// `[www] of /etc/php/8.2/fpm/pool.d/www.conf`
    pub fn name(&self) -> String {
        format!("[{}] of {}", self.pool.name, self.pool.place.file.display())
    }
}

impl Site {
    /// Of these.
    pub fn new(nginx: Vec<NginxSite>, fpm: Vec<FpmSite>) -> Self {
        let mut by_address = HashMap::new();
        let mut order: Vec<_> = fpm.iter().enumerate().collect();
        // Of two pools with one address that of a PHP-FPM that runs has it.
        order.sort_by_key(|(_, fpm)| (fpm.pid.is_none(), !fpm.shown));
        for (at, fpm) in order {
            for (nth, pool) in fpm.config.pools.iter().enumerate() {
                if let Some(listener) = (PoolSite { fpm, pool }).listener() {
                    by_address.entry(plain(&listener)).or_insert((at, nth));
                }
            }
        }
        Self { nginx, fpm, by_address }
    }

    /// Every pool.
    pub fn pools(&self) -> impl Iterator<Item = PoolSite<'_>> {
        self.fpm.iter().flat_map(|fpm| fpm.config.pools.iter().map(move |pool| PoolSite { fpm, pool }))
    }

    /// Every address that requests go to, once for each directive that names it.
    pub fn upstreams(&self) -> Vec<Upstream<'_>> {
        self.nginx.iter().flat_map(upstreams).collect()
    }

    /// Those that FastCGI is spoken with.
    pub fn fastcgi(&self) -> impl Iterator<Item = Upstream<'_>> {
        self.upstreams().into_iter().filter(|upstream| upstream.pass.protocol == Protocol::FastCgi)
    }

    /// The pool that listens at an address, by the text of both.
    pub fn pool_at(&self, address: &Listener) -> Option<PoolSite<'_>> {
        let wanted = plain(address);
        let any = match &wanted {
            Listener::Tcp { port, .. } => self.by_address.get(&Listener::Tcp { host: None, port: *port }),
            Listener::Unix(_) => None,
        };
        let (fpm, pool) = self.by_address.get(&wanted).or(any)?;
        let fpm = self.fpm.get(*fpm)?;
        Some(PoolSite { fpm, pool: fpm.config.pools.get(*pool)? })
    }
}

fn upstreams(nginx: &NginxSite) -> Vec<Upstream<'_>> {
    let tree = &nginx.config.tree;
    let mut out = Vec::new();
    let mut known = HashSet::new();
    for pass in &nginx.config.http.passes {
        let Some(directive) = tree.get(pass.id) else { continue };
        for target in &*pass.targets {
            match target {
                Target::Server { address, .. } => {
                    let literal = !pass.written.contains('$');
                    out.push(Upstream { nginx, pass, named: directive, address, literal });
                }
                Target::Group { name, .. } => {
                    let Some(group) = nginx.config.http.upstream(name) else { continue };
                    let Some(block) = tree.get(group.id) else { continue };
                    for (named, address) in block.named("server").zip(&group.servers) {
                        let down = named.args().any(|arg| arg == "down");
                        if !down && known.insert((named.id(), pass.protocol)) {
                            out.push(Upstream { nginx, pass, named, address, literal: true });
                        }
                    }
                }
                Target::Missing(_) | Target::Unknown => {}
            }
        }
    }
    out
}

/// An address whose path is spelled as the kernel has it: /var/run is a link to /run in all distributions of the last
/// ten years.
pub fn plain(listener: &Listener) -> Listener {
    match listener {
        Listener::Unix(path) => {
            let path: PathBuf = path.components().collect();
            match path.strip_prefix("/var/run") {
                Ok(rest) => Listener::Unix(Path::new("/run").join(rest)),
                Err(_) => Listener::Unix(path),
            }
        }
        tcp @ Listener::Tcp { .. } => tcp.clone(),
    }
}

/// A word as it may stand in nginx.conf.
pub fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty()
        && !word.contains(|c: char| c.is_whitespace() || ";{}\"'\\".contains(c))
        && !word.starts_with('#');
    // `${name}` needs no quotes, but has none of the letters above but braces.
    if is_plain {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\\', "\\\\").replace('\'', "\\'"))
}

impl FpmSite {
    /// What its service is called: `php8.2-fpm` for Debian's /etc/php/8.2/fpm/php-fpm.conf, `php82-php-fpm` for Remi's
    /// /etc/opt/remi/php82/php-fpm.conf, else `php-fpm`.
    pub fn service(&self) -> String {
        let parts: Vec<_> = self.path.iter().filter_map(|part| part.to_str()).collect();
        match parts.as_slice() {
            [.., "php", version, "fpm", _] => format!("php{version}-fpm"),
            [.., "remi", version, _] => format!("{version}-php-fpm"),
            _ => "php-fpm".to_owned(),
        }
    }
}

/// A path as a shell takes it.
pub fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.,+-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
