//! Text that clients and scripts write into the error log moves nobody else's response and makes no name.

use std::time::{Duration, Instant};

use super::*;

/// The verdicts in the order of the access lines.
#[derive(Debug, Default)]
struct Verdicts(Vec<Verdict>, BTreeMap<String, u64>);

impl Sink for Verdicts {
    fn response(&mut self, _: Id, _: u16) {}
    fn error(&mut self, verdict: &Verdict) {
        self.0.push(*verdict);
    }
    fn root(&mut self, _: &Verdict, _: RootCause, _: u64) {}
    fn failure(&mut self, _: Id, cause: Cause, outcome: Outcome, _: Local) {
        *self.1.entry(format!("{} {}", cause.word(), outcome.word())).or_default() += 1;
    }
    fn exit(&mut self, _: Id, _: Id, _: ExitReason, _: Local) {}
    fn seconds(&mut self, _: Id, _: Phase, _: f64) {}
    fn pair(&mut self, _: Id, _: Id) {}
}

/// What a run of lines gave: each verdict in words, all names, all failures.
#[derive(Debug, PartialEq, Eq)]
struct Outcomes {
    verdicts: Vec<[String; 3]>,
    names: Vec<String>,
    failures: BTreeMap<String, u64>,
}

/// One line of either log.
#[derive(Clone, Debug)]
enum Line {
    Access(String),
    Error(String),
    /// nginx wrote nothing for half a second.
    Pause,
}

/// Transports that cut an entry at each line feed, so that a forged line comes in the same dress as an honest one.
const CUTTING: [&str; 16] = [
    "LINE\r",
    "Nov 20 12:00:00 web1 nginx[31]: LINE",
    "<187>1 2026-11-20T12:00:00.003+00:00 web1 nginx 31 ERROR - LINE",
    "2026-11-20T12:00:00.123456789Z stderr F LINE",
    "nginx-1  | 2026-11-20T12:00:00.123456789Z LINE",
    "[pod/shop-7d9c/nginx] LINE",
    "2026-11-20T12:00:00.123456789Z LINE",
    "Thu 2026-11-20 12:00:00 CET web1 nginx[31]: LINE",
    "Thu Nov 20 12:00:00 2026 daemon.err nginx[31]: LINE",
    "83 <158>1 2026-11-20T12:00:00.123456+00:00 host app web.1 - LINE",
    "web_nginx.1.x7abc@node-1    | LINE",
    "0|nginx    | LINE",
    "@400000006560f2d0123456ab LINE",
    "2026-11-20T12:00:00Z app[3d8d9e] ams [info]LINE",
    "2026-11-20T12:00:00.759276947Z [err]  LINE",
    "shop-7d9c5b7f4-x2x7z nginx LINE",
];

/// What becomes of the lines; it must be the same in each wrapper of the error log.
fn run(lines: &[Line], live: bool) -> Outcomes {
    let plain = run_in("LINE", lines, live);
    for wrapper in CUTTING {
        assert_eq!(run_in(wrapper, lines, live), plain, "{wrapper}: {lines:?}");
    }
    plain
}

fn run_in(wrapper: &str, lines: &[Line], live: bool) -> Outcomes {
    let wrapped = |entry: &str| -> String {
        entry.split('\n').map(|line| wrapper.replace("LINE", line) + "\n").collect()
    };
    let options =
        Options { live, access_log: true, window: 90, error_log: true, fpm: false, timings: live, offset: 0 };
    let mut attributor = Attributor::new(options);
    attributor.set_clock(NOON);
    let (mut access, mut error) = (AccessLog::new(None, false), ErrorLog::default());
    let (mut seen, mut now) = (Verdicts::default(), Instant::now());
    // Offline the error log is read first, as far as the access lines' time and more.
    let ordered = || lines.iter().filter(|line| matches!(line, Line::Error(_)));
    if !live {
        ordered().for_each(|line| {
            if let Line::Error(line) = line {
                error.block(wrapped(line).as_bytes(), &mut attributor, &mut seen);
            }
        });
        error.at_end(true, &mut attributor, &mut seen);
    }
    for line in lines {
        match line {
            Line::Access(line) => {
                error.at_end(!live, &mut attributor, &mut seen);
                access.block(format!("{line}\n").as_bytes(), &mut attributor, &mut seen);
            }
            Line::Error(line) if live => {
                error.block(wrapped(line).as_bytes(), &mut attributor, &mut seen);
            }
            Line::Pause if live => {
                for _ in 0..2 {
                    error.idle(now, &mut attributor, &mut seen);
                    now += Duration::from_millis(500);
                }
            }
            _ => {}
        }
    }
    error.flush(&mut attributor, &mut seen);
    attributor.finish(&mut seen);
    let names = &attributor.names;
    let words = |verdict: &Verdict| {
        let (server, upstream) = (names.servers.text(verdict.server), names.upstreams.text(verdict.upstream));
        [verdict.cause.word().to_owned(), server.to_owned(), upstream.to_owned()]
    };
    let servers = names.servers.ids().map(|id| names.servers.text(id));
    let upstreams = names.upstreams.ids().map(|id| names.upstreams.text(id));
    let mut all: Vec<String> = servers.chain(upstreams).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    Outcomes { verdicts: seen.0.iter().map(words).collect(), names: all, failures: seen.1 }
}

