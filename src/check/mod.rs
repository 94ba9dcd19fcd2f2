//! What will answer 502, before it does: findings from configurations and from what the machine says of them.
//!
//! [`findings`] is a pure function of a [`site::Site`] and a [`machine::Machine`]; [`look`] makes the second, [`read`] the
//! first. Without a machine only what the files say is judged.

mod backlog;
mod buffers;
mod cdn;
mod clients;
mod disk;
pub mod finding;
mod formats;
mod keepalive;
pub mod latest;
mod log_line;
mod logs;
pub mod look;
pub mod machine;
mod meant;
mod memory;
mod own;
mod permission;
mod pools;
mod ports;
mod problems;
pub mod read;
mod retries;
pub mod site;
mod targets;
mod timeouts;

use self::finding::{Finding, in_order};
use self::machine::Machine;
use self::site::Site;

/// All findings, the gravest first.
pub fn findings(site: &Site, machine: Option<&Machine>) -> Vec<Finding> {
    let mut all = Vec::new();
    problems::check(site, &mut all);
    targets::check(site, machine, &mut all);
    permission::check(site, machine, &mut all);
    ports::check(site, machine, &mut all);
    clients::check(site, machine, &mut all);
    timeouts::check(site, &mut all);
    buffers::check(site, machine, &mut all);
    backlog::check(site, machine, &mut all);
    pools::check(site, &mut all);
    logs::check(site, &mut all);
    formats::check(site, &mut all);
    retries::check(site, &mut all);
    keepalive::check(site, &mut all);
    if let Some(machine) = machine {
        memory::check(site, machine, &mut all);
        disk::check(machine, &mut all);
        cdn::check(site, machine, &mut all);
        own::check(site, machine, &mut all);
    }
    in_order(all)
}
