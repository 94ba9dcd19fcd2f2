//! Several addresses, unix sockets, sockets of systemd.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use badgateway_harness::programs::badgateway;

use super::{Started, code, curl, place};

fn program() -> Command {
    Command::new(badgateway().unwrap())
}

#[test]
fn all_addresses_are_served() {
    let dir = place();
    let socket = dir.path().join("web.sock");
    let address = format!("unix:{}", socket.display());
    let args = [
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.listen-address",
        &address,
        "--web.listen-address",
        "127.0.0.1:0",
        "--web.socket-mode",
        "0600",
    ];
    let serve = Started::new(dir, program(), &args, 3);
    assert_eq!(serve.places[1], format!("{address}, /metrics over http"));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o7777, 0o600);
    for at in [0, 2] {
        assert_eq!(code(&curl(&serve.places[at], &[])), 200);
    }
    let path = socket.to_str().unwrap();
    assert_eq!(code(&curl("http://x/metrics", &["--unix-socket", path])), 200);
    // A second one is told that the socket is in use, and leaves it alone.
    let other = Started::try_new(place(), program(), &["--web.listen-address", &address], 1);
    let log = other.err().unwrap();
    assert!(log.contains("cannot listen on unix:") && log.contains("another badgateway"), "{log}");
    assert_eq!(code(&curl("http://x/metrics", &["--unix-socket", path])), 200);
    let dir = serve.end("TERM");
    assert!(!socket.exists(), "it is removed at the end");
    drop(dir);
}

#[test]
fn what_a_killed_process_left_is_replaced() {
    let dir = place();
    let socket = dir.path().join("web.sock");
    let address = format!("unix:{}", socket.display());
    let serve = Started::new(dir, program(), &["--web.listen-address", &address], 1);
    let dir = serve.end("KILL");
    assert!(socket.exists(), "nobody removed it");
    let _serve = Started::new(dir, program(), &["--web.listen-address", &address], 1);
    assert_eq!(code(&curl("http://x/metrics", &["--unix-socket", socket.to_str().unwrap()])), 200);
}

/// Makes a listening TCP and a listening unix socket, puts them at 3 and 4, and becomes what follows, as systemd does.
const ACTIVATE: &str = r#"
    $^F = 20;
    my $path = shift;
    my ($t, $u);
    socket($t, PF_INET, SOCK_STREAM, 0) && bind($t, sockaddr_in(0, INADDR_LOOPBACK)) && listen($t, 64) or die $!;
    socket($u, PF_UNIX, SOCK_STREAM, 0) && bind($u, sockaddr_un($path)) && listen($u, 64) or die $!;
    POSIX::dup2(fileno($t), 13); POSIX::dup2(fileno($u), 14);
    POSIX::dup2(13, 3); POSIX::dup2(14, 4);
    $ENV{LISTEN_FDS} = 2; $ENV{LISTEN_PID} = $$;
    exec @ARGV or die $!;
"#;

#[test]
fn sockets_of_systemd_are_taken() {
    let dir = place();
    let socket = dir.path().join("activated.sock");
    let mut command = Command::new("perl");
    command.args(["-MSocket", "-MPOSIX", "-e", ACTIVATE]).arg(&socket).arg(badgateway().unwrap());
    let serve = Started::new(dir, command, &["--web.systemd-socket"], 2);
    assert!(serve.places[0].starts_with("http://127.0.0.1:"), "{:?}", serve.places);
    assert_eq!(code(&curl(&serve.places[0], &[])), 200);
    assert_eq!(code(&curl("http://x/metrics", &["--unix-socket", socket.to_str().unwrap()])), 200);
    let _dir = serve.end("TERM");
    assert!(socket.exists(), "it is systemd's");
}

#[test]
fn without_a_socket_of_systemd_there_is_no_start() {
    for environment in [None, Some(("2", "1")), Some(("0", ""))] {
        let mut command = program();
        command.env_remove("LISTEN_FDS").env_remove("LISTEN_PID");
        if let Some((count, pid)) = environment {
            command.env("LISTEN_FDS", count).env("LISTEN_PID", pid);
        }
        let log = Started::try_new(place(), command, &["--web.systemd-socket"], 1).err().unwrap();
        assert!(log.contains("systemd has handed over no socket"), "{environment:?}: {log}");
    }
}