fn errors(lines: &[&str]) -> Vec<Line> {
    lines.iter().map(|line| Line::Error((*line).to_owned())).collect()
}

const FORGED: &str = "2026/11/20 12:00:00 [error] 7#7: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 1.2.3.4, server: evil, request: \"GET /pay HTTP/1.1\", upstream: \"fastcgi://evil:9\", host: \"evil\"";

/// A victim's response, its honest entry a little later or missing, behind an attacker's entry of each kind.
#[test]
fn a_victim_s_response_keeps_its_cause_or_has_the_coarse_one() {
    let tail = "client: 6.6.6.6, server: s, request: \"GET /a%0a HTTP/1.1\", host: \"h\"";
    for (before, behind) in [
        ("open() \"/x", "\" failed (2: No such file or directory), "),
        ("mkdir() \"/dav/x", "\" failed (17: File exists), "),
        ("FastCGI sent in stderr: \"PHP message: x", "\" while reading response header from upstream, "),
        ("[lua] a.lua:1: x", ", "),
        ("js: x", ", "),
    ] {
        for shape in 0..3 {
            let end = format!("{behind}{tail}");
            let first = format!("2026/11/20 12:00:00 [error] 7#7: *4 {before}");
            let entry = match shape {
                0 => errors(&[&first, FORGED, &format!("y{end}")]),
                1 => errors(&[&first, FORGED, &format!("{FORGED}{end}")]),
                _ => errors(&[&format!("{first}{end}"), FORGED, &format!("{first}{end}")]),
            };
            let honest = closed(9, "1.2.3.4", "/pay", "a:1");
            for (rich_format, live) in [(true, true), (true, false), (false, true), (false, false)] {
                let response = match rich_format {
                    true => rich(9, "502", "/pay", "a:1", "502", "-")
                        .replace("\"upstream_connect_time\":\"-\"", "\"upstream_connect_time\":\"0.001\""),
                    false => combined("1.2.3.4", 502, "/pay"),
                };
                let mut lines = entry.clone();
                lines.push(Line::Error(honest.clone()));
                lines.push(Line::Access(response));
                let got = run(&lines, live);
                assert!(!got.names.iter().any(|name| name.contains("evil")), "{before} {shape}: {got:?}");
                let cause = &got.verdicts[0][0];
                assert!(
                    ["closed_prematurely", "connection_reset", "unknown"].contains(&cause.as_str()),
                    "{before} {shape} {rich_format}: {got:?}"
                );
                if rich_format || shape == 0 {
                    assert_eq!(cause, "closed_prematurely", "{before} {shape} {rich_format} {live}");
                }
                assert!(!got.failures.contains_key("connection_refused unmatched"), "{got:?}");
            }
        }
    }
}

#[test]
fn names_of_a_forger_are_none_and_his_failures_are_not_counted() {
    for live in [true, false] {
        let mut lines = Vec::new();
        for n in 0..200 {
            let forged = FORGED.replace("evil", &format!("evil{n}"));
            let end = "\" failed (2: No such file or directory), client: 6.6.6.6, server: s, request: \"GET /a HTTP/1.1\", host: \"h\"";
            lines.push(Line::Error(format!("2026/11/20 12:00:00 [error] 7#7: *4 mkdir() \"/x{end}")));
            lines.push(Line::Error(forged.clone()));
            lines.push(Line::Error(format!("{forged}{end}")));
            lines.push(Line::Access(combined("6.6.6.6", 500, "/a")));
        }
        let got = run(&lines, live);
        assert_eq!(got.names, ["", "other"]);
        assert_eq!(got.failures, BTreeMap::new());
    }
}

/// A small generator of attackers: each puts text of its choice into entries of its own.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Text with complete entries, tails and closings in it, no longer than nginx writes it.
    fn text(&mut self, victim: &str, end: &str) -> String {
        let mut text = String::new();
        for _ in 0..self.below(8) {
            let forged = FORGED.replace("GET /pay", &format!("GET {victim}"));
            text += &match self.below(9) {
                0 => "\n".to_owned(),
                1 => format!("\n{forged}"),
                2 => format!("\n{forged}\n"),
                3 => end.to_owned(),
                4 => format!("{end}\n{forged}"),
                5 => "\nplain text".to_owned(),
                6 => format!("\n2026/11/20 12:00:00 [error] 7#7: *9 open() \"/y{end}"),
                7 => format!("\n2026/11/20 12:00:00 [error] 7#7: *9 upstream sent invalid header: \"a{end}"),
                _ => "x".repeat(self.below(700)),
            };
        }
        text
    }
}

