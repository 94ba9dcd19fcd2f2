//! Looks at the machine, once: discovers what is to be checked, and records what the checks ask.

mod files;
mod logs;
mod memory;
mod users;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::machine::{Machine, Selinux};
use super::read;
use super::site::Site;
use crate::address::Listener;
use crate::config::flags::MachineArgs;
use crate::kernel::processes::{Master, Processes, Trust};
use crate::kernel::{Reading, diag, namespace};
use crate::topology::discovery::{self, Discovery, Wanted};
use crate::topology::loader::ConfigLimits;
use crate::topology::{NotSeen, Topology};

/// Main files of an nginx that is installed and does not run.
const NGINX: [&str; 3] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
];

/// Finds nginx and PHP-FPM and looks at the machine.
pub fn discover(args: &MachineArgs, limits: ConfigLimits) -> (Site, Option<Machine>) {
    let procfs = args.procfs.as_path();
    let trust = Trust { uids: args.trust_uid.clone(), ..Trust::default() };
    let mut processes = Processes::new(procfs, trust);
    let masters = processes.scan().map(|masters| discovery::with_full_paths(procfs, masters));
    let installed = NGINX.iter().map(PathBuf::from).filter(|path| path.exists());
    let nginx = if processes.nginx().is_empty() { installed.take(1).collect() } else { Vec::new() };
    let mut discovery = Discovery::new(procfs, Wanted { limits, nginx, ..Wanted::default() });
    let seen =
        discovery::Processes { masters: &masters, nginx: processes.nginx(), listening: HashSet::new() };
    discovery.look(seen, true, Instant::now());
    let topology = discovery.topology();
    let site = read::discovered(topology);
    let machine = record(args, &site, topology, &masters);
    (site, Some(machine))
}

/// Records what the checks of a site ask.
pub fn record(
    args: &MachineArgs,
    site: &Site,
    topology: &Topology,
    masters: &Reading<Vec<Master>>,
) -> Machine {
    let procfs = args.procfs.as_path();
    let mut machine = Machine::default();
    if let Err(unreadable) = masters {
        machine.hidden.push(unreadable.to_string());
    }
    for not_seen in &topology.not_seen {
        if let NotSeen::NginxConfig(path) | NotSeen::FpmConfig(path) = not_seen
            && !site.nginx.iter().any(|nginx| nginx.path == *path)
            && !site.fpm.iter().any(|fpm| fpm.path == *path)
        {
            machine.left_out.push(format!("{}, which could not be read.", path.display()));
        }
    }
    let accounts = users::Accounts::read(Path::new("/etc"));
    for nginx in &site.nginx {
        let workers = nginx.pid.map(|pid| users::children(procfs, pid)).unwrap_or_default();
        if let Some(user) = users::of_nginx(procfs, nginx, &workers, &accounts) {
            machine.nginx_users.insert(nginx.path.clone(), user);
        }
        machine.nginx_workers.insert(nginx.path.clone(), workers);
    }
    sockets(procfs, site, topology, masters, &mut machine);
    machine.somaxconn = number(&procfs.join("sys/net/core/somaxconn"));
    machine.selinux = selinux(procfs, &machine);
    memory::measure(args, site, masters.as_deref().unwrap_or_default(), &mut machine);
    let reader = users::reader(&accounts);
    machine.reader = reader.as_ref().map_or_else(|| users::own_name(&accounts), |user| user.name.clone());
    logs::look(site, reader.as_ref(), &mut machine);
    machine
}

