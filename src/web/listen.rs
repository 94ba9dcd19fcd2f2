//! Where it is listened: TCP addresses, unix sockets, sockets that systemd hands over.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::auth::Peer;
use super::config::ConfigError;
use super::stream::Stream;
use crate::sandbox;

/// Connections that the kernel keeps for us until they are accepted, capped by net.core.somaxconn (4096 since Linux
/// 5.4). When a crowd fills a shorter queue, the kernel drops an honest client's SYN, which is repeated a second later.
const BACKLOG: u32 = 4096;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is no address.
    #[error(
        "--web.listen-address {0:?} is no address: write HOST:PORT, :PORT for all interfaces, 127.0.0.1:0 for any free port, or unix:/PATH"
    )]
    Address(String),
    /// It cannot be bound.
    #[error(
        "cannot listen on {address}: {source}; is another badgateway running? Choose an address with --web.listen-address"
    )]
    Bind {
        /// What was tried.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The web configuration cannot be used.
    #[error("--web.config.file: {0}")]
    Config(#[from] ConfigError),
    /// A thread cannot be started.
    #[error("cannot start the web server: {0}")]
    Start(#[source] io::Error),
    /// Nothing was handed over.
    #[error(
        "--web.systemd-socket: systemd has handed over no socket; start it by a .socket unit, or leave the flag out"
    )]
    NoSocket,
    /// What was handed over is no listening stream socket.
    #[error("--web.systemd-socket: socket {number} cannot be listened on: {source}")]
    HandedOver {
        /// From 0, in the order of the unit.
        number: usize,
        /// Why not.
        source: io::Error,
    },
}

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// For TCP.
    Tcp(TcpListener),
    /// A unix socket; one that we made goes when this does.
    Unix {
        /// The socket.
        listener: UnixListener,
        /// Its file, if we made it.
        made: Option<Made>,
    },
}

/// A unix socket's file, removed when this is dropped if it still is the one that was made.
#[derive(Debug)]
pub struct Made {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for Made {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = sandbox::remove_socket(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Listener {
    /// The next connection, and who asks.
    pub(super) fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(context)
                .map_ok(|(stream, address)| (Stream::Tcp(stream), Peer::of(address.ip()))),
            Self::Unix { listener, .. } => {
                listener.poll_accept(context).map_ok(|(stream, _)| (Stream::Unix(stream), Peer::Local))
            }
        }
    }

    /// The file of a unix socket that we made.
    pub fn made(&self) -> Option<&Path> {
        match self {
            Self::Unix { made: Some(made), .. } => Some(&made.path),
            _ => None,
        }
    }

    /// Where it listens: `HOST:PORT` or `unix:/PATH`.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map(|address| address.to_string()).unwrap_or_default()
            }
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map_or_else(|| "unix:".to_owned(), |path| format!("unix:{}", path.display()))
            }
        }
    }
}

/// Binds `HOST:PORT` or `unix:/PATH`; `:PORT` is all interfaces, IPv6 where there is such a thing. The file of a unix socket
/// gets `mode`. Called within a tokio runtime.
///
/// # Errors
/// When the text is no address or it cannot be bound.
pub fn bind(address: &str, mode: u32) -> Result<Listener, ServerError> {
    if let Some(path) = address.strip_prefix("unix:") {
        if !path.starts_with('/') {
            return Err(ServerError::Address(address.to_owned()));
        }
        return bind_unix(Path::new(path), mode)
            .map_err(|source| ServerError::Bind { address: address.to_owned(), source });
    }
    let candidates: Vec<String> = match address.strip_prefix(':') {
        Some(port) => vec![format!("[::]:{port}"), format!("0.0.0.0:{port}")],
        None => vec![address.replacen("localhost:", "127.0.0.1:", 1)],
    };
    let mut first = None;
    for candidate in candidates {
        let parsed: SocketAddr = candidate.parse().map_err(|_| ServerError::Address(address.to_owned()))?;
        match listen(parsed) {
            Ok(listener) => return Ok(Listener::Tcp(listener)),
            Err(source) => first = first.or(Some(source)),
        }
    }
    let source = first.unwrap_or_else(|| io::ErrorKind::InvalidInput.into());
    Err(ServerError::Bind { address: address.to_owned(), source })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart must not wait for connections of the process before it to leave TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<Listener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    let made = Made { path: path.to_owned(), identity: identity(path)? };
    // Until here the umask holds, which leaves out others than the owner: to connect, one must be able to write.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(Listener::Unix { listener, made: Some(made) })
}

/// Removes the socket of a process that has ended. One on which somebody listens, and what is no socket, stays.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !std::fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::other("a file that is no socket is there"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// The sockets that systemd hands over (`LISTEN_FDS`). Called within a tokio runtime.
///
/// # Errors
/// When there is none, or one cannot be listened on.
pub fn handed_over() -> Result<Vec<Listener>, ServerError> {
    let mut sockets = listenfd::ListenFd::from_env();
    if sockets.len() == 0 {
        return Err(ServerError::NoSocket);
    }
    let count = sockets.len();
    (0..count)
        .map(|number| take(&mut sockets, number).map_err(|source| ServerError::HandedOver { number, source }))
        .collect()
}

fn take(sockets: &mut listenfd::ListenFd, number: usize) -> io::Result<Listener> {
    // Each kind refuses a socket of another one and leaves it where it is.
    if let Ok(Some(socket)) = sockets.take_tcp_listener(number) {
        socket.set_nonblocking(true)?;
        return Ok(Listener::Tcp(TcpListener::from_std(socket)?));
    }
    let socket = sockets.take_unix_listener(number)?;
    let socket = socket.ok_or_else(|| io::Error::other("it was taken already"))?;
    socket.set_nonblocking(true)?;
    Ok(Listener::Unix { listener: UnixListener::from_std(socket)?, made: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_socket_is_replaced_a_living_one_and_another_file_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let address = format!("unix:{}", path.display());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a process that was killed leaves it");
        let listener = bind(&address, 0o660).unwrap();
        assert_eq!(listener.address(), address);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o660);
        let second = bind(&address, 0o660).unwrap_err();
        assert!(matches!(second, ServerError::Bind { .. }), "{second}");
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!path.exists(), "it goes with its listener");
        std::fs::write(&path, "mine").unwrap();
        assert!(bind(&address, 0o660).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[tokio::test]
    async fn the_socket_of_a_later_process_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.sock");
        let listener = bind(&format!("unix:{}", path.display()), 0o600).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _later = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(listener);
        assert!(path.exists());
    }

    #[tokio::test]
    async fn what_is_no_address_is_said() {
        for text in ["", "unix:", "unix:relative", "10502", "host:port", "http://127.0.0.1:1"] {
            assert!(matches!(bind(text, 0o660), Err(ServerError::Address(_))), "{text}");
        }
    }
}
