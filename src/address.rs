//! Where a pool listens, as PHP-FPM's configuration and nginx's logs spell it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The address of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Listener {
    /// A Unix socket, by the name it was bound under: `/proc/net/unix` knows no other.
    Unix(PathBuf),
    /// A TCP port.
    Tcp {
        /// `None` is any address of this machine, IPv4 and IPv6.
        host: Option<IpAddr>,
        /// The port, never 0.
        port: u16,
    },
}

/// Why a text is no address of a listener.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
pub enum ListenerError {
    /// Neither a path nor a port.
    #[error("'{0}' is no address to listen on: a path, a port, or ADDRESS:PORT was expected.")]
    Malformed(String),
    /// Names are not looked up: what PHP-FPM got for it when it started may differ from what we would get.
    #[error("'{0}' names a host. Only its IP address can be found among the kernel's sockets.")]
    Hostname(String),
}

impl Listener {
    /// From a pool's `listen`. PHP-FPM takes digits, and everything with a colon, for TCP
    /// (fpm_sockets.c, `fpm_sockets_domain_from_address`).
    pub fn from_fpm(listen: &str) -> Result<Self, ListenerError> {
        let listen = listen.trim();
        let malformed = || ListenerError::Malformed(listen.into());
        if !listen.is_empty() && listen.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Tcp { host: None, port: port(listen).ok_or_else(malformed)? });
        }
        match listen.rsplit_once(':') {
            None if listen.is_empty() => Err(malformed()),
            None => Ok(Self::Unix(listen.into())),
            // PHP-FPM listens at 127.0.0.1 and [::1], and nginx connects to the first.
            Some(("localhost", digits)) => {
                let host = Some(Ipv4Addr::LOCALHOST.into());
                Ok(Self::Tcp { host, port: port(digits).ok_or_else(malformed)? })
            }
            Some(("*", digits)) => Ok(Self::Tcp { host: None, port: port(digits).ok_or_else(malformed)? }),
            Some(_) => Self::tcp(listen),
        }
    }

    /// From nginx's `$upstream_addr` or `upstream:`: one address, `unix:` before a path.
    pub fn from_upstream(upstream: &str) -> Result<Self, ListenerError> {
        match upstream.strip_prefix("unix:") {
            Some("") => Err(ListenerError::Malformed(upstream.into())),
            Some(path) => Ok(Self::Unix(path.into())),
            None => Self::tcp(upstream),
        }
    }

    fn tcp(text: &str) -> Result<Self, ListenerError> {
        let (host, digits) = text.rsplit_once(':').ok_or_else(|| ListenerError::Malformed(text.into()))?;
        let port = port(digits).ok_or_else(|| ListenerError::Malformed(text.into()))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = match bare.parse::<IpAddr>() {
            Ok(host) => host.to_canonical(),
            Err(_) if bare.is_empty() || bare.contains([':', '/', '[', ']', ' ']) => {
                return Err(ListenerError::Malformed(text.into()));
            }
            Err(_) => return Err(ListenerError::Hostname(text.into())),
        };
        Ok(Self::Tcp { host: (!host.is_unspecified()).then_some(host), port })
    }

    /// As nginx logs it. A pool on any address is given the one that nginx on the same machine connects to.
    pub fn upstream(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix:{}", path.display()),
            Self::Tcp { host, port } => {
                SocketAddr::new(host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), *port).to_string()
            }
        }
    }

    /// As PHP-FPM's `listen` spells it: [`Listener::from_fpm`] reads it back.
    pub fn fpm(&self) -> String {
        match self {
            Self::Unix(path) => path.display().to_string(),
            Self::Tcp { .. } => self.to_string(),
        }
    }

    /// With a socket's path as its links lead: Debian's /run/php/php-fpm.sock leads over /etc/alternatives to
    /// php8.4-fpm.sock, also while that does not exist, and /var/run is mostly /run.
    pub fn resolved(&self) -> Self {
        match self {
            Self::Unix(path) => Self::Unix(resolve(path)),
            Self::Tcp { .. } => self.clone(),
        }
    }

    /// Whether a connection to `upstream` comes out here, on one machine, when both are [`Listener::resolved`].
    pub fn accepts(&self, upstream: &Self) -> bool {
        match (self, upstream) {
            (Self::Tcp { host: None, port }, Self::Tcp { port: other, .. }) => port == other,
            _ => self == upstream,
        }
    }
}

/// Where a path leads by its links, the last of which may lead to nothing.
fn resolve(path: &Path) -> PathBuf {
    /// As many links as the kernel follows (path_resolution(7)).
    const LINKS: usize = 40;
    let mut at = path.to_path_buf();
    for _ in 0..LINKS {
        let parent = at.parent().and_then(|parent| parent.canonicalize().ok());
        if let Some((parent, name)) = parent.zip(at.file_name()) {
            at = parent.join(name);
        }
        match (at.read_link(), at.parent()) {
            (Ok(target), Some(parent)) => at = parent.join(target),
            _ => break,
        }
    }
    at
}

