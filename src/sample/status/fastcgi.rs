//! The side of FastCGI that asks: one request on one connection.
//!
//! Encoder and decoder touch no socket ([`encode`], [`Decoder`]); [`ask`] puts them on one. What PHP-FPM does is in
//! main/fastcgi.c.

mod decode;
mod encode;
mod error;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::address::Listener;

pub use self::decode::{Decoder, MAX_REPLY, Reply};
pub use self::encode::encode;
pub(super) use self::error::quote;
pub use self::error::{AskError, ReplyError};

/// How long a question may take in all, unless told otherwise.
pub const DEADLINE: Duration = Duration::from_secs(1);

/// Asks for `script` with `query`: connects, writes, reads the reply, all within `deadline`.
pub async fn ask(
    address: &Listener,
    script: &str,
    query: &str,
    deadline: Duration,
) -> Result<Reply, AskError> {
    let request = encode(script, query);
    let mut at = "connecting";
    let work = async {
        match address {
            Listener::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(AskError::Connect)?;
                exchange(stream, &request, &mut at).await
            }
            Listener::Tcp { host, port } => {
                let stream = connect(*host, *port).await.map_err(AskError::Connect)?;
                exchange(stream, &request, &mut at).await
            }
        }
    };
    let ended = tokio::time::timeout(deadline, work).await;
    ended.unwrap_or(Err(AskError::Deadline { deadline, at }))
}

/// One that listens on any address may do so on those of IPv6 only.
async fn connect(host: Option<IpAddr>, port: u16) -> std::io::Result<TcpStream> {
    match host {
        Some(host) => TcpStream::connect((host, port)).await,
        None => {
            let both = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
            TcpStream::connect(&both.map(|host| SocketAddr::new(host, port))[..]).await
        }
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
