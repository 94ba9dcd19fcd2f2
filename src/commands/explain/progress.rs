//! A bar for files that take a while, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Files smaller than this are read before a bar could be seen.
const WORTHWHILE: u64 = 64 << 20;

/// Bytes read of all logs together.
#[derive(Clone, Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// `total` bytes, or `None` when one log is standard input.
    pub fn new(total: Option<u64>) -> Self {
        let total = total.filter(|bytes| *bytes >= WORTHWHILE && std::io::stderr().is_terminal());
        Self(total.map(|bytes| {
            let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template("{bar:40} {percent:>3} %  {bytes} of {total_bytes}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        }))
    }

    /// So many more bytes were read.
    pub fn add(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    /// All was read: the bar goes.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
