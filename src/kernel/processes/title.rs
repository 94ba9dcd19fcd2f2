//! What PHP-FPM writes over its command line (fpm_env.c, `fpm_env_setproctitle`; fpm_conf.c for the master's,
//! fpm_children.c for a worker's), and nginx over its master's (ngx_process_cycle.c, `master_process`). Angie has its version and
//! the number of its configuration in front of the command line, in brackets.
//!
//! The title is cut to the room that arguments and environment had, and padded. Anyone can give himself such a
//! title: whose is believed is for `trust` to say, and a worker is believed only as the child of a master.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::label::label;

/// What a process says it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Title {
    /// `php-fpm: master process (PATH)`; no path if it was cut.
    Master(Option<PathBuf>),
    /// `php-fpm: pool NAME`, the name as it is shown.
    Pool(String),
    /// `nginx: master process ARGV…`, the words of the command line joined by spaces.
    Nginx(String),
}

impl Title {
    pub(super) fn parse(cmdline: &[u8]) -> Option<Self> {
        let title = cmdline.split(|b| *b == 0).next()?.trim_ascii_end();
        if let Some(argv) = title.strip_prefix(b"nginx: master process ") {
            return Some(Self::Nginx(String::from_utf8_lossy(argv).into_owned()));
        }
        if let Some(version) = title.strip_prefix(b"angie: master process ") {
            let argv = version.splitn(2, |byte| *byte == b'[').nth(1)?;
            let argv = argv.strip_suffix(b"]").unwrap_or(argv);
            return Some(Self::Nginx(String::from_utf8_lossy(argv).into_owned()));
        }
        let title = title.strip_prefix(b"php-fpm: ")?;
        if let Some(pool) = title.strip_prefix(b"pool ") {
            return Some(Self::Pool(label(pool).into_owned()));
        }
        let rest = title.strip_prefix(b"master process")?;
        let path = rest.strip_prefix(b" (").and_then(|rest| rest.strip_suffix(b")"));
        Some(Self::Master(path.map(|path| OsStr::from_bytes(path).into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    #[test]
    fn padding_is_no_part_of_it() {
        let pool = |name: &str| Some(Title::Pool(name.into()));
        assert_eq!(Title::parse(b"php-fpm: pool www"), pool("www"));
        assert_eq!(Title::parse(b"php-fpm: pool www\0\0\0\0"), pool("www"));
        assert_eq!(Title::parse(b"php-fpm: pool www      \0"), pool("www"));
        assert_eq!(
            Title::parse(b"php-fpm: master process (/etc/php-fpm.conf)\0\0"),
            Some(Title::Master(Some("/etc/php-fpm.conf".into())))
        );
    }

    #[test]
    fn a_path_that_was_cut_is_no_path() {
        assert_eq!(Title::parse(b"php-fpm: master process (/etc/php-f\0"), Some(Title::Master(None)));
        assert_eq!(Title::parse(b"php-fpm: master process\0"), Some(Title::Master(None)));
    }

    #[test]
    fn nginx_s_master_tells_its_command_line() {
        let title = Title::parse(b"nginx: master process /usr/sbin/nginx -c /srv/n.conf\0\0");
        assert_eq!(title, Some(Title::Nginx("/usr/sbin/nginx -c /srv/n.conf".into())));
        assert_eq!(Title::parse(b"nginx: worker process\0"), None);
        let angie = |title: &str| Title::parse(title.as_bytes());
        let argv = |argv: &str| Some(Title::Nginx(argv.into()));
        assert_eq!(
            angie("angie: master process v1.10.3 #1 [/usr/sbin/angie -c /etc/angie/angie.conf]"),
            argv("/usr/sbin/angie -c /etc/angie/angie.conf")
        );
        assert_eq!(
            angie("angie: master process v1.11.5 PRO #12 [angie -g a b[1];]"),
            argv("angie -g a b[1];")
        );
        assert_eq!(angie("angie: master process v1.7.0 #1 [angie -c /x"), argv("angie -c /x"), "cut");
        for other in
            ["angie: worker process #1", "angie: master process v1", "angie: single process v1 #1 [angie]"]
        {
            assert_eq!(angie(other), None, "{other}");
        }
    }

    #[test]
    fn others_are_others() {
        for other in [b"php-fpm\0-F\0".as_slice(), b"", b"\0", b"nginx: master process\0", b"php-fpm: po"] {
            assert_eq!(Title::parse(other), None);
        }
    }

    #[test]
    fn damaged_text_does_not_panic() {
        let titles = [
            &b"php-fpm: master process (/etc/php-fpm.conf)\0\0"[..],
            b"php-fpm: pool www\0",
            b"nginx: master process nginx -p /p -c /etc/n.conf -g 'daemon off;'\0",
        ];
        let words = &["php-fpm: ", "nginx: ", "master process ", "pool ", "\0", " -c ", "("];
        fuzz::target("proc_cmdline", titles.map(<[u8]>::to_vec).into(), words, |text| {
            drop(Title::parse(text));
        });
    }
}
