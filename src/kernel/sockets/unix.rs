//! Rows of `/proc/net/unix` (net/unix/af_unix.c, `unix_seq_show`):
//!
//! ```text
//! Num       RefCount Protocol Flags    Type St Inode Path
//! 00000000e5f72e2d: 00000002 00000000 00010000 0001 01 3044446 /run/php/www.sock
//! 00000000d88dfeb5: 00000002 00000000 00000000 0001 03 3045752 /run/php/www.sock
//! 00000000e4007637: 00000003 00000000 00000000 0001 02     0 /run/php/www.sock
//! ```
//!
//! A connection bears the name of its listener on the listener's side only. Before accept() it has no
//! `struct socket`, so the kernel prints `SS_CONNECTING` (02) and inode 0; after it, `SS_CONNECTED` (03). Both
//! stay so when the client is gone.

use std::collections::HashMap;

use super::Sockets;

/// Columns, counted from behind the colon and the blank; all before the inode have a fixed width.
const FLAGS: std::ops::Range<usize> = 18..26;
const STATE: std::ops::Range<usize> = 32..34;
const INODE: usize = 35;

/// `__SO_ACCEPTCON` (include/linux/net.h): the socket listens.
const ACCEPTS: &[u8] = b"00010000";

/// Counts a row for the listener whose path it bears.
pub(super) fn count(row: &[u8], listeners: &HashMap<Box<[u8]>, usize>, counts: &mut [Sockets]) {
    // A pointer is 8 or 16 digits wide.
    let Some(colon) = row.iter().take(17).position(|b| *b == b':') else { return };
    let Some(columns) = row.get(colon + 2..) else { return };
    let Some(inode) = columns.get(INODE..).map(<[u8]>::trim_ascii_start) else { return };
    // Most rows bear no name.
    let Some(digits) = inode.iter().position(|b| !b.is_ascii_digit()) else { return };
    let Some(path) = inode.get(digits + 1..) else { return };
    let Some(counts) = listeners.get(path).and_then(|slot| counts.get_mut(*slot)) else { return };
    match (&columns[STATE], &inode[..digits]) {
        (b"01", _) if &columns[FLAGS] == ACCEPTS => counts.listening = true,
        (b"02", b"0") => counts.queued += 1,
        (b"03", inode) if inode != b"0" => counts.busy += 1,
        _ => {}
    }
}
