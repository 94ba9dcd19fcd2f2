//! The commands of a runbook with the paths of this machine in place of Debian's usual ones.

use std::borrow::Cow;

use crate::label::LONGEST;
use crate::record::LogKind;
use crate::runbooks;
use crate::sample::machine::Pool;
use crate::view::View;

/// How runbooks call these; what they are here is put in their place.
const ACCESS_LOG: &str = "/var/log/nginx/access.log";
const ERROR_LOG: &str = "/var/log/nginx/error.log";
const FPM_LOG: &str = "/var/log/php8.2-fpm.log";
const SOCKET: &str = "/run/php/php8.2-fpm.sock";
const SERVICE: &str = "php8.2-fpm";

/// The commands with which to begin.
pub(super) fn of(alert: &str, view: &View, pool: Option<&Pool>) -> Vec<String> {
    let commands = runbooks::find(alert).map(runbooks::Runbook::first_commands).unwrap_or_default();
    commands.iter().map(|command| here(command, view, pool)).collect()
}

/// A text of a runbook, or a fix, as it is right here.
pub(super) fn here(text: &str, view: &View, pool: Option<&Pool>) -> String {
    let socket = pool.and_then(|pool| pool.upstream.strip_prefix("unix:"));
    // PHP-FPM's names are those of Debian's directories where they are versions.
    let version = pool.map(|pool| pool.fpm.as_str()).filter(|fpm| {
        fpm.starts_with(|c: char| c.is_ascii_digit()) && fpm.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    let replaced = [
        (ACCESS_LOG, log(view, LogKind::Access)),
        (ERROR_LOG, log(view, LogKind::Error)),
        (FPM_LOG, log(view, LogKind::Fpm)),
        (SOCKET, socket),
    ];
    let mut text = text.to_owned();
    for (usual, path) in replaced {
        if let Some(path) = path.filter(|path| is_whole(path) && *path != usual) {
            text = text.replace(usual, &quoted(path));
        }
    }
    match version {
        // Not within a path, which was just put there.
        Some(version) if version != "8.2" => {
            text.replace(&format!(" {SERVICE}"), &format!(" php{version}-fpm"))
        }
        _ => text,
    }
}

/// The log of a kind, if there is one: of several that can be read it is not known which one is meant.
fn log(view: &View, kind: LogKind) -> Option<&str> {
    let mut logs = view.logs.iter().filter(|log| log.kind == Some(kind) && log.readable.is_some());
    logs.next().filter(|_| logs.next().is_none()).map(|log| log.log.as_str())
}

/// Names that were cut or in which something is made visible are no paths.
fn is_whole(path: &str) -> bool {
    path.starts_with('/') && path.len() < LONGEST && !path.contains("\\u{")
}

/// As a word of a shell.
pub(super) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::LogState;

    fn view(logs: &[(&str, LogKind)]) -> View {
        let log = |(path, kind): &(&str, LogKind)| LogState {
            log: (*path).to_owned(),
            kind: Some(*kind),
            readable: Some(true),
            ..LogState::default()
        };
        View { logs: logs.iter().map(log).collect(), ..View::default() }
    }

    #[test]
    fn paths_are_those_of_this_machine_and_safe_in_a_shell() {
        let command = "sudo tail -n 20 /var/log/nginx/error.log";
        for (path, typed) in [
            ("/var/log/nginx/error.log", "/var/log/nginx/error.log"),
            ("/srv/log/e.log", "/srv/log/e.log"),
            ("/srv/my log; rm -rf $(x)", "'/srv/my log; rm -rf $(x)'"),
            ("/srv/it's", "'/srv/it'\\''s'"),
            ("/srv/\\u{1b}", "/var/log/nginx/error.log"),
            ("other", "/var/log/nginx/error.log"),
        ] {
            let here = here(command, &view(&[(path, LogKind::Error)]), None);
            assert_eq!(here, format!("sudo tail -n 20 {typed}"));
        }
        let two =
            view(&[("/a.log", LogKind::Error), ("/b.log", LogKind::Error), ("/c.log", LogKind::Access)]);
        assert_eq!(here(command, &two, None), command, "it is not known which one is meant");
    }

    #[test]
    fn the_service_is_that_of_the_pool() {
        let pool =
            |fpm: &str| Pool { fpm: fpm.into(), upstream: "unix:/run/a.sock".into(), ..Pool::default() };
        let told = |fpm: &str| {
            here(
                "namei -l /run/php/php8.2-fpm.sock; systemctl start php8.2-fpm",
                &View::default(),
                Some(&pool(fpm)),
            )
        };
        assert_eq!(told("8.4"), "namei -l /run/a.sock; systemctl start php8.4-fpm");
        assert_eq!(told("pool; x"), "namei -l /run/a.sock; systemctl start php8.2-fpm");
    }
}
