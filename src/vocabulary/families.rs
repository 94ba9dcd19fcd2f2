//! Every metric family, as one table: the registry, `docs/metrics.md` and the tests read it here.

/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One family. Names and labels never change their meaning within a major version.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Name with the prefix.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Label names, in the order of the values.
    pub labels: &'static [&'static str],
    /// What it counts, and where the number comes from.
    pub help: &'static str,
}

macro_rules! families {
    ($($constant:ident $kind:ident $name:literal [$($label:literal),*] $help:literal)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family = Family {
                name: concat!("badgateway_", $name),
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )*
        /// All, in the order of the documentation.
        pub const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    HTTP_RESPONSES Counter "http_responses_total" ["server", "code"]
        "Lines of nginx's access logs by $server_name and $status."
    HTTP_ERRORS Counter "http_errors_total" ["server", "upstream", "code", "cause"]
        "Failed responses (500, 502, 503, 504, 009) by what nginx saw, each once."
    HTTP_ROOT_CAUSES Counter "http_root_causes_total" ["server", "upstream", "code", "root_cause"]
        "The same failed responses by what broke them, a few seconds later; same sum."
    UPSTREAM_FAILURES Counter "upstream_failures_total" ["upstream", "cause", "outcome"]
        "Failed attempts in nginx's error logs by what became of the request: failed, rescued, truncated, background or unmatched."
    UPSTREAM_SECONDS Histogram "upstream_seconds" ["upstream", "phase"]
        "Time of each attempt from nginx's $upstream_connect_time, $upstream_header_time and $upstream_response_time."
    NGINX_UP Gauge "nginx_up" ["nginx"]
        "Whether the master of that nginx lives. Shown from when it was first seen, over restarts of Badgateway and of the machine, until a week after it was last seen or its program is removed; absent while processes cannot be seen. nginx is a short name of its configuration: nginx for /etc/nginx/nginx.conf, shop for /srv/shop/nginx.conf."
    NGINX_DOWN_SECONDS Counter "nginx_down_seconds_total" ["nginx"]
        "Time for which it was 0, looked at once a second."
    NGINX_GROUP_INFO Gauge "nginx_group_info" ["nginx", "group", "upstream"]
        "Always 1, one row for each server of an upstream group of nginx's configuration, at most 500: no_live_upstreams names the group, all else the server. Without groups that have a host name among their servers."
    FPM_WORKER_EXITS Counter "fpm_worker_exits_total" ["fpm", "pool", "reason"]
        "Ends of PHP-FPM workers in PHP-FPM's log. Every reason starts at 0 as soon as the pool is seen."
    FPM_UP Gauge "fpm_up" ["fpm", "pool"]
        "Whether the pool's master lives and its socket listens, seen from the kernel, whether or not its status page answers."
    FPM_DOWN_SECONDS Counter "fpm_down_seconds_total" ["fpm", "pool"]
        "Time for which it was 0, looked at five times a second: an outage between two scrapes is in it."
    FPM_POOL_INFO Gauge "fpm_pool_info" ["fpm", "pool", "upstream", "pm"]
        "Always 1, one row for each pool, to join pools with upstreams: the address under which nginx's logs name the pool or, before they did, as nginx on the same machine would write it (127.0.0.1 for a pool on any address), and its pm: static, dynamic or ondemand."
    FPM_WORKERS Gauge "fpm_workers" ["fpm", "pool", "state"]
        "Workers by state, seen from the kernel: busy ones hold a connection, idle ones wait for one."
    FPM_WORKERS_BUSY_PEAK Gauge "fpm_workers_busy_peak" ["fpm", "pool"]
        "Most busy workers in the last 60 s, sampled five times a second (TCP pools less often where the kernel takes long to list connections)."
    FPM_WORKERS_LIMIT Gauge "fpm_workers_limit" ["fpm", "pool"]
        "pm.max_children of the pool's configuration."
    FPM_LISTEN_QUEUE Gauge "fpm_listen_queue" ["fpm", "pool"]
        "Connections that no worker has accepted yet, seen from the kernel, for unix sockets too."
    FPM_LISTEN_QUEUE_PEAK Gauge "fpm_listen_queue_peak" ["fpm", "pool"]
        "Longest queue in the last 60 s, sampled five times a second."
    FPM_LISTEN_QUEUE_LIMIT Gauge "fpm_listen_queue_limit" ["fpm", "pool"]
        "The kernel's limit of that queue (listen.backlog, capped by net.core.somaxconn); one more connection is let in."
    FPM_SATURATION_RATIO Gauge "fpm_saturation_ratio" ["fpm", "pool"]
        "(busy + queued) / pm.max_children. Above 1, visitors wait."
    FPM_SATURATION_RATIO_PEAK Gauge "fpm_saturation_ratio_peak" ["fpm", "pool"]
        "Highest ratio in the last 60 s, sampled five times a second."
    FPM_SATURATED_SECONDS Counter "fpm_saturated_seconds_total" ["fpm", "pool"]
        "Time for which the saturation ratio was above 1."
    FPM_STATUS_UP Gauge "fpm_status_up" ["fpm", "pool"]
        "Whether the pool's status page answered last time. It is not asked while connections queue: it would only make the queue longer."
    FPM_STATUS_SECONDS Gauge "fpm_status_seconds" ["fpm", "pool"]
        "How long the status page took last time."
    FPM_ACCEPTED_CONNECTIONS Counter "fpm_accepted_connections_total" ["fpm", "pool"]
        "Requests begun, from the status page."
    FPM_SLOW_REQUESTS Counter "fpm_slow_requests_total" ["fpm", "pool"]
        "Requests slower than request_slowlog_timeout, from the status page."
    FPM_MAX_CHILDREN_REACHED Counter "fpm_max_children_reached_total" ["fpm", "pool"]
        "How often the pool reached pm.max_children, from the status page. PHP-FPM never counts it for pm = static."
    FPM_START_TIME Gauge "fpm_start_time_seconds" ["fpm", "pool"]
        "Start of the pool's master process, in Unix time."
    FPM_RELOADS Counter "fpm_reloads_total" ["fpm", "pool"]
        "Reloads and restarts of the pool's master that were seen."
    FPM_CPU_SECONDS Counter "fpm_cpu_seconds_total" ["fpm", "pool"]
        "CPU time of the pool's workers."
    FPM_RUN_QUEUE_SECONDS Counter "fpm_run_queue_seconds_total" ["fpm", "pool"]
        "Time that the pool's workers were ready to run and waited for a CPU."
    FPM_RESIDENT_MEMORY Gauge "fpm_resident_memory_bytes" ["fpm", "pool"]
        "Resident memory of the pool's workers, shared pages counted for each."
    OOM_KILLS Counter "oom_kills_total" ["scope"]
        "Processes killed for memory: in PHP-FPM's cgroup (fpm; fpm:NAME when there are several), in our own (self), or anywhere on the machine (machine)."
    MEMORY_USAGE Gauge "memory_usage_bytes" ["scope"]
        "Memory charged to PHP-FPM's cgroup (fpm) or to our own (self)."
    MEMORY_WORKING_SET Gauge "memory_working_set_bytes" ["scope"]
        "The same without inactive page cache, which the kernel gives up before it kills: what Kubernetes calls the working set."
    MEMORY_LIMIT Gauge "memory_limit_bytes" ["scope"]
        "Memory limit of that cgroup; absent when it has none."
    CPU_THROTTLED_SECONDS Counter "cpu_throttled_seconds_total" ["scope"]
        "Time for which the cgroup was held back by its CPU quota."
    CPU_THROTTLED_PERIODS Counter "cpu_throttled_periods_total" ["scope"]
        "Periods in which the cgroup was held back by its CPU quota."
    CPU_PERIODS Counter "cpu_periods_total" ["scope"]
        "Periods of the CPU quota in which something of the cgroup ran."
    PRESSURE_SECONDS Counter "pressure_seconds_total" ["scope", "resource", "kind"]
        "Pressure stall information: time for which some or all (full) tasks waited for cpu, memory or io."
    TCP_LISTEN_OVERFLOWS Counter "tcp_listen_overflows_total" []
        "Connections that the kernel refused because a TCP listener's queue was full (TcpExtListenOverflows); not only PHP-FPM's."
    TCP_LISTEN_DROPS Counter "tcp_listen_drops_total" []
        "Connections that the kernel dropped at a TCP listener for any reason (TcpExtListenDrops)."
    COLLECTOR_SUCCESS Gauge "collector_success" ["collector"]
        "Whether what this collector reads may be seen here: processes, unix_sockets, tcp_sockets, sock_diag (TCP sockets at full rate), backlogs, fpm_configuration, nginx_configuration, memory. What cannot be seen is absent, not 0; Badgateway's own log says why."
    CHECK_FINDINGS Gauge "check_findings" ["severity"]
        "What `badgateway check` finds now: what will answer 502 before it does. Looked for when configurations change, and once a minute. Absent while no configuration can be read."
    CONFIG_RELOAD_SUCCESSFUL Gauge "config_last_reload_successful" []
        "Whether all of the configuration that Badgateway depends on could be read when it was read last: PHP-FPM's files, which are read whenever they change and tried again every 5 s, and its own (`--config.file`), at SIGHUP and `/-/reload`. The reading before stays in use. Absent when there is no configuration."
    CONFIG_RELOAD_TIME Gauge "config_last_reload_success_timestamp_seconds" []
        "When one of the two was last read successfully, in Unix time; absent when it never was."
    LOG_LINES Counter "log_lines_total" ["log", "result"]
        "Lines read: parsed, unparsed (no line of this kind of log, or of its log_format) or oversized (skipped for their length)."
    LOG_BYTES_UNREAD Gauge "log_bytes_unread" ["log"]
        "Bytes that are in the log and were not read yet."
    LOG_BYTES_LOST Counter "log_bytes_lost_total" ["log"]
        "Bytes known to have been written that can never be read: truncated away or on a failing disk."
    LOG_GAPS Counter "log_gaps_total" ["log"]
        "How often lines may have been lost whose number is unknown: the log was truncated without a copy, or was gone after a restart."
    LOG_LAST_READ Gauge "log_last_read_timestamp_seconds" ["log"]
        "When a line of the log was last read, in Unix time; 0 when none was."
    LOG_READABLE Gauge "log_readable" ["log"]
        "Whether the log can be opened and read at present."
    LOG_AVAILABLE Gauge "log_filesystem_avail_bytes" ["log"]
        "Bytes that users other than root can still write to the log's file system. On a full one nginx logs nothing, so that nothing is counted either. Absent for what is no file on a disk."
    LABEL_OVERFLOW Counter "label_overflow_total" ["label"]
        "How often a label value was counted as `other` because there were too many."
    STATE_DURABLE Gauge "state_durable" []
        "Whether the numbers shown are safe in the state directory; 0: a restart may lose some. Absent without --state.dir."
    STATE_FILES_REJECTED Counter "state_files_rejected_total" ["reason"]
        "State files that could not be used and were set aside as *.bad. Absent without --state.dir."
    BUILD_INFO Gauge "build_info" ["version"]
        "Always 1; the version of Badgateway is in the label."
}

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\nGenerated from `src/vocabulary/families.rs` by `make docs`; a test keeps it in step.\n\n\
         Counters never go down while Badgateway runs. Every known cause of an upstream starts at 0 as soon as the \
         upstream is seen in the access log, so that `increase()` sees the first failure. (Failed attempts start when it \
         is seen in either log; the outcomes `background` and `unmatched`, which most upstreams never have, start with \
         their first.) `upstream` is an address \
         without path (`unix:/run/php/php8.2-fpm.sock`, `127.0.0.1:9000`) or, when no server of a group was left, \
         the group's name (`GROUP@NGINX` where two nginx have different groups of that name); `server` is `$server_name`. Both are empty when there was none or the logs do not tell, \
         and `other` above 1000 different values. Nothing that a client sends is ever a label.\n",
    );
    for family in ALL {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!(", labels {}", labels.join(", ")) };
        out.push_str(&format!("\n## `{}`\n\n{kind}{labels}\n\n{}\n", family.name, family.help));
    }
    out.push_str(
        "\n## `process_*`\n\nBadgateway's own process, read from `/proc/self` under the names that Prometheus' client \
         libraries use: `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`, \
         `process_open_fds`, `process_max_fds`, `process_threads`, `process_start_time_seconds`.\n",
    );
    out.push_str(&words());
    out
}

