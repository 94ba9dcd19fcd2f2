use std::sync::Arc;

use super::super::fpm_instances::InstanceId;
use super::super::model::{FpmProcess, Nginx};
use super::*;

fn network(id: NetworkId, addresses: &[&str]) -> Network {
    let all = addresses.iter().chain(&["127.0.0.1", "::1"]).map(|address| address.parse().unwrap());
    Network { id, addresses: Some(all.collect::<Vec<_>>().into()) }
}

/// A PHP-FPM that runs in a network namespace, with one pool.
fn fpm(name: &str, network: Option<Network>, listen: &str) -> Fpm {
    let listener = Listener::from_fpm(listen).unwrap();
    let id = InstanceId { path: format!("/etc/{name}.conf").into(), nth: 0 };
    let pool = Pool {
        key: u64::from(name.as_bytes()[0]),
        name: "www".into(),
        resolved: listener.resolved(),
        listener,
        runs: true,
        shown: true,
        settings: None,
    };
    let process = FpmProcess { pid: 1, network, shares_root: true, program: None };
    Fpm {
        id,
        name: name.into(),
        process: Some(process),
        group: None,
        log: None,
        conf: None,
        pools: vec![pool],
    }
}

fn nginx(network: Option<Network>) -> Nginx {
    Nginx {
        config: "/etc/nginx/nginx.conf".into(),
        root: "/".into(),
        pid: None,
        network,
        groups: Vec::new(),
        kept: Vec::new(),
        fastcgi: Vec::new(),
        name: "nginx".to_owned(),
        log_files: Vec::new(),
        conf: None,
    }
}

fn topology(nginx: Vec<Nginx>, fpm: Vec<Fpm>) -> Topology {
    Topology { nginx, fpm, network: Some(network(1, &["10.0.0.5"])), ..Topology::default() }
}

fn found(topology: &Topology, upstream: &str) -> String {
    match Destinations::new(topology).find(&Listener::from_upstream(upstream).unwrap()) {
        Destination::Pool(fpm, _) => fpm.name.clone(),
        Destination::Nobody => "nobody".into(),
        Destination::Elsewhere => "elsewhere".into(),
        Destination::Unknown => "unknown".into(),
    }
}

#[test]
fn on_one_machine_an_address_is_a_pool_or_nobody() {
    let own = Some(network(1, &["10.0.0.5"]));
    let pools = vec![
        fpm("a", own.clone(), "/run/a.sock"),
        fpm("b", own.clone(), "9000"),
        fpm("c", own.clone(), "10.0.0.5:9001"),
    ];
    for nginx in [vec![], vec![nginx(own)]] {
        let topology = topology(nginx, pools.clone());
        for (upstream, expected) in [
            ("unix:/run/a.sock", "a"),
            ("unix:/run/b.sock", "nobody"),
            ("127.0.0.1:9000", "b"),
            ("10.0.0.5:9000", "b"),
            ("[::1]:9000", "b"),
            ("10.0.0.5:9001", "c"),
            ("127.0.0.1:9001", "nobody"),
            ("127.0.0.1:9002", "nobody"),
            ("10.0.0.5:80", "nobody"),
            ("10.0.0.6:9000", "elsewhere"),
            ("[2001:db8::1]:9000", "elsewhere"),
        ] {
            assert_eq!(found(&topology, upstream), expected, "{upstream}");
        }
    }
}

#[test]
fn each_container_has_a_loopback_of_its_own() {
    let (web, php) = (network(2, &["172.18.0.2"]), network(3, &["172.18.0.3"]));
    let topology = topology(
        vec![nginx(Some(web))],
        vec![fpm("host", Some(network(1, &["10.0.0.5"])), "9000"), fpm("php", Some(php), "9000")],
    );
    for (upstream, expected) in [
        ("172.18.0.3:9000", "php"),
        ("127.0.0.1:9000", "nobody"),
        ("172.18.0.3:9001", "elsewhere"),
        ("172.18.0.4:9000", "elsewhere"),
        // A container reaches its host by that one's address.
        ("10.0.0.5:9000", "host"),
    ] {
        assert_eq!(found(&topology, upstream), expected, "{upstream}");
    }
}

