//! The side of FastCGI that asks: one request on one connection.
//!
//! Encoder and decoder touch no socket ([`encode`], [`Decoder`]); [`ask`] puts them on one. What PHP-FPM does is in
//! main/fastcgi.c.

mod decode;
mod encode;
mod error;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

pub use self::decode::{Decoder, MAX_REPLY, Reply};
pub use self::encode::encode;
pub(super) use self::error::quote;
pub use self::error::{AskError, ReplyError};

/// How long a question may take in all, unless told otherwise.
pub const DEADLINE: Duration = Duration::from_secs(1);

/// Where a pool listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// A unix socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

impl FromStr for Address {
    type Err = std::convert::Infallible;

    /// Reads a `listen` as PHP-FPM does (`fpm_sockets_domain_from_address`). A bare port, and one on any address, is
    /// asked for on this machine.
    fn from_str(listen: &str) -> Result<Self, Self::Err> {
        let port = if listen.bytes().all(|byte| byte.is_ascii_digit()) { Some(listen) } else { None };
        Ok(match (port, listen.rsplit_once(':')) {
            (Some(port), _) | (None, Some(("0.0.0.0" | "*" | "", port))) => {
                Self::Tcp(format!("127.0.0.1:{port}"))
            }
            (None, Some(("[::]", port))) => Self::Tcp(format!("[::1]:{port}")),
            (None, Some(_)) => Self::Tcp(listen.to_owned()),
            (None, None) => Self::Unix(listen.into()),
        })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(to, "unix:{}", path.display()),
            Self::Tcp(address) => to.write_str(address),
        }
    }
}

/// Asks for `script` with `query`: connects, writes, reads the reply, all within `deadline`.
pub async fn ask(
    address: &Address,
    script: &str,
    query: &str,
    deadline: Duration,
) -> Result<Reply, AskError> {
    let request = encode(script, query);
    let mut at = "connecting";
    let work = async {
        match address {
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(AskError::Connect)?;
                exchange(stream, &request, &mut at).await
            }
            Address::Tcp(address) => {
                let stream = connect(address).await.map_err(AskError::Connect)?;
                exchange(stream, &request, &mut at).await
            }
        }
    };
    let ended = tokio::time::timeout(deadline, work).await;
    ended.unwrap_or(Err(AskError::Deadline { deadline, at }))
}

/// A name is looked up on a thread of tokio's, which no deadline can call back; so the one that is common is not.
async fn connect(address: &str) -> std::io::Result<TcpStream> {
    match address.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        Some(port) => {
            let both: [SocketAddr; 2] =
                [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
            TcpStream::connect(&both[..]).await
        }
        None => TcpStream::connect(address).await,
    }
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    request: &[u8],
    at: &mut &'static str,
) -> Result<Reply, AskError> {
    *at = "sending the request";
    stream.write_all(request).await.map_err(AskError::Write)?;
    *at = "waiting for an answer";
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 8 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return Ok(decoder.end()?),
            Ok(length) => {
                *at = "reading the answer";
                if let Some(reply) = decoder.feed(&buffer[..length])? {
                    return Ok(reply);
                }
            }
            // A worker that is killed resets the connection; what came before it still tells more.
            Err(source) => return Err(AskError::Read { source, received: decoder.received() }),
        }
    }
}
