//! Servers, logs, formats and where requests go; and how much is read.

use super::super::super::loader::ConfigLimits;
use super::*;

/// The targets of each pass, as `PROTOCOL WRITTEN -> TARGET TARGET`.
fn passes(side: &Side) -> Vec<String> {
    let target = |target: &Target| match target {
        Target::Server { address, tls } => format!("{address}{}", if *tls { "(tls)" } else { "" }),
        Target::Group { name, tls } => format!("<{name}>{}", if *tls { "(tls)" } else { "" }),
        Target::Missing(name) => format!("missing:{name}"),
        Target::Unknown => "?".to_owned(),
    };
    let row = |pass: &Pass| {
        let targets: Vec<_> = pass.targets.iter().map(target).collect();
        format!("{} {} -> {}", pass.protocol.prefix(), pass.written, targets.join(" "))
    };
    side.passes.iter().map(row).collect()
}

/// Of a server's body.
fn of_server(before: &str, body: &str) -> Vec<String> {
    passes(&one(&format!("http {{ {before} server {{ {body} }} }}")).unwrap().http)
}

#[test]
fn each_pass_has_its_protocol_and_its_targets() {
    let body = "location / { proxy_pass http://10.0.0.1; } location /s { proxy_pass https://shop.test/a?b; } \
        location ~ p { fastcgi_pass unix:/run/php.sock; } location /u { uwsgi_pass 127.0.0.1:3031; } \
        location /g { grpc_pass grpcs://[::1]:50051; } location /sock { proxy_pass http://unix:/run/x:/uri/; } \
        location /app { proxy_pass http://App; if ($x) { scgi_pass 10.0.0.9:1; } } location /m { memcached_pass m:11211; } \
        location /none { fastcgi_pass nowhere; }";
    assert_eq!(
        of_server("upstream app { server 10.0.0.2; }", body),
        [
            "proxy http://10.0.0.1 -> 10.0.0.1:80",
            "proxy https://shop.test/a?b -> shop.test:443(tls)",
            "fastcgi unix:/run/php.sock -> unix:/run/php.sock",
            "uwsgi 127.0.0.1:3031 -> 127.0.0.1:3031",
            "grpc grpcs://[::1]:50051 -> [::1]:50051(tls)",
            "proxy http://unix:/run/x:/uri/ -> unix:/run/x",
            "proxy http://App -> <app>",
            "scgi 10.0.0.9:1 -> 10.0.0.9:1",
            "memcached m:11211 -> m:11211",
            "fastcgi nowhere -> missing:nowhere",
        ]
    );
    let config =
        one("stream { upstream s { server 10.0.0.3:1; } server { listen 1; proxy_pass s; } }").unwrap();
    assert_eq!(passes(&config.stream), ["proxy s -> <s>"]);
    assert!(config.http.passes.is_empty());
}

#[test]
fn a_variable_leads_to_every_value_that_the_configuration_gives_it() {
    let maps = "upstream blue { server 10.0.0.1; } \
        map $cookie_b $backend { default blue; \"~^g\" 10.0.0.2:80; } split_clients $x $half { 50% 10.0.0.3:1; * blue; } \
        geo $where { default 10.0.0.4:1; 10.0.0.0/8 10.0.0.5:1; }";
    for (body, expected) in [
        ("proxy_pass http://$backend;", "10.0.0.2:80 <blue>"),
        ("proxy_pass http://$half/x;", "10.0.0.3:1 <blue>"),
        ("fastcgi_pass $where;", "10.0.0.4:1 10.0.0.5:1"),
        (
            "set $b 10.0.0.6; if ($x) { set $b 10.0.0.7; } proxy_pass http://$b:81$request_uri;",
            "10.0.0.6:81 10.0.0.7:81",
        ),
        ("set $a $backend; proxy_pass $scheme://$a;", "10.0.0.2:80 10.0.0.2:80(tls) <blue> <blue>(tls)"),
        ("proxy_pass http://$http_x;", "?"),
        ("set $b 10.0.0.6; set_by_lua $b 'return 1'; proxy_pass http://$b;", "?"),
        ("server_name ~^(?<b>.+)$; proxy_pass http://$b;", "?"),
        ("set $a $b; set $b $a; proxy_pass http://$a;", "?"),
        ("proxy_pass http://unix:$where;", "unix:10.0.0.4 unix:10.0.0.5"),
    ] {
        let got = of_server(maps, &format!("location / {{ {body} }}"));
        let targets = got[0].split_once(" -> ").unwrap().1;
        let mut words: Vec<_> = targets.split(' ').collect();
        words.sort_unstable();
        assert_eq!(words.join(" "), expected, "{body}");
    }
}

