use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;

mod model;

fn tree(files: &[(&str, &str)]) -> Result<NginxConfig, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    read(Path::new("/etc/nginx/nginx.conf"), dir.path())
}

fn one(text: &str) -> Result<NginxConfig, ConfigError> {
    tree(&[(MAIN, text)])
}

fn kept(http: &str) -> Vec<(String, u64)> {
    let config = one(&format!("http {{ {http} }}")).unwrap();
    config.kept.into_iter().map(|(server, time)| (server, time.as_secs())).collect()
}

const MAIN: &str = "etc/nginx/nginx.conf";

#[test]
fn groups_are_read_with_quotes_comments_and_variables() {
    let config = one("user www;# no; block {\n\
        events{}stream { upstream not_http { server a:1; keepalive 1; } }\n\
        http {\n  log_format x '$a \"b\" {;}' \"it\\\"s ${b}\";\n\
        map $x ${y}z { default \"\"; \"~^\\d{2}$\" 1; include never.*; }\n\
        if ($a = \"b\") { return 200 \"; }\"; }\n\
        upstream \"my app\" { zone z 64k; server 10.0.0.1 weight=5; server unix:/run/x.sock backup;\n\
            server [::1]:81 down; server php:9000; keepalive 8; keepalive_timeout 1m30s; future_thing { a b; } }\n\
        upstream plain { server 10.0.0.2:80; }\n }\n");
    let config = config.unwrap();
    let timeout = Duration::from_secs(90);
    assert_eq!(config.http.upstreams.len(), 2);
    let group = &config.http.upstreams[0];
    assert_eq!(
        (group.name.as_str(), group.keepalive),
        ("my app", Some(Keepalive { connections: 8, timeout }))
    );
    assert_eq!(group.servers, ["10.0.0.1:80", "unix:/run/x.sock", "[::1]:81", "php:9000"]);
    assert_eq!(config.http.upstreams[1].keepalive, None);
    assert!(config.kept.is_empty(), "nobody uses them");
}

#[test]
fn lua_is_stepped_over() {
    let config = one("http { init_by_lua_block { local s = '}' -- } it's\n t = {1; 2} }\n\
        server { location / { content_by_lua_block{ngx.say([[ } ]])} } }\n\
        upstream a { balancer_by_lua_block { local b = {} } server 0.0.0.1; } }");
    assert_eq!(config.unwrap().http.upstreams[0].servers, ["0.0.0.1:80"]);
}

#[test]
fn includes_are_relative_to_the_main_file() {
    let config = tree(&[
        (
            MAIN,
            "http { include conf.d/*.conf; include sites/none*; include nowhere/*; upstream z { server z:1; } }",
        ),
        ("etc/nginx/conf.d/b.conf", "upstream b { include deep/servers; }"),
        ("etc/nginx/conf.d/a.conf", "upstream a { server a:1; }\n"),
        ("etc/nginx/conf.d/.hidden.conf", "}"),
        ("etc/nginx/deep/servers", "server b:1; server b:2;"),
        ("etc/nginx/sites/some", "}"),
    ]);
    let config = config.unwrap();
    let groups: Vec<_> =
        config.http.upstreams.iter().map(|group| (group.name.as_str(), group.servers.len())).collect();
    assert_eq!(groups, [("a", 1), ("b", 2), ("z", 1)]);
    // Four files, the two directories that were searched, and the one where a missing one would appear.
    assert_eq!(config.files.len(), 7, "{:?}", config.files);
}

#[test]
fn a_connection_is_kept_where_group_and_use_agree() {
    let group = "upstream g { server 10.0.0.1; keepalive 4; }";
    let cleared = "proxy_http_version 1.1; proxy_set_header Connection '';";
    let yes = vec![("10.0.0.1:80".to_owned(), 60)];
    let uses = |text: &str| kept(&format!("{group} {text}"));
    assert_eq!(uses(&format!("server {{ location / {{ proxy_pass http://g/x; {cleared} }} }}")), yes);
    assert_eq!(uses(&format!("server {{ location / {{ proxy_pass http://g; }} {cleared} }}")), yes);
    assert_eq!(uses("server { location / { fastcgi_pass g; fastcgi_keep_conn on; } }"), yes);
    assert_eq!(uses("server { location / { grpc_pass grpc://g; } }"), yes);
    for no in [
        String::new(),
        "server { location / { proxy_pass http://g; } }".to_owned(),
        "server { location / { proxy_pass http://g; proxy_http_version 1.1; } }".to_owned(),
        "server { location / { fastcgi_pass g; } }".to_owned(),
        "server { location / { uwsgi_pass g; } }".to_owned(),
        // Headers of its own, so none is inherited.
        format!("server {{ {cleared} location / {{ proxy_pass http://g; proxy_set_header Host x; }} }}"),
        // Then a POST that fails on a kept connection is sent again.
        format!(
            "{cleared} proxy_next_upstream error non_idempotent; server {{ location / {{ proxy_pass http://g; }} }}"
        ),
        // The address is used in another way as well.
        format!(
            "{cleared} server {{ location / {{ proxy_pass http://g; }} location /x {{ proxy_pass http://10.0.0.1/; }} }}"
        ),
        format!(
            "{cleared} server {{ location / {{ proxy_pass http://g; }} location /x {{ fastcgi_pass g; }} }}"
        ),
        format!(
            "{cleared} upstream h {{ server 10.0.0.1:80; }} \
             server {{ location / {{ proxy_pass http://g; }} location /x {{ proxy_pass http://h; }} }}"
        ),
    ] {
        assert_eq!(uses(&no), [], "{no}");
    }
    let none = kept(&format!(
        "upstream g {{ server 10.0.0.1; }} {cleared} server {{ location / {{ proxy_pass http://g; }} }}"
    ));
    assert_eq!(none, []);
}

