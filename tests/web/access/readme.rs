//! What the README says to paste works as it stands there.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{Started, code, curl, place};

#[test]
fn the_commands_that_close_the_port_work_when_pasted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme.split("## Close the port\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks: Vec<&str> =
        section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [certificate, hash, configuration, ask] = blocks[..] else { panic!("{blocks:?}") };
    let dir = place();
    let place = dir.path().join("etc");
    let here = |text: &str| text.replace("/etc/badgateway", place.to_str().unwrap()).replace("sudo ", "");
    let mut shell = Command::new("bash")
        .args(["-euc", &here(&[certificate, hash, configuration].concat())])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all("pässword 1\n".as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("SUCCESS"), "{said}");

    let file = place.join("web.yml");
    let args = ["--web.listen-address", "127.0.0.1:0", "--web.config.file", file.to_str().unwrap()];
    let program = Command::new(badgateway_harness::programs::badgateway().unwrap());
    let serve = Started::new(dir, program, &args, 1);
    let ask = here(ask);
    let words: Vec<&str> = ask.split_whitespace().collect();
    let ["curl", options @ .., url] = &words[..] else { panic!("{ask}") };
    let url = url.replace("localhost:10502", &serve.address().replace("127.0.0.1", "localhost"));
    let with = |user: &str| {
        let named = |word: &str| word == "prometheus";
        let options: Vec<&str> = options.iter().map(|word| if named(word) { user } else { word }).collect();
        code(&curl(&url, &options))
    };
    assert_eq!(with("prometheus:pässword 1"), 200);
    assert_eq!(with("prometheus:password 1"), 401);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("ssword 1"));
}
