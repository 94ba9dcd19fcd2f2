//! What needs no PHP-FPM to be known; tests/discover compares with the real one.

use std::fs;
use std::path::Path;

use super::*;

const MINIMAL: &str = "[www]\nlisten = 9000\npm = static\npm.max_children = 3\n";

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<FpmConfig, ConfigError>) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    let config = read(Path::new("/opt/php/etc/php-fpm.conf"), dir.path());
    (dir, config)
}

fn refused(files: &[(&str, &str)]) -> String {
    tree(files).1.unwrap_err().to_string()
}

const MAIN: &str = "opt/php/etc/php-fpm.conf";

#[test]
fn defaults_are_those_of_a_build_under_its_own_prefix() {
    let (_dir, config) =
        tree(&[(MAIN, "[www]\nlisten = run/$pool.sock\npm = Static\npm.max_children = 3\n")]);
    let config = config.unwrap();
    let pool = &config.pools[0];
    assert_eq!(pool.listen, "/opt/php/run/www.sock");
    assert_eq!((pool.mode, pool.backlog, pool.pm, pool.max_children), (0o660, None, Pm::Static, 3));
    assert_eq!((&*pool.place.file, pool.place.line), (Path::new("/opt/php/etc/php-fpm.conf"), 1));
    assert_eq!(config.error_log, ErrorLog::File("/opt/php/var/log/php-fpm.log".into()));
    assert!(!pool.is_tcp() && !pool.catch_workers_output && config.warnings.is_empty());
}

#[test]
fn distributions_build_for_usr_and_var() {
    let place = Surroundings::guess(Path::new("/etc/php/8.2/fpm/php-fpm.conf"), Path::new("/"));
    assert_eq!((place.prefix.as_path(), place.state.as_path()), (Path::new("/usr"), Path::new("/var")));
    let place = Surroundings::guess(Path::new("/etc/php-fpm.conf"), Path::new("/"));
    assert_eq!(place.prefix, Path::new("/usr"));
    let place = Surroundings::guess(Path::new("/usr/local/etc/php-fpm.conf"), Path::new("/"));
    assert_eq!(
        (place.prefix.as_path(), place.state.as_path()),
        (Path::new("/usr/local"), Path::new("/usr/local/var"))
    );
}

#[test]
fn after_an_include_lines_belong_to_its_last_section() {
    let (dir, config) = tree(&[
        (MAIN, "[www]\ninclude = etc/pool.d/*.conf\nping.path = /two\n[WWW]\nuser = me\n"),
        ("opt/php/etc/pool.d/b.conf", "[b]\nlisten = 2\npm = ondemand\npm.max_children = 1\n"),
        ("opt/php/etc/pool.d/a.conf", MINIMAL),
        ("opt/php/etc/pool.d/.hidden.conf", "nonsense"),
        ("opt/php/etc/pool.d/sub.conf/x", "nonsense"),
    ]);
    let config = config.unwrap();
    let names: Vec<_> = config.pools.iter().map(|pool| (pool.name.as_str(), pool.place.line)).collect();
    assert_eq!(names, [("www", 1), ("b", 1)]);
    assert_eq!(config.pools[1].ping_path.as_deref(), Some("/two"));
    assert_eq!(config.pools[0].user.as_deref(), Some("me"));
    assert_eq!(config.files.len(), 4, "{:?}", config.files);
    assert!(config.files.contains(&dir.path().join("opt/php/etc/pool.d")));
}

#[test]
fn a_status_listener_has_a_path_of_its_own() {
    let text = format!("{MINIMAL}pm.status_listen = st.sock\nprefix = /srv//\nslowlog = slow\n");
    let (_dir, config) = tree(&[(MAIN, &text)]);
    let pool = config.unwrap().pools.remove(0);
    assert_eq!(pool.status_path.as_deref(), Some("/"));
    assert_eq!(pool.status_listen.as_deref(), Some("/opt/php/st.sock"));
    assert_eq!(pool.slowlog.as_deref(), Some(Path::new("/srv///slow")));
}

