//! Peers that fail during the TLS handshake, and the certificate for those that do not.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Server, wait_for_close};
use crate::{Result, find_program, open_to_all};

/// How a peer behaves after it got the first byte of the ClientHello.
#[derive(Clone, Copy)]
pub enum TlsFault {
    /// Reads what is there and closes: FIN.
    Close,
    /// Closes with the rest unread: RST.
    Reset,
    /// Says nothing.
    Stall,
}

/// A TCP server that never completes a handshake.
pub fn tls_fault(fault: TlsFault) -> Result<Server> {
    Server::tcp(move |mut stream| {
        let mut hello = [0; 16 * 1024];
        let wanted = if matches!(fault, TlsFault::Reset) { 1 } else { hello.len() };
        let read = stream.read(&mut hello[..wanted]);
        if read.is_ok() && matches!(fault, TlsFault::Stall) {
            wait_for_close(&mut stream);
        }
    })
}

/// A self-signed certificate for `lab.test` and its key, `NAME.crt` and `NAME.key`, made by the openssl command.
pub fn self_signed(dir: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
    let openssl = find_program(&["openssl"], "openssl")?;
    let (certificate, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=lab.test", "-addext", "subjectAltName=DNS:lab.test"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if !made.success() {
        return Err("openssl cannot make a self-signed certificate".into());
    }
    open_to_all(&certificate, 0o644)?;
    Ok((certificate, key))
}
