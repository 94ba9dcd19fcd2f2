//! Users: whom nginx's workers run as, and who follows the logs.

use std::fs;
use std::path::Path;

use crate::check::machine::User;
use crate::check::site::NginxSite;

/// The account that packages make for Badgateway.
const OWN: &str = "badgateway";

/// `/etc/passwd` and `/etc/group`. Accounts of directories such as LDAP are not in them, and not known.
pub(super) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    pub(super) fn read(etc: &Path) -> Self {
        let read =
            |name: &str| fs::read(etc.join(name)).map(|text| String::from_utf8_lossy(&text).into_owned());
        Self { passwd: read("passwd").unwrap_or_default(), group: read("group").unwrap_or_default() }
    }

    /// A user with the groups that initgroups(3) gives.
    pub(super) fn user(&self, name: &str) -> Option<User> {
        let fields = |line: &'_ str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let entry =
            self.passwd.lines().map(fields).find(|entry| entry.first().is_some_and(|own| own == name))?;
        let (uid, gid) = (entry.get(2)?.parse().ok()?, entry.get(3)?.parse().ok()?);
        let members = self.group.lines().map(fields).filter(|group| {
            group.get(3).is_some_and(|members| members.split(',').any(|member| member == name))
        });
        let more = members.filter_map(|group| group.get(2)?.parse().ok());
        Some(User { name: name.to_owned(), uid, gids: [gid].into_iter().chain(more).collect() })
    }

    fn group(&self, name: &str) -> Option<u32> {
        let line = self.group.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse().ok()
    }

    fn name(&self, uid: u32) -> Option<&str> {
        let is_it = |line: &&str| line.split(':').nth(2).and_then(|field| field.parse().ok()) == Some(uid);
        self.passwd.lines().find(is_it)?.split(':').next()
    }
}

/// The processes that a process has started.
pub(super) fn children(procfs: &Path, pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(procfs.join(format!("{pid}/task/{pid}/children"))).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Of a worker that runs, else as the configuration says; `None`: it says nothing, and the build decides.
pub(super) fn of_nginx(
    procfs: &Path,
    nginx: &NginxSite,
    workers: &[u32],
    accounts: &Accounts,
) -> Option<User> {
    if let Some(user) = workers.iter().find_map(|pid| of_process(procfs, *pid, accounts)) {
        return Some(user);
    }
    let user = nginx.config.tree.top().filter(|directive| directive.name() == "user").last()?;
    let mut found = accounts.user(user.arg())?;
    if let Some(group) = user.args().nth(1).and_then(|group| accounts.group(group)) {
        found.gids.push(group);
    }
    Some(found)
}

fn of_process(procfs: &Path, pid: u32, accounts: &Accounts) -> Option<User> {
    let text = fs::read_to_string(procfs.join(format!("{pid}/status"))).ok()?;
    let row = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    // The second is the effective one.
    let uid = row("Uid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let gid = row("Gid:")?.split_whitespace().nth(1)?.parse().ok()?;
    let more = row("Groups:").unwrap_or_default().split_whitespace().filter_map(|gid| gid.parse().ok());
    let name = accounts.name(uid).map_or_else(|| uid.to_string(), str::to_owned);
    Some(User { name, uid, gids: [gid].into_iter().chain(more).collect() })
}

/// Who follows the logs, when we are root and see all: the account of that name. `None`: we ourselves.
pub(super) fn reader(accounts: &Accounts) -> Option<User> {
    if rustix::process::geteuid().is_root() { accounts.user(OWN) } else { None }
}

/// What we ourselves are called, or our number.
pub(super) fn own_name(accounts: &Accounts) -> String {
    let uid = rustix::process::geteuid().as_raw();
    accounts.name(uid).map_or_else(|| uid.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_his_own_group_and_those_he_is_a_member_of() {
        let accounts = Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/x\n".into(),
            group: "www-data:x:33:\nadm:x:4:syslog,www-data\nother:x:5:www-data2\n".into(),
        };
        let user = accounts.user("www-data").unwrap();
        assert_eq!((user.uid, user.gids), (33, vec![33, 4]));
        assert_eq!(accounts.user("www"), None);
        assert_eq!((accounts.name(33), accounts.group("adm")), (Some("www-data"), Some(4)));
    }

    #[test]
    fn a_process_tells_whom_it_runs_as() {
        let own =
            of_process(Path::new("/proc"), std::process::id(), &Accounts::read(Path::new("/etc"))).unwrap();
        assert_eq!(own.uid, rustix::process::geteuid().as_raw());
    }
}
