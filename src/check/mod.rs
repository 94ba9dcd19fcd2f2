//! What will answer 502, before it does: findings from configurations and from what the machine says of them.
//!
//! [`findings`] is a pure function of a [`site::Site`] and a [`machine::Machine`]; [`look`] makes the second, [`read`] the
//! first. Without a machine only what the files say is judged.

//OFF mod backlog;
//OFF mod buffers;
//OFF mod cdn;
//OFF mod clients;
//OFF mod disk;
pub mod finding;
mod formats;
//OFF mod keepalive;
mod logs;
pub mod look;
pub mod machine;
mod meant;
//OFF mod memory;
//OFF mod own;
//OFF mod permission;
mod pools;
//OFF mod ports;
mod problems;
pub mod read;
//OFF mod retries;
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
    //OFF permission::check(site, machine, &mut all);
    //OFF ports::check(site, machine, &mut all);
    //OFF clients::check(site, machine, &mut all);
    timeouts::check(site, &mut all);
    //OFF buffers::check(site, machine, &mut all);
    //OFF backlog::check(site, machine, &mut all);
    pools::check(site, &mut all);
    logs::check(site, &mut all);
    formats::check(site, &mut all);
    //OFF retries::check(site, &mut all);
    //OFF keepalive::check(site, &mut all);
    if let Some(_machine) = machine {
        //OFF memory::check(site, machine, &mut all);
        //OFF disk::check(machine, &mut all);
        //OFF cdn::check(site, machine, &mut all);
        //OFF own::check(site, machine, &mut all);
    }
    in_order(all)
}
