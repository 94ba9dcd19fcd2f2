//! Files with their owners, found by the file and by the owner's name: of thousands of logs each new one asks whether it is
//! named like a rotated file of another.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Included, Unbounded};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::identity::{FileId, HeadPrint};
use super::rotated_name::is_rotated_name;

/// Who reads a file, or has read it.
pub(super) struct FileOwner {
    pub(super) owner: PathBuf,
    pub(super) open: bool,
    /// Bytes that were read when it was closed.
    pub(super) read_to: u64,
    /// A copy made by copytruncate: what is in it was, or will be, read elsewhere.
    pub(super) copy: bool,
    pub(super) head: HeadPrint,
    /// The head before the last truncation: a copy has that one.
    pub(super) old_head: Option<HeadPrint>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Claims {
    by_file: HashMap<FileId, FileOwner>,
    /// In the order of the names' bytes.
    by_owner: BTreeMap<Vec<u8>, Vec<FileId>>,
}

impl Claims {
    pub(super) fn get(&self, id: &FileId) -> Option<&FileOwner> {
        self.by_file.get(id)
    }

    /// To change anything but the owner.
    pub(super) fn get_mut(&mut self, id: &FileId) -> Option<&mut FileOwner> {
        self.by_file.get_mut(id)
    }

    pub(super) fn insert(&mut self, id: FileId, claim: FileOwner) {
        let name = claim.owner.as_os_str().as_bytes().to_vec();
        if let Some(before) = self.by_file.insert(id, claim) {
            self.forget_owner(&before, id);
        }
        self.by_owner.entry(name).or_default().push(id);
    }

    fn forget_owner(&mut self, claim: &FileOwner, id: FileId) {
        let name = claim.owner.as_os_str().as_bytes();
        if let Some(ids) = self.by_owner.get_mut(name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_owner.remove(name);
            }
        }
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&FileId, &FileOwner) -> bool) {
        let gone: Vec<_> = self.by_file.extract_if(|id, claim| !keep(id, claim)).collect();
        for (id, claim) in gone {
            self.forget_owner(&claim, id);
        }
    }

    pub(super) fn extend(&mut self, claims: impl IntoIterator<Item = (FileId, FileOwner)>) {
        claims.into_iter().for_each(|(id, claim)| self.insert(id, claim));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&FileId, &FileOwner)> {
        self.by_file.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.by_file.len()
    }

    /// The claims of logs that `path` is named like a rotated file of.
    pub(super) fn of_live(&self, path: &Path) -> impl Iterator<Item = &FileOwner> {
        // Names that `path` begins with: the last one before it, or one that begins as both do.
        let mut rest = path.as_os_str().as_bytes();
        let names = std::iter::from_fn(move || {
            while let Some((name, ids)) =
                self.by_owner.range::<[u8], _>((Unbounded, Included(rest))).next_back()
            {
                let common = name.iter().zip(rest).take_while(|(a, b)| a == b).count();
                if name.is_empty() {
                    return None;
                }
                if common == name.len() {
                    rest = &rest[..common.saturating_sub(1)];
                    return Some(ids);
                }
                rest = &rest[..common];
            }
            None
        });
        let claims = names.flatten().filter_map(|id| self.by_file.get(id));
        claims.filter(move |claim| is_rotated_name(&claim.owner, path))
    }
}
