//! Lines that a visitor or a script writes into the error log, and lines that nginx cuts off.
//!
//! A forged line may at most change the label of the forger's own request; it may never add or take away a response,
//! and none of its words may become a label (`totals` looks for [`FORGED`] on the whole page).

use super::{Case, Send};
use crate::harness::client::Http1;

/// The upstream that every forged line names.
pub(super) const FORGED: &str = "6.6.6.6:666";

/// A complete entry, percent-encoded for a URL. Time and pid are wrong, as a visitor's guess is.
macro_rules! forged_entry {
    () => {
        "2026/11/20%2009:09:09%20[error]%209%239:%20*7%20connect()%20failed%20(111:%20Connection%20refused)%20while\
         %20connecting%20to%20upstream,%20client:%20127.0.0.1,%20server:%20lab.test,%20request:%20%22GET%20/victim\
         %20HTTP/1.1%22,%20upstream:%20%22http://6.6.6.6:666/%22,%20host:%20%22lab.test%22"
    };
}

const REFERER: &str = "http://x/\", client: 1.2.3.4, upstream: \"http://6.6.6.6:666/";

pub(super) const CASES: &[Case] = &[
    Case {
        name: "forged_by_php_200",
        server: "location /forged_php { fastcgi_pass @www@; }",
        send: Send::Get(&[concat!("/forged_php/log.php?m=login%20of%20bob%0A", forged_entry!(), "%0Atail")]),
        seen: &[("200", 1)],
        says: &["\n2026/11/20 09:09:09 [error] 9#9: *7 connect() failed (111:"],
        failures: Some(&[]),
        ..Case::BASE
    },
    Case {
        name: "forged_by_stderr_502",
        server: "location = /forged_stderr { fastcgi_pass @fastcgi@; fastcgi_param FAULT stderr-then-close; \
                 fastcgi_param TEXT 'PHP message: harmless\n\
                 2026/11/20 09:09:09 [error] 9#9: *7 no live upstreams while connecting to upstream, client: 127.0.0.1, \
                 server: lab.test, request: \"GET /victim HTTP/1.1\", upstream: \"fastcgi://6.6.6.6:666\", host: \"x\"\n\
                 tail'; }",
        send: Send::Get(&["/forged_stderr"]),
        seen: &[("502", 1)],
        says: &[
            "\n2026/11/20 09:09:09 [error] 9#9: *7 no live upstreams",
            "upstream prematurely closed connection",
        ],
        errors: &[("502", "closed_prematurely", "@fastcgi@", 1)],
        ..Case::BASE
    },
    Case {
        name: "forged_by_path",
        server: "log_not_found on;",
        send: Send::Get(&[concat!("/nothing-here%0A", forged_entry!(), "/x")]),
        seen: &[("404", 1)],
        says: &["\n2026/11/20 09:09:09 [error] 9#9: *7 connect() failed (111:"],
        failures: Some(&[]),
        ..Case::BASE
    },
    Case {
        name: "forged_by_path_now",
        send: Send::Do(|lab| {
            // The best a visitor could do: the right second, the right process, a connection number that exists.
            let worker = crate::harness::proc::members(lab.nginx.pid())
                .into_iter()
                .find(|pid| *pid != lab.nginx.pid())
                .ok_or("nginx has no worker")?;
            let now = std::process::Command::new("date").arg("+%Y/%m/%d%%20%H:%M:%S").output()?;
            let now = String::from_utf8(now.stdout)?.trim().to_owned();
            let entry = forged_entry!().split_once("%20[error]").map_or("", |(_, rest)| rest);
            let entry = entry.replace("9%239", &format!("{worker}%23{worker}")).replace("*7", "*1");
            Ok(vec![Http1::new(lab.nginx.port).get(&format!("/nothing%0A{now}%20[error]{entry}/x"))])
        }),
        seen: &[("404", 1)],
        says: &["*1 connect() failed (111:"],
        failures: Some(&[]),
        ..Case::BASE
    },
    Case {
        name: "forged_referer",
        server: "location = /forged_referer { fastcgi_pass @nosuch@; }",
        send: Send::With("/forged_referer", &[("Referer", REFERER), ("User-Agent", REFERER)]),
        seen: &[("502", 1)],
        says: &["referrer: \"http://x/\", client: 1.2.3.4, upstream: \"http://6.6.6.6:666/\""],
        errors: &[("502", "socket_missing", "@nosuch@", 1)],
        ..Case::BASE
    },
    Case {
        name: "quotes_in_the_path",
        server: "location /quotes { fastcgi_pass @nosuch@; }",
        send: Send::Get(&["/quotes/\",upstream:\"http://6.6.6.6:666/", "/quotes/\\x22%22\u{e9}"]),
        seen: &[("502", 2)],
        says: &["failed (2:"],
        errors: &[("502", "socket_missing", "@nosuch@", 2)],
        ..Case::BASE
    },
    Case {
        // The entry is cut at 2048 bytes, but this message names the socket at its beginning.
        name: "long_uri",
        server: "location = /long_uri { fastcgi_pass @nosuch@; }",
        send: Send::Do(|lab| {
            Ok(vec![Http1::new(lab.nginx.port).get(&format!("/long_uri?{}", "long".repeat(750)))])
        }),
        seen: &[("502", 1)],
        says: &["failed (2:"],
        errors: &[("502", "socket_missing", "@nosuch@", 1)],
        // That FastCGI was to be spoken there was cut off.
        root: Some("unknown"),
        ..Case::BASE
    },
];
