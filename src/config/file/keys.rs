//! The keys of the configuration file: each is a flag of `serve`, of which it has the type, the default and the text.

/// A key.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name, with those of the keys above it: `limits.series`.
    pub path: &'static str,
    /// The flag, without its dashes.
    pub flag: &'static str,
    /// Whether a reload can change it.
    pub change: Change,
    /// A value, as it is written in the file.
    pub example: &'static str,
}

/// What a change takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// SIGHUP or `/-/reload`.
    Reload,
    /// A start.
    Restart,
}

/// Flags of `serve` that are no key, each with the reason.
pub const NO_KEYS: [(&str, &str); 1] = [("config.file", "names the file itself")];

macro_rules! keys {
    ($($path:literal $flag:literal $change:ident $example:literal)*) => {
        /// All keys, in the order of the page about them.
        pub const KEYS: &[Key] =
            &[$(Key { path: $path, flag: $flag, change: Change::$change, example: $example }),*];
    };
}

keys! {
    "access_logs" "access-log" Reload "[/var/log/nginx/*access.log]"
    "error_logs" "error-log" Reload "[/var/log/nginx/*error.log]"
    "fpm_logs" "fpm-log" Reload "[/var/log/php8.2-fpm.log]"
    "log_format" "log-format" Reload "combined"
    "read_from" "read-from" Reload "start"
    "join_window" "join-window" Reload "2m"
    "discovery.logs" "discover.logs" Reload "true"
    "discovery.exclude_logs" "discover.exclude-log" Reload "[/usr/local/panel/logs/*]"
    "discovery.nginx_configs" "nginx-config" Reload "[/etc/nginx/nginx.conf]"
    "discovery.fpm_configs" "fpm-config" Reload "[/etc/php/8.2/fpm/php-fpm.conf]"
    "discovery.trusted_uids" "discover.trust-uid" Reload "[101]"
    "status_pages.enabled" "status.enabled" Reload "false"
    "status_pages.interval" "status.interval" Reload "15s"
    "status_pages.timeout" "status.timeout" Reload "500ms"
    "limits.series" "limit.series" Reload "500000"
    "limits.bytes" "limit.bytes" Reload "64MiB"
    "limits.config_file_bytes" "limit.config-file-bytes" Reload "4MiB"
    "limits.config_bytes" "limit.config-bytes" Reload "32MiB"
    "state.dir" "state.dir" Restart "/var/lib/badgateway"
    "web.listen_addresses" "web.listen-address" Restart "[\"127.0.0.1:10502\", \"unix:/run/badgateway/web.sock\"]"
    "web.socket_mode" "web.socket-mode" Restart "\"660\""
    "web.systemd_socket" "web.systemd-socket" Restart "true"
    "web.config_file" "web.config.file" Restart "web.yml"
    "web.telemetry_path" "web.telemetry-path" Restart "/metrics"
    "web.enable_lifecycle" "web.enable-lifecycle" Restart "true"
    "log.level" "log.level" Reload "warn"
    "log.format" "log.format" Restart "json"
    "compat.phpfpm_metrics" "compat.phpfpm-metrics" Reload "true"
    "paths.procfs" "path.procfs" Restart "/host/proc"
    "paths.cgroup" "path.cgroup" Restart "/host/sys/fs/cgroup"
}
