//! Peers that misbehave on purpose, each in one exact way, on sockets of our own.
//!
//! A server of this module has one address and many faults: the request says which one it wants, so that a table row
//! needs a path and not a program.

mod fastcgi;
mod http;
mod sockets;
mod tls;

pub use fastcgi::fastcgi_faults;
pub use http::{http_faults, http_good, http_stale_keepalive};
pub use sockets::{ClosedPort, FullPort, closed_port, full_port};
pub use tls::{TlsFault, self_signed, tls_fault};

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{Result, open_to_all, ports::free_address};

/// No peer waits longer than this for anything: a lab must end.
const LONGEST: Duration = Duration::from_secs(10);

/// A listening server; dropping it ends its accepting thread.
pub struct Server {
    /// As nginx is to be told: `127.0.0.1:PORT` or a socket path.
    pub address: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Accepts TCP connections and gives each to `serve` in a thread of its own.
    pub fn tcp(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Result<Self> {
        let address = free_address()?;
        let listener = TcpListener::bind(&address)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serve = serve.clone();
                thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(LONGEST));
                    let _ = stream.set_nodelay(true);
                    serve(stream);
                });
            }
        });
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// The same on a unix socket that every user may connect to.
    pub fn unix(path: &Path, serve: impl Fn(UnixStream) + Clone + Send + 'static) -> Result<Self> {
        let listener = UnixListener::bind(path)?;
        open_to_all(path, 0o777)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serve = serve.clone();
                thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(LONGEST));
                    serve(stream);
                });
            }
        });
        Ok(Self { address: path.display().to_string(), stop, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // accept() returns only for a connection: make one.
        let woken = if self.address.starts_with('/') {
            UnixStream::connect(PathBuf::from(&self.address)).is_ok()
        } else {
            TcpStream::connect(&self.address).is_ok()
        };
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

/// Reads and drops everything until the peer closes: how a fault that stalls waits for nginx to give up.
fn wait_for_close(stream: &mut impl Read) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).is_ok_and(|count| count > 0) {}
}
