//! One pool, with defaults and full paths (`fpm_conf_process_all_pools` in main/fpm_conf.c).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::section::Section;
use super::settings::boolean;
use super::surroundings::Surroundings;
use super::{number, time};
use crate::topology::config_error::{ConfigError, Place, Program};
use crate::topology::units::atoi;

/// How a pool gets its workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pm {
    /// Always `max_children` of them.
    Static,
    /// A few spare ones, up to `max_children`.
    Dynamic,
    /// None until a connection comes.
    Ondemand,
}

impl Pm {
    /// As the configuration spells it.
    pub const fn word(self) -> &'static str {
        match self {
            Pm::Static => "static",
            Pm::Dynamic => "dynamic",
            Pm::Ondemand => "ondemand",
        }
    }
}

/// One pool of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The name of its section.
    pub name: String,
    /// A port, an address with port, or a socket's full path.
    pub listen: String,
    /// None: the default, which is 511 before PHP 8.2 and net.core.somaxconn since (-1 on Linux).
    pub backlog: Option<i64>,
    /// The socket's owner; not used when an ACL is set.
    pub owner: Option<String>,
    /// The socket's group; not used when an ACL is set.
    pub group: Option<String>,
    /// The socket's mode.
    pub mode: u32,
    /// Users that may connect.
    pub acl_users: Vec<String>,
    /// Groups that may connect.
    pub acl_groups: Vec<String>,
    /// Addresses that may connect by TCP, as written: PHP-FPM forgives no blank between them. Empty: all.
    pub allowed_clients: Vec<String>,
    /// Whom the workers run as.
    pub user: Option<String>,
    /// How the pool gets its workers.
    pub pm: Pm,
    /// The most workers.
    pub max_children: u32,
    /// The most workers that a dynamic pool keeps idle; 0: not set.
    pub max_spare_servers: u32,
    /// After so many requests a worker is replaced; 0 is never.
    pub max_requests: u32,
    /// A worker is killed when its request takes longer; 0 is never.
    pub request_terminate_timeout: Duration,
    /// A request that takes longer is traced; 0 is never.
    pub request_slowlog_timeout: Duration,
    /// Where traces go.
    pub slowlog: Option<PathBuf>,
    /// The SCRIPT_NAME that the pool answers with its status.
    pub status_path: Option<String>,
    /// Where a pool of its own answers it, so that it answers while this one is busy (PHP 8.0).
    pub status_listen: Option<String>,
    /// The SCRIPT_NAME that the pool answers with `pong`.
    pub ping_path: Option<String>,
    /// Whether what workers write to stderr goes to the log.
    pub catch_workers_output: bool,
    /// Whether such a line says whose it is (PHP 7.3).
    pub decorate_workers_output: bool,
    /// What relative paths of the pool are relative to, as written.
    pub prefix: Option<String>,
    /// Where the pool logs its requests.
    pub access_log: Option<PathBuf>,
    /// In which format; `None`: PHP-FPM's own.
    pub access_format: Option<String>,
    /// `php_value[max_execution_time]` or `php_admin_value[…]`: seconds of CPU time, and where it stands.
    pub max_execution_time: Option<(u64, Place)>,
    /// Where the section was first opened.
    pub place: Place,
    /// Where each directive stands that counts, by its name.
    places: BTreeMap<&'static str, Place>,
}

