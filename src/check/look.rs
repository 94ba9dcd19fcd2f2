//! Looks at the machine, once: discovers what is to be checked, and records what the checks ask.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use super::machine::Machine;
use super::read;
use super::site::Site;
use crate::kernel::processes::{Processes, Trust};
use crate::topology::discovery::{self, Discovery, Wanted};
use crate::topology::loader::ConfigLimits;

/// Finds nginx and PHP-FPM and looks at the machine.
pub fn discover(procfs: &Path, limits: ConfigLimits) -> (Site, Option<Machine>) {
    let mut processes = Processes::new(procfs, Trust::default());
    let masters = processes.scan().map(|masters| discovery::with_full_paths(procfs, masters));
    let mut discovery = Discovery::new(procfs, Wanted { limits, ..Wanted::default() });
    let seen =
        discovery::Processes { masters: &masters, nginx: processes.nginx(), listening: HashSet::new() };
    discovery.look(seen, true, Instant::now());
    let site = read::discovered(discovery.topology());
    (site, Some(Machine::default()))
}