fn words() -> String {
    use crate::vocabulary::{Cause, ExitReason, Outcome, Phase, RootCause, code};
    let mut out = String::from("\n## Label values\n");
    out.push_str("\n### `cause`\n\n| cause | usual code | what nginx saw | first fix |\n|---|---|---|---|\n");
    for cause in Cause::ALL {
        let codes: Vec<_> = cause.codes().iter().map(|c| code(*c)).collect();
        let codes = if codes.is_empty() { "mostly 200".to_owned() } else { codes.join(", ") };
        out.push_str(&format!(
            "| `{}` | {codes} | {} | {} |\n",
            cause.word(),
            cause.meaning(),
            cell(cause.fix())
        ));
    }
    out.push_str("\n### `root_cause`\n\n| root cause | what broke | first fix |\n|---|---|---|\n");
    for root in RootCause::ALL {
        out.push_str(&format!("| `{}` | {} | {} |\n", root.word(), root.meaning(), cell(root.fix())));
    }
    out.push_str("\n### `outcome`\n\n| outcome | meaning |\n|---|---|\n");
    for outcome in Outcome::ALL {
        out.push_str(&format!("| `{}` | {} |\n", outcome.word(), outcome.meaning()));
    }
    out.push_str("\n### `reason`\n\n| reason | meaning |\n|---|---|\n");
    for reason in ExitReason::ALL {
        out.push_str(&format!("| `{}` | {} |\n", reason.word(), reason.meaning()));
    }
    out.push_str("\n### `phase`\n\n| phase | from |\n|---|---|\n");
    for phase in Phase::ALL {
        out.push_str(&format!("| `{}` | `{}` |\n", phase.word(), phase.variable()));
    }
    out
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
