//! Findings by what the machine says, from records that are written out.

use std::path::PathBuf;

use badgateway::address::Listener;
use badgateway::check::finding::Severity;
use badgateway::check::machine::{
    Acl, LogFile, Machine, Permissions, Selinux, SocketFile, SocketKind, User, WorkerMemory,
};

use crate::fixture::{Fixture, of, php, pool, site};

const SOCKET: &str = "/run/php/x.sock";

fn file(path: &str, uid: u32, gid: u32, mode: u32) -> Permissions {
    Permissions { path: path.into(), uid, gid, mode, acl: None }
}

fn socket(kind: SocketKind, way: Vec<Permissions>, label: Option<&str>) -> Machine {
    let file = SocketFile { resolved: SOCKET.into(), kind, way, label: label.map(str::to_owned) };
    Machine { sockets: [(PathBuf::from(SOCKET), file)].into(), ..Machine::default() }
}

fn nginx() -> String {
    php(&format!("fastcgi_pass unix:{SOCKET};"))
}

fn rules(nginx: &str, fpm: &str, machine: impl FnOnce(&Fixture) -> Machine) -> Vec<&'static str> {
    let fixture = Fixture::new(nginx, fpm);
    let machine = machine(&fixture);
    fixture.findings(Some(&machine)).iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_socket_that_is_missing_stale_or_none() {
    for (kind, own, other) in [
        (SocketKind::Missing, true, true),
        (SocketKind::Dangling, true, true),
        (SocketKind::Socket(Some(false)), true, true),
        (SocketKind::Other, false, true),
        (SocketKind::Socket(Some(true)), false, false),
        (SocketKind::Socket(None), false, false),
        (SocketKind::Unseen, false, false),
    ] {
        // A pool should listen there: then it is said that its PHP-FPM is down.
        let found = rules(&nginx(), &pool(SOCKET, ""), |_| socket(kind, Vec::new(), None));
        assert_eq!(found.contains(&"not_listening"), own, "{kind:?}: {found:?}");
        let found = rules(&nginx(), &pool("/run/php/y.sock", ""), |_| socket(kind, Vec::new(), None));
        assert_eq!(found.contains(&"no_listener"), other, "{kind:?}: {found:?}");
    }
}

#[test]
fn a_port_that_is_closed() {
    let at = Listener::from_upstream("127.0.0.1:9000").unwrap();
    for (listens, found) in [(Some(false), true), (Some(true), false), (None, false)] {
        let machine = |_: &Fixture| Machine {
            ports: listens.map(|listens| (at.clone(), listens)).into_iter().collect(),
            ..Machine::default()
        };
        let rules = rules(&php("fastcgi_pass 127.0.0.1:9000;"), &pool("127.0.0.1:9000", ""), machine);
        assert_eq!(rules.contains(&"not_listening"), found, "{rules:?}");
    }
}

#[test]
fn each_step_of_the_way_to_a_socket() {
    let open = || vec![file("/", 0, 0, 0o755), file("/run", 0, 0, 0o755)];
    let with = |last: Permissions| [open(), vec![last]].concat();
    let acl = |users: Vec<(u32, u32)>, group: u32| Some(Acl { users, groups: Vec::new(), group });
    for (way, denied) in [
        (with(file(SOCKET, 33, 33, 0o660)), false),
        (with(file(SOCKET, 0, 33, 0o660)), false),
        (with(file(SOCKET, 0, 50, 0o660)), false),
        (with(file(SOCKET, 0, 0, 0o666)), false),
        (with(file(SOCKET, 0, 0, 0o660)), true),
        (with(file(SOCKET, 33, 33, 0o460)), true),
        (with(file(SOCKET, 0, 33, 0o640)), true),
        (with(Permissions { acl: acl(vec![(33, 6)], 0), ..file(SOCKET, 0, 0, 0o660) }), false),
        (with(Permissions { acl: acl(vec![(33, 4)], 6), ..file(SOCKET, 0, 33, 0o660) }), true),
        (vec![file("/", 0, 0, 0o755), file("/run", 0, 0, 0o750), file(SOCKET, 33, 33, 0o660)], true),
        (Vec::new(), false),
    ] {
        let found = rules(&nginx(), &pool(SOCKET, ""), |fixture| {
            let user = User { name: "www-data".into(), uid: 33, gids: vec![33, 50] };
            let mut machine = socket(SocketKind::Socket(Some(true)), way.clone(), None);
            machine.nginx_users.insert(fixture.path("nginx.conf"), user);
            machine
        });
        assert_eq!(found.contains(&"not_permitted"), denied, "{way:?}: {found:?}");
    }
}

