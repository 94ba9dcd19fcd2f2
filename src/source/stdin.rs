//! Standard input as a live log, read by a thread of its own because it blocks.

use std::mem::take;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::{Buffer, Offline, OpenError};

/// Blocks that wait between the two threads: enough to keep both busy, too few to grow.
const DEPTH: usize = 4;

/// What standard input brings.
pub struct Stdin {
    blocks: Receiver<Vec<u8>>,
    /// Lines that were given back.
    rest: Vec<u8>,
}

impl Stdin {
    /// Starts reading; `wake` is called for each block.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started. Standard input that cannot be read is logged.
    pub fn start(wake: impl Fn() + Send + 'static) -> Result<Stdin, OpenError> {
        let (send, blocks) = sync_channel(DEPTH);
        let read = move || {
            // Opening looks at the first bytes (they may be a gzip's), so it waits for them as well.
            let mut source = match Offline::open(Path::new("-")) {
                Ok(source) => source,
                Err(error) => return tracing::error!("{error}"),
            };
            let mut buffer = Buffer::new();
            loop {
                match source.read_block(&mut buffer) {
                    Ok(Some(block)) => {
                        if send.send(block.to_vec()).is_err() {
                            return;
                        }
                        wake();
                    }
                    Ok(None) => return tracing::info!("standard input has ended"),
                    Err(error) => return tracing::error!("standard input cannot be read any more: {error}"),
                }
            }
        };
        let started = thread::Builder::new().name("stdin".into()).spawn(read);
        started.map_err(|error| OpenError::from_io(Path::new("-"), "start to read", error))?;
        Ok(Stdin { blocks, rest: Vec::new() })
    }

    /// The next block of whole lines, if one has arrived.
    pub fn read_block<'b>(&mut self, buffer: &'b mut Buffer) -> Option<&'b [u8]> {
        let block = if self.rest.is_empty() { self.blocks.try_recv().ok()? } else { take(&mut self.rest) };
        Some(buffer.put(block))
    }

    /// Lines that were read and not taken come again.
    pub fn give_back(&mut self, buffer: &Buffer) {
        self.rest = buffer.lines().to_vec();
    }
}