/// Sockets and ports that nginx connects to, of those nginx that have our file system and network.
fn sockets(
    procfs: &Path,
    site: &Site,
    topology: &Topology,
    masters: &Reading<Vec<Master>>,
    machine: &mut Machine,
) {
    let own = topology.network.as_ref();
    // One in another network namespace may listen on a socket whose file is here.
    let elsewhere = Elsewhere::of(procfs, masters);
    let mut unix: Vec<PathBuf> = Vec::new();
    let mut tcp: Vec<Listener> = Vec::new();
    let mut others: HashSet<&Path> = HashSet::new();
    for upstream in site.upstreams() {
        let pid = upstream.nginx.pid;
        let here = pid.is_none_or(|pid| {
            namespace::shares_root(procfs, pid) == Ok(true)
                && namespace::shares_network(procfs, pid) == Ok(true)
        });
        if !here {
            others.insert(&upstream.nginx.path);
            continue;
        }
        match upstream.listener() {
            Ok(Listener::Unix(path)) => unix.push(path),
            Ok(Listener::Tcp { host: Some(host), port }) => {
                let addresses = own.and_then(|own| own.addresses.as_deref()).unwrap_or_default();
                if host.is_loopback() || addresses.contains(&host) {
                    tcp.push(Listener::Tcp { host: Some(host), port });
                }
                if upstream.address.starts_with("localhost:") {
                    tcp.push(Listener::Tcp { host: Some(IpAddr::V6(Ipv6Addr::LOCALHOST)), port });
                }
            }
            _ => {}
        }
    }
    for path in others {
        machine.left_out.push(format!(
            "sockets and ports of the nginx of {}: it has a file system or network of its own.",
            path.display()
        ));
    }
    let listeners: Vec<_> = unix.iter().cloned().map(Listener::Unix).chain(tcp.iter().cloned()).collect();
    let answers = diag::backlogs(&listeners);
    if let Some(Err(unreadable)) = answers.iter().find(|answer| answer.is_err()) {
        machine.hidden.push(unreadable.to_string());
    }
    for (listener, answer) in listeners.into_iter().zip(answers) {
        let listens = answer.ok().map(|answer| answer.is_some());
        match (listener, listens) {
            (Listener::Unix(path), listens) => {
                let listens = listens.filter(|listens| *listens || elsewhere.has_not(&path));
                let file = files::socket(&path, listens);
                machine.sockets.insert(path, file);
            }
            (tcp, Some(listens)) => _ = machine.ports.insert(tcp, listens),
            (_, None) => {}
        }
    }
    if site.upstreams().iter().any(|upstream| upstream.address.starts_with("localhost:")) {
        // Of the machine's own table: nothing else has this name.
        let found = ("localhost", 0).to_socket_addrs().map(|all| all.map(|at| at.ip()).collect());
        let names = BTreeMap::from([(
            "localhost".to_owned(),
            found.unwrap_or_else(|_| vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        )]);
        machine.names = names;
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// SELinux, if it is enforced.
fn selinux(procfs: &Path, machine: &Machine) -> Option<Selinux> {
    let dir = Path::new("/sys/fs/selinux");
    number(&dir.join("enforce")).filter(|enforced| *enforced == 1)?;
    let workers = machine.nginx_workers.values().flatten();
    let domain = |pid: &u32| fs::read_to_string(procfs.join(format!("{pid}/attr/current"))).ok();
    let confined = workers.filter_map(domain).any(|label| label.split(':').nth(2) == Some("httpd_t"));
    let boolean = fs::read_to_string(dir.join("booleans/httpd_can_network_connect")).ok();
    Some(Selinux { confined, may_connect: boolean.map(|text| text.starts_with('1')) })
}

/// The unix sockets of PHP-FPM's masters in other network namespaces, as text; `None`: they may not be seen.
struct Elsewhere(Option<Vec<String>>);

impl Elsewhere {
    fn of(procfs: &Path, masters: &Reading<Vec<Master>>) -> Self {
        let Ok(masters) = masters else { return Self(None) };
        let others = masters.iter().filter(|master| master.shares_network != Ok(true));
        let read = |master: &Master| {
            fs::read_to_string(procfs.join(format!("{}/net/unix", master.process.pid))).ok()
        };
        Self(others.map(read).collect())
    }

    /// Nobody there has a socket of that name, under whatever path a container has it.
    fn has_not(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| format!("/{}", name.to_string_lossy()));
        let is_it =
            |text: &String| name.as_ref().is_none_or(|name| text.lines().any(|line| line.ends_with(name)));
        self.0.as_ref().is_some_and(|all| !all.iter().any(is_it))
    }
}