#[test]
fn variables_come_from_the_environment_that_is_given() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[("m", "[w]\nlisten=\"${S}\"${X:-\"${Y:-/q}\"}\npm=static\npm.max_children=${N}\n")]);
    let mut place = Surroundings::guess(Path::new("/m"), dir.path());
    place.env = [(b"S".to_vec(), b"/s".to_vec()), (b"N".to_vec(), b"7".to_vec())].into();
    let pool = read_in(Path::new("/m"), &place, &ConfigLimits::default()).unwrap().pools.remove(0);
    assert_eq!((pool.listen.as_str(), pool.max_children), ("/s/q", 7));
}

#[test]
fn errors_name_file_line_and_what_to_do() {
    let at = |line: &str| refused(&[(MAIN, &format!("{MINIMAL}{line}\n"))]);
    for (line, words) in [
        ("# note", "php-fpm.conf line 5: '# note' has no value. A comment starts with ';'"),
        ("listen = a=b", "line 5: '=' is not expected here: quote the value"),
        ("pm = fast", "pm = \"fast\" is not one of static, dynamic, ondemand."),
        ("request_terminate_timeout = 2M", "is not a time such as 30, 30s, 5m, 1h or 1d"),
        ("catch_workers_output = 2", "is neither yes nor no"),
        ("[$pool]\nuser = $pool", "the pool's own name contains $pool"),
        ("[x]\npm = static", "php-fpm.conf line 5: the pool [x] has no listen address"),
        ("env[] = x", "env[] needs a key"),
        ("include = etc/php-fpm.conf", "nest deeper than 5"),
        ("listen = \"((", "the end of the line is not expected here"),
    ] {
        let error = at(line);
        assert!(error.contains(words), "{line}: {error}");
    }
    assert!(refused(&[(MAIN, "[global]\n")]).contains("define no pool"));
    assert!(refused(&[("x", "")]).contains("title of PHP-FPM's master"));
    assert!(refused(&[(MAIN, "pid = $pool\n")]).contains("no meaning in [global]"));
}

#[test]
fn an_include_that_cannot_be_read_hides_only_what_it_holds() {
    let text =
        format!("{MINIMAL}include = nowhere/*.conf\nuser = of-an-unknown-pool\n[b]\n{}", &MINIMAL[6..]);
    let config = tree(&[(MAIN, &text)]).1.unwrap();
    let names: Vec<_> = config.pools.iter().map(|pool| (pool.name.as_str(), pool.user.as_deref())).collect();
    assert_eq!(names, [("www", None), ("b", None)]);
    let [problem] = config.problems.as_slice() else { panic!("{:?}", config.problems) };
    assert_eq!(problem.place.line, 5);
    let words = "cannot read /opt/php/nowhere/*.conf, included by /opt/php/etc/php-fpm.conf line 5";
    assert!(
        problem.text.contains(words) && problem.text.contains("There may be more pools"),
        "{}",
        problem.text
    );
    // A pool that lacks something may have it there; without a problem it is an error.
    let config = tree(&[(MAIN, "[www]\ninclude = nowhere/*.conf\n")]).1.unwrap();
    assert!(config.is_partial() && config.pools.is_empty());
    // A directory in the place of a file is passed over, as by PHP-FPM; what cannot be opened is not.
    let (dir, _) = tree(&[(MAIN, "")]);
    write(dir.path(), &[(MAIN, &format!("{MINIMAL}include = etc/pool.d/*.conf\n"))]);
    fs::create_dir_all(dir.path().join("opt/php/etc/pool.d")).unwrap();
    std::os::unix::fs::symlink("/nowhere", dir.path().join("opt/php/etc/pool.d/gone.conf")).unwrap();
    let config = read(Path::new("/opt/php/etc/php-fpm.conf"), dir.path()).unwrap();
    assert!(config.is_partial() && config.pools.len() == 1, "{config:?}");
}

