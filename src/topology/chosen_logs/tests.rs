use super::*;
use crate::topology::nginx_conf;
use std::sync::Arc;

const RICH: &str = r#"log_format rich '$remote_addr [$time_local] "$request" $status $pid $connection "$upstream_addr"';
    log_format bytes '$body_bytes_sent';"#;

/// An nginx whose configuration is in `http { … }`, after `main`.
fn nginx(main: &str, http: &str) -> Nginx {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("nginx.conf");
    std::fs::write(&file, format!("{main} http {{ {RICH} {http} }}")).unwrap();
    let conf = nginx_conf::read(&file, Path::new("/")).unwrap();
    Nginx {
        name: "nginx".to_owned(),
        config: "/etc/nginx/nginx.conf".into(),
        root: "/".into(),
        pid: None,
        network: None,
        groups: Vec::new(),
        kept: Vec::new(),
        fastcgi: Vec::new(),
        log_files: conf.http.log_files(),
        conf: Some(Arc::new(conf)),
    }
}

/// Those that exist.
struct Paths(&'static [&'static str]);

impl Machine for Paths {
    fn is_ours(&self, _: &Nginx, path: &Path) -> bool {
        !path.starts_with("/container")
    }

    fn has_file(&self, path: &Path) -> bool {
        self.0.iter().any(|file| path == Path::new(file))
    }

    fn is_stream(&self, path: &Path) -> bool {
        path.starts_with("/stream")
    }
}

fn found(nginx: Vec<Nginx>, followed: &[&str]) -> FoundLogs {
    let followed = followed.iter().map(|path| LogName::File(path.into())).collect();
    let topology = Topology { nginx, ..Topology::default() };
    of(&topology, &followed, &Paths(&[]))
}

#[test]
fn what_is_named_is_read_instead_and_what_is_excluded_is_not() {
    let site = "server { access_log /l/plain.log; access_log /l/rich.log rich; error_log /l/error.log; }
        server { access_log /l/panel.log; error_log /l/panel-error.log; }";
    let topology = Topology { nginx: vec![nginx("error_log /l/error.log;", site)], ..Topology::default() };
    let found = |named: &[&str], excluded: &[&str]| {
        let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect();
        let wishes = Wishes { named: paths(named), excluded: paths(excluded) };
        let found = as_wished(&topology, &HashSet::new(), &wishes, &Paths(&[]));
        (names(&found.access), names(&found.error))
    };
    let both = "/l/error.log /l/panel-error.log".to_owned();
    assert_eq!(found(&[], &[]), ("/l/panel.log /l/rich.log".to_owned(), both.clone()));
    assert_eq!(
        found(&["/l/pl*.log"], &[]),
        ("/l/panel.log /l/plain.log".to_owned(), both),
        "each request once"
    );
    assert_eq!(found(&[], &["/l/panel*"]), ("/l/rich.log".to_owned(), "/l/error.log".to_owned()));
    let named = found(&["/l/panel.log"], &["/l/*.log"]);
    assert_eq!(named, ("/l/panel.log".to_owned(), String::new()), "what is named is wanted");
}

