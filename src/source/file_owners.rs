//! Who reads which file, so that no byte is read through two paths.
//!
//! With the pattern `access.log*` a rotated file turns up under a second name: the same inode after a rename,
//! another inode with the same bytes after copytruncate. A closed file stays known too, with how far it was
//! read, since it may match the pattern for weeks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::claims::{Claims, FileOwner};
use super::files::{LogFile, Stat};
use super::identity::{FileId, HeadPrint, WINDOW, Window};

/// Files a follower of its own remembers: enough for one that is moved away and back.
const REMEMBERED_ALONE: usize = 256;

/// The answer to a follower that wants to read a file.
pub(super) enum Ownership {
    /// Read it, from this offset.
    Free(u64),
    /// Too few bytes under the name of a rotated one: it may become a copy, ask again when it has more.
    Wait,
    /// Its bytes are read through another path.
    Taken,
}

/// A claim in the form in which it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFileOwner {
    id: FileId,
    #[serde(with = "crate::bytes::path")]
    owner: PathBuf,
    read_to: u64,
    copy: bool,
    head: HeadPrint,
    old_head: Option<HeadPrint>,
}

/// The claims of all followers of a set; clones share them.
#[derive(Clone)]
pub(super) struct FileOwners {
    by_file: Arc<Mutex<Claims>>,
    alone: bool,
}

impl FileOwners {
    /// For a follower of its own.
    pub(super) fn alone() -> Self {
        Self { by_file: Arc::default(), alone: true }
    }

    /// For the followers of a set, which prunes them.
    pub(super) fn shared() -> Self {
        Self { by_file: Arc::default(), alone: false }
    }

    fn lock(&self) -> MutexGuard<'_, Claims> {
        self.by_file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the file is held open through another path: the answer that needs no open().
    pub(super) fn is_taken(&self, path: &Path, id: FileId) -> bool {
        self.lock().get(&id).is_some_and(|claim| claim.open && claim.owner != path)
    }

    /// Asks for `file`, found at `path`; `Free` takes it.
    pub(super) fn ask(&self, path: &Path, file: &dyn LogFile, stat: &Stat) -> io::Result<Ownership> {
        let head = Window::read(file, 0, WINDOW)?;
        let mut claims = self.lock();
        let id = FileId::of(stat);
        if known(&claims, id, &head).is_none() {
            let mut original = None;
            for claim in claims.of_live(path) {
                let heads = [Some(claim.head), claim.old_head];
                let mut heads = heads.into_iter().flatten().filter(|print| !print.is_empty());
                if head.len() == 0 || heads.clone().any(|print| print.is_longer_than(&head)) {
                    return Ok(Ownership::Wait);
                }
                if heads.any(|print| print.begins(&head)) {
                    original = Some(claim.owner.clone());
                }
            }
            if let Some(owner) = original {
                let head = HeadPrint::of(&head);
                claims.insert(
                    id,
                    FileOwner { owner, open: false, read_to: 0, copy: true, head, old_head: None },
                );
                return Ok(Ownership::Taken);
            }
        }
        Ok(claim(&mut claims, path, id, head))
    }

    /// FileOwners a file that was never seen and is known not to be a copy, whatever its name.
    pub(super) fn claim_unseen(&self, path: &Path, file: &dyn LogFile, stat: &Stat) -> io::Result<bool> {
        let head = Window::read(file, 0, WINDOW)?;
        let mut claims = self.lock();
        let unseen = known(&claims, FileId::of(stat), &head).is_none();
        if unseen {
            claim(&mut claims, path, FileId::of(stat), head);
        }
        Ok(unseen)
    }

    /// Notes the copy of a truncated file, which the follower of `path` reads by itself.
    pub(super) fn note_copy(&self, path: &Path, id: FileId, head: Window) {
        let owner = path.to_path_buf();
        let head = HeadPrint::of(&head);
        self.lock().insert(id, FileOwner { owner, open: true, read_to: 0, copy: true, head, old_head: None });
    }

    /// FileOwners a file that was open before a restart.
    pub(super) fn resume(&self, path: &Path, id: FileId, head: Window) {
        let (owner, head) = (path.to_path_buf(), HeadPrint::of(&head));
        self.lock()
            .insert(id, FileOwner { owner, open: true, read_to: 0, copy: false, head, old_head: None });
    }

    /// Keeps the head of an open file up to date, and that of before a truncation.
    pub(super) fn set_head(&self, id: FileId, head: Window) {
        if let Some(claim) = self.lock().get_mut(&id) {
            if !claim.head.begins(&head) {
                claim.old_head = Some(claim.head);
            }
            claim.head = HeadPrint::of(&head);
        }
    }

    /// The file is no longer held open.
    pub(super) fn close(&self, id: FileId, read_to: u64) {
        let mut claims = self.lock();
        if let Some(claim) = claims.get_mut(&id) {
            claim.open = false;
            claim.read_to = read_to;
        }
        if self.alone && claims.len() > REMEMBERED_ALONE {
            claims.retain(|_, claim| claim.open);
        }
    }

    /// Forgets closed files, except those that `keep` names.
    pub(super) fn prune(&self, keep: impl Fn(&FileId) -> bool) {
        self.lock().retain(|id, claim| claim.open || keep(id));
    }

    /// The claims on files that no follower will claim again: those that are closed, and copies.
    pub(super) fn save(&self) -> Vec<SavedFileOwner> {
        let save = |(id, claim): (&FileId, &FileOwner)| SavedFileOwner {
            id: *id,
            owner: claim.owner.clone(),
            read_to: claim.read_to,
            copy: claim.copy,
            head: claim.head,
            old_head: claim.old_head,
        };
        let claims = self.lock();
        let mut saved: Vec<_> =
            claims.iter().filter(|(_, claim)| !claim.open || claim.copy).map(save).collect();
        saved.sort_by_key(|claim| (claim.id.dev, claim.id.ino));
        saved
    }

    /// What was known before a restart.
    pub(super) fn restore(&self, saved: Vec<SavedFileOwner>) {
        let restore = |SavedFileOwner { id, owner, read_to, copy, head, old_head }| {
            (id, FileOwner { owner, open: false, read_to, copy, head, old_head })
        };
        self.lock().extend(saved.into_iter().map(restore));
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// What is known of the file. An open descriptor pins its inode; a closed one's number may be another file's
/// by now.
fn known<'a>(claims: &'a Claims, id: FileId, head: &Window) -> Option<&'a FileOwner> {
    claims.get(&id).filter(|claim| claim.open || (!claim.head.is_empty() && claim.head.begins(head)))
}

fn claim(claims: &mut Claims, path: &Path, id: FileId, head: Window) -> Ownership {
    let read_to = match known(claims, id, &head) {
        Some(claim) if claim.copy || (claim.open && claim.owner != path) => return Ownership::Taken,
        Some(claim) => claim.read_to,
        None => 0,
    };
    let owner = path.to_path_buf();
    let head = HeadPrint::of(&head);
    claims.insert(id, FileOwner { owner, open: true, read_to, copy: false, head, old_head: None });
    Ownership::Free(read_to)
}
