//! Access logs by their files: who writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::log::LogTarget;
use super::server::Server;

/// So many logs with variables in their names are looked at; where there are more, each may be every file.
const VARIABLE: usize = 64;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// As nginx names it.
    pub path: PathBuf,
    /// Names of its formats. More than one: lines of several shapes stand in it.
    pub formats: BTreeSet<String>,
    server: Writer,
}

/// Whose responses stand in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writer {
    /// Those of servers of one name.
    One(String),
    /// Of several, or it is not known.
    Several,
}

impl LogFile {
    /// The name of the server whose responses all lines are, as `$server_name` has it; `None` where servers of several
    /// names write it, or may.
    pub fn only_server(&self) -> Option<&str> {
        match &self.server {
            Writer::One(name) => Some(name),
            Writer::Several => None,
        }
    }
}

/// The files of all servers, by their paths.
pub(super) fn of(servers: &[Server]) -> Vec<LogFile> {
    // Levels that only inherit share one list of logs: what is inherited by many servers is gone through once.
    let mut levels: BTreeMap<*const (), (usize, usize, Writer)> = BTreeMap::new();
    for (at, server) in servers.iter().enumerate() {
        let name = server.name().map_or(Writer::Several, Writer::One);
        for (nth, level) in server.levels.iter().enumerate() {
            if level.access_logs.is_empty() {
                continue;
            }
            let key = level.access_logs.as_ptr().cast();
            let known = levels.entry(key).or_insert_with(|| (at, nth, name.clone()));
            if known.2 != name {
                known.2 = Writer::Several;
            }
        }
    }
    let mut files: BTreeMap<&Path, LogFile> = BTreeMap::new();
    let mut others: BTreeMap<&LogTarget, Writer> = BTreeMap::new();
    for (at, nth, server) in levels.into_values() {
        for log in &*servers[at].levels[nth].access_logs {
            let writer = match &log.target {
                LogTarget::File(path) => {
                    let file = files.entry(path).or_insert_with(|| LogFile {
                        path: path.clone(),
                        formats: BTreeSet::new(),
                        server: server.clone(),
                    });
                    file.formats.insert(log.format.clone());
                    &mut file.server
                }
                target @ (LogTarget::Variable(_) | LogTarget::Relative(_)) => {
                    others.entry(target).or_insert_with(|| server.clone())
                }
                _ => continue,
            };
            if *writer != server {
                *writer = Writer::Several;
            }
        }
    }
    let many = others.len() > VARIABLE;
    for file in files.values_mut() {
        let path = file.path.to_string_lossy();
        let mut may_write = others.iter().filter(|(target, _)| target.may_be(&path));
        if many || may_write.any(|(_, writer)| *writer != file.server) {
            file.server = Writer::Several;
        }
    }
    files.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::{NginxConfig, read};
    use super::*;

    fn config(text: &str) -> NginxConfig {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, text).unwrap();
        read(&file, Path::new("/")).unwrap()
    }

    /// Path, formats and server of each log, as `PATH FORMATS SERVER`.
    fn logs(text: &str) -> Vec<String> {
        let row = |log: &LogFile| {
            let formats: Vec<_> = log.formats.iter().map(String::as_str).collect();
            format!("{} {} {}", log.path.display(), formats.join(","), log.only_server().unwrap_or("?"))
        };
        config(text).http.log_files().iter().map(row).collect()
    }

    #[test]
    fn an_inner_level_with_logs_of_its_own_inherits_none() {
        let text = "http { access_log /all.log main; \
            server { server_name a.test www.a.test; } \
            server { server_name b.test; access_log /b.log combined buffer=32k flush=5s; access_log /b.log json if=$x; } \
            server { server_name c.test; location / { access_log off; } location /api { access_log /api.log; \
                if ($x) { access_log /if.log; } } } \
            server { access_log off; } }";
        assert_eq!(
            logs(text),
            [
                "/all.log main ?",
                "/api.log combined c.test",
                "/b.log combined,json b.test",
                "/if.log combined c.test"
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
        assert_eq!(
            logs("http { server { server_name .A.test; access_log /x; location / { access_log /x y; } } }"),
            ["/x combined,y a.test"]
        );
        // One block for each port, as with a redirect to HTTPS.
        let two = |other: &str| {
            logs(&format!(
                "http {{ server {{ server_name a; access_log /x; }} server {{ server_name {other}; access_log /x; }} }}"
            ))
        };
        assert_eq!(
            (two("a"), two("b")),
            (vec!["/x combined a".to_owned()], vec!["/x combined ?".to_owned()])
        );
        assert_eq!(logs("http { access_log /x; server { listen 80; } }"), ["/x combined "]);
        assert_eq!(two("a; listen 1"), ["/x combined a"]);
        assert_eq!(logs("http { server { server_name $hostname; access_log /x; } }"), ["/x combined ?"]);
    }

    #[test]
    fn a_log_with_variables_in_its_name_may_be_any_that_fits() {
        let with = |other: &str| {
            logs(&format!(
                "http {{ server {{ server_name a; access_log /l/a.log; }} server {{ server_name b; access_log {other}; }} }}"
            ))
        };
        for fits in
            ["/l/$host.log", "/l/${host}.log", "/$x/$host.log", "$x", "/l/a$x", "l/$host.log", "a.log"]
        {
            assert_eq!(with(fits), ["/l/a.log combined ?"], "{fits}");
        }
        for other in [
            "/m/$host.log",
            "/l/$host.err",
            "/l/$host/a.log2",
            "b.log",
            "syslog:server=unix:/l/a.log",
            "/dev/stdout",
        ] {
            assert_eq!(with(other), ["/l/a.log combined a"], "{other}");
        }
    }
}
