//! The program that a process runs, as a file that stays known when the process has ended.

use std::fs;
use std::io;
use std::path::Path;

use super::super::namespace;

/// The path of the program of a process that has our root directory. `None`: it may not be seen, is in a container, or is no text.
pub fn program(procfs: &Path, pid: u32) -> Option<String> {
    if namespace::shares_root(procfs, pid) != Ok(true) {
        return None;
    }
    let path = fs::read_link(procfs.join(format!("{pid}/exe"))).ok()?;
    // One that was replaced while it runs, as in an update, is shown with this at its end (d_path, fs/d_path.c).
    Some(path.to_str()?.trim_end_matches(" (deleted)").to_owned())
}

/// Whether it was removed. Whoever takes a service away takes its program away; one that is down has it still.
pub fn is_removed(program: &str) -> bool {
    fs::symlink_metadata(program).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of ourselves: the program of this test.
    #[test]
    fn the_program_of_a_process_is_read() {
        let own = std::env::current_exe().unwrap();
        let program = program(Path::new("/proc"), std::process::id());
        assert_eq!(program.as_deref(), own.to_str());
        assert!(!is_removed(own.to_str().unwrap()) && is_removed("/no/such/program"));
        assert!(!is_removed("/proc/self/comm/below a file"), "who cannot look does not know");
    }
}