#[test]
fn selinux_on_sockets_and_ports() {
    let enforced = |confined, may_connect| Some(Selinux { confined, may_connect });
    for (label, selinux, found) in [
        ("var_run_t", enforced(true, None), true),
        ("httpd_var_run_t", enforced(true, None), false),
        ("var_run_t", enforced(false, None), false),
        ("var_run_t", None, false),
    ] {
        let rules = rules(&nginx(), &pool(SOCKET, ""), |_| Machine {
            selinux,
            ..socket(SocketKind::Socket(Some(true)), Vec::new(), Some(label))
        });
        assert_eq!(rules.contains(&"not_permitted"), found, "{label}: {rules:?}");
    }
    for (port, may_connect, found) in [
        (9001, Some(false), true),
        (9000, Some(false), false),
        (9001, Some(true), false),
        (9001, None, false),
    ] {
        let target = format!("127.0.0.1:{port}");
        let rules = rules(&php(&format!("fastcgi_pass {target};")), &pool(&target, ""), |_| Machine {
            selinux: enforced(true, may_connect),
            ..Machine::default()
        });
        assert_eq!(rules.contains(&"not_permitted"), found, "{port}: {rules:?}");
    }
}

#[test]
fn localhost_by_what_it_resolves_to() {
    let port = |host: &str| Listener::from_upstream(&format!("{host}:9000")).unwrap();
    for (names, v6, found) in [
        (vec!["127.0.0.1", "::1"], false, true),
        (vec!["127.0.0.1", "::1"], true, false),
        (vec!["127.0.0.1"], false, false),
    ] {
        let rules = rules(&php("fastcgi_pass localhost:9000;"), &pool("127.0.0.1:9000", ""), |_| Machine {
            ports: [(port("127.0.0.1"), true), (port("[::1]"), v6)].into(),
            names: [("localhost".into(), names.iter().map(|ip| ip.parse().unwrap()).collect())].into(),
            ..Machine::default()
        });
        assert_eq!(rules.contains(&"localhost_two_addresses"), found, "{names:?} {v6}: {rules:?}");
    }
}

#[test]
fn a_backlog_above_somaxconn() {
    for (more, somaxconn, found) in [
        ("listen.backlog = 511", Some(128), true),
        ("listen.backlog = 511", Some(4096), false),
        ("listen.backlog = 511", None, false),
        ("", Some(128), false),
    ] {
        let machine = |_: &Fixture| Machine { somaxconn, ..Machine::default() };
        let rules = rules(&nginx(), &pool(SOCKET, more), machine);
        assert_eq!(rules.contains(&"backlog_cut"), found, "{more} {somaxconn:?}: {rules:?}");
    }
}

#[test]
fn workers_that_do_not_fit_into_memory() {
    let measured = |mean_mib: u64, available_mib: u64, proportional: bool| {
        move |fixture: &Fixture| {
            let memory = WorkerMemory {
                workers: 5,
                mean: mean_mib << 20,
                proportional,
                available: available_mib << 20,
                limited: false,
            };
            Machine { memory: [(fixture.path("php-fpm.conf"), memory)].into(), ..Machine::default() }
        }
    };
    let more = "pm.max_children = 50";
    assert!(rules(&nginx(), &pool(SOCKET, more), measured(100, 2048, true)).contains(&"memory"));
    assert!(!rules(&nginx(), &pool(SOCKET, more), measured(30, 2048, true)).contains(&"memory"));
    assert!(!rules(&nginx(), &pool(SOCKET, more), |_| Machine::default()).contains(&"memory"));
    let fixture = Fixture::new(&nginx(), &pool(SOCKET, more));
    let findings = fixture.findings(Some(&measured(100, 2048, false)(&fixture)));
    let text = format!("{:?}", of(&findings, "memory"));
    // 2048 MiB * 80 % / 100 MiB
    assert!(text.contains("pm.max_children = 16") && text.contains("resident"), "{text}");
}

fn log(machine: &mut Machine, path: PathBuf, log: LogFile) {
    machine.logs.insert(path, log);
}

#[test]
fn headers_that_did_not_fit() {
    let line = |pid: u32| {
        format!(
            "2026/11/20 15:00:00 [error] {pid}#{pid}: *12 upstream sent too big header while reading response header from \
             upstream, client: 192.0.2.7, server: a, request: \"GET /a HTTP/1.1\", upstream: \"fastcgi://unix:{SOCKET}:\", host: \"a\"\n"
        )
    };
    for (workers, found) in [(vec![31], true), (vec![32], false)] {
        let rules = rules(&nginx(), &pool(SOCKET, ""), |fixture| {
            let mut machine = Machine::default();
            machine.nginx_workers.insert(fixture.path("nginx.conf"), workers.clone());
            let tail = line(31).into_bytes();
            log(
                &mut machine,
                fixture.path("error.log"),
                LogFile { readable: true, tail, ..LogFile::default() },
            );
            machine
        });
        assert_eq!(rules.contains(&"header_too_big"), found, "{workers:?}: {rules:?}");
    }
}

