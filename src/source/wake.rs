//! Wakes the poller when a quiet log moves, so that idle polling can be rare.
//!
//! linemux is used as a hint only. Its line reader loses and tears lines, and even its events miss what is
//! written to a renamed file; the poll is the truth. The watch is held only while the logs are quiet and is
//! dropped at the first event, because every write to a watched file has to queue an inotify event: nginx
//! would pay three to four times as much for each line it logs.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use linemux::MuxedEvents;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Paths watched at most. A server with more logs than this is hardly ever quiet, and watches are limited.
const MAX_PATHS: usize = 256;

/// Calls back once when one of the armed paths changes. Dropping it ends its thread.
pub struct Waker {
    /// `None` when the thread could not start: polling alone has to do.
    commands: Option<UnboundedSender<Vec<PathBuf>>>,
}

impl Waker {
    /// Starts the thread that calls `wake`. Nothing is armed yet.
    ///
    /// If it cannot start that is logged, and `wake` will never be called.
    pub fn new(wake: impl Fn() + Send + 'static) -> Waker {
        let (commands, receiver) = mpsc::unbounded_channel();
        match start(receiver, wake) {
            Ok(()) => Waker { commands: Some(commands) },
            Err(error) => {
                tracing::warn!("cannot watch for changes: {error}. The logs are polled instead.");
                Waker { commands: None }
            }
        }
    }

    /// Watches `paths` in place of what was watched, until the first event.
    ///
    /// Paths whose directory does not exist are left out; of more than 256 paths none is watched.
    pub fn arm(&self, paths: Vec<PathBuf>) {
        if let Some(commands) = &self.commands {
            // The thread ends only after us, so this cannot fail; and a lost hint would cost nothing.
            let _ = commands.send(paths);
        }
    }

    /// Watches nothing. No event from before is delivered after the thread has seen this.
    pub fn disarm(&self) {
        self.arm(Vec::new());
    }
}

fn start(commands: UnboundedReceiver<Vec<PathBuf>>, wake: impl Fn() + Send + 'static) -> io::Result<()> {
    // No I/O driver: linemux gets its events from a thread of its own, through a channel.
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    thread::Builder::new().name("waker".into()).spawn(move || runtime.block_on(run(commands, wake)))?;
    Ok(())
}

async fn run(mut commands: UnboundedReceiver<Vec<PathBuf>>, wake: impl Fn()) {
    let mut armed: Option<MuxedEvents> = None;
    let mut warned = false;
    loop {
        let command = tokio::select! {
            biased;
            command = commands.recv() => command,
            () = changed(&mut armed) => {
                armed = None;
                wake();
                continue;
            }
        };
        // Dropped before the next one is made: instances are limited to 128 for each user.
        armed = None;
        let Some(mut paths) = command else { return };
        while let Ok(newer) = commands.try_recv() {
            paths = newer;
        }
        match watch(paths).await {
            Ok(events) => armed = events,
            Err(error) if !warned => {
                warned = true;
                tracing::warn!("cannot watch for changes: {error}. The logs are polled instead.");
            }
            Err(_) => {}
        }
    }
}

/// Waits until something armed changes; for ever when nothing is armed.
async fn changed(armed: &mut Option<MuxedEvents>) {
    let Some(events) = armed else { return std::future::pending().await };
    loop {
        match events.next_event().await {
            // Somebody else opened or read the file.
            Ok(Some(event)) if event.kind.is_access() => {}
            // An event without a path may be the overflow of the queue, and an error too means: look.
            Ok(Some(_)) | Err(_) => return,
            Ok(None) => return std::future::pending().await,
        }
    }
}

async fn watch(paths: Vec<PathBuf>) -> io::Result<Option<MuxedEvents>> {
    if paths.is_empty() || paths.len() > MAX_PATHS {
        return Ok(None);
    }
    let mut events = MuxedEvents::new()?;
    let mut failure = None;
    let mut any = false;
    for path in paths.into_iter().filter(|path| parent_exists(path)) {
        match events.add_file(path).await {
            Ok(_) => any = true,
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if !any => Err(error),
        _ => Ok(any.then_some(events)),
    }
}

fn parent_exists(path: &Path) -> bool {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.is_none_or(Path::is_dir)
}
