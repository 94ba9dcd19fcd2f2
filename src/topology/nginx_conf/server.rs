//! `server` blocks: their names, where they listen, and which logs hold for them and their locations
//! (`ngx_http_log_merge_loc_conf` in src/http/modules/ngx_http_log_module.c; `ngx_http_core_server_name`,
//! `ngx_http_core_merge_srv_conf` and `ngx_http_core_merge_loc_conf` in src/http/ngx_http_core_module.c).

use std::collections::HashSet;
use std::sync::Arc;

use super::command::Command;
use super::log::{AccessLog, ErrorLog};
use super::tree::{Directive, DirectiveId, Tree};
use crate::topology::config_error::Place;

/// One `server` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it stands in the tree: what else its directives say.
    pub id: DirectiveId,
    /// The same as file and line.
    pub place: Place,
    /// All names, as written and in their order.
    pub names: Vec<String>,
    /// Where it listens; empty: port 80, or 8000 when nginx was not started by root.
    pub listens: Vec<Listen>,
    /// The logs of the server itself, and of each location and `if` in it that has logs of its own. A request is logged
    /// where it ends.
    pub levels: Vec<Level>,
    /// Part of it could not be read: there may be more of all.
    pub partial: bool,
}

impl Server {
    /// What `$server_name` is: the first name, empty without one. `None`: it is the host's name, which is not known here.
    pub fn name(&self) -> Option<String> {
        let first = self.names.first().map_or("", String::as_str);
        match first.as_bytes() {
            _ if first.eq_ignore_ascii_case("$hostname") => None,
            [b'~', ..] => Some(first[1..].to_owned()),
            [b'.', ..] => Some(first[1..].to_ascii_lowercase()),
            _ => Some(first.to_ascii_lowercase()),
        }
    }

    /// Every access log that some request to this server may be written to.
    pub fn access_logs(&self) -> impl Iterator<Item = &AccessLog> {
        self.levels.iter().flat_map(|level| level.access_logs.iter())
    }
}

/// One `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where it stands.
    pub place: Place,
    /// An address, a port, both, or `unix:` and a path, as written.
    pub address: String,
    /// Its parameters.
    pub parameters: Vec<String>,
}

/// The logs that hold at one level, inherited ones with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The block, in the tree.
    pub id: DirectiveId,
    /// Empty: nothing is logged.
    pub access_logs: Arc<[AccessLog]>,
    /// Never empty.
    pub error_logs: Arc<[ErrorLog]>,
}

/// Reads the servers of `http` or `stream`.
pub(super) struct Reader<'a> {
    pub(super) command: &'a Command,
    /// The names of all log formats.
    pub(super) formats: &'a HashSet<&'a str>,
    /// `stream` has no access log unless it is told.
    pub(super) has_default: bool,
}

impl Reader<'_> {
    /// The servers of a block, `http` or `stream`.
    pub(super) fn servers(&self, tree: &Tree, block: Directive<'_>) -> Vec<Server> {
        let main: Arc<[ErrorLog]> = main_error_logs(tree, self.command).into();
        let built_in = self.has_default.then(|| AccessLog::built_in(self.command));
        let access = self.own_access(block).unwrap_or_else(|| built_in.into_iter().collect());
        let around =
            Level { id: block.id(), access_logs: access, error_logs: self.own_errors(block).unwrap_or(main) };
        block.named("server").map(|server| self.server(server, &around)).collect()
    }

    fn server(&self, server: Directive<'_>, around: &Level) -> Server {
        let mut levels = Vec::new();
        self.level(server, around, &mut levels);
        Server {
            id: server.id(),
            place: server.place(),
            names: server.named("server_name").flat_map(Directive::args).map(str::to_owned).collect(),
            listens: server.named("listen").map(listen).collect(),
            levels,
            // An include that was read is not in the tree.
            partial: server.all().any(|directive| directive.name() == "include"),
        }
    }

    fn level(&self, block: Directive<'_>, around: &Level, out: &mut Vec<Level>) {
        let (access, errors) = (self.own_access(block), self.own_errors(block));
        let differs = access.is_some() || errors.is_some() || out.is_empty();
        let here = Level {
            id: block.id(),
            access_logs: access.unwrap_or_else(|| Arc::clone(&around.access_logs)),
            error_logs: errors.unwrap_or_else(|| Arc::clone(&around.error_logs)),
        };
        if differs {
            out.push(here.clone());
        }
        for inner in block.block().filter(|inner| matches!(inner.name(), "location" | "if" | "limit_except"))
        {
            self.level(inner, &here, out);
        }
    }

    /// The logs that a block names; `None`: it names none. `off` takes those of the same block away.
    fn own_access(&self, block: Directive<'_>) -> Option<Arc<[AccessLog]>> {
        block.named("access_log").next()?;
        if block.named("access_log").any(|directive| directive.arg() == "off") {
            return Some([].into());
        }
        let is_format = |name: &str| self.formats.contains(name);
        let logs =
            block.named("access_log").map(|directive| AccessLog::of(directive, self.command, is_format));
        Some(logs.collect())
    }

    fn own_errors(&self, block: Directive<'_>) -> Option<Arc<[ErrorLog]>> {
        block.named("error_log").next()?;
        Some(block.named("error_log").map(|directive| ErrorLog::of(directive, self.command)).collect())
    }
}

/// Those outside all blocks, or the one that is built in.
pub(super) fn main_error_logs(tree: &Tree, command: &Command) -> Vec<ErrorLog> {
    let named = tree.top().filter(|directive| directive.name() == "error_log");
    let main: Vec<_> = named.map(|directive| ErrorLog::of(directive, command)).collect();
    if main.is_empty() { vec![ErrorLog::built_in(command)] } else { main }
}

fn listen(directive: Directive<'_>) -> Listen {
    Listen {
        place: directive.place(),
        address: directive.arg().to_owned(),
        parameters: directive.args().skip(1).map(str::to_owned).collect(),
    }
}
