//! A running nginx with every place at which a client's words come into the error log.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use badgateway_harness::fpm::{Fpm, Pool, write_scripts};
use badgateway_harness::ports::free_port;
use badgateway_harness::proc::{self, Proc, members};
use badgateway_harness::root::not_run;
use badgateway_harness::upstream::{ClosedPort, closed_port};
use badgateway_harness::{find_program, wait_for};
use serde_json::Value;

/// Where distributions keep nginx's dynamic modules.
const MODULES: [&str; 3] = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules"];

/// What is loaded, and the places that need it. `@x@` is the client's decoded text.
const SCRIPTS: [(&str, &[&str], &str); 2] = [
    (
        "/lua",
        &["ndk_http_module.so", "ngx_http_lua_module.so"],
        "location /lua { content_by_lua_block { ngx.log(ngx.ERR, ngx.unescape_uri(ngx.var.arg_x)) ngx.exit(404) } }",
    ),
    ("/njs", &["ngx_http_js_module.so"], "js_import forged.js; location /njs { js_content forged.log; }"),
];

/// A running nginx that logs in both formats.
pub(crate) struct Nginx {
    _proc: Proc,
    /// Its worker.
    pub(crate) worker: u32,
    dir: tempfile::TempDir,
    port: u16,
    /// What its modules offer.
    modules: Vec<&'static str>,
    /// Where its upstream should be and nothing listens.
    pub(crate) refused: ClosedPort,
    /// Behind it.
    _fpm: Fpm,
}

