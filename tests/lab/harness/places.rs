//! Names for the addresses and paths of one run.
//!
//! Nothing in the lab has a fixed port or path, so tables and nginx configuration write `@name@` and the run fills it in.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Mutex, PoisonError},
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

    /// What the names stand for.
    #[allow(dead_code, reason = "not everybody who shares this asks")]
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
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

/// A run of ports that this process has claimed: the first one is bound as long as the process lives, and whoever
/// wants the same run finds it taken.
struct Claim {
    _first: TcpListener,
    next: u16,
    end: u16,
}

/// A TCP port of the loopback address that nobody listens on, and that no other lab on this machine will take.
///
/// Taken from below the range of automatic ports (32768 and up on Linux), so that no outgoing connection can occupy it
/// while a server of ours is being restarted on it.
pub(crate) fn free_port() -> Result<u16> {
    static CLAIM: Mutex<Option<Vec<Claim>>> = Mutex::new(None);
    let mut claims = CLAIM.lock().unwrap_or_else(PoisonError::into_inner);
    let claims = claims.get_or_insert_default();
    loop {
        if let Some(claim) = claims.last_mut() {
            while claim.next < claim.end {
                claim.next += 1;
                if TcpListener::bind(("127.0.0.1", claim.next)).is_ok() {
                    return Ok(claim.next);
                }
            }
        }
        claims.push(claim()?);
    }
}

/// Claims the next run that nobody has.
fn claim() -> Result<Claim> {
    const FIRST: u16 = 15_000;
    const LENGTH: u16 = 128;
    const RUNS: u16 = 130;
    let start = u16::try_from(std::process::id() % u32::from(RUNS)).unwrap_or_default();
    for number in 0..RUNS {
        let first = FIRST + (start + number) % RUNS * LENGTH;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", first)) {
            return Ok(Claim { _first: listener, next: first, end: first + LENGTH - 1 });
        }
    }
    Err("no free TCP ports on 127.0.0.1".into())
}

/// An address of the loopback interface with a port from [`free_port`].
pub(crate) fn free_address() -> Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}
