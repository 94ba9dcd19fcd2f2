use super::super::diff::{Change, changes};
use super::*;

fn id(path: &str, nth: u32) -> InstanceId {
    InstanceId { path: path.into(), nth }
}

fn config(text: &str) -> Option<Arc<FpmConfig>> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("php-fpm.conf");
    std::fs::write(&file, text).unwrap();
    let root = std::path::Path::new("/");
    Some(Arc::new(crate::topology::fpm_conf::read(&file, root).unwrap()))
}

fn pool(name: &str, listen: &str) -> String {
    format!("[{name}]\nuser = nobody\nlisten = {listen}\npm = static\npm.max_children = 2\n")
}

fn fpm(path: &str, config: Option<Arc<FpmConfig>>) -> SeenFpm {
    SeenFpm { id: id(path, 0), shown: false, config, process: None, cgroup: None }
}

fn remembered(path: &str, fpm: &str, pool: &str, listen: &str) -> Remembered {
    Remembered {
        config: path.into(),
        nth: 0,
        fpm: fpm.into(),
        pool: pool.into(),
        listen: listen.into(),
        seen: 1,
        program: None,
    }
}

fn pools(topology: &Topology) -> Vec<(String, String, bool)> {
    topology.pools().map(|(fpm, pool)| (fpm.name.clone(), pool.name.clone(), pool.shown)).collect()
}

fn row(fpm: &str, pool: &str, shown: bool) -> (String, String, bool) {
    (fpm.to_owned(), pool.to_owned(), shown)
}

const DEBIAN: &str = "/etc/php/8.2/fpm/php-fpm.conf";

#[test]
fn a_pool_that_is_only_configured_is_not_shown_until_something_wants_it() {
    let configured = fpm(DEBIAN, config(&pool("www", "9000")));
    let none = Seen { fpm: vec![configured.clone()], ..Seen::default() };
    let nothing = Topology::default();
    assert_eq!(pools(&build(&none, &nothing)), [row("8.2", "www", false)]);
    let named = Seen { fpm: vec![SeenFpm { shown: true, ..configured.clone() }], ..Seen::default() };
    let enabled = Seen { enabled: ["8.2".to_owned()].into(), ..none.clone() };
    let ran = Seen { remembered: vec![remembered(DEBIAN, "8.2", "www", "9000")], ..none.clone() };
    let passes = |target| {
        let fastcgi = vec![Listener::from_upstream(target).unwrap()];
        let (groups, kept) = (Vec::new(), Vec::new());
        let log_files = Vec::new();
        let nginx = vec![Nginx {
            name: "n".to_owned(),
            config: "/n".into(),
            root: "/".into(),
            pid: None,
            network: None,
            groups,
            kept,
            fastcgi,
            log_files,
            conf: None,
        }];
        Seen { nginx, ..none.clone() }
    };
    for wanted in [&named, &enabled, &ran, &passes("127.0.0.1:9000")] {
        let topology = build(wanted, &nothing);
        assert_eq!(pools(&topology), [row("8.2", "www", true)]);
        assert_eq!(pools(&build(&none, &topology)), [row("8.2", "www", true)], "and stays");
    }
    assert_eq!(pools(&build(&passes("127.0.0.1:9001"), &nothing)), [row("8.2", "www", false)]);
    // At another address it is another one.
    let moved = Seen { fpm: vec![fpm(DEBIAN, config(&pool("www", "9001")))], ..Seen::default() };
    assert_eq!(pools(&build(&moved, &build(&named, &nothing))), [row("8.2", "www", false)]);
}

#[test]
fn names_are_told_apart_and_stay() {
    let running = |nth, cgroup: &str| SeenFpm {
        id: id("/etc/php-fpm.conf", nth),
        shown: true,
        cgroup: Some(cgroup.to_owned()),
        ..fpm("", config(&pool("www", "9000")))
    };
    let both = Seen { fpm: vec![running(0, "/a"), running(1, "/docker/shop")], ..Seen::default() };
    let first = build(&both, &Topology::default());
    assert_eq!(pools(&first), [row("default", "www", true), row("default-shop", "www", true)]);
    // In another order, and in other cgroups.
    let later = Seen { fpm: vec![running(1, "/docker/x"), running(0, "/b")], ..Seen::default() };
    assert_eq!(
        pools(&build(&later, &first)),
        [row("default-shop", "www", true), row("default", "www", true)]
    );
    // A name that is remembered is kept for who had it.
    let ran = vec![remembered("/srv/etc/php-fpm.conf", "default", "old", "9001")];
    let all = build(&Seen { remembered: ran, ..both }, &Topology::default());
    let expected =
        [row("default-a", "www", true), row("default-shop", "www", true), row("default", "old", true)];
    assert_eq!(pools(&all), expected);
}

