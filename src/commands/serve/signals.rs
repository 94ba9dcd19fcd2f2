//! Signals: which end us, which has the configuration read again, and which are ignored.

use std::io;
use std::sync::mpsc::Sender;

use tokio::signal::unix::{SignalKind, signal};

use super::reload::Request;

/// Ends when we are told to end: by SIGTERM, SIGINT or SIGQUIT. SIGHUP asks for the configuration to be read again. Others
/// that would end us are sent to daemons by habit, and must not: they are ignored, which is said once for each. SIGPIPE is
/// ignored by Rust.
pub(super) fn watch(reload: Sender<Request>) -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(
        async move { while hangup.recv().await.is_some() && reload.send(Request::now(None)).is_ok() {} },
    );
    let ignored = [
        ("SIGUSR1", "there is no log to open again: rotation is noticed", SignalKind::user_defined1()),
        ("SIGUSR2", "nothing is bound to it", SignalKind::user_defined2()),
        ("SIGALRM", "nothing is bound to it", SignalKind::alarm()),
    ];
    for (name, why, kind) in ignored {
        let mut received = signal(kind)?;
        tokio::spawn(async move {
            let mut said = false;
            while received.recv().await.is_some() {
                if !std::mem::replace(&mut said, true) {
                    tracing::info!("{name} is ignored: {why}");
                }
            }
        });
    }
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    })
}
