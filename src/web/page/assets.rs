//! Style sheet and script.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::vocabulary::kinds::FAILURE_KINDS;

/// The script: the page is complete without it, and shows the present; with it, it stays so.
pub(in crate::web) const SCRIPT: &str = include_str!("page.js");

/// The style sheet, with a colour for each kind of failure.
pub(in crate::web) static STYLE: LazyLock<String> = LazyLock::new(|| {
    let mut out = include_str!("page.css").to_owned();
    // Writing to a String cannot fail.
    for kind in &FAILURE_KINDS {
        let _ = writeln!(out, ".k-{}{{fill:{}}}", kind.word, kind.light);
    }
    out.push_str("@media (prefers-color-scheme:dark) and (not print){\n");
    for kind in &FAILURE_KINDS {
        let _ = writeln!(out, ".k-{}{{fill:{}}}", kind.word, kind.dark);
    }
    out.push_str("}\n");
    out
});
