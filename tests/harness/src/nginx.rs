//! A real nginx in the foreground: its configuration, its logs, its signals.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    Result,
    account::worker_account,
    open_to_all,
    placeholders::Placeholders,
    ports::free_port,
    proc::{self, Proc, members},
    programs::find_program,
    wait_for,
};

/// The log format with everything Badgateway can use; `combined`, the other log, has none of it.
pub const RICH_FORMAT: &str = "$remote_addr $msec $pid $connection $connection_requests \"$request\" $status \
    $body_bytes_sent \"$upstream_addr\" \"$upstream_status\" \"$upstream_connect_time\" \
    \"$upstream_header_time\" \"$upstream_response_time\" \"$upstream_bytes_received\" \
    \"$upstream_cache_status\" \"$server_name\" \"$http_referer\" \"$http_user_agent\" $request_time";

/// How an nginx is to be set up. `http` and `server` are configuration text and may use `@name@`.
pub struct Setup<'a> {
    /// Sub-directory for configuration and logs: several nginx of one run do not share them.
    pub name: &'a str,
    /// Directives of the `http` block: upstream groups, zones, caches.
    pub http: &'a str,
    /// Directives of the `server` block: the locations.
    pub server: &'a str,
    /// `worker_processes`.
    pub workers: u32,
    /// `worker_connections`.
    pub connections: u32,
    /// The level of `error_log`.
    pub error_level: &'a str,
    /// What follows the format in `access_log`, for example `buffer=32k flush=1s`.
    pub buffer: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            name: "nginx",
            http: "",
            server: "",
            workers: 1,
            connections: 1024,
            error_level: "error",
            buffer: "",
        }
    }
}

/// A running nginx. Dropping it stops it.
pub struct Nginx {
    proc: Proc,
    /// Port for HTTP/1.1.
    pub port: u16,
    /// Port for HTTP/2 with prior knowledge, without TLS.
    pub h2_port: u16,
    dir: PathBuf,
}

impl Nginx {
    /// Writes the configuration below `root` and starts nginx; returns when it accepts connections.
    pub fn start(root: &Path, names: &Placeholders, setup: &Setup<'_>) -> Result<Self> {
        let program = find_program(&["nginx"], "nginx")?;
        let dir = root.join(setup.name);
        let logs = dir.join("logs");
        fs::create_dir_all(dir.join("html"))?;
        fs::create_dir_all(&logs)?;
        fs::write(dir.join("html/fallback.html"), "fallback\n")?;
        for path in [&dir, &logs, &dir.join("html")] {
            open_to_all(path, 0o755)?;
        }
        let (port, h2_port) = (free_port()?, free_port()?);
        let config = dir.join("nginx.conf");
        fs::write(&config, configuration(&dir, names, setup, port, h2_port)?)?;

        let mut command = proc::command(&program);
        command.arg("-p").arg(&dir).arg("-c").arg(&config).arg("-e").arg(dir.join("logs/error.log"));
        let mut proc = Proc::start("nginx", command.stderr(fs::File::create(dir.join("stderr.txt"))?))?;
        let started = wait_for("nginx to answer", Duration::from_secs(10), || {
            if proc.ended().is_some() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", h2_port)).is_ok().then_some(true)
        })?;
        if !started {
            let said = fs::read_to_string(dir.join("stderr.txt")).unwrap_or_default();
            return Err(format!("nginx does not start:\n{said}").into());
        }
        Ok(Self { proc, port, h2_port, dir })
    }

    /// The access log in [`RICH_FORMAT`].
    pub fn rich_log(&self) -> PathBuf {
        self.dir.join("logs/access.rich.log")
    }

    /// The access log in nginx's own `combined` format.
    pub fn combined_log(&self) -> PathBuf {
        self.dir.join("logs/access.combined.log")
    }

    /// The error log.
    pub fn error_log(&self) -> PathBuf {
        self.dir.join("logs/error.log")
    }

    /// Process id of the master.
    pub fn pid(&self) -> u32 {
        self.proc.pid()
    }

    /// Writes another configuration and reloads, as an administrator does.
    pub fn reconfigure(&self, names: &Placeholders, setup: &Setup<'_>) -> Result<()> {
        let text = configuration(&self.dir, names, setup, self.port, self.h2_port)?;
        fs::write(self.dir.join("nginx.conf"), text)?;
        self.reload()
    }

