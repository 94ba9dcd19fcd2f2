//! From the command line of an nginx master, which its title shows, to how it was started (`ngx_get_options` in
//! src/core/nginx.c).

use std::fs;
use std::path::{Path, PathBuf};

use super::nginx_build::NginxBuild;
use super::nginx_conf::Command;
use crate::kernel::processes::NginxMaster;

/// Where nginx looks when it is not told and its build cannot be read: as distributions, nginx.org and the official images
/// build it; its own default; OpenResty's. `-p` does not move the first, which is absolute.
const KNOWN: [&str; 3] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
];

/// Directories in which a program without a path is looked for.
const PATH: [&str; 6] = ["usr/sbin", "usr/bin", "usr/local/sbin", "usr/local/bin", "sbin", "bin"];

/// What the words of a command line say. A title does not tell where words begin, so a path with a blank is not found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    program: PathBuf,
    conf: Option<String>,
    prefix: Option<String>,
    globals: String,
    error_log: Option<String>,
}

impl Options {
    fn of(argv: &str) -> Self {
        let mut words = argv.split(' ').filter(|word| !word.is_empty()).peekable();
        let mut options = Self { program: words.next().unwrap_or_default().into(), ..Self::default() };
        while let Some(word) = words.next() {
            let Some(flags) = word.strip_prefix('-') else { continue };
            // Flags without a value may stand before one with a value in the same word.
            let Some(at) = flags.find(['c', 'p', 'g', 'e', 's']) else { continue };
            let glued = &flags[at + 1..];
            let mut value =
                if glued.is_empty() { words.next().unwrap_or_default() } else { glued }.to_owned();
            match flags.as_bytes()[at] {
                b'c' => options.conf = Some(value),
                b'p' => options.prefix = Some(value),
                b'e' => options.error_log = Some(value),
                b'g' => {
                    while let Some(word) = words.next_if(|word| !word.starts_with('-')) {
                        value.push(' ');
                        value.push_str(word);
                    }
                    options.globals = value;
                }
                _ => {}
            }
        }
        options
    }
}

/// How a master was started.
pub(super) fn of_master(procfs: &Path, master: &NginxMaster) -> Command {
    let process = procfs.join(master.pid.to_string());
    let options = Options::of(&master.argv);
    let root = process.join("root");
    let build = NginxBuild::read(&process.join("exe")).or_else(|| of_program(&root, &options.program));
    // What is relative to where it was started is so only for -p; -c is relative to that, or to what was compiled in.
    let cwd = || fs::read_link(process.join("cwd")).unwrap_or_default();
    let prefix = options.prefix.as_ref().map(|prefix| cwd().join(prefix));
    let conf = conf(&root, &options, build.as_ref(), prefix.as_deref());
    let mut command = match &build {
        Some(build) => {
            let prefix = prefix.clone().unwrap_or_else(|| build.prefix.clone());
            Command::built(&conf, &NginxBuild { prefix, ..build.clone() })
        }
        None => Command::guess(&conf),
    };
    if prefix.is_some() {
        command.prefix = prefix;
    }
    if let Some(log) = &options.error_log {
        command.error_log = match &command.prefix {
            Some(prefix) if log != "stderr" => prefix.join(log),
            _ => log.into(),
        };
    }
    command.globals = options.globals;
    command
}

/// How an nginx that does not run reads that main file, by the program that is probably its own.
pub(super) fn of_installed(conf: &Path) -> Command {
    let dir = conf.parent().unwrap_or(Path::new("/"));
    let own = dir.parent().map(|prefix| prefix.join("sbin/nginx"));
    let packaged = dir.file_name().map(|name| Path::new("/usr/sbin").join(name));
    let builds = own.into_iter().chain(packaged).filter_map(|program| NginxBuild::read(&program));
    let mut builds = builds.filter(|build| {
        build.conf.as_ref().map_or(build.prefix.join("conf/nginx.conf"), |path| build.prefix.join(path))
            == conf
    });
    builds.next().map_or_else(|| Command::guess(conf), |build| Command::built(conf, &build))
}

fn of_program(root: &Path, program: &Path) -> Option<NginxBuild> {
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    if program.is_absolute() {
        return NginxBuild::read(&below(program));
    }
    let places = PATH.iter().map(|dir| Path::new(dir).join(program));
    places.filter_map(|path| NginxBuild::read(&below(&path))).next()
}