fn names(logs: &BTreeSet<LogName>) -> String {
    logs.iter().map(|log| log.path().to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Access logs, error logs, and the beginnings of notes.
fn told(main: &str, http: &str) -> (String, String, Vec<String>) {
    let logs = found(vec![nginx(main, http)], &[]);
    (names(&logs.access), names(&logs.error), logs.notes.iter().map(Noted::to_string).collect())
}

#[test]
fn of_two_logs_of_one_request_the_better_one_is_read() {
    let errors = "error_log /e;";
    for (http, access) in [
        ("access_log /a; server { }", "/a"),
        ("server { access_log /a; } server { access_log /b; }", "/a /b"),
        ("server { access_log /a; access_log /b rich; }", "/b"),
        ("server { access_log /b rich if=$x; access_log /a; }", "/a"),
        ("server { access_log /a; access_log /a.bytes bytes; }", "/a"),
        ("server { access_log /a; access_log syslog:server=unix:/x rich; }", "/a"),
        ("server { access_log /a; access_log /b rich; } server { access_log /a; }", "/a"),
        ("server { access_log /a rich buffer=64k; access_log /b rich buffer=64k flush=5s; }", "/b"),
        ("server { access_log /a; access_log /dev/null; }", "/a"),
        ("access_log /a; access_log /all; server { } server { access_log /all; }", "/all"),
        ("server { access_log /a; location /s { access_log off; } }", "/a"),
        ("server { access_log /l/$host.log; }", "/l/*.log"),
        ("server { access_log /l/${host}_$x.log; }", "/l/*_*.log"),
    ] {
        assert_eq!(told(errors, http), (access.to_owned(), "/e".to_owned(), Vec::new()), "{http}");
    }
}

#[test]
fn logs_of_different_conditions_have_different_requests() {
    let access = |http: &str| told("error_log /e;", http).0;
    assert_eq!(access("server { access_log /a if=$x; access_log /b if=$y; }"), "/a /b");
    assert_eq!(access("server { access_log /a if=$x; access_log /b rich if=$x; }"), "/b");
    let one = told("error_log /e;", "server { access_log /a if=$x; access_log /a rich if=$y; }");
    assert!(one.0 == "/a" && !one.2.iter().any(|note| note.contains("twice")), "{one:?}");
}

#[test]
fn a_log_that_is_read_already_stays_the_one() {
    let both = || vec![nginx("error_log /e;", "server { access_log /a; access_log /b rich; }")];
    assert_eq!(names(&found(both(), &[]).access), "/b");
    assert_eq!(names(&found(both(), &["/a"]).access), "/a");
    assert_eq!(names(&found(both(), &["/other"]).access), "/b");
}

#[test]
fn what_cannot_be_counted_is_told_with_whose_it_is() {
    let one = |main: &str, http: &str| {
        let (.., notes) = told(main, http);
        let [note] = notes.as_slice() else { panic!("{http}: {notes:?}") };
        note.clone()
    };
    let e = "error_log /e;";
    for (main, http, expected) in [
        (e, "access_log off; server { server_name a.test; }", "access_log is off"),
        (e, "access_log /a; server { server_name a.test; access_log off; }", "a.test ("),
        (
            e,
            "access_log /a; server { location / { access_log off; fastcgi_pass x; } }",
            "a server without name (",
        ),
        (e, "server { access_log syslog:server=10.0.0.1; }", "goes to syslog"),
        (e, "server { access_log /dev/stdout; }", "standard output"),
        (e, "server { access_log /a.gz combined gzip; }", "compressed"),
        (e, "server { access_log /a bytes; }", "no $status"),
        (e, "server { access_log logs/a; }", "relative"),
        (e, "server { access_log /container/a; }", "container"),
        (e, "server { access_log /stream/a; }", "goes to nginx's standard output or error"),
        (e, "server { access_log /a combined if=$x; }", "if="),
        (e, "server { access_log /a; access_log /a rich; }", "twice"),
        (e, "server { access_log /l/$host.log; error_log /l/x.log; }", "fit it"),
        ("error_log /e crit;", "access_log /a; server { }", "from level crit on"),
        (
            "error_log stderr;",
            "access_log /a; server { }",
            "an error log goes to nginx's standard output or error",
        ),
        ("error_log syslog:server=10.0.0.1;", "access_log /a; server { }", "an error log goes to syslog"),
    ] {
        let note = one(main, http);
        assert!(note.contains(expected), "{http}: {note}");
    }
    assert!(found(Vec::new(), &[]).notes[0].to_string().contains("--nginx-config"));
    let doubled =
        "server { access_log /a rich; access_log /b; } server { access_log /a; } server { access_log /b; }";
    assert!(one(e, doubled).contains("twice"));
    let many: String = (0..9).map(|n| format!("server {{ server_name s{n}; access_log off; }}")).collect();
    let note = one(e, &many);
    assert!(note.contains("s0 (") && note.ends_with("and 6 more"), "{note}");
}

#[test]
fn of_two_error_logs_of_one_entry_the_one_with_more_is_read() {
    for (main, http, error) in [
        ("error_log /e;", "access_log /a; server { }", "/e"),
        ("error_log /e;", "access_log /a; server { error_log /s; }", "/e /s"),
        ("error_log /e crit; error_log /w warn;", "access_log /a; server { }", "/w"),
        ("error_log /e; error_log stderr;", "access_log /a; server { }", "/e"),
        ("error_log /e error; error_log /d debug;", "access_log /a; server { }", "/d"),
        ("error_log /e crit;", "access_log /a; server { }", "/e"),
        (
            "error_log /e;",
            "error_log /h; access_log /a; server { } server { error_log /s warn; }",
            "/e /h /s",
        ),
    ] {
        assert_eq!(told(main, http).1, error, "{main} {http}");
    }
}

#[test]
fn a_missing_entry_means_something_only_with_an_error_log_for_every_level() {
    let without = |main: &str, http: &str| {
        let logs = found(vec![nginx(main, http)], &[]);
        logs.without_errors
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(without("error_log /e;", "access_log /a; server { }"), "");
    assert_eq!(without("error_log /e crit;", "access_log /a; server { }"), "/a");
    assert_eq!(
        without("error_log stderr;", "server { access_log /a; } server { access_log /b; error_log /e; }"),
        "/a"
    );
    let location = "server { access_log /a; error_log /e; location / { error_log /x crit; } }";
    assert_eq!(without("error_log /m;", location), "/a");
}

#[test]
fn without_any_configuration_the_usual_logs_are_followed() {
    let unread = Nginx { conf: None, ..nginx("", "") };
    for nginx in [vec![], vec![unread]] {
        let topology = Topology { nginx, ..Topology::default() };
        let of = |paths| of(&topology, &HashSet::new(), &Paths(paths));
        let logs = of(&["/var/log/nginx/access.log", "/var/log/nginx/error.log"]);
        assert_eq!(names(&logs.access), "/var/log/nginx/access.log");
        assert_eq!(names(&logs.error), "/var/log/nginx/error.log");
        assert!(logs.without_errors.is_empty());
        let logs = of(&["/var/log/nginx/access.log"]);
        assert_eq!(logs.without_errors.len(), 1);
        assert!(logs.notes[0].to_string().contains("--access-log"));
        assert_eq!(of(&[]).notes[0].note, Note::NoNginx);
    }
}

#[test]
fn several_nginx_and_what_they_share() {
    let one = nginx("error_log /e;", "access_log /a; server { }");
    let other = nginx("error_log /f;", "access_log /a; server { } server { access_log /b; }");
    let logs = found(vec![one, other], &[]);
    assert_eq!((names(&logs.access), names(&logs.error)), ("/a /b".to_owned(), "/e /f".to_owned()));
}