/// A module's file.
fn module(name: &str) -> Option<PathBuf> {
    MODULES.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

/// Writes what nginx serves.
fn write_files(dir: &Path) {
    for sub in ["www", "tmp"] {
        fs::create_dir(dir.join(sub)).unwrap();
    }
    fs::write(dir.join("www/file"), "x").unwrap();
    fs::write(dir.join("www/page.shtml"), "<!--# include file=\"$what\" -->").unwrap();
    fs::write(dir.join("users"), "somebody:{PLAIN}secret\n").unwrap();
    let njs = "function log(r) { r.error(decodeURIComponent(r.args.x)); r.return(404); }\nexport default { log };\n";
    fs::write(dir.join("forged.js"), njs).unwrap();
    for sub in [".", "www", "tmp", "www/file", "www/page.shtml", "users", "forged.js"] {
        fs::set_permissions(dir.join(sub), fs::Permissions::from_mode(0o777)).unwrap();
    }
}

/// Starts PHP-FPM and nginx.
pub(crate) fn start() -> Nginx {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let (port, refused) = (free_port().unwrap(), closed_port().unwrap());
    let php = write_scripts(dir.path()).unwrap();
    let socket = dir.path().join("fpm.sock").display().to_string();
    let pool = Pool { name: "shop", listen: socket, children: 2, settings: "" };
    let fpm = Fpm::start(dir.path(), "fpm", &[pool]).unwrap();
    let (mut load, mut locations, mut modules) = (String::new(), String::new(), Vec::new());
    for (place, files, text) in SCRIPTS {
        let found: Option<Vec<_>> = files.iter().map(|file| module(file)).collect();
        let Some(found) = found else {
            not_run("forged", &format!("{place}: nginx has no {}", files.last().unwrap()));
            continue;
        };
        load.extend(found.iter().map(|path| format!("load_module {}; ", path.display())));
        locations.push_str(text);
        modules.push(place);
    }
    let path = dir.path().display();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|of| format!("{of}_temp_path {path}/tmp/{of};"));
    let config = format!(
        r#"{load} daemon off; worker_processes 1; pid {path}/pid; error_log {path}/error.log;
        events {{ worker_connections 512; }}
        http {{ {temp}
            log_format rich escape=json '{{"time":"$time_iso8601","pid":"$pid","connection":"$connection","remote_addr":"$remote_addr","status":"$status","request":"$request","request_time":"$request_time","server_name":"$server_name","upstream_addr":"$upstream_addr","upstream_status":"$upstream_status","upstream_connect_time":"$upstream_connect_time","upstream_header_time":"$upstream_header_time","upstream_bytes_received":"$upstream_bytes_received"}}';
            access_log {path}/combined.log; access_log {path}/rich.log rich;
            large_client_header_buffers 4 16k; log_not_found on; root {path}/www;
            server {{ listen 127.0.0.1:{port}; server_name shop.test;
                location /pay {{ proxy_pass http://{refused}; }}
                location /auth {{ auth_basic shop; auth_basic_user_file {path}/users; }}
                location /links/ {{ alias {path}/www/; disable_symlinks on; }}
                location /dav {{ alias {path}/www; dav_methods COPY MOVE; }}
                location ~ ^/ssi/(?<what>[\s\S]*)$ {{ ssi on; ssi_types *; rewrite ^ /page.shtml break; }}
                location /accel {{ proxy_pass http://127.0.0.1:{port}/give?x=$arg_x; }}
                location /give {{ add_header X-Accel-Redirect /gone/$arg_x; return 200 x; }}
                location ~ ^/php/(?<script>[a-z]+\.php)$ {{
                    fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string;
                    fastcgi_param SCRIPT_FILENAME {php}/$script; fastcgi_pass unix:{path}/fpm.sock;
                }}
                {locations}
            }}
        }}"#,
        temp = temp.join(" "),
        refused = refused.address,
        php = php.display(),
    );
    fs::write(dir.path().join("nginx.conf"), config).unwrap();
    let stderr = fs::File::create(dir.path().join("stderr")).unwrap();
    let mut command = proc::command(&find_program(&["nginx"], "nginx").unwrap());
    command.arg("-p").arg(dir.path()).arg("-c").arg(dir.path().join("nginx.conf"));
    command.arg("-e").arg(dir.path().join("error.log")).stdout(Stdio::null()).stderr(stderr);
    let proc = Proc::start("nginx", &mut command).unwrap();
    let listens = wait_for("nginx to listen", Duration::from_secs(20), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
    });
    let said = || fs::read_to_string(dir.path().join("stderr")).unwrap_or_default();
    assert!(listens.is_ok(), "{listens:?}: {}", said());
    let worker = wait_for("nginx's worker", Duration::from_secs(20), || {
        members(proc.pid()).into_iter().find(|pid| *pid != proc.pid())
    });
    Nginx { worker: worker.unwrap(), _proc: proc, dir, port, modules, refused, _fpm: fpm }
}

impl Nginx {
    /// Whether it has what this place needs.
    pub(crate) fn has(&self, place: &str) -> bool {
        SCRIPTS.iter().all(|(of, ..)| *of != place) || self.modules.contains(&place)
    }

    /// Sends a request with headers, each with its line end, and gives the status of the answer.
    pub(crate) fn send(&self, request: &str, headers: &str) -> u16 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let text = format!("{request} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// What `explain` says with one of the access logs.
    pub(crate) fn explain(&self, access: &str) -> Value {
        let of = |name: &str| self.dir.path().join(name);
        let output = Command::new(env!("CARGO_BIN_EXE_badgateway"))
            .args(["explain", "--format", "json", "--access-log"])
            .arg(of(access))
            .arg("--error-log")
            .arg(of("error.log"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A log's text.
    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join(name)).unwrap()).into_owned()
    }

    /// The number of the connection that was logged last.
    pub(crate) fn last_connection(&self) -> u64 {
        let mut log = fs::File::open(self.dir.path().join("rich.log")).unwrap();
        let length = log.metadata().unwrap().len();
        log.seek(SeekFrom::Start(length.saturating_sub(1 << 14))).unwrap();
        let mut end = Vec::new();
        log.read_to_end(&mut end).unwrap();
        let end = String::from_utf8_lossy(&end).into_owned();
        let last = end.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        last.and_then(|line| line["connection"].as_str()?.parse().ok()).unwrap_or_default()
    }
}
