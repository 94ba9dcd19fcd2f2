//! The web configuration of now: read again when the file, or one that it names, has other contents.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::file::{self, Sources};
use super::{ConfigError, WebConfig, load};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What holds now.
pub(in crate::web) struct Current {
    config: Arc<RwLock<Arc<WebConfig>>>,
    /// Dropping it ends the thread.
    _stop: Option<Sender<()>>,
}

impl Current {
    /// Without a file: plain HTTP for everybody.
    pub(in crate::web) fn open() -> Self {
        Self { config: Arc::default(), _stop: None }
    }

    /// Reads a file, and again when it has changed. Later faults are logged, and what was read last stays.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(in crate::web) fn watch(path: &Path) -> Result<Self, ConfigError> {
        let (sources, loaded) = load(path);
        let loaded = loaded?;
        say(&loaded, path, "the web configuration is used");
        let config = Arc::new(RwLock::new(Arc::new(loaded)));
        let (stop, stopped) = channel();
        let (shared, path_of_file) = (config.clone(), path.to_owned());
        std::thread::Builder::new()
            .name("web-config".into())
            .spawn(move || follow(&path_of_file, sources, &shared, &stopped))
            .map_err(|error| ConfigError::new(path, None, format!("cannot be watched: {error}")))?;
        Ok(Self { config, _stop: Some(stop) })
    }

    pub(in crate::web) fn get(&self) -> Arc<WebConfig> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn follow(path: &Path, mut seen: Sources, shared: &RwLock<Arc<WebConfig>>, stopped: &Receiver<()>) {
    while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        if now(&seen) == seen {
            continue;
        }
        let (sources, loaded) = load(path);
        seen = sources;
        match loaded {
            Ok(config) => {
                say(&config, path, "the web configuration has changed and is used");
                *shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
            }
            Err(error) => tracing::error!(
                error = %error,
                "the web configuration has changed and cannot be used; what was read last stays"
            ),
        }
    }
}

/// The same files as they are now.
fn now(seen: &Sources) -> Sources {
    let mut now = Sources::default();
    for path in seen.0.keys() {
        let _ = file::read(path, &mut now);
    }
    now
}

fn say(config: &WebConfig, path: &Path, what: &str) {
    tracing::info!(file = %path.display(), tls = config.tls.is_some(), users = config.users.len(), "{what}");
    for warning in &config.warnings {
        tracing::warn!(file = %path.display(), "{warning}");
    }
}
