//! Opens what is to be read, each file as the kind of log that its lines are.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::given::Input;
use super::some;
use crate::attribute::logs::{Kinds, UTF_16};
use crate::record::LogKind;
use crate::record::format::Format;
use crate::record::stamp::Local;
use crate::source::{Buffer, Offline, OpenError};

/// A log that is open.
pub struct Opened {
    /// Its kind.
    pub kind: LogKind,
    /// Its lines.
    pub offline: Offline,
    /// Its lines told the kind, so that it may be read as several.
    pub by_lines: bool,
}

/// All that is open, and what is to be said of the rest.
#[derive(Default)]
pub struct Logs {
    /// Those that are read.
    pub opened: Vec<Opened>,
    /// Why a file is not read that should be, with what mends it.
    pub unread: Vec<String>,
    /// Files that are read in another way than they were named, or passed over.
    pub notes: Vec<String>,
    /// The time of an access line, and its zone.
    pub zone: Option<(Local, i32)>,
    /// Files without a line.
    pub empty: Vec<PathBuf>,
    seen: HashSet<(LogKind, u64, u64)>,
    passed_over: Vec<PathBuf>,
}

/// So much later than a file's last change no line of it can be, whatever its zone: 26 hours and a little.
const ZONES: Duration = Duration::from_secs(27 * 3600);

impl Logs {
    /// Opens them, those that were written last behind the others: of two parts of a log that meet in one second, nginx
    /// wrote to the older one first. `formats`: those that configurations have for an access log.
    pub fn open(
        mut inputs: Vec<Input>,
        since: Option<Local>,
        formats: impl Fn(&Path) -> Vec<Format>,
    ) -> Self {
        // Standard input and what cannot be looked at stay behind the others.
        inputs.sort_by_key(|input| {
            let modified = modified(&input.path);
            (modified.is_none(), modified)
        });
        let mut logs = Self::default();
        for input in &inputs {
            if !input.is_named && since.is_some_and(|since| is_older(&input.path, since)) {
                continue;
            }
            if let Err(error) = logs.take(input, &formats(&input.path)) {
                logs.unread.push(with_remedy(&error, &input.path));
            }
        }
        if !logs.passed_over.is_empty() {
            let names = some(logs.passed_over.iter().map(PathBuf::as_path));
            logs.notes.push(format!(
                "passed over, because the first lines are none of nginx's or PHP-FPM's logs: {names}"
            ));
        }
        logs
    }

    fn take(&mut self, input: &Input, formats: &[Format]) -> Result<(), OpenError> {
        let path = &input.path;
        if path.as_os_str() == "-" {
            let kind = input.kind.unwrap_or(LogKind::Access);
            self.add(kind, Offline::open(path)?, false);
            return Ok(());
        }
        let mut offline = Offline::open(path)?;
        let mut buffer = Buffer::new();
        let kinds = match offline.read_block(&mut buffer) {
            Ok(Some(block)) => Kinds::of(block, formats),
            Ok(None) => {
                self.empty.push(path.clone());
                Kinds::default()
            }
            // What can be read of it is read, and then the error is told again.
            Err(_) => Kinds::default(),
        };
        self.zone = kinds.zone.or(self.zone);
        for (kind, by_lines) in self.kinds_of(input, kinds) {
            let is_new = std::fs::metadata(path).map(|meta| self.seen.insert((kind, meta.dev(), meta.ino())));
            if is_new.unwrap_or(true) {
                self.add(kind, Offline::open(path)?, by_lines);
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: LogKind, offline: Offline, by_lines: bool) {
        self.opened.push(Opened { kind, offline, by_lines });
    }

    /// As what a file is read.
    fn kinds_of(&mut self, input: &Input, kinds: Kinds) -> Vec<(LogKind, bool)> {
        let found = kinds.list();
        let path = &input.path;
        let by_lines = |found: Vec<LogKind>| found.into_iter().map(|kind| (kind, true)).collect();
        match input.kind {
            Some(kind) if found.contains(&kind) || found.is_empty() && input.is_named => vec![(kind, false)],
            Some(kind) if found.is_empty() => {
                if by_name(path) == Some(kind) {
                    vec![(kind, false)]
                } else {
                    Vec::new()
                }
            }
            Some(kind) if input.is_named => {
                let is = found.iter().map(|kind| name(*kind)).collect::<Vec<_>>().join(" and ");
                self.notes.push(format!(
                    "{} is {is}, not {}: it is read as both",
                    path.display(),
                    name(kind)
                ));
                by_lines([found, vec![kind]].concat())
            }
            Some(_) => Vec::new(),
            None if !found.is_empty() => by_lines(found),
            None => match by_name(path) {
                Some(kind) => vec![(kind, true)],
                None if self.empty.last() == Some(path) => Vec::new(),
                None if input.is_named => {
                    self.unread.push(unknown(path, kinds));
                    Vec::new()
                }
                None => {
                    self.passed_over.push(path.clone());
                    Vec::new()
                }
            },
        }
    }
}

fn name(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Access => "an access log",
        LogKind::Error => "an error log",
        LogKind::Fpm => "a log of PHP-FPM",
    }
}

/// What a file's name says, where its lines say nothing.
fn by_name(path: &Path) -> Option<LogKind> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let compressed = [".xz", ".bz2", ".zst", ".lz4"].iter().any(|end| name.ends_with(end));
    let kinds = [("fpm", LogKind::Fpm), ("access", LogKind::Access), ("error", LogKind::Error)];
    kinds.into_iter().find(|(word, _)| !compressed && name.contains(word)).map(|(_, kind)| kind)
}

fn unknown(path: &Path, kinds: Kinds) -> String {
    let shown = path.display();
    let packers = [("xz", "xz -dc"), ("bz2", "bzip2 -dc"), ("zst", "zstd -dc"), ("lz4", "lz4 -dc")];
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if let Some((_, command)) = packers.into_iter().find(|(packer, _)| *packer == ending) {
        return format!("{shown} is compressed: {command} {shown} > LOG makes a file that can be read");
    }
    if kinds.utf_16 {
        return format!("{shown}: {UTF_16}");
    }
    format!(
        "{shown}: its first lines are none of nginx's or PHP-FPM's logs in a format that is known. Say what it is with --access-log, \
         --error-log or --fpm-log, and an own log_format with --log-format or --nginx-config"
    )
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// Whether nothing in a file can be of this time or later.
fn is_older(path: &Path, since: Local) -> bool {
    let since = Duration::from_secs(u64::try_from(since).unwrap_or_default());
    modified(path).is_some_and(|modified| modified + ZONES < UNIX_EPOCH + since)
}

/// The error, and where a permission is missing the commands that give it.
fn with_remedy(error: &OpenError, path: &Path) -> String {
    if !matches!(error, OpenError::Denied { .. }) {
        return error.to_string();
    }
    let closed = path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty() && is_closed(dir));
    let mut commands: Vec<_> =
        closed.map(|dir| format!("sudo setfacl -m u:$(id -un):x {}", dir.display())).collect();
    commands.push(format!("sudo setfacl -m u:$(id -un):r {}", path.display()));
    format!(
        "cannot open {} for reading: permission denied. Give it to this user: {}. Or, once: sudo badgateway explain …",
        path.display(),
        commands.join("; ")
    )
}

/// Whether what is in a directory may not be looked at.
fn is_closed(dir: &Path) -> bool {
    std::fs::metadata(dir.join(".")).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