#[test]
fn servers_have_names_listens_and_logs_with_places() {
    let text = "error_log /main.log warn;\nhttp {\nlog_format main escape=json '$a'\n  '$b';\naccess_log /all.log main buffer=32k flush=5s;\n\
        server {\nlisten 127.0.0.1:80 default_server;\nlisten [::]:443 ssl;\nserver_name .Shop.test www.shop.test;\n\
        error_log /shop.log;\nlocation /api { error_log syslog:server=unix:/dev/log crit; access_log off; }\n}\n\
        server { server_name ~^(.+)$; }\n}\n";
    let config = one(text).unwrap();
    let [shop, other] = config.http.servers.as_slice() else { panic!("{:?}", config.http.servers) };
    assert_eq!((shop.name().as_deref(), other.name().as_deref()), (Some("shop.test"), Some("^(.+)$")));
    assert_eq!(shop.place.to_string(), "/etc/nginx/nginx.conf line 6");
    let listens: Vec<_> = shop.listens.iter().map(|l| (l.address.as_str(), l.parameters.join(" "))).collect();
    assert_eq!(listens, [("127.0.0.1:80", "default_server".to_owned()), ("[::]:443", "ssl".to_owned())]);
    let [own, api] = shop.levels.as_slice() else { panic!("{:?}", shop.levels) };
    assert_eq!(own.error_logs[0].target, LogTarget::File("/shop.log".into()));
    assert_eq!(own.error_logs[0].level, Severity::Error);
    assert_eq!(api.error_logs[0].target, LogTarget::Syslog("server=unix:/dev/log".to_owned()));
    assert_eq!((api.error_logs[0].level, api.access_logs.len()), (Severity::Crit, 0));
    let inherited = &own.access_logs[0];
    assert_eq!((inherited.format.as_str(), inherited.buffer), ("main", Some(32 << 10)));
    assert_eq!(inherited.flush, Some(Duration::from_secs(5)));
    assert_eq!(inherited.place.as_ref().unwrap().line, 5);
    assert_eq!((other.levels[0].error_logs[0].level, other.listens.len()), (Severity::Warn, 0));
    let format = config.http.log_format("main").unwrap();
    assert_eq!((format.escape, format.text.as_str(), format.place.line), (Escape::Json, "$a$b", 3));
    assert_eq!(config.http.log_format("combined"), None);
}

/// How much is read of a main file that is so long, with so many includes of the same length.
fn read_long(length: usize, includes: usize) -> Result<NginxConfig, ConfigError> {
    let part = "a;".repeat(length / 2);
    let mut main = String::from("http { server { listen 1; }\n");
    let mut files = vec![("etc/nginx/part", part.as_str())];
    main.push_str(&"include part;\n".repeat(includes));
    main.push('}');
    files.push((MAIN, &main));
    tree(&files)
}

#[test]
fn what_is_beyond_the_limits_is_told_and_the_rest_is_read() {
    let error = one(&"a;".repeat(7 << 20)).unwrap_err().to_string();
    assert!(
        error.contains("longer than 1048576 bytes") && error.contains("--limit.config-file-bytes"),
        "{error}"
    );
    // Three quarters of the bytes that are allowed, and more directives than are kept.
    let config = read_long(1 << 20, 6).unwrap();
    let [problem] = config.problems.as_slice() else { panic!("{:?}", config.problems) };
    assert!(problem.text.contains("more than 524288 directives"), "{}", problem.text);
    assert_eq!(config.http.servers.len(), 1);
    // More bytes than are allowed, in comments.
    let part = format!("#{}\n", "x".repeat((1 << 20) - 2));
    let main = format!("http {{ server {{ listen 1; }}\n{}}}", "include part;\n".repeat(9));
    let config = tree(&[("etc/nginx/part", &part), (MAIN, &main)]).unwrap();
    let [problem] = config.problems.as_slice() else { panic!("{:?}", config.problems) };
    assert!(problem.text.contains("more than 8388608 bytes"), "{}", problem.text);
    assert!(problem.text.contains("--limit.config-bytes"), "{}", problem.text);
    assert_eq!((problem.place.line, config.http.servers.len()), (9, 1));
    let command = Command::guess(Path::new("/etc/nginx/nginx.conf"));
    let limits = ConfigLimits { file: 1 << 24, bytes: 1 << 24, directives: 100, ..ConfigLimits::default() };
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("etc/nginx")).unwrap();
    fs::write(dir.path().join(MAIN), "a;".repeat(7 << 20)).unwrap();
    assert!(read_as(&command, dir.path(), &limits).unwrap().is_partial());
}

/// 20,000 groups, each with its pass, and 20,000 passes to one group: what is kept of them grows with their number, not
/// with its square.
#[test]
fn many_groups_and_many_targets_cost_their_number() {
    let groups: String =
        (0..7000).map(|n| format!("upstream g{n}{{server 10.{}.{}.1;}}", n / 250, n % 250)).collect();
    let passes: String = (0..7000).map(|n| format!("location /{n}{{fastcgi_pass g{n};}}")).collect();
    let config = one(&format!("http{{{groups}server{{{passes}}}}}")).unwrap();
    assert_eq!((config.http.passes.len(), config.fastcgi_targets().len()), (7000, 7000));
    let servers: String = (0..20_000).map(|n| format!("server 10.{}.{}.1;", n / 250, n % 250)).collect();
    let passes = "location /{fastcgi_pass g;}".repeat(20_000);
    let config = one(&format!("http{{upstream g{{{servers}}}server{{{passes}}}}}")).unwrap();
    let kept: usize = config.http.passes.iter().map(|pass| pass.targets.len()).sum();
    assert_eq!((kept, config.fastcgi_targets().len()), (20_000, 20_000));
    assert_eq!(config.http.upstream_names().count(), 20_001);
}