/// The main file.
fn conf(root: &Path, options: &Options, build: Option<&NginxBuild>, prefix: Option<&Path>) -> PathBuf {
    let exists = |path: &Path| path.strip_prefix("/").is_ok_and(|path| root.join(path).exists());
    let built = build.map(|build| match &build.conf {
        // A prefix of the command line moves what was built relative to the prefix.
        Some(path) => prefix.unwrap_or(&build.prefix).join(path),
        None => prefix.unwrap_or(&build.prefix).join("conf/nginx.conf"),
    });
    match (&options.conf, prefix) {
        (Some(conf), Some(prefix)) => prefix.join(conf),
        // Relative to the directory of the main file that was compiled in (`ngx_process_options`).
        (Some(conf), None) => {
            let dir = built.as_deref().and_then(Path::parent);
            dir.unwrap_or(Path::new("/etc/nginx")).join(conf)
        }
        (None, prefix) => built.unwrap_or_else(|| {
            let below = prefix.iter().map(|prefix| prefix.join("conf/nginx.conf"));
            let known = [PathBuf::from(KNOWN[0])].into_iter().chain(below);
            let mut known = known.chain(KNOWN[1..].iter().map(PathBuf::from));
            known.find(|path| exists(path)).unwrap_or_else(|| KNOWN[0].into())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn master(argv: &str) -> NginxMaster {
        NginxMaster { pid: 7, argv: argv.into() }
    }

    #[test]
    fn the_command_line_says_which_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("7/root");
        write(&root.join("srv/conf/nginx.conf"), "");
        write(&root.join("srv/x.conf"), "");
        let of = |argv: &str| of_master(dir.path(), &master(argv)).conf;
        assert_eq!(of("nginx -p /srv/ -g daemon off;"), Path::new("/srv/conf/nginx.conf"));
        write(&root.join("etc/nginx/nginx.conf"), "");
        for (argv, expected) in [
            ("nginx", "/etc/nginx/nginx.conf"),
            ("nginx -p /srv/", "/etc/nginx/nginx.conf"),
            ("nginx -c /srv/x.conf", "/srv/x.conf"),
            ("nginx -c/srv/x.conf", "/srv/x.conf"),
            ("nginx -p /srv -c x.conf", "/srv/x.conf"),
            ("nginx -c x.conf", "/etc/nginx/x.conf"),
            ("nginx -qc /srv/x.conf", "/srv/x.conf"),
            ("nginx -g daemon off; pid /p; -c /srv/x.conf", "/srv/x.conf"),
        ] {
            assert_eq!(of(argv), Path::new(expected), "{argv}");
        }
    }

    #[test]
    fn a_program_says_where_its_files_are() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("7/root");
        let program = "configure arguments: --prefix=/etc/angie --conf-path=/etc/angie/angie.conf \
            --error-log-path=/var/log/angie/error.log --http-log-path=logs/a.log\n";
        write(&root.join("usr/sbin/angie"), program);
        let of = |argv: &str| of_master(dir.path(), &master(argv));
        for argv in ["/usr/sbin/angie", "angie"] {
            let command = of(argv);
            assert_eq!(command.conf, Path::new("/etc/angie/angie.conf"), "{argv}");
            assert_eq!(command.access_log, Path::new("/etc/angie/logs/a.log"));
            assert_eq!(command.error_log, Path::new("/var/log/angie/error.log"));
        }
        let command = of("angie -p /srv -e stderr -c x.conf -g daemon off; error_log /e;");
        assert_eq!(command.conf, Path::new("/srv/x.conf"));
        assert_eq!(command.prefix.as_deref(), Some(Path::new("/srv")));
        assert_eq!(command.access_log, Path::new("/srv/logs/a.log"));
        assert_eq!(command.error_log, Path::new("stderr"));
        assert_eq!(command.globals, "daemon off; error_log /e;");
        assert_eq!(of("angie -c x.conf").conf, Path::new("/etc/angie/x.conf"));
        assert_eq!(of("angie -e log/e").error_log, Path::new("/etc/angie/log/e"));
    }
}
