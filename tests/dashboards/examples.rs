//! The example in docs/examples/compose: its files are accepted by the programs that read them, and what can run without
//! Docker does run.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use badgateway::record::format::RECOMMENDED;
use badgateway_harness::{
    client::Http1,
    exporter::Exporter,
    find_program, open_to_all,
    ports::free_port,
    proc::{self, Proc},
    programs::php_fpm,
    scratch_dir, wait_for, worker_account,
};
use serde::Deserialize;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/compose")
}

/// What of a compose file is looked at here.
#[derive(Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    volumes: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(default)]
    network_mode: Option<String>,
    #[serde(default)]
    pid: Option<String>,
    #[serde(default)]
    volumes: Vec<String>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    depends_on: Vec<String>,
}

#[test]
fn what_compose_mounts_and_joins_exists_and_ports_are_local() {
    let text = fs::read_to_string(example().join("compose.yml")).unwrap();
    let compose: Compose = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(compose.services.len(), 7);
    for (name, service) in &compose.services {
        for joined in service.network_mode.iter().chain(&service.pid) {
            let other = joined.strip_prefix("service:").expect("a service's");
            assert!(compose.services.contains_key(other), "{name} joins {other}");
        }
        for other in &service.depends_on {
            assert!(compose.services.contains_key(other), "{name} needs {other}");
        }
        for volume in &service.volumes {
            let from = volume.split(':').next().unwrap();
            let is_there = match from.starts_with('.') {
                true => example().join(from).exists(),
                false => compose.volumes.contains_key(from),
            };
            assert!(is_there, "{name} mounts {from}");
        }
        assert!(
            service.ports.iter().all(|port| port.starts_with("127.0.0.1:")),
            "{name}: {:?}",
            service.ports
        );
        assert!(
            service.ports.is_empty() || service.network_mode.is_none(),
            "{name}: ports of another's network"
        );
    }
}

/// A copy in which the paths and ports of containers are those of this machine.
fn copy(name: &str, replace: &[(&str, &str)], dir: &Path) -> PathBuf {
    let mut text = fs::read_to_string(example().join(name)).unwrap();
    for (from, to) in replace {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn accepts(command: &mut Command) {
    let done = command.output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?}: {said}");
}

#[test]
fn prometheus_and_alertmanager_accept_their_files() {
    let dir = scratch_dir().unwrap();
    let alerts = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts");
    let config = copy("prometheus.yml", &[("/etc/prometheus/badgateway", alerts)], dir.path());
    accepts(Command::new("promtool").args(["check", "config"]).arg(config));
    let template = format!("{alerts}/badgateway.tmpl");
    let config = copy("alertmanager.yml", &[("/etc/alertmanager/badgateway.tmpl", &template)], dir.path());
    accepts(Command::new("amtool").arg("check-config").arg(config));
}

/// What Grafana reads of these files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Provisioning {
    api_version: u32,
    #[serde(default)]
    datasources: Vec<BTreeMap<String, serde_json::Value>>,
    #[serde(default)]
    providers: Vec<BTreeMap<String, serde_json::Value>>,
}

#[test]
fn what_grafana_is_given_is_complete() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |path: &Path| -> Provisioning { serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap() };
    let own = root.join("dashboards/provisioning/datasources/badgateway.yml");
    for path in [own, example().join("datasource.yml")] {
        let file = read(&path);
        let source = &file.datasources[0];
        assert!(file.api_version == 1 && source["type"] == "prometheus" && source["access"] == "proxy");
        // Without it rates of slower scrapes are empty.
        assert_eq!(source["jsonData"]["timeInterval"], "15s", "{}", path.display());
    }
    let file = read(&root.join("dashboards/provisioning/dashboards/badgateway.yml"));
    let path = file.providers[0]["options"]["path"].as_str().unwrap().to_owned();
    assert_eq!(file.providers[0]["type"], "file");
    let compose = fs::read_to_string(example().join("compose.yml")).unwrap();
    assert!(compose.contains(&format!("../../../dashboards:{path}:ro")));
}

