//! What this process gives up when it has started: to run programs, to trace, to mount, and to change any file outside the
//! state directory. There is no way back from it.
//!
//! - A seccomp filter (`calls`) refuses the calls for it. Its stricter form, which every thread but one has, also refuses to
//!   open for writing, to rename and to remove.
//! - The thread without the stricter form opens nothing itself. For each file of the state it starts a thread that Landlock
//!   (`directory`) confines to one directory, which opens the file and ends. What is open may be written by all.
//!
//! Landlock does not hold for the other threads, as it forbids to look at other processes (`/proc/PID/exe`, `root`, `fd`,
//! `ns`: hook_ptrace_access_check of the kernel), which is what the sampler does.

mod calls;
mod directory;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use directory::{Directory, Grant};

/// To the thread that may write; none before [`start`], and in commands that keep no state.
static OPENER: OnceLock<Opener> = OnceLock::new();

struct Opener {
    jobs: Sender<Box<dyn FnOnce() + Send>>,
    state: Option<Directory>,
    /// Of unix sockets that we listen on.
    sockets: Vec<Directory>,
    landlock: bool,
}

/// Confines this thread and all that are started later. To be called before there are others: `state` is the state
/// directory, `sockets` are the files to be removed at the end. Says once what the kernel does not offer.
pub(crate) fn start(state: Option<&Path>, sockets: &[PathBuf]) {
    let landlock = thread::spawn(directory::is_enforced).join().unwrap_or(false);
    let (jobs, received) = channel::<Box<dyn FnOnce() + Send>>();
    let (tell, told) = channel();
    let opener = thread::Builder::new().name("opener".into()).spawn(move || {
        let _ = tell.send(calls::refuse_programs());
        for job in received {
            // If there is no thread, who asked sees that the job has gone.
            let _ = thread::Builder::new().name("state file".into()).spawn(job);
        }
    });
    let programs = match opener {
        Ok(_) => told.recv().unwrap_or_else(|_| Err("the thread has ended".into())),
        Err(error) => return tracing::warn!("not confined: no thread can be started: {error}"),
    };
    let sockets = sockets.iter().filter_map(|path| Some(Directory::new(path.parent()?))).collect();
    let opener = Opener { jobs, state: state.map(Directory::new), sockets, landlock };
    if OPENER.set(opener).is_err() {
        return;
    }
    if let Err(error) = programs.and_then(|()| calls::refuse_programs_and_writing()) {
        tracing::warn!(
            "seccomp is not available, so the kernel does not keep us from running programs or writing files (we do \
             neither): {error}"
        );
    }
    if !landlock && state.is_some() {
        tracing::warn!(
            "Landlock is not available (it needs Linux 5.13), so the kernel does not confine what we write to the state directory"
        );
    }
}

/// Does something in the state directory: makes, opens for writing or renames files there.
///
/// # Errors
/// Those of `work`; and when the directory is not where it was, or the thread cannot be started.
pub(crate) fn in_state<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    confined(Grant::Files, |opener| opener.state.as_ref().filter(|state| state.is(dir)), work)
}

/// Makes the state directory, and those above it.
///
/// # Errors
/// As [`in_state`].
pub(crate) fn above_state<T: Send + 'static>(
    dir: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    confined(Grant::Directories, |opener| opener.state.as_ref().filter(|state| state.is(dir)), work)
}

/// Removes the file of a unix socket that we made.
///
/// # Errors
/// As [`in_state`].
pub(crate) fn remove_socket(path: &Path) -> io::Result<()> {
    let socket = path.to_owned();
    let find = |opener: &'static Opener| {
        let parent = path.parent()?;
        opener.sockets.iter().find(|socket| socket.is(parent))
    };
    confined(Grant::Removal, find, move || std::fs::remove_file(socket))
}

fn confined<T: Send + 'static>(
    grant: Grant,
    find: impl FnOnce(&'static Opener) -> Option<&'static Directory>,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let Some(opener) = OPENER.get() else { return work() };
    let Some(directory) = find(opener) else { return Err(io::ErrorKind::PermissionDenied.into()) };
    let (tell, told) = channel();
    let job = move || {
        let confined = if opener.landlock { directory.confine(grant) } else { Ok(()) };
        let _ = tell.send(confined.and_then(|()| work()));
    };
    let gone = |_| io::Error::other("no thread could be started to open it");
    opener.jobs.send(Box::new(job)).map_err(|_| io::Error::other("the thread that opens files has ended"))?;
    told.recv().map_err(gone)?
}

#[cfg(test)]
mod tests;
