//! A reply from bytes, however they are cut.

use super::error::ReplyError;

pub(super) const VERSION: u8 = 1;
/// The number of our only request.
pub(super) const ID: u16 = 1;
pub(super) const BEGIN_REQUEST: u8 = 1;
pub(super) const END_REQUEST: u8 = 3;
pub(super) const PARAMS: u8 = 4;
pub(super) const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
const HEADER: usize = 8;

/// The most that is read of one answer, records and padding included. A status page has about 500 bytes.
pub const MAX_REPLY: usize = 1 << 20;

/// What a responder said, up to its END_REQUEST.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The CGI answer: headers, an empty line, the body.
    pub stdout: Vec<u8>,
    /// What was written to the error stream in between.
    pub stderr: Vec<u8>,
}

/// Takes bytes as they come and yields the reply when it is whole. Holds no more than [`MAX_REPLY`].
#[derive(Debug, Default)]
pub struct Decoder {
    /// What is not yet a whole record.
    rest: Vec<u8>,
    reply: Reply,
    received: usize,
}

impl Decoder {
    /// Takes the next bytes. Some: END_REQUEST has come.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<Reply>, ReplyError> {
        self.received += bytes.len();
        if self.received > MAX_REPLY {
            return Err(ReplyError::TooLong);
        }
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        let mut ended = Ok(None);
        while let Some(length) = record(&self.rest[at..])? {
            let record = &self.rest[at..at + length];
            let content_end = HEADER + usize::from(u16::from_be_bytes([record[4], record[5]]));
            let content = &record[HEADER..content_end];
            at += length;
            match record[1] {
                STDOUT => self.reply.stdout.extend_from_slice(content),
                STDERR => self.reply.stderr.extend_from_slice(content),
                END_REQUEST => {
                    ended = self.finish(content.to_vec());
                    break;
                }
                kind => return Err(ReplyError::Kind { kind }),
            }
        }
        self.rest.drain(..at);
        ended
    }

    fn finish(&mut self, content: Vec<u8>) -> Result<Option<Reply>, ReplyError> {
        match content.as_slice() {
            // FCGI_REQUEST_COMPLETE; what exit status a script had does not matter for its page.
            [_, _, _, _, 0, ..] => Ok(Some(std::mem::take(&mut self.reply))),
            [_, _, _, _, status, ..] => Err(ReplyError::Refused { status: *status }),
            _ => Err(ReplyError::ShortEnd { length: content.len() }),
        }
    }

    /// The other side has closed, and there was no END_REQUEST before.
    pub fn end(self) -> Result<Reply, ReplyError> {
        Err(match (self.received, self.rest.len()) {
            (0, _) => ReplyError::Nothing,
            (_, 0) => ReplyError::NoEnd { stdout: self.reply.stdout.len() },
            (_, length) => ReplyError::ShortRecord { length },
        })
    }

    /// Bytes so far.
    pub fn received(&self) -> usize {
        self.received
    }
}

/// The length of the first record with its padding; None while it is not whole. A header is judged as soon as it is
/// there: of an answer that is not FastCGI there may never come more.
fn record(bytes: &[u8]) -> Result<Option<usize>, ReplyError> {
    if let Some(&version) = bytes.first().filter(|version| **version != VERSION) {
        let start = bytes.iter().take(40).copied().collect();
        return Err(ReplyError::Version { version, start });
    }
    let Some(header) = bytes.get(..HEADER) else { return Ok(None) };
    let id = u16::from_be_bytes([header[2], header[3]]);
    if id != ID {
        return Err(ReplyError::Id { id });
    }
    let length = HEADER + usize::from(u16::from_be_bytes([header[4], header[5]])) + usize::from(header[6]);
    Ok((bytes.len() >= length).then_some(length))
}