    /// Renames the logs to `*.1` and lets nginx open new ones, as logrotate does.
    pub fn rotate_logs(&self) -> Result<()> {
        for log in [self.rich_log(), self.combined_log(), self.error_log()] {
            fs::rename(&log, rotated(&log))?;
        }
        self.proc.signal("USR1");
        wait_for("nginx to open new logs", Duration::from_secs(5), || self.error_log().exists().then_some(()))
    }

    /// Rotates all logs with the real logrotate; `way` is `create` or `copytruncate`.
    pub fn logrotate(&self, way: &str) -> Result<()> {
        let program = find_program(&["logrotate"], "logrotate")?;
        let (config, state) = (self.dir.join("logrotate.conf"), self.dir.join("logrotate.state"));
        let (logs, pid) = (self.dir.join("logs/*.log"), self.pid());
        let signal = format!("postrotate\n kill -USR1 {pid}\n endscript");
        let signal = if way == "create" { signal.as_str() } else { "" };
        fs::write(
            &config,
            format!("{} {{\n rotate 99\n {way}\n sharedscripts\n {signal}\n}}\n", logs.display()),
        )?;
        let done = proc::command(&program).arg("-f").arg("-s").arg(&state).arg(&config).output()?;
        if done.status.success() {
            return Ok(());
        }
        Err(format!("logrotate failed: {}", String::from_utf8_lossy(&done.stderr)).into())
    }

    /// Reads the configuration again; returns when all old workers are gone.
    pub fn reload(&self) -> Result<()> {
        let old = members(self.pid());
        self.proc.signal("HUP");
        wait_for("nginx to change its workers", Duration::from_secs(10), || {
            let now = members(self.pid());
            let is_new = now.len() > 1 && now.iter().all(|pid| *pid == self.pid() || !old.contains(pid));
            is_new.then_some(())
        })
    }
}

/// Where [`Nginx::rotate_logs`] puts a log.
fn rotated(log: &Path) -> PathBuf {
    PathBuf::from(format!("{}.1", log.display()))
}

/// A log and what was rotated away of it.
pub fn all_of(log: &Path) -> Vec<PathBuf> {
    let numbered = (1..100).map(|n| PathBuf::from(format!("{}.{n}", log.display())));
    std::iter::once(log.to_owned()).chain(numbered).collect()
}

/// The whole nginx.conf. Timeouts are 1 s: a lab that waits for defaults takes an hour.
fn configuration(
    dir: &Path,
    names: &Placeholders,
    setup: &Setup<'_>,
    port: u16,
    h2_port: u16,
) -> Result<String> {
    let dir = dir.display();
    let user = worker_account().map_or_else(String::new, |(user, group)| format!("user {user} {group};"));
    let Setup { workers, connections, error_level, buffer, .. } = setup;
    let (http, server) = (names.fill(setup.http)?, names.fill(setup.server)?);
    let php = names.fill("@php@").unwrap_or_default();
    Ok(format!(
        r#"{user}
daemon off;
pid {dir}/nginx.pid;
worker_processes {workers};
error_log {dir}/logs/error.log {error_level};
events {{ worker_connections {connections}; }}
http {{
    log_format rich '{RICH_FORMAT}';
    access_log {dir}/logs/access.rich.log rich {buffer};
    access_log {dir}/logs/access.combined.log combined {buffer};
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    default_type text/plain;
    client_max_body_size 64m;
    keepalive_requests 100000;
    # A resumed session is not verified again: the cases about certificates need a handshake each.
    proxy_ssl_session_reuse off;
    proxy_connect_timeout 1s;
    proxy_send_timeout 1s;
    proxy_read_timeout 1s;
    fastcgi_connect_timeout 1s;
    fastcgi_send_timeout 1s;
    fastcgi_read_timeout 1s;
    map $uri $script {{ default ok.php; "~/(?<file>[a-z0-9_]+\.php)$" $file; }}
    fastcgi_param SCRIPT_FILENAME {php}/$script;
    fastcgi_param SCRIPT_NAME $uri;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param CONTENT_TYPE $content_type;
    fastcgi_param CONTENT_LENGTH $content_length;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
{http}
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{h2_port} http2;
        server_name lab.test;
        root {dir}/html;
{server}
    }}
}}
"#
    ))
}
