//! Puts an engine together: what `serve` and `diagnose` choose, and what is the same for both.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::choice::Choice;
use super::clock::Clock;
use super::inputs::Inputs;
use super::persist::Persist;
use super::topology_binder::TopologyBinder;
use super::{Engine, Message, Parts};
use crate::attribute::Attributor;
use crate::ledger::{Ledger, SavedInputs};
use crate::source::files::Files;
use crate::source::{OpenError, ReadFrom, Waker};

/// What a command chooses.
pub struct Assembly {
    /// Which logs.
    pub choice: Choice,
    /// Where a log begins.
    pub from: ReadFrom,
    /// How far they were read before.
    pub saved: SavedInputs,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// Joins and judges.
    pub attributor: Attributor,
    /// The counters.
    pub ledger: Ledger,
    /// Where all of it is kept.
    pub persist: Option<Persist>,
    /// The time.
    pub clock: Clock,
}

/// An engine that has read nothing yet, takes what is seen of the machine from `binder` and is woken through `messages`.
///
/// # Errors
/// For a path that can never be a log.
pub fn assemble(
    assembly: Assembly,
    binder: TopologyBinder,
    messages: &Sender<Message>,
) -> Result<Engine, OpenError> {
    let Assembly { choice, from, saved, files, attributor, ledger, persist, clock } = assembly;
    let now = (clock.monotonic(), clock.local());
    let inputs = Inputs::open(choice, &files, from, saved, now, messages)?;
    let wake = messages.clone();
    let watch = Box::new(Waker::new(move || drop(wake.send(Message::Wake))));
    Ok(Engine::new(Parts { inputs, attributor, ledger, persist, binder, clock, watch }))
}