#[test]
fn the_site_runs_from_these_files_and_its_failures_are_counted() {
    let dir = scratch_dir().unwrap();
    let root = dir.path();
    let at = |name: &str| root.join(name).display().to_string();
    for name in ["logs", "site"] {
        fs::create_dir_all(root.join(name)).unwrap();
        open_to_all(&root.join(name), 0o755).unwrap();
    }
    fs::copy(example().join("site/index.php"), root.join("site/index.php")).unwrap();
    let (web, php) = (free_port().unwrap(), free_port().unwrap());
    let (listen, pass) = (format!("listen 127.0.0.1:{web};"), format!("127.0.0.1:{php}"));
    let (logs, site, pid) = (at("logs"), at("site"), at("nginx.pid"));
    // Only root may become somebody else.
    let root_user = worker_account().is_some();
    let mut nginx_changes = vec![
        ("/var/log/site", &*logs),
        ("/var/www/html", &*site),
        ("/run/nginx.pid", &*pid),
        ("listen 8080;", &*listen),
        ("127.0.0.1:9000", &*pass),
    ];
    let mut fpm_changes = vec![("/var/log/site", &*logs), ("127.0.0.1:9000", &*pass)];
    if !root_user {
        nginx_changes.push(("user www-data;", ""));
        fpm_changes.extend([("user = www-data\n", ""), ("group = www-data\n", "")]);
    }
    let nginx_conf = copy("nginx.conf", &nginx_changes, root);
    let fpm_conf = copy("php-fpm.conf", &fpm_changes, root);
    let text = fs::read_to_string(&nginx_conf).unwrap();
    let format: String = text
        .split("log_format badgateway ")
        .nth(1)
        .unwrap()
        .split(";\n")
        .next()
        .unwrap()
        .split('\'')
        .skip(1)
        .step_by(2)
        .collect();
    assert_eq!(format, RECOMMENDED);

    let nginx = find_program(&["nginx"], "nginx").unwrap();
    let nginx = || {
        let mut command = proc::command(&nginx);
        command.arg("-p").arg(root).arg("-e").arg(root.join("logs/error.log")).arg("-c").arg(&nginx_conf);
        command
    };
    accepts(nginx().arg("-t"));
    let fpm = php_fpm().unwrap();
    accepts(proc::command(&fpm).arg("-t").arg("-y").arg(&fpm_conf));
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_badgateway"));
    let files = ["--nginx-config", &at("nginx.conf"), "--fpm-config", &at("php-fpm.conf")];
    let found = Command::new(&binary).arg("check").args(files).output().unwrap();
    let said = String::from_utf8_lossy(&found.stdout);
    assert!(!said.contains("error") || found.status.success(), "badgateway check says\n{said}");

    let _fpm = Proc::start("php-fpm", proc::command(&fpm).arg("-F").arg("-y").arg(&fpm_conf)).unwrap();
    let _nginx = Proc::start("nginx", nginx().args(["-g", "daemon off;"])).unwrap();
    let get = |path: &str| Http1::new(web).get(path);
    wait_for("the site", Duration::from_secs(10), || (get("/").status == Some(200)).then_some(())).unwrap();
    assert_eq!(get("/broken/").status, Some(502));
    let mut arguments: Vec<String> = files.map(str::to_owned).to_vec();
    for (flag, log) in
        [("--access-log", "access.log"), ("--error-log", "error.log"), ("--fpm-log", "php-fpm.log")]
    {
        arguments.extend([flag.to_owned(), root.join("logs").join(log).display().to_string()]);
    }
    arguments.extend(["--read-from", "start"].map(str::to_owned));
    let exporter = Exporter::start(&binary, &arguments, root.join("exporter.stderr")).unwrap();
    let labels = ["server", "upstream", "code", "cause"];
    let expected: Vec<String> =
        ["site.example", "127.0.0.1:9009", "502", "connection_refused"].map(str::to_owned).to_vec();
    wait_for("the failure", Duration::from_secs(10), || {
        let sums = exporter.scrape().ok()?.sums("badgateway_http_errors_total", &labels);
        (sums.get(&expected) == Some(&1)).then_some(())
    })
    .unwrap();
    wait_for("the pool", Duration::from_secs(10), || {
        let sums = exporter.scrape().ok()?.sums("badgateway_fpm_workers_limit", &["pool", "fpm"]);
        sums.iter().any(|(key, limit)| key[0] == "www" && *limit == 4).then_some(())
    })
    .unwrap();
}
