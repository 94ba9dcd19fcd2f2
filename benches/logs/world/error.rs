//! Error-log entries.

use std::io::Write;

use super::kinds::{Kind, Peer};
use super::{Attempt, World};

impl World {
    /// Appends the entry that the present request leaves, if it leaves one.
    pub(crate) fn error_entry(&self, out: &mut Vec<u8>) {
        if let Some(kind) = self.now.kind {
            self.entry(kind, self.now.attempts.first(), out);
        }
    }

    /// Appends an entry without meaning.
    pub(crate) fn noise_entry(&self, kind: &Kind, out: &mut Vec<u8>) {
        self.entry(kind, None, out);
    }

    fn entry(&self, kind: &Kind, attempt: Option<&Attempt>, out: &mut Vec<u8>) {
        self.write_entry(kind, attempt, out).expect("writing to memory");
    }

    fn write_entry(&self, kind: &Kind, attempt: Option<&Attempt>, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (now, stamp) = (&self.now, &self.clock.error);
        let (pid, number, client) = (now.connection.pid, now.connection.number, now.connection.client);
        write!(out, "{stamp} [{}] {pid}#{pid}: *{number} ", kind.level)?;
        match kind.message.split_once('{') {
            Some((before, after)) if after.starts_with("peer}") || after.starts_with("uri}") => {
                let filled = attempt.map_or(now.uri(), |attempt| attempt.address);
                write!(out, "{before}{filled}{}", &after[after.find('}').expect("a name in braces") + 1..])?;
            }
            _ => out.write_all(kind.message.as_bytes())?,
        }
        let (action, server) = (kind.action, now.server);
        write!(out, "{action}, client: {client}, server: {server}, request: \"{}\"", now.line)?;
        if let Some(Attempt { peer, address, .. }) = attempt {
            let uri = match peer {
                Peer::Unix => ":",
                Peer::Fastcgi => "",
                _ => now.uri(),
            };
            write!(out, ", upstream: \"{}{address}{uri}\"", peer.schema())?;
        }
        write!(out, ", host: \"{server}\"")?;
        if now.referer != "-" {
            write!(out, ", referrer: \"{}\"", now.referer)?;
        }
        out.write_all(b"\n")
    }
}
