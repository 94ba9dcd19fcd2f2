//! Columns and times, as `explain` prints them.

use std::fmt::Write;

use crate::engine::zone;
use crate::record::stamp::Local;

/// `2026-11-20 15:08:28`: the zone stands once, above the table.
pub fn moment(at: Local) -> String {
    zone::rfc3339(at, 0).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// `UTC+01:00`
pub fn zone_name(offset: i32) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    format!("UTC{sign}{:02}:{:02}", offset.abs() / 3600, offset.abs() % 3600 / 60)
}

/// What is not known has a dash.
pub fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The first column flush right, the others flush left.
pub fn align(rows: &[Vec<String>], out: &mut String) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = format!("{:>1$}", row[0], widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(line, "  {cell:<width$}");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
