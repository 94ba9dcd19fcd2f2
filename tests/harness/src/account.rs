//! Who we are, and who the servers' workers are.

use std::fs;

/// Whether our effective user is root, of the machine or of a user namespace.
pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find(|line| line.starts_with("Uid:")).unwrap_or_default();
    uids.split_whitespace().nth(2) == Some("0")
}

/// The user and group that nginx's and FPM's workers run as when we are root; `None` when we are not.
pub fn worker_account() -> Option<(String, String)> {
    if !is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let groups = fs::read_to_string("/etc/group").ok()?;
    ["www-data", "nobody"].iter().find_map(|wanted| {
        let user = users.lines().map(|line| line.split(':')).find_map(|mut fields| {
            (fields.next() == Some(wanted)).then(|| fields.nth(2).unwrap_or("").to_owned())
        })?;
        let group = groups.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            (fields.get(2) == Some(&user.as_str())).then(|| fields[0].to_owned())
        })?;
        Some(((*wanted).to_owned(), group))
    })
}
