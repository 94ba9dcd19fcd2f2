//! Names for the addresses and paths of one run.
//!
//! Nothing in the lab has a fixed port or path, so tables and nginx configuration write `@name@` and the run fills it in.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::atomic::{AtomicU16, Ordering},
};

use super::Result;

/// What each `@name@` stands for.
#[derive(Clone, Default)]
pub(crate) struct Places(BTreeMap<String, String>);

impl Places {
    /// Gives `name` its value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Replaces every `@name@`. nginx's own `@named` locations have no second `@` and stay as they are.
    pub(crate) fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('@') {
            let after = &rest[at + 1..];
            let length =
                after.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            filled.push_str(&rest[..at]);
            if length > 0 && after[length..].starts_with('@') {
                let name = &after[..length];
                let value = self.0.get(name).ok_or_else(|| format!("no place is called @{name}@"))?;
                filled.push_str(value);
                rest = &after[length + 1..];
            } else {
                filled.push('@');
                rest = after;
            }
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// A TCP port of the loopback address that nobody listens on.
///
/// Taken from below the range of automatic ports (32768 and up on Linux), so that no outgoing connection can occupy it
/// while a server of ours is being restarted on it.
pub(crate) fn free_port() -> Result<u16> {
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 15_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + step % COUNT) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err("no free TCP port on 127.0.0.1".into())
}

/// An address of the loopback interface with a port from [`free_port`].
pub(crate) fn free_address() -> Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}