#[test]
fn what_is_remembered_gives_way_to_what_is_read() {
    let ran = || vec![remembered(DEBIAN, "8.2", "gone", "9001"), remembered(DEBIAN, "8.2", "www", "9000")];
    let unread = Seen { fpm: vec![fpm(DEBIAN, None)], remembered: ran(), ..Seen::default() };
    let expected = [row("8.2", "gone", true), row("8.2", "www", true)];
    assert_eq!(pools(&build(&unread, &Topology::default())), expected);
    let removed = Seen { remembered: ran(), ..Seen::default() };
    assert_eq!(pools(&build(&removed, &Topology::default())), expected, "not even the file is there");
    let read =
        Seen { fpm: vec![fpm(DEBIAN, config(&pool("www", "9000")))], remembered: ran(), ..Seen::default() };
    assert_eq!(pools(&build(&read, &Topology::default())), [row("8.2", "www", true)]);
}

#[test]
fn a_pool_whose_program_was_removed_is_only_configured_unless_nginx_connects_to_it() {
    let read = Seen { fpm: vec![fpm(DEBIAN, config(&pool("www", "9000")))], ..Seen::default() };
    let ran = Seen { remembered: vec![remembered(DEBIAN, "8.2", "www", "9000")], ..read.clone() };
    let before = build(&ran, &Topology::default());
    assert_eq!(pools(&before), [row("8.2", "www", true)]);
    assert_eq!(pools(&build(&read, &before)), [row("8.2", "www", true)], "it was shown before");
    let removed = Seen { removed: [InstanceId::first(std::path::Path::new(DEBIAN))].into(), ..read.clone() };
    let after = build(&removed, &before);
    assert_eq!(pools(&after), [row("8.2", "www", false)]);
    assert_eq!(pools(&build(&read, &after)), [row("8.2", "www", false)]);
}

#[test]
fn a_pool_runs_that_has_a_master_or_listens() {
    let mut seen = Seen { fpm: vec![fpm(DEBIAN, config(&pool("www", "9000")))], ..Seen::default() };
    let runs = |seen: &Seen| {
        let topology = build(seen, &Topology::default());
        let mut pools = topology.pools();
        let (_, pool) = pools.next().unwrap();
        (pool.runs, pool.key)
    };
    let (none, key) = runs(&seen);
    seen.listening = [key].into();
    let listens = runs(&seen).0;
    seen.listening.clear();
    seen.fpm[0].process = Some(FpmProcess { pid: 1, network: None, shares_root: true, program: None });
    assert_eq!((none, listens, runs(&seen).0), (false, true, true));
}

#[test]
fn the_cgroup_of_the_last_master_is_known_when_it_has_ended() {
    let running = SeenFpm { cgroup: Some("/x".into()), ..fpm(DEBIAN, config(&pool("www", "9000"))) };
    let up = build(&Seen { fpm: vec![running], ..Seen::default() }, &Topology::default());
    let ended = Seen { fpm: vec![fpm(DEBIAN, config(&pool("www", "9000")))], ..Seen::default() };
    assert_eq!(build(&ended, &up).fpm[0].group, Some(group_of("/x")));
}

#[test]
fn changes_are_told_in_words() {
    let shown = |text: &str| {
        let fpm = SeenFpm { shown: true, ..fpm(DEBIAN, config(text)) };
        build(&Seen { fpm: vec![fpm], ..Seen::default() }, &Topology::default())
    };
    let before = shown(&format!("{}{}", pool("a", "9000"), pool("b", "/run/b.sock")));
    let after = shown(&format!("{}{}", pool("a", "9001"), pool("c", "9002")));
    let told: Vec<String> = changes(&before, &after).iter().map(Change::to_string).collect();
    assert_eq!(
        told,
        [
            "pool a of PHP-FPM 8.2 listens at *:9001, no longer at *:9000",
            "pool c of PHP-FPM 8.2 listens at *:9002",
            "pool b of PHP-FPM 8.2 is no longer configured",
        ]
    );
    assert!(changes(&after, &after).is_empty());
}