#[test]
fn two_nginx_with_a_pool_each_at_one_address_are_not_told_apart() {
    let (one, two) = (network(2, &["172.18.0.2"]), network(3, &["172.18.0.3"]));
    let both = topology(
        vec![nginx(Some(one.clone())), nginx(Some(two.clone()))],
        vec![fpm("one", Some(one.clone()), "127.0.0.1:9000"), fpm("two", Some(two), "127.0.0.1:9000")],
    );
    assert_eq!(found(&both, "127.0.0.1:9000"), "unknown");
    let first = topology(vec![nginx(Some(one.clone()))], both.fpm.clone());
    assert_eq!(found(&first, "127.0.0.1:9000"), "one", "the pool of another network namespace is not it");
    // Of two in one namespace the one that runs has the port.
    let mut of_one = vec![fpm("old", Some(one.clone()), "9000"), fpm("new", Some(one.clone()), "9000")];
    of_one[0].pools[0].runs = false;
    assert_eq!(found(&topology(vec![nginx(Some(one))], of_one), "127.0.0.1:9000"), "new");
}

#[test]
fn what_may_not_be_seen_is_not_claimed() {
    let unknown = Network { id: 2, addresses: None };
    let hidden = topology(vec![nginx(Some(unknown.clone()))], vec![fpm("a", None, "9000")]);
    assert_eq!(found(&hidden, "10.9.9.9:9000"), "a", "as without network namespaces");
    assert_eq!(found(&hidden, "10.9.9.9:9001"), "unknown");
    assert_eq!(found(&hidden, "127.0.0.1:9001"), "nobody");
    let mut topology = topology(Vec::new(), vec![fpm("a", None, "/run/a.sock")]);
    if let Some(process) = &mut topology.fpm[0].process {
        process.shares_root = false;
    }
    assert_eq!(found(&topology, "unix:/run/a.sock"), "a");
    assert_eq!(found(&topology, "unix:/sock/a.sock"), "unknown", "it may be the same one under another path");
    topology.network = None;
    assert_eq!(found(&topology, "10.0.0.9:9000"), "unknown");
}

#[test]
fn of_two_times_for_which_a_connection_is_kept_the_shorter_counts() {
    let server = |text| Listener::from_upstream(text).unwrap();
    let keeps =
        |seconds| Nginx { kept: vec![(server("10.0.0.1:80"), Duration::from_secs(seconds))], ..nginx(None) };
    let topology = topology(vec![keeps(60), keeps(9)], Vec::new());
    let destinations = Destinations::new(&topology);
    assert_eq!(destinations.kept(&server("10.0.0.1:80")), Some(Duration::from_secs(9)));
    assert_eq!(destinations.kept(&server("10.0.0.1:81")), None);
}

#[test]
fn a_group_of_two_nginx_counts_if_both_mean_the_same() {
    let server = |text| Listener::from_upstream(text).unwrap();
    let group =
        |name: &str, text| Nginx { groups: vec![(name.to_owned(), vec![server(text)])], ..nginx(None) };
    let of = |nginx| topology(nginx, Vec::new());
    let same = of(vec![group("php", "unix:/a"), group("php", "unix:/a"), group("x", "unix:/b")]);
    assert_eq!(same.servers_of_group("php"), [server("unix:/a")]);
    let other = of(vec![group("php", "unix:/a"), group("php", "unix:/b")]);
    assert!(other.servers_of_group("php").is_empty() && other.servers_of_group("y").is_empty());
}

#[test]
fn many_pools_and_upstreams_are_not_compared_with_one_another() {
    let own: Option<Network> = Some(Network { id: 1, addresses: Some(Arc::from([])) });
    let pools: Vec<_> = (0..20_000).map(|n| fpm("a", own.clone(), &format!("/run/{n}.sock"))).collect();
    let topology = topology(Vec::new(), pools);
    let destinations = Destinations::new(&topology);
    for n in 0..20_000 {
        let upstream = Listener::Unix(format!("/run/{n}.sock").into());
        assert!(matches!(destinations.find(&upstream), Destination::Pool(..)));
    }
}