#[test]
fn directives_have_places() {
    let text = "error_log = x\n[www]\nlisten = 9000\npm = static\n\npm.max_children = 3\npm.max_children = 4\n\
        catch_workers_output = yes\ndecorate_workers_output = no\naccess.log = log/$pool\nprefix = /p\n[global]\nlog_level = Error\n";
    let config = tree(&[(MAIN, text)]).1.unwrap();
    let pool = &config.pools[0];
    let lines =
        ["listen", "pm.max_children", "slowlog"].map(|name| pool.place_of(name).map(|place| place.line));
    assert_eq!((lines, pool.max_children), ([Some(3), Some(7), None], 4));
    assert_eq!(config.place_of("error_log").unwrap().to_string(), "/opt/php/etc/php-fpm.conf line 1");
    assert_eq!(config.place_of("log_level").unwrap().line, 13);
    assert_eq!((config.log_level, config.place_of("pid")), (LogLevel::Error, None));
    assert!(pool.catch_workers_output && !pool.decorate_workers_output);
    assert_eq!(pool.access_log.as_deref(), Some(Path::new("/p/log/www")));
}

#[test]
fn what_php_fpm_bears_is_only_a_warning() {
    let (_dir, config) = tree(&[(MAIN, &format!("{MINIMAL}include = etc/*.none\nfuture.key = 1\n"))]);
    let warnings = config.unwrap().warnings;
    assert!(warnings[0].contains("line 5: nothing matches the include /opt/php/etc/*.none"), "{warnings:?}");
    assert!(warnings[1].contains("line 6: PHP-FPM up to 8.4 knows no 'future.key' in [www]"), "{warnings:?}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "std cannot make a FIFO")]
fn no_nesting_is_too_deep_and_no_fifo_waits() {
    let deep = format!("{MINIMAL}user = {}1\n", "(".repeat(100_000));
    assert!(refused(&[(MAIN, &deep)]).contains("nesting"));
    let deep = format!("{MINIMAL}user = {}\n", "\"${a:-".repeat(100_000));
    assert!(refused(&[(MAIN, &deep)]).contains("nesting"));
    let dir = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("fifo")).status().unwrap();
    assert!(made.success());
    let error = read(Path::new("/fifo"), dir.path()).unwrap_err().to_string();
    assert!(error.contains("it is not a plain file"), "{error}");
}

/// Whatever a file holds: an answer, no panic, no endless include.
#[test]
fn ten_thousand_mutations_end_well() {
    const SEED: &str = "[global]\npid = run/x.pid ; c\nerror_log = \"syslog\"\nprocess_control_timeout = 10s\n\
        include = etc/pool.d/*.conf\n[www]\nlisten = '/run/'$pool\"\\\"${HOME:-x}\"\nlisten.mode = (0660|1)\npm = dynamic\n\
        pm.max_children = 5\nphp_admin_value[memory_limit] = 32M\nenv[A] = $pool\ncatch_workers_output = yes\n";
    const NOISE: &[u8] = b"[]{}()=;#\"'$\\|&^~!\n\r\t \0:-$*?@a0\xff\xef";
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[(MAIN, SEED), ("opt/php/etc/pool.d/more.conf", MINIMAL)]);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let mut text = SEED.as_bytes().to_vec();
        for _ in 0..=below(4) {
            let at = below(text.len());
            let end = (at + below(12)).min(text.len());
            match below(3) {
                0 => text.insert(at, NOISE[below(NOISE.len())]),
                1 => drop(text.drain(at..end)),
                _ => {
                    let piece = text[at..end].to_vec();
                    let to = below(text.len());
                    text.splice(to..to, piece);
                }
            }
        }
        fs::write(dir.path().join(MAIN), &text).unwrap();
        match read(Path::new("/opt/php/etc/php-fpm.conf"), dir.path()) {
            Ok(_) => read_well += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(
        read_well > 500 && refused > 500,
        "{read_well} read, {refused} refused: the mutations are no good"
    );
}
