//! What the names of rotated logs look like.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Whether `path` is named like a rotated file of `live`: access.log.1, access.log-20261121.
pub(super) fn is_rotated_name(live: &Path, path: &Path) -> bool {
    let bytes = |path: &Path| path.as_os_str().len();
    bytes(path) > bytes(live)
        && path.as_os_str().as_bytes().starts_with(live.as_os_str().as_bytes())
        && path.parent() == live.parent()
}

/// Whether the name says that the content is compressed, thus no log to follow.
pub(super) fn is_compressed_name(path: &Path) -> bool {
    const ENDINGS: [&[u8]; 6] = [b"gz", b"bz2", b"xz", b"zst", b"lz4", b"Z"];
    path.extension().map(OsStr::as_bytes).is_some_and(|ending| ENDINGS.contains(&ending))
}