fn port(digits: &str) -> Option<u16> {
    let digits = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().filter(|port| *port != 0)
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host: None, port } => write!(f, "*:{port}"),
            _ => f.write_str(&self.upstream()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz;

    fn tcp(host: &str, port: u16) -> Listener {
        Listener::Tcp { host: Some(host.parse().unwrap()), port }
    }

    #[test]
    fn as_php_fpm_spells_it() {
        let any = Listener::Tcp { host: None, port: 9000 };
        for (listen, expected) in [
            ("/run/php/x.sock", Listener::Unix("/run/php/x.sock".into())),
            ("x.sock", Listener::Unix("x.sock".into())),
            ("127.0.0.1:9000", tcp("127.0.0.1", 9000)),
            ("[::1]:9000", tcp("::1", 9000)),
            ("localhost:9000", tcp("127.0.0.1", 9000)),
            ("[::ffff:127.0.0.1]:9000", tcp("127.0.0.1", 9000)),
            ("9000", any.clone()),
            ("*:9000", any.clone()),
            ("0.0.0.0:9000", any.clone()),
            ("[::]:9000", any),
        ] {
            assert_eq!(Listener::from_fpm(listen), Ok(expected), "{listen}");
        }
        assert_eq!(Listener::from_fpm("php:9000"), Err(ListenerError::Hostname("php:9000".into())));
        for wrong in ["", "0", "65536", "127.0.0.1:0", ":9000", "127.0.0.1:", "127.0.0.1:+9", "/run/a:b"] {
            assert_eq!(Listener::from_fpm(wrong), Err(ListenerError::Malformed(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn as_nginx_spells_it_and_back() {
        for text in ["unix:/run/php/x.sock", "127.0.0.1:9000", "[::1]:9000"] {
            assert_eq!(Listener::from_upstream(text).unwrap().upstream(), text);
        }
        for wrong in ["unix:", "php", "9000", "-", "127.0.0.1:9000, 127.0.0.1:9001"] {
            assert!(Listener::from_upstream(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pool_on_any_address_takes_what_comes_for_one() {
        let any = Listener::Tcp { host: None, port: 9000 };
        assert!(any.accepts(&tcp("10.0.0.1", 9000)) && !any.accepts(&tcp("10.0.0.1", 9001)));
        assert!(!tcp("127.0.0.1", 9000).accepts(&tcp("10.0.0.1", 9000)));
        assert_eq!((any.to_string(), any.upstream()), ("*:9000".into(), "127.0.0.1:9000".into()));
    }

    #[test]
    fn paths_that_lead_to_one_socket_are_one_address() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| Listener::Unix(dir.path().join(name));
        std::fs::create_dir_all(dir.path().join("run/php")).unwrap();
        std::fs::create_dir_all(dir.path().join("alternatives")).unwrap();
        symlink("run", dir.path().join("var-run")).unwrap();
        symlink(dir.path().join("alternatives/php-fpm.sock"), dir.path().join("run/php/php-fpm.sock"))
            .unwrap();
        symlink(dir.path().join("run/php/php8.4-fpm.sock"), dir.path().join("alternatives/php-fpm.sock"))
            .unwrap();
        symlink("loop", dir.path().join("run/loop")).unwrap();
        let bound = at("run/php/php8.4-fpm.sock").resolved();
        for exists in [false, true] {
            assert_eq!(at("run/php/php-fpm.sock").resolved(), bound, "{exists}");
            assert_eq!(at("var-run/php/php-fpm.sock").resolved(), bound, "{exists}");
            assert_ne!(at("run/php/php8.2-fpm.sock").resolved(), bound, "{exists}");
            assert_ne!(at("run/loop").resolved(), bound, "it ends");
            std::fs::write(dir.path().join("run/php/php8.4-fpm.sock"), "").unwrap();
        }
        assert_eq!(Listener::Unix("/nowhere/x".into()).resolved(), Listener::Unix("/nowhere/x".into()));
    }

    #[test]
    fn a_listener_is_read_back_as_php_fpm_spells_it() {
        for listen in ["/run/x.sock", "127.0.0.1:9000", "[::1]:9000", "*:9000"] {
            let listener = Listener::from_fpm(listen).unwrap();
            assert_eq!(Listener::from_fpm(&listener.fpm()), Ok(listener));
        }
    }

    #[test]
    fn damaged_text_does_not_panic() {
        let seeds = ["[::ffff:127.0.0.1]:9000", "unix:/run/php/x.sock", "*:9000", "localhost:9000"];
        fuzz::target("address", seeds.map(Into::into).into(), &["unix:", "[", "]:", "::", "/../"], |text| {
            let text = String::from_utf8_lossy(text);
            let _ = (Listener::from_fpm(&text), Listener::from_upstream(&text));
        });
    }
}
