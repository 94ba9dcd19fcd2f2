//! What PHP-FPM makes of a configuration, and what we make of it, in the same words.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use badgateway::topology::fpm_conf::{ErrorLog, FpmConfig, Pm};

/// Section and directive, and the value. Empty and unset are one.
pub(crate) type Dump = BTreeMap<(String, String), String>;

const KEYS: [&str; 23] = [
    "pid",
    "error_log",
    "emergency_restart_interval",
    "emergency_restart_threshold",
    "process_control_timeout",
    "process.max",
    "listen",
    "listen.backlog",
    "listen.acl_users",
    "listen.acl_groups",
    "listen.owner",
    "listen.group",
    "listen.allowed_clients",
    "user",
    "pm",
    "pm.max_children",
    "pm.max_requests",
    "pm.status_path",
    "ping.path",
    "slowlog",
    "request_slowlog_timeout",
    "request_terminate_timeout",
    "catch_workers_output",
];

/// Runs `php-fpm -tt`, which reads, checks, prints and ends. Err holds what it said when it refused.
pub(crate) fn theirs(program: &Path, prefix: &Path, file: &Path) -> Result<Dump, String> {
    let mut command = Command::new(program);
    command.args(["-n", "-tt", "-p"]).arg(prefix).arg("-y").arg(file).env("BADGATEWAY_TEST", "from env");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(said);
    }
    let (mut dump, mut section) = (Dump::new(), String::new());
    for line in said.lines().filter_map(|line| line.split_once("NOTICE: ").map(|(_, text)| text)) {
        if let Some((key, value)) = line.strip_prefix('\t').and_then(|line| line.split_once(" = ")) {
            let value = match value {
                "undefined" => "",
                // We keep no negative limits and times; but for the backlog, they are no better than none.
                _ if key != "listen.backlog" && value.strip_prefix('-').is_some_and(is_count) => {
                    if value.ends_with('s') { "0s" } else { "0" }
                }
                _ => value,
            };
            if KEYS.contains(&key) {
                dump.insert((section.clone(), key.to_owned()), value.to_owned());
            }
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        }
    }
    Ok(dump)
}

fn is_count(text: &str) -> bool {
    text.trim_end_matches('s').bytes().all(|byte| byte.is_ascii_digit())
}

/// The same from what we read.
pub(crate) fn ours(config: &FpmConfig) -> Dump {
    let mut dump = Dump::new();
    let mut put = |section: &str, values: [(&str, String); 17]| {
        for (key, value) in values.into_iter().filter(|(key, _)| !key.is_empty()) {
            // A value may end in a newline ("$" at the end of a line takes it in); what -tt prints then ends there.
            let line = value.lines().next().unwrap_or_default().to_owned();
            dump.insert((section.to_owned(), key.to_owned()), line);
        }
    };
    let none = || ("", String::new());
    let log = match &config.error_log {
        ErrorLog::File(path) => path.display().to_string(),
        ErrorLog::Syslog => "syslog".to_owned(),
    };
    let pid = config.pid.as_ref().map_or_else(String::new, |pid| pid.display().to_string());
    let mut global = [(); 17].map(|()| none());
    global[0] = ("pid", pid);
    global[1] = ("error_log", log);
    global[2] = ("emergency_restart_interval", format!("{}s", config.emergency_restart_interval.as_secs()));
    global[3] = ("emergency_restart_threshold", config.emergency_restart_threshold.to_string());
    global[4] = ("process_control_timeout", format!("{}s", config.process_control_timeout.as_secs()));
    global[5] = ("process.max", config.process_max.to_string());
    put("global", global);
    for pool in &config.pools {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let slowlog = pool.slowlog.as_ref().map_or_else(String::new, |log| log.display().to_string());
        let pm = match pool.pm {
            Pm::Static => "static",
            Pm::Dynamic => "dynamic",
            Pm::Ondemand => "ondemand",
        };
        put(
            &pool.name,
            [
                ("listen", pool.listen.clone()),
                ("listen.backlog", pool.backlog.unwrap_or(-1).to_string()),
                ("listen.acl_users", pool.acl_users.join(",")),
                ("listen.acl_groups", pool.acl_groups.join(",")),
                ("listen.owner", text(&pool.owner)),
                ("listen.group", text(&pool.group)),
                ("listen.allowed_clients", pool.allowed_clients.join(",")),
                ("user", text(&pool.user)),
                ("pm", pm.to_owned()),
                ("pm.max_children", pool.max_children.to_string()),
                ("pm.max_requests", pool.max_requests.to_string()),
                ("pm.status_path", text(&pool.status_path)),
                ("ping.path", text(&pool.ping_path)),
                ("slowlog", slowlog),
                ("request_slowlog_timeout", format!("{}s", pool.request_slowlog_timeout.as_secs())),
                ("request_terminate_timeout", format!("{}s", pool.request_terminate_timeout.as_secs())),
                ("catch_workers_output", if pool.catch_workers_output { "yes" } else { "no" }.to_owned()),
            ],
        );
    }
    dump
}
