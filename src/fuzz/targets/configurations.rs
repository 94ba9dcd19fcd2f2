//! nginx's and PHP-FPM's configuration.

use std::fs;
use std::path::Path;

use crate::fuzz::{fixtures, target};
use crate::topology::{fpm_conf, nginx_conf};

const NGINX: &str = r#"user www-data; worker_processes auto; error_log logs/error.log warn;
events { worker_connections 1024; }
http {
    log_format main escape=json '$remote_addr "$request" $status';
    map $uri $pool { default a; ~^/b b; }
    upstream php { server unix:/run/php.sock max_fails=3; server 127.0.0.1:9000 backup; keepalive 8; }
    access_log logs/access.log main if=$pool;
    include conf.d/*.conf;
    server {
        listen 80 default_server; listen [::]:443 ssl; server_name a.test *.b.test;
        set $sock "unix:/run/a.sock";
        location ~ \.php$ { fastcgi_pass php; include fastcgi_params; fastcgi_next_upstream error timeout; }
        location / { proxy_pass http://$pool:8080; if ($a = 'b') { return 502; } }
        location /c { fastcgi_pass $sock; access_log off; # words; {
            content_by_lua_block { local a = "}" -- }
            } }
    }
}
stream { upstream s { server 127.0.0.1:1; } server { listen 3; proxy_pass s; } }
"#;

#[test]
fn nginx_configuration() {
    const WORDS: &[&str] = &[
        "{",
        "}",
        ";",
        "\"",
        "'",
        "\\",
        "#",
        "$",
        "${",
        "${a}",
        "$pool",
        "include ",
        "include nginx.conf;",
        "http {",
        "server {",
        "location / {",
        "upstream php {",
        "map $a $b {",
        "set $sock $sock$sock;",
        "fastcgi_pass ",
        "proxy_pass http://$pool;",
        "content_by_lua_block {",
        "[[",
        "]]",
        "--[==[",
        "log_format ",
        "access_log ",
        "keepalive ",
        "default",
        "~*",
        "unix:",
        "[::1]:9000",
        "\n",
    ];
    let root = tempfile::tempdir().unwrap();
    let main = Path::new("/nginx.conf");
    let file = root.path().join("nginx.conf");
    target("nginx_configuration", vec![NGINX.into()], WORDS, |text| {
        fs::write(&file, text).unwrap();
        if let Ok(config) = nginx_conf::read(main, root.path()) {
            let _ = (config.fastcgi_targets(), config.http.servers.len(), config.is_partial());
        }
    });
}

#[test]
fn fpm_configuration() {
    const WORDS: &[&str] = &[
        "[www]",
        "[global]",
        "include=",
        "include=*.conf",
        "listen = ",
        "pm = static",
        "pm.max_children = ",
        "${HOME}",
        "${A:-b}",
        "$pool",
        "\"",
        "'",
        "\\",
        ";",
        "#",
        "=",
        "|",
        "&",
        "~",
        "!",
        "(",
        ")",
        "env[A] = ",
        "php_admin_value[x] = ",
        "request_terminate_timeout = 1d",
        "yes",
        "none",
        "null",
        "\n",
        "\r\n",
        "\0",
    ];
    let fpm = "proc/100/root/etc/php/8.2/fpm";
    let names = ["php-fpm.conf", "pool.d/api.conf", "pool.d/www.conf"].map(|name| format!("{fpm}/{name}"));
    let mut files = fixtures(&names.each_ref().map(String::as_str));
    files.push(b"[global]\nerror_log = \"log/\" ${HOME}\n[www]\nlisten = 9000\npm = dynamic\npm.max_children = (5|2)\n".to_vec());
    let root = tempfile::tempdir().unwrap();
    let main = Path::new("/php-fpm.conf");
    let file = root.path().join("php-fpm.conf");
    target("fpm_configuration", files, WORDS, |text| {
        fs::write(&file, text).unwrap();
        if let Ok(config) = fpm_conf::read(main, root.path()) {
            let _ = (config.is_partial(), config.complaints().count());
        }
    });
}
