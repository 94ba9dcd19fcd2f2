//! The same files to nginx and to our reader.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use badgateway::topology::nginx_conf::read;
use badgateway_harness::find_program;

/// Each is what an `http` block holds. `nginx -T` binds what it listens on: a socket in the test's directory (`@dir@`) needs
/// no privilege and disturbs nobody.
const TAKEN: &[&str] = &[
    "upstream a { server 127.0.0.1:9000; keepalive 4; }",
    "upstream \"a b\" { server 127.0.0.1; }#comment {\nupstream c{server unix:/x;}",
    "log_format x '$status {;} \"' \"it\\\"s ${status}\" \\;;",
    "map $uri ${host}x { default \"\"; ~^/\\d+$ 1; '~^/a{2} ;' 2; include inc/map; }",
    "server { listen unix:@dir@/s; if ($host = \"a\") { return 200 \"; }\"; } }",
    "server { listen unix:@dir@/s; if ($host = \"a\"){ return 200 'x\ny'; } location ~ \\.php$ { return 200 ${host}; } }",
    "include inc/*.conf; include inc/none*; include nowhere/*.conf;",
    "include inc/a.conf;\r\n\tinclude\t'inc/b.conf'\t;",
    "include inc/[!a].con?;",
    "types { text/html html htm; } charset_types a b;",
];

/// What nginx refuses for its form.
const REFUSED: &[&str] = &[
    "upstream a { server 127.0.0.1:9000 }",
    "upstream a { server 127.0.0.1:9000; ",
    "upstream a { server 127.0.0.1:9000; } }",
    ";",
    "{ }",
    "log_format x 'a'b;",
    "log_format x 'a;",
    "server_tokens off",
    "include inc/nosuch;",
    "include nowhere/nosuch.conf;",
];

/// The files that nginx reads, in order; an error is what it says when it refuses them.
fn theirs(program: &Path, dir: &Path, file: &Path) -> Result<Vec<PathBuf>, String> {
    let mut command = Command::new(program);
    command.arg("-T").arg("-p").arg(dir).arg("-e").arg(dir.join("error.log")).arg("-c").arg(file);
    let output = command.output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let dump = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = dump.lines().filter_map(|line| line.strip_prefix("# configuration file ")?.strip_suffix(':'));
    Ok(names.map(PathBuf::from).collect())
}

#[test]
fn we_read_what_nginx_reads() {
    let (program, dir) = (find_program(&["nginx"], "nginx").unwrap(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    fs::create_dir(dir.join("inc")).unwrap();
    for name in ["b", "a", ".c"] {
        let text = format!("upstream included_{} {{ server 127.0.0.1:1; }}\n", name.trim_matches('.'));
        fs::write(dir.join(format!("inc/{name}.conf")), text).unwrap();
    }
    fs::write(dir.join("inc/map"), "/x y;\n").unwrap();
    let file = dir.join("main.conf");
    let both = |http: &str| {
        let http = http.replace("@dir@", &dir.display().to_string());
        // nginx -T makes its directories for temporary files, by default below one that only root may write.
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|module| format!("{module}_temp_path {}/{module};", dir.display()))
            .join("\n");
        let text = format!(
            "pid {}/pid;\nevents {{}}\nhttp {{ access_log off;\n{temporary}\n{http}\n}}\n",
            dir.display()
        );
        fs::write(&file, text).unwrap();
        (theirs(&program, dir, &file), read(&file, Path::new("/")))
    };
    for http in TAKEN {
        let (theirs, ours) = both(http);
        let theirs = theirs.unwrap_or_else(|said| panic!("nginx refuses {http}: {said}"));
        let ours = ours.unwrap_or_else(|error| panic!("nginx reads this, we do not: {error}\n{http}"));
        assert!(!ours.is_partial(), "{http}: {:?}", ours.problems);
        let files: Vec<_> = ours.files.into_iter().filter(|path| path.is_file()).collect();
        assert_eq!(files, theirs, "{http}");
    }
    for http in REFUSED {
        let (theirs, ours) = both(http);
        assert!(theirs.is_err(), "nginx takes {http}");
        // What holds no file can still be read.
        assert!(ours.is_err() || http.contains("include"), "nginx refuses this, we do not: {http}");
        assert!(ours.is_err() || ours.is_ok_and(|config| config.is_partial()), "{http}");
    }
}
