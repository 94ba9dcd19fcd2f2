//! Addresses that never get as far as a conversation: one that refuses, one whose queue is full.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Runtime},
};

use crate::{Result, ports::free_address};

/// A port that is taken, so that nobody else can get it, but refuses every connection.
pub struct ClosedPort {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Bound, never listening: the standard library cannot do that.
    _socket: TcpSocket,
}

/// Reserves a port that refuses connections.
pub fn closed_port() -> Result<ClosedPort> {
    let address = free_address()?;
    let socket = TcpSocket::new_v4()?;
    // An earlier run may have left connections in TIME_WAIT on the same port.
    socket.set_reuseaddr(true)?;
    socket.bind(address.parse()?)?;
    Ok(ClosedPort { address, _socket: socket })
}

/// A TCP listener that accepts nothing and whose queue is full: the kernel drops every further SYN.
pub struct FullPort {
    /// `127.0.0.1:PORT`.
    pub address: String,
    _listener: TcpListener,
    _waiting: Vec<TcpStream>,
    _runtime: Runtime,
}

/// Opens a listener with the smallest queue and fills it.
pub fn full_port() -> Result<FullPort> {
    let address = free_address()?;
    let target: SocketAddr = address.parse()?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(target)?;
        socket.listen(1)
    })?;
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&target, Duration::from_millis(200)) {
        waiting.push(stream);
        if waiting.len() > 64 {
            return Err("a listener with a backlog of 1 accepts more than 64 connections".into());
        }
    }
    Ok(FullPort { address, _listener: listener, _waiting: waiting, _runtime: runtime })
}
