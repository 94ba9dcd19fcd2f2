//! Which address is listened on.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps for us until they are accepted, capped by net.core.somaxconn (4096 since Linux
/// 5.4). When a crowd fills a shorter queue, the kernel drops an honest client's SYN, which is repeated a second later.
const BACKLOG: u32 = 4096;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is no address.
    #[error(
        "--web.listen-address {0:?} is no address: write HOST:PORT, :PORT for all interfaces, or 127.0.0.1:0 for any free port"
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
}

/// Binds `HOST:PORT`; `:PORT` is all interfaces, IPv6 where there is such a thing. Called within a tokio runtime.
///
/// # Errors
/// When the text is no address or it cannot be bound.
pub fn bind(address: &str) -> Result<TcpListener, ServerError> {
    let candidates: Vec<String> = match address.strip_prefix(':') {
        Some(port) => vec![format!("[::]:{port}"), format!("0.0.0.0:{port}")],
        None => vec![address.replacen("localhost:", "127.0.0.1:", 1)],
    };
    let mut first = None;
    for candidate in candidates {
        let parsed: SocketAddr = candidate.parse().map_err(|_| ServerError::Address(address.to_owned()))?;
        match listen(parsed) {
            Ok(listener) => return Ok(listener),
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