#[test]
fn disks_and_rotation() {
    const MIB: u64 = 1 << 20;
    let found = |disk, patterns: Option<&[&str]>| {
        let fixture = Fixture::new(&nginx(), "");
        let mut machine = Machine {
            rotated: patterns.map(|all| all.iter().map(|pattern| fixture.filled(pattern)).collect()),
            ..Machine::default()
        };
        let file = LogFile { size: 5, readable: true, disk, tail: Vec::new() };
        log(&mut machine, fixture.path("access.log"), file);
        let findings = fixture.findings(Some(&machine));
        let full = of(&findings, "disk_full").first().map(|finding| finding.severity);
        (full, !of(&findings, "not_rotated").is_empty())
    };
    assert_eq!(found(Some((50 * MIB, 10_000 * MIB)), None), (Some(Severity::Error), false));
    assert_eq!(found(Some((300 * MIB, 10_000 * MIB)), None), (Some(Severity::Warning), false));
    assert_eq!(found(Some((9_000 * MIB, 10_000 * MIB)), Some(&["@D@/*.log"])), (None, false));
    assert_eq!(found(None, Some(&["/var/log/*.log"])), (None, true));
    assert_eq!(found(None, Some(&["@D@/access.log"])), (None, false));
}

#[test]
fn a_cdn_in_front() {
    let found = |http: &str, address: &str| {
        let fixture = Fixture::new(&site(http, "fastcgi_pass 127.0.0.1:9000;"), "");
        let mut machine = Machine::default();
        let tail = format!("{address} - - [x] \"GET / HTTP/1.1\" 200 1\n").repeat(30).into_bytes();
        log(&mut machine, fixture.path("access.log"), LogFile { readable: true, tail, ..LogFile::default() });
        let findings = fixture.findings(Some(&machine));
        of(&findings, "cdn_without_real_ip").first().map(|finding| finding.severity)
    };
    let limits = "limit_req_zone $binary_remote_addr zone=a:1m rate=9r/s;\nlimit_req zone=a;";
    assert_eq!(found(limits, "172.71.3.4"), Some(Severity::Warning));
    assert_eq!(found("", "2a06:98c0::7"), Some(Severity::Info));
    assert_eq!(found("", "151.101.1.1"), Some(Severity::Info));
    assert_eq!(found("", "192.0.2.7"), None);
    assert_eq!(found("set_real_ip_from 172.64.0.0/13;", "172.71.3.4"), None);
}

#[test]
fn what_its_own_user_may_not_see() {
    let found = |readable, hidden: &[&str]| {
        let fixture = Fixture::new(&nginx(), &pool(SOCKET, ""));
        let mut machine = Machine {
            reader: "badgateway".into(),
            hidden: hidden.iter().map(|text| (*text).to_owned()).collect(),
            ..Machine::default()
        };
        log(&mut machine, fixture.path("fpm.log"), LogFile { readable, ..LogFile::default() });
        let findings = fixture.findings(Some(&machine));
        let text = format!("{:?}", of(&findings, "log_unreadable"));
        assert_eq!(text.contains("create 0640 root adm"), !readable, "{text}");
        (!of(&findings, "log_unreadable").is_empty(), !of(&findings, "not_seen").is_empty())
    };
    assert_eq!(found(false, &[]), (true, false));
    assert_eq!(found(true, &[]), (false, false));
    assert_eq!(found(true, &["others in /proc are hidden."]), (false, true));
}

/// Debian's /run/php/php-fpm.sock leads over /etc/alternatives to the socket of a version.
#[test]
fn an_alias_that_leads_to_a_pool_s_socket() {
    for (kind, found) in [(SocketKind::Dangling, true), (SocketKind::Socket(Some(true)), false)] {
        let alias = PathBuf::from("/run/php/php-fpm.sock");
        let rules = rules(&php("fastcgi_pass unix:/run/php/php-fpm.sock;"), &pool(SOCKET, ""), |_| {
            let file = SocketFile { resolved: SOCKET.into(), kind, way: Vec::new(), label: None };
            Machine { sockets: [(alias.clone(), file)].into(), ..Machine::default() }
        });
        assert_eq!(rules.contains(&"not_listening"), found, "{rules:?}");
        assert!(!rules.contains(&"no_listener"), "{rules:?}");
    }
}
