//! Real servers: what is predicted happens, and does not happen any more when the printed change is made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use badgateway::check::finding::Finding;
use badgateway::check::{findings, read};
use badgateway::topology::loader::ConfigLimits;
use badgateway_harness::client::Http1;
use badgateway_harness::fpm::write_scripts;
use badgateway_harness::ports::free_port;
use badgateway_harness::proc::{self, Proc};
use badgateway_harness::root::not_run;
use badgateway_harness::{find_program, programs::php_fpm, scratch_dir, wait_for, worker_account};

use crate::command::run;
use crate::paste::apply;

const SOON: Duration = Duration::from_secs(10);

/// nginx and PHP-FPM in a directory.
struct Lab {
    dir: tempfile::TempDir,
    port: u16,
    nginx: Option<Proc>,
    fpm: Option<Proc>,
}

impl Lab {
    /// Of a target, lines of the location and lines of the pool; `@D@` is the directory.
    fn start(target: &str, location: &str, listen: &str, pool: &str) -> Self {
        let dir = scratch_dir().unwrap();
        let php = write_scripts(dir.path()).unwrap();
        let port = free_port().unwrap();
        let (user, account) = worker_account().map_or_else(Default::default, |(user, group)| {
            (format!("user {user} {group};"), format!("user = {user}\ngroup = {group}"))
        });
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path @D@/temp;\n"))
            .concat();
        let nginx = format!(
            "{user}\ndaemon off;\npid @D@/nginx.pid;\nerror_log @D@/error.log;\nevents {{\n}}\nhttp {{\n{temporary}\
             access_log @D@/access.log;\nserver {{\nlisten 127.0.0.1:{port};\nlocation / {{\n{location}\n\
             fastcgi_param SCRIPT_FILENAME {}$uri;\nfastcgi_param REQUEST_METHOD $request_method;\nfastcgi_pass {target};\n}}\n}}\n}}\n",
            php.display()
        );
        let fpm = format!(
            "[global]\nerror_log = @D@/fpm.log\ndaemonize = no\n[www]\n{account}\nlisten = {listen}\npm = static\npm.max_children = 2\n{pool}\n"
        );
        let write = |name: &str, text: &str| {
            let text = text.replace("@D@", &dir.path().display().to_string());
            std::fs::write(dir.path().join(name), text).unwrap();
        };
        write("nginx.conf", &nginx);
        write("php-fpm.conf", &fpm);
        let mut lab = Self { dir, port, nginx: None, fpm: None };
        lab.start_fpm();
        lab.start_nginx();
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start_nginx(&mut self) {
        self.nginx = None;
        let mut command = proc::command(&find_program(&["nginx"], "nginx").unwrap());
        command.arg("-p").arg(self.dir.path()).arg("-c").arg(self.path("nginx.conf")).stderr(Stdio::null());
        self.nginx = Some(Proc::start("nginx", &mut command).unwrap());
        let port = self.port;
        wait_for("nginx", SOON, || std::net::TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
    }

    fn start_fpm(&mut self) {
        self.stop_fpm();
        let log = self.path("fpm.log");
        let ready = || {
            std::fs::read_to_string(&log).unwrap_or_default().matches("ready to handle connections").count()
        };
        let before = ready();
        let mut command: Command = proc::command(&php_fpm().unwrap());
        command.arg("-F").arg("-y").arg(self.path("php-fpm.conf"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.fpm = Some(Proc::start("php-fpm", &mut command).unwrap());
        wait_for("PHP-FPM", SOON, || (ready() > before).then_some(())).unwrap();
    }

    fn stop_fpm(&mut self) {
        if let Some(mut fpm) = self.fpm.take() {
            fpm.signal("TERM");
            fpm.wait_gone(SOON).unwrap();
        }
    }

    fn restart(&mut self) {
        self.start_fpm();
        self.start_nginx();
    }

    fn get(&self, path: &str) -> String {
        Http1::new(self.port).get(path).code()
    }

    /// What the files alone predict.
    fn predicted(&self, rule: &str) -> Option<Finding> {
        let files = (&[self.path("nginx.conf")], &[self.path("php-fpm.conf")]);
        let site = read::files(files.0, files.1, Path::new("/"), &ConfigLimits::default()).unwrap();
        findings(&site, None).into_iter().find(|finding| finding.rule == rule)
    }

    /// What the command sees of the machine, as far as it concerns these servers.
    fn seen(&self, rule: &str) -> Option<serde_json::Value> {
        let output = run(&["--format", "json"]);
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let dir = self.dir.path().to_str().unwrap();
        let ours = |finding: &&serde_json::Value| {
            let file = finding["places"][0]["file"].as_str();
            finding["rule"] == rule && file.is_some_and(|file| file.starts_with(dir))
        };
        found["findings"].as_array().unwrap().iter().find(ours).cloned()
    }

    /// It is predicted, happens, and happens no more.
    fn mended(mut self, rule: &str, cause: &str) {
        let finding = self.predicted(rule).unwrap_or_else(|| panic!("{rule} is not predicted"));
        assert_eq!(finding.cause.map(|cause| cause.word()), Some(cause));
        assert_eq!(self.get("/ok.php"), "502", "{rule}");
        apply(&finding, self.dir.path());
        self.restart();
        assert_eq!(self.get("/ok.php"), "200", "{rule}: {finding:?}");
        assert_eq!(self.predicted(rule), None);
    }
}

#[test]
fn a_pool_under_another_path() {
    Lab::start("unix:@D@/php7.4.sock", "", "@D@/php8.2.sock", "listen.mode = 0666")
        .mended("no_listener", "socket_missing");
}

#[test]
fn a_socket_of_root_s() {
    if worker_account().is_none() {
        return not_run("live::a_socket_of_root_s", "only root's nginx has workers of another user");
    }
    Lab::start("unix:@D@/php.sock", "", "@D@/php.sock", "").mended("not_permitted", "permission_denied");
}

#[test]
fn a_client_that_is_not_allowed() {
    let at = format!("127.0.0.1:{}", free_port().unwrap());
    Lab::start(&at, "", &at, "listen.allowed_clients = 10.0.0.5")
        .mended("client_not_allowed", "closed_prematurely");
}

#[test]
fn a_header_that_does_not_fit_and_a_php_fpm_that_is_down() {
    let mut lab = Lab::start("unix:@D@/php.sock", "", "@D@/php.sock", "listen.mode = 0666");
    assert_eq!(lab.seen("header_too_big"), None);
    assert_eq!((lab.get("/ok.php"), lab.get("/bigheader.php")), ("200".into(), "502".into()));
    let found = lab.seen("header_too_big").expect("the error log has it");
    assert_eq!(found["cause"], "header_too_big");
    let lines = found["fix"][0]["lines"].as_array().unwrap();
    let text = std::fs::read_to_string(lab.path("nginx.conf")).unwrap();
    let lines: Vec<_> = lines.iter().map(|line| line.as_str().unwrap()).collect();
    let text = text.replace("location / {\n", &format!("location / {{\n{}\n", lines.join("\n")));
    std::fs::write(lab.path("nginx.conf"), text).unwrap();
    lab.start_nginx();
    assert_eq!(lab.get("/bigheader.php"), "200", "{found}");
    assert_eq!(lab.seen("header_too_big"), None, "those entries are of workers that are gone");

    // Killed, it leaves its socket; stopped, it takes it away.
    lab.fpm.as_ref().unwrap().signal_group("KILL");
    lab.fpm.as_mut().unwrap().wait_gone(SOON).unwrap();
    assert_eq!(lab.get("/ok.php"), "502");
    let found =
        lab.seen("no_listener").or_else(|| lab.seen("not_listening")).expect("the socket is left over");
    assert_eq!(found["cause"], "connection_refused");
    lab.start_fpm();
    assert_eq!(
        (lab.get("/ok.php"), lab.seen("no_listener"), lab.seen("not_listening")),
        ("200".into(), None, None)
    );
    lab.stop_fpm();
    assert_eq!(lab.get("/ok.php"), "502");
    let found = lab.seen("no_listener").or_else(|| lab.seen("not_listening")).expect("there is no socket");
    assert_eq!(found["cause"], "socket_missing");
}