impl Pool {
    pub(super) fn build(section: &Section, around: &Surroundings) -> Result<Self, ConfigError> {
        let place =
            section.place.clone().unwrap_or_else(|| Place { file: around.root.as_path().into(), line: 1 });
        let refuse = |what: &str| ConfigError::Line {
            program: Program::Fpm,
            place: place.clone(),
            problem: format!("the pool [{}] {what}.", section.name),
        };
        let prefix = section.get("prefix");
        let status_listen = section.text("pm.status_listen");
        let status_path = match section.get("pm.status_path") {
            // `fpm_worker_pool_shared_status_alloc`.
            None if status_listen.is_some() => Some("/".to_owned()),
            path => path.filter(|path| !path.is_empty()).map(str::to_owned),
        };
        if status_path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err(refuse("has a pm.status_path that does not start with '/'"));
        }
        let listen = section
            .text("listen")
            .ok_or_else(|| refuse("has no listen address; add one, such as listen = /run/php/fpm.sock"))?;
        let max_children = number(section, "pm.max_children");
        if max_children == 0 {
            return Err(refuse("needs a pm.max_children of 1 or more"));
        }
        Ok(Self {
            name: section.name.clone(),
            listen: address(&listen, around, prefix),
            backlog: section.get("listen.backlog").map(|value| atoi(value.as_bytes()).into()),
            owner: section.text("listen.owner"),
            group: section.text("listen.group"),
            mode: section.text("listen.mode").map_or(0o660, |mode| octal(&mode)),
            acl_users: list(section, "listen.acl_users"),
            acl_groups: list(section, "listen.acl_groups"),
            allowed_clients: list(section, "listen.allowed_clients"),
            user: section.text("user"),
            pm: match section.get("pm").map(str::to_ascii_lowercase).as_deref() {
                Some("static") => Pm::Static,
                Some("dynamic") => Pm::Dynamic,
                Some("ondemand") => Pm::Ondemand,
                _ => return Err(refuse("does not say pm = static, dynamic or ondemand")),
            },
            max_children,
            max_spare_servers: number(section, "pm.max_spare_servers"),
            max_requests: number(section, "pm.max_requests"),
            request_terminate_timeout: time(section, "request_terminate_timeout"),
            request_slowlog_timeout: time(section, "request_slowlog_timeout"),
            slowlog: section.text("slowlog").map(|log| around.under_prefix(&log, prefix).into()),
            status_path,
            // The status pool is given the address, but not the prefix of this one.
            status_listen: status_listen.map(|listen| address(&listen, around, None)),
            ping_path: section.text("ping.path"),
            catch_workers_output: section.get("catch_workers_output").and_then(boolean).unwrap_or(false),
            decorate_workers_output: section.get("decorate_workers_output").and_then(boolean).unwrap_or(true),
            prefix: prefix.map(str::to_owned),
            access_log: section.text("access.log").map(|log| around.under_prefix(&log, prefix).into()),
            access_format: section.text("access.format"),
            max_execution_time: section
                .php("max_execution_time")
                .and_then(|(seconds, at)| Some((u64::try_from(atoi(seconds.as_bytes())).ok()?, at.clone()))),
            places: section.places(),
            place,
        })
    }

    /// Where a directive stands: `pm.max_children`. `None`: it is not set.
    pub fn place_of(&self, directive: &str) -> Option<&Place> {
        self.places.get(directive)
    }

    /// Whether the pool listens on a port rather than on a unix socket.
    pub fn is_tcp(&self) -> bool {
        is_tcp(&self.listen)
    }
}

/// `fpm_sockets_domain_from_address`.
fn is_tcp(listen: &str) -> bool {
    listen.contains(':') || listen.bytes().all(|byte| byte.is_ascii_digit())
}

fn address(listen: &str, around: &Surroundings, prefix: Option<&str>) -> String {
    if is_tcp(listen) { listen.to_owned() } else { around.under_prefix(listen, prefix) }
}

/// strtoul(3) with base 8: as many octal digits as there are.
fn octal(mode: &str) -> u32 {
    let digits = mode.trim_start().bytes().map_while(|byte| char::from(byte).to_digit(8));
    digits.fold(0_u32, |all, digit| all.saturating_mul(8).saturating_add(digit))
}

/// A list as FPM cuts it: at commas, nothing trimmed.
fn list(section: &Section, name: &str) -> Vec<String> {
    section.text(name).map_or_else(Vec::new, |text| text.split(',').map(str::to_owned).collect())
}
