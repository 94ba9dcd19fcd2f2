//! The directives that PHP-FPM knows and how it reads their values (`ini_fpm_global_options`,
//! `ini_fpm_pool_options` and the `fpm_conf_set_*` functions in main/fpm_conf.c of PHP 8.2 to 8.4).

use crate::topology::units::{atoi, fpm_seconds};

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Time,
    Boolean,
    Level,
    Core,
    Manager,
    /// Whatever it says, it does not matter to us and PHP-FPM's own reader of it is long.
    Any,
}

use Kind::{Any, Boolean, Core, Integer, Level, Manager, Text, Time};

/// The directives of `[global]`.
pub(super) const GLOBAL: [(&str, Kind); 17] = [
    ("pid", Text),
    ("error_log", Text),
    ("syslog.ident", Text),
    ("syslog.facility", Any),
    ("log_buffering", Boolean),
    ("log_level", Level),
    ("log_limit", Integer),
    ("emergency_restart_threshold", Integer),
    ("emergency_restart_interval", Time),
    ("process_control_timeout", Time),
    ("process.max", Integer),
    ("process.priority", Integer),
    ("daemonize", Boolean),
    ("rlimit_files", Integer),
    ("rlimit_core", Core),
    ("events.mechanism", Text),
    ("systemd_interval", Time),
];

/// The directives of a pool.
pub(super) const POOL: [(&str, Kind); 42] = [
    ("prefix", Text),
    ("user", Text),
    ("group", Text),
    ("listen", Text),
    ("listen.backlog", Integer),
    ("listen.acl_users", Text),
    ("listen.acl_groups", Text),
    ("listen.owner", Text),
    ("listen.group", Text),
    ("listen.mode", Text),
    ("listen.allowed_clients", Text),
    ("listen.setfib", Integer),
    ("process.priority", Integer),
    ("process.dumpable", Boolean),
    ("pm", Manager),
    ("pm.max_children", Integer),
    ("pm.start_servers", Integer),
    ("pm.min_spare_servers", Integer),
    ("pm.max_spare_servers", Integer),
    ("pm.max_spawn_rate", Integer),
    ("pm.process_idle_timeout", Time),
    ("pm.max_requests", Integer),
    ("pm.status_path", Text),
    ("pm.status_listen", Text),
    ("ping.path", Text),
    ("ping.response", Text),
    ("access.log", Text),
    ("access.format", Text),
    ("slowlog", Text),
    ("request_slowlog_timeout", Time),
    ("request_slowlog_trace_depth", Integer),
    ("request_terminate_timeout", Time),
    ("request_terminate_timeout_track_finished", Boolean),
    ("rlimit_files", Integer),
    ("rlimit_core", Core),
    ("chroot", Text),
    ("chdir", Text),
    ("catch_workers_output", Boolean),
    ("decorate_workers_output", Boolean),
    ("clear_env", Boolean),
    ("security.limit_extensions", Text),
    ("apparmor_hat", Text),
];

/// The directives with a key in brackets, and whether their value is a boolean.
pub(super) const ARRAYS: [(&str, bool); 6] = [
    ("env", false),
    ("php_value", false),
    ("php_admin_value", false),
    ("php_flag", true),
    ("php_admin_flag", true),
    ("access.suppress_path", false),
];

/// A directive's one spelling and kind; names have no case.
pub(super) fn find(table: &'static [(&'static str, Kind)], name: &str) -> Option<(&'static str, Kind)> {
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).copied()
}

/// Says what PHP-FPM has against a value, as the end of a sentence.
pub(super) fn check(kind: Kind, value: &str) -> Result<(), &'static str> {
    let one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(value));
    let integer = |value: &str| value.strip_prefix('-').unwrap_or(value).bytes().all(|b| b.is_ascii_digit());
    let (good, complaint) = match kind {
        Text | Any => (true, ""),
        Integer => (integer(value), "is not a whole number"),
        Time => (fpm_seconds(value).is_some(), "is not a time such as 30, 30s, 5m, 1h or 1d"),
        Boolean => (boolean(value).is_some(), "is neither yes nor no"),
        Level => (
            one_of(&["debug", "notice", "warning", "warn", "error", "alert"]),
            "is not one of debug, notice, warning, error, alert",
        ),
        Core => (
            one_of(&["unlimited"]) || (integer(value) && atoi(value.as_bytes()) >= 0),
            "is neither a size nor unlimited",
        ),
        Manager => (one_of(&["static", "dynamic", "ondemand"]), "is not one of static, dynamic, ondemand"),
    };
    if good { Ok(()) } else { Err(complaint) }
}

/// A boolean (`fpm_conf_set_boolean`). The scanner has made `1` or nothing of bare words in any case; within quotes they
/// count only in lower case (seen with PHP 8.2.35; older ones take none).
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value {
        "1" | "yes" | "true" | "on" => Some(true),
        "" | "0" | "no" | "none" | "false" | "off" => Some(false),
        _ => None,
    }
}
