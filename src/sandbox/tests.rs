//! Each thread of a test is confined alone: the others go on.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use super::calls;
use super::directory::{Directory, Grant, is_enforced};

/// In a thread of its own, with what `confine` does to it.
fn alone<T: Send>(confine: impl FnOnce() + Send, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                confine();
                work()
            })
            .join()
            .unwrap()
    })
}

fn strict() {
    calls::refuse_programs_and_writing().unwrap();
}

fn refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.raw_os_error() == Some(libc::EPERM))
}

#[allow(clippy::disallowed_methods, reason = "that it fails is what is tested")]
fn run() -> io::Result<std::process::ExitStatus> {
    std::process::Command::new("/bin/true").status()
}

#[test]
fn no_program_is_started() {
    assert!(run().unwrap().success());
    assert!(alone(strict, || refused(run())));
    assert!(alone(|| calls::refuse_programs().unwrap(), || refused(run())));
}

#[test]
fn nothing_is_changed_by_its_name_and_everything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (file, other) = (dir.path().join("file"), dir.path().join("other"));
    fs::write(&file, "text").unwrap();
    let outcomes = alone(strict, || {
        let options =
            |set: fn(&mut OpenOptions) -> &mut OpenOptions| set(&mut OpenOptions::new()).open(&file);
        [
            refused(options(|options| options.write(true))),
            refused(options(|options| options.read(true).write(true))),
            refused(options(|options| options.append(true))),
            refused(options(|options| options.write(true).truncate(true))),
            refused(File::create(&other)),
            refused(fs::rename(&file, &other)),
            refused(fs::remove_file(&file)),
            refused(fs::create_dir(&other)),
            refused(fs::hard_link(&file, &other)),
            refused(symlink(&file, &other)),
            refused(fs::set_permissions(&file, fs::Permissions::from_mode(0o777))),
            refused(fs::remove_dir(dir.path())),
            fs::read(&file).is_ok_and(|text| text == b"text"),
            fs::read_dir(dir.path()).is_ok(),
        ]
    });
    assert_eq!(outcomes, [true; 14]);
    assert!(!other.exists());
}

#[test]
fn only_sockets_that_it_uses_are_made_and_threads_go_on() {
    use rustix::net::{AddressFamily, SocketType, socket};
    alone(strict, || {
        assert!(thread::Builder::new().spawn(|| ()).unwrap().join().is_ok());
        let kind = |family| socket(family, SocketType::DGRAM, None).err();
        assert_eq!(kind(AddressFamily::PACKET), Some(rustix::io::Errno::PERM));
        assert_eq!(kind(AddressFamily::BLUETOOTH), Some(rustix::io::Errno::PERM));
        assert_eq!((kind(AddressFamily::UNIX), kind(AddressFamily::INET)), (None, None));
        let pid = std::process::id();
        assert!(fs::read_link(format!("/proc/{pid}/exe")).is_ok());
    });
}

/// What may be done in `dir`, what beside it.
fn landlocked(directory: &Directory, grant: Grant, dir: &Path, beside: &Path) -> (bool, bool) {
    alone(
        || directory.confine(grant).unwrap(),
        || (fs::write(dir.join("new"), "x").is_ok(), fs::write(beside.join("new"), "x").is_ok()),
    )
}

#[test]
fn who_writes_the_state_writes_nothing_else() {
    if !thread::spawn(is_enforced).join().unwrap() {
        return println!("not run: this kernel has no Landlock");
    }
    let root = tempfile::tempdir().unwrap();
    let (state, beside, link) =
        (root.path().join("state"), root.path().join("beside"), root.path().join("link"));
    fs::create_dir(&state).unwrap();
    fs::create_dir(&beside).unwrap();
    symlink(&state, &link).unwrap();
    for named in [&state, &link] {
        let directory = Directory::new(named);
        assert_eq!(landlocked(&directory, Grant::Files, named, &beside), (true, false));
        assert_eq!(landlocked(&directory, Grant::Directories, named, &beside), (false, false));
        assert_eq!(landlocked(&directory, Grant::Removal, named, &beside), (false, false));
        assert!(!beside.join("new").exists());
    }
    let made = Directory::new(&root.path().join("a/b"));
    let make = || (fs::create_dir_all(root.path().join("a/b")), fs::remove_file(state.join("new")));
    let (done, removed) = alone(|| made.confine(Grant::Directories).unwrap(), make);
    assert!(done.is_ok() && removed.is_err());
    let socket = Directory::new(&state);
    let (done, elsewhere) = alone(
        || socket.confine(Grant::Removal).unwrap(),
        || (fs::remove_file(state.join("new")), fs::remove_file(&link)),
    );
    assert!(done.is_ok() && elsewhere.is_err());
}

#[test]
fn a_link_that_is_put_in_its_place_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let (state, beside) = (root.path().join("state"), root.path().join("beside"));
    fs::create_dir(&state).unwrap();
    fs::create_dir(&beside).unwrap();
    let directory = Directory::new(&state);
    fs::remove_dir(&state).unwrap();
    symlink(&beside, &state).unwrap();
    assert!(alone(|| (), || directory.confine(Grant::Files)).is_err());
    fs::remove_file(&state).unwrap();
    fs::create_dir(&state).unwrap();
    assert!(alone(|| (), || directory.confine(Grant::Files)).is_ok());
}