#[test]
fn errors_name_file_line_and_what_to_do() {
    for (text, words) in [
        ("a;\nb", "nginx.conf line 2: the file ends inside of a directive"),
        (
            "a {\nb;\n",
            "line 3: the file ends inside of a block: a '}' is missing. Correct it and run nginx -t",
        ),
        ("a;\n}", "line 2: '}' is not expected here: no block is open."),
        ("a { b }", "line 1: '}' is not expected here: a ';' is missing before it."),
        (";", "there is no directive before it"),
        ("{", "there is no directive before it"),
        ("a 'b'c;", "'c' is not expected behind a quoted word"),
        ("a\n\n'b;\n", "the quote that opens in line 3 has no end"),
        ("x_by_lua_block { '", "line 1: the Lua block has no end"),
        ("include nginx.conf;", "nest deeper than 64"),
    ] {
        let error = one(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    assert!(tree(&[("x", "")]).unwrap_err().to_string().contains("--nginx-config"));
    assert!(one(&"a {".repeat(100_000)).unwrap_err().to_string().contains("nest deeper"));
}

#[test]
fn an_include_that_cannot_be_read_hides_only_what_it_holds() {
    let before =
        "http { upstream a { server a:1; }\ninclude x.conf; include sites/*;\nupstream b { server b:1; } }";
    let config =
        tree(&[("etc/nginx/nginx.conf", before), ("etc/nginx/sites/s", "upstream s { server s:1; }")]);
    let config = config.unwrap();
    let names: Vec<_> = config.http.upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
    assert_eq!(names, ["a", "s", "b"]);
    let [problem] = config.problems.as_slice() else { panic!("{:?}", config.problems) };
    assert!(problem.text.contains("cannot read /etc/nginx/x.conf, included by /etc/nginx/nginx.conf line 2"));
    assert_eq!((problem.place.line, problem.place.file.to_str()), (2, Some("/etc/nginx/nginx.conf")));
    assert!(
        config.files.iter().any(|file| file.ends_with("x.conf")),
        "it may come later: {:?}",
        config.files
    );
    // A file that nginx would refuse is another matter: it cannot be told what belongs to what.
    assert!(tree(&[("etc/nginx/nginx.conf", "include x.conf;"), ("etc/nginx/x.conf", "a {")]).is_err());
}

/// Whatever a file holds: an answer, no panic, no endless include.
#[test]
fn ten_thousand_mutations_end_well() {
    const SEED: &str = "user www; # c\nhttp { include conf.d/*.conf; log_format x '$a \"b\"' \"${b}\\\"\";\n\
        map $x $y { ~^\\d+$ 1; } init_by_lua_block { local s = [[ } ]] -- '\n }\n\
        upstream g { server unix:/x; server [::1]:8; keepalive 4; keepalive_timeout 1m; }\n\
        server { location ~ \\.php$ { fastcgi_pass g; fastcgi_keep_conn on; } } }\n";
    const NOISE: &[u8] = b"{};\"'#\\$\n\t [*-:/\0\xff";
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc/nginx/conf.d")).unwrap();
    fs::write(dir.path().join("etc/nginx/conf.d/a.conf"), "upstream a { server b; }").unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..10_000 {
        let mut text = SEED.as_bytes().to_vec();
        for _ in 0..=below(4) {
            let at = below(text.len());
            match below(3) {
                0 => text.insert(at, NOISE[below(NOISE.len())]),
                1 => drop(text.drain(at..(at + below(12)).min(text.len()))),
                _ => text[at] = NOISE[below(NOISE.len())],
            }
        }
        fs::write(dir.path().join(MAIN), &text).unwrap();
        match read(Path::new("/etc/nginx/nginx.conf"), dir.path()) {
            Ok(_) => read_well += 1,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(
        read_well > 500 && refused > 500,
        "{read_well} read, {refused} refused: the mutations are no good"
    );
}