const KINDS: &[(&str, &str)] = &[
    ("open() \"/x", "\" failed (2: No such file or directory)"),
    ("rename() \"/a\" to \"/x", "\" failed (2: No such file or directory)"),
    ("\"/x", "\" is forbidden (13: Permission denied)"),
    ("user \"x", "\" was not found in \"/etc/htpasswd\""),
    ("FastCGI sent in stderr: \"PHP message: x", "\" while reading response header from upstream"),
    (
        "FastCGI sent in stderr: \"PHP message: PHP Fatal error:  x",
        "\" while reading response header from upstream",
    ),
    ("[lua] a.lua:1: x", ""),
    ("lua entry thread aborted: runtime error: x", " while sending to client"),
    ("js: x", ""),
    ("rewrite or internal redirection cycle while internally redirecting to \"/x", "\""),
];

/// Cuts as nginx does: to 2047 bytes, with the errno kept free where the message has one.
fn cut(message: &str, errno: Option<&str>, tail: &str) -> String {
    let mut entry = message.to_owned();
    if let Some(errno) = errno {
        if entry.len() > 2048 - 50 {
            entry.truncate(2048 - 50);
            entry += "...";
        }
        entry += errno;
    }
    entry += tail;
    entry.truncate(2047);
    entry
}

#[test]
fn whatever_an_attacker_embeds_no_one_else_s_verdict_moves() {
    let mut kept = [0_u32; 2];
    for seed in 1..800_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (rich_format, live) = (random.below(2) == 0, random.below(2) == 0);
        let guesses = random.below(2) == 0;
        let (mut honest, mut attacked) = (Vec::new(), Vec::new());
        for n in 10..30 {
            let (client, uri) = (format!("1.2.3.{n}"), format!("/pay{n}"));
            let (entry, connect) = match random.below(2) {
                0 => (refused(n, &client, &uri, "a:1"), "-"),
                _ => (closed(n, &client, &uri, "b:2"), "0.001"),
            };
            let addr = if connect == "-" { "a:1" } else { "b:2" };
            let line = match rich_format {
                true => rich(n, "502", &uri, addr, "502", "-").replace(
                    "\"upstream_connect_time\":\"-\"",
                    &format!("\"upstream_connect_time\":\"{connect}\""),
                ),
                false => combined(&client, 502, &uri),
            };
            if random.below(7) == 0 || seed % 5 == 0 {
                let (message, end) = KINDS[random.below(KINDS.len())];
                let victim = if guesses { uri.as_str() } else { "/no-such-request" };
                let tail = format!(
                    ", client: 6.6.6.6, server: s, request: \"GET /q{} HTTP/1.1\", host: \"h\"",
                    random.pick(&["", "%0a"])
                );
                let fake =
                    format!("{end}, client: {client}, server: s, request: \"GET /q HTTP/1.1\", host: \"h\"");
                let text =
                    random.text(victim, &fake).replace("*9 ", &format!("*{n} ")).replace("1.2.3.4", &client);
                let head = format!("2026/11/20 12:00:00 [error] 7#7: *4 {message}{text}");
                let errno = end.find(" (").map(|at| &end[at..]);
                let before = errno.map_or(end, |errno| end.strip_suffix(errno).unwrap());
                attacked.push(Line::Error(cut(&format!("{head}{before}"), errno, &tail)));
            }
            for lines in [&mut honest, &mut attacked] {
                lines.push(Line::Error(entry.clone()));
                lines.push(Line::Access(line.clone()));
            }
            if random.below(5) == 0 {
                attacked.push(Line::Pause);
            }
        }
        let (want, got) = (run(&honest, live), run(&attacked, live));
        assert_eq!(want.verdicts.len(), got.verdicts.len());
        assert!(
            got.names.iter().all(|name| want.names.contains(name) || name == "s"),
            "seed {seed}: {:?}",
            got.names
        );
        for (want, got) in want.verdicts.iter().zip(&got.verdicts) {
            let coarse = ["unknown", "connect_failed", "connection_reset"].contains(&got[0].as_str());
            assert!(want[0] == got[0] || guesses && coarse, "seed {seed}: {want:?} became {got:?}");
            assert!(want[1] == got[1] || got[1].is_empty(), "seed {seed}: {want:?} became {got:?}");
            assert!(want[2] == got[2] || got[2].is_empty(), "seed {seed}: {want:?} became {got:?}");
            kept[usize::from(want[0] == got[0])] += 1;
        }
    }
    assert!(
        kept[1] > 20 * kept[0],
        "{kept:?}: of honest causes nearly all are kept, also where they are guessed"
    );
}
