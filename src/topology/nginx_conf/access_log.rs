//! Which `server` blocks write which access log (`ngx_http_log_merge_loc_conf`, `ngx_http_log_set_log` in
//! src/http/modules/ngx_http_log_module.c).

use std::collections::BTreeMap;

use super::load::{Directive, Place};

/// Where nginx logs without any `access_log`: as distributions, nginx.org and the official images build it.
const DEFAULT: &str = "/var/log/nginx/access.log";

/// One access log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// As the configuration has it, variables included.
    pub path: String,
    /// Names of its formats; `combined` where none is given. More than one: lines of several shapes stand in it.
    pub formats: Vec<String>,
    /// The `server` blocks that write it.
    pub servers: Vec<LoggedServer>,
}

/// A `server` block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LoggedServer {
    /// Where it stands.
    pub place: Place,
    /// Its first `server_name`, which is `$server_name`; empty without one.
    pub name: String,
}

impl AccessLog {
    /// The name of the server whose responses all lines are; `None` where servers of several names write it.
    pub fn only_server(&self) -> Option<&str> {
        let name = self.servers.first()?.name.as_str();
        self.servers.iter().all(|server| server.name == name).then_some(name)
    }
}

/// A log and its format.
type Target = (String, String);

/// Of the blocks inside of `http`.
pub(super) fn of_http(http: &[Directive]) -> Vec<AccessLog> {
    let default = vec![(DEFAULT.to_owned(), "combined".to_owned())];
    let around = own(http).unwrap_or(default);
    let mut logs: BTreeMap<String, AccessLog> = BTreeMap::new();
    for server in http.iter().filter(|directive| directive.name == "server") {
        let names = server.block.iter().filter(|directive| directive.name == "server_name");
        let name = names.map(Directive::arg).next().unwrap_or_default().to_owned();
        let writer = LoggedServer { place: server.place.clone(), name };
        let mut targets = Vec::new();
        collect(&server.block, &around, &mut targets);
        for (path, format) in targets {
            let log = logs.entry(path.clone()).or_insert_with(|| AccessLog {
                path,
                formats: Vec::new(),
                servers: Vec::new(),
            });
            if !log.formats.contains(&format) {
                log.formats.push(format);
            }
            if !log.servers.contains(&writer) {
                log.servers.push(writer.clone());
            }
        }
    }
    logs.into_values().collect()
}

/// The logs that hold in a block and in those inside of it: one with an `access_log` of its own inherits none.
fn collect(block: &[Directive], around: &[Target], out: &mut Vec<Target>) {
    let here = own(block).unwrap_or_else(|| around.to_vec());
    out.extend(here.iter().cloned());
    for inner in block.iter().filter(|directive| !directive.block.is_empty()) {
        collect(&inner.block, &here, out);
    }
}

/// The logs that a block names; `None`: it names none. `off` takes those of the same block away.
fn own(block: &[Directive]) -> Option<Vec<Target>> {
    let named = || block.iter().filter(|directive| directive.name == "access_log");
    named().next()?;
    if named().any(|directive| directive.arg() == "off") {
        return Some(Vec::new());
    }
    let target = |directive: &Directive| {
        let format = directive.args.get(1).filter(|arg| !arg.contains('='));
        (directive.arg().to_owned(), format.cloned().unwrap_or_else(|| "combined".to_owned()))
    };
    Some(named().map(target).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{NginxConfig, read};

    fn config(text: &str) -> NginxConfig {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        read(&file, Path::new("/")).unwrap()
    }

    /// Path, formats and servers of each log, as `PATH FORMATS SERVERS`.
    fn logs(text: &str) -> Vec<String> {
        let logs = config(text).access_logs;
        let row = |log: &super::AccessLog| {
            let servers: Vec<_> = log.servers.iter().map(|server| server.name.as_str()).collect();
            format!("{} {} {}", log.path, log.formats.join(","), servers.join(","))
        };
        logs.iter().map(row).collect()
    }

    #[test]
    fn an_inner_level_with_logs_of_its_own_inherits_none() {
        let text = "http { access_log /all.log main; \
            server { server_name a.test www.a.test; } \
            server { server_name b.test; access_log /b.log buffer=32k flush=5s; access_log /b.json json if=$x; } \
            server { server_name c.test; location / { access_log off; } location /api { access_log /api.log; \
                if ($x) { access_log /if.log; } } } \
            server { access_log off; } }";
        assert_eq!(
            logs(text),
            [
                "/all.log main a.test,c.test",
                "/api.log combined c.test",
                "/b.json json b.test",
                "/b.log combined b.test",
                "/if.log combined c.test",
            ]
        );
    }

    #[test]
    fn without_any_access_log_there_is_the_default_one() {
        assert_eq!(
            logs("http { server { server_name a; } server { server_name b; access_log off; } }"),
            ["/var/log/nginx/access.log combined a"]
        );
        assert!(logs("http { access_log off; server { } }").is_empty());
        assert!(logs("stream { server { access_log /s.log basic; } }").is_empty());
    }

    #[test]
    fn a_log_names_its_server_when_one_alone_writes_it() {
        let names = |text: &str| -> Vec<Option<String>> {
            config(text).access_logs.iter().map(|log| log.only_server().map(str::to_owned)).collect()
        };
        let known = |name: &str| Some(name.to_owned());
        assert_eq!(
            names("http { server { server_name a; access_log /x; location / { access_log /x y; } } }"),
            [known("a")]
        );
        // One block for each port, as with a redirect to HTTPS.
        let two = |other: &str| {
            format!(
                "http {{ server {{ server_name a; access_log /x; }} server {{ server_name {other}; access_log /x; }} }}"
            )
        };
        assert_eq!((names(&two("a")), names(&two("b"))), (vec![known("a")], vec![None]));
        assert_eq!(names("http { access_log /x; server { listen 80; } }"), [known("")]);
    }

    #[test]
    fn each_server_is_told_with_its_file_and_line() {
        let log = &config("http {\n\n  server { server_name a; access_log /x; }\n}").access_logs[0];
        assert_eq!(log.servers[0].place.line, 3);
        assert!(log.servers[0].place.file.ends_with("nginx.conf"));
    }
}
