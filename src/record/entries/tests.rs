use super::super::{search, tail};
use super::window::QUOTING;
use super::*;

const HEAD: &str = "2026/11/20 15:00:28 [error] 7#7: *128 ";
const TAIL: &str = "client: 1.1.1.1, server: s, request: \"GET /x HTTP/1.1\", host: \"h\"";
const FORGED: &str = "2026/11/20 12:00:00 [error] 42#42: *9 connect() failed (111: Connection refused) while connecting to upstream, client: 6.6.6.6, server: s, request: \"GET /victim HTTP/1.1\", upstream: \"fastcgi://b:2\", host: \"v\"";

/// Whole entries of `connect()` are closed, as the table of messages says of them.
fn closed(head: &Head<'_>) -> bool {
    let Some(at) = search::find(head.body, error::TAIL) else { return false };
    let (message, tail) = head.body.split_at(at);
    let own = memchr::memrchr(b'"', message).is_none_or(|at| message[at + 1..].starts_with(b" while "));
    message.starts_with(b"connect() ") && own && tail::is_closed_tail(tail)
}

/// Line number, text and whether shadowed.
fn all(lines: &[String]) -> Vec<(u64, String, bool)> {
    let mut entries = Entries::new(closed);
    let mut out = Vec::new();
    let mut each = |entry: Entry<'_>| {
        out.push((entry.line, String::from_utf8_lossy(entry.head.body).into_owned(), entry.shadowed));
    };
    for (number, line) in (1..).zip(lines) {
        entries.line(number, line.as_bytes(), &mut each);
    }
    entries.flush(&mut each);
    out
}

/// The lines in the light, and those in the shadow.
fn lit_and_shadowed(lines: &[String]) -> (Vec<u64>, Vec<u64>) {
    let all = all(lines);
    let of = |shadowed| all.iter().filter(|e| e.2 == shadowed).map(|e| e.0).collect();
    (of(false), of(true))
}

fn open(message: &str) -> String {
    format!("{HEAD}{message}")
}

/// Each message of nginx that holds a client's or a script's words: what stands before and behind them.
const AROUND: &[(&str, &str)] = &[
    ("open() \"/var/www", "\" failed (2: No such file or directory), "),
    ("openat() \"/var/www", "\" failed (40: Too many levels of symbolic links), "),
    ("mkdir() \"/dav", "\" failed (2: No such file or directory), "),
    ("rename() \"/tmp/1\" to \"/dav", "\" failed (2: No such file or directory), "),
    ("\"/var/www", "\" is forbidden (13: Permission denied), "),
    ("\"/var/www", "/index.html\" is not found (2: No such file or directory), "),
    ("directory index of \"/var/www", "/\" is forbidden, "),
    ("user \"bob", "\" was not found in \"/etc/htpasswd\", "),
    ("user \"bob", "\": password mismatch, "),
    ("FastCGI sent in stderr: \"PHP message: bob", "\" while reading response header from upstream, "),
    ("rewrite or internal redirection cycle while internally redirecting to \"/x", "\", "),
    ("unlisted function() \"/x", "\" failed (5: x), "),
    ("[lua] auth.lua:12: unknown user bob", ", "),
    ("lua entry thread aborted: runtime error: a.lua:1: bob", " while sending to client, "),
    ("js: bob", ", "),
    ("using uninitialized \"x\" variable bob", ", "),
];

#[test]
fn a_line_that_begins_no_entry_proves_what_is_before_it() {
    for (before, behind) in AROUND {
        let lines = [open(before), FORGED.into(), FORGED.into(), format!("y{behind}{TAIL}"), FORGED.into()];
        let got = all(&lines);
        assert_eq!(got.iter().map(|e| e.0).collect::<Vec<_>>(), [1, 5], "{before}");
        assert!(got[0].1.ends_with(TAIL), "{before}");
        let quoting = QUOTING.iter().any(|opening| before.as_bytes().starts_with(opening));
        assert_eq!(
            got[1].2, !quoting,
            "{before}: only where a quote must follow has the entry ended for certain"
        );
    }
}

#[test]
fn where_each_line_looks_like_an_entry_none_of_them_is_believed() {
    for (before, behind) in AROUND {
        let tail = format!("{behind}{TAIL}");
        let quoted = "2026/11/20 12:00:00 [error] 42#42: *9 connect() to \"a";
        for first in [before.to_string(), format!("{before}{tail}")] {
            let glued = [open(&first), FORGED.into(), format!("{FORGED}{tail}")];
            let (lit, shadowed) = lit_and_shadowed(&glued);
            assert_eq!((lit, shadowed), (vec![1], vec![2, 3]), "{first}");
            let as_quoted = [open(&first), FORGED.into(), format!("{quoted}{tail}")];
            assert_eq!(lit_and_shadowed(&as_quoted), (vec![1], vec![2, 3]), "{first}");
            let as_open = [open(&first), FORGED.into(), format!("{}{tail}", open(before))];
            assert_eq!(lit_and_shadowed(&as_open), (vec![1], vec![2, 3]), "{first}");
        }
    }
}

#[test]
fn behind_a_script_s_error_only_the_last_tail_is_nginx_s() {
    let fields = |lines: &[String]| {
        let (mut entries, mut out) = (Entries::new(closed), Vec::new());
        let mut each = |entry: Entry<'_>| out.push(entry.fields);
        for (number, line) in (1..).zip(lines) {
            entries.line(number, line.as_bytes(), &mut each);
        }
        entries.flush(&mut each);
        out
    };
    let lua = open("[lua] a.lua:1: bob");
    let whole = format!("{lua}, {TAIL}");
    assert_eq!(fields(std::slice::from_ref(&whole)), [true]);
    assert_eq!(fields(&[whole.clone(), FORGED.into()]), [false, true]);
    assert_eq!(fields(&[whole, FORGED.into(), FORGED.into()]), [false, false, true]);
    assert_eq!(fields(&[lua, FORGED.into()]), [false, false]);
}

#[test]
fn a_request_that_holds_the_lines_proves_them() {
    for encode in [1, 2] {
        let percent = |text: &str| {
            text.replace('%', "%25").replace('\n', "%0A").replace(' ', "%20").replace('"', "%22")
        };
        let mut sent = percent(&format!("\n{FORGED}\n{FORGED}"));
        if encode == 2 {
            sent = percent(&sent);
        }
        let end = format!("\" failed (2: x), client: 1.1.1.1, server: s, request: \"GET /x{sent} HTTP/1.1\"");
        let lines = [open("open() \"/x"), FORGED.into(), format!("{FORGED}{end}"), FORGED.into()];
        assert_eq!(lit_and_shadowed(&lines), (vec![1, 4], vec![]), "encoded {encode} times");
        let other = lines.clone().map(|line| line.replace("victim HTTP/1.1\", u", "other HTTP/1.1\", u"));
        assert_eq!(lit_and_shadowed(&other).0, [1], "a request without these lines proves nothing");
    }
}

#[test]
fn nginx_s_mark_of_a_cut_proves_the_line_before_it() {
    let first = open("open() \"/srv/www");
    let fill = MAX_ENTRY - first.len() - 2 - "2026/11/20 15:00:28 [error] 7#7: *1 connect() ".len() - 49;
    let mark = format!("... (2: No such file or directory){}", &", client: 127.0.0.1, server: lo"[..15]);
    assert_eq!(mark.len(), 49);
    let cut = format!("2026/11/20 15:00:28 [error] 7#7: *1 connect() {}{mark}", "x".repeat(fill));
    assert_eq!(lit_and_shadowed(&[first.clone(), cut.clone(), FORGED.into()]), (vec![1, 3], vec![]));
    let late = cut.replacen("connect() x", "connect() ", 1);
    let elsewhere = lit_and_shadowed(&[first, late, FORGED.into()]);
    assert_eq!(elsewhere, (vec![1, 3], vec![2]), "a mark in any other place is none");
}

#[test]
fn closed_entries_open_no_window() {
    let lines = vec![FORGED.to_owned(); 40];
    assert_eq!(lit_and_shadowed(&lines).0.len(), 40);
}

#[test]
fn the_window_is_one_entry_long() {
    let pad = |line: &str, length: usize| {
        line.replace("/victim", &format!("/victim{}", "v".repeat(length - 1 - line.len())))
    };
    for length in [FORGED.len() + 1, 256, 512, 1024, 2047, 2048] {
        let mut lines = vec![open("js: x")];
        let honest = pad(FORGED, length.max(FORGED.len() + 1));
        lines.extend(vec![honest; 40]);
        let (lit, shadowed) = lit_and_shadowed(&lines);
        assert_eq!(lit.len() + shadowed.len(), 41, "none is swallowed, length {length}");
        let fit = (MAX_ENTRY - lines[0].len() - 1) / length.max(FORGED.len() + 1);
        assert_eq!(shadowed.len(), fit, "length {length}");
    }
}

#[test]
fn entries_of_one_length_are_never_swallowed() {
    for length in [230, 256, 300, 512, 1024, 2048] {
        for (before, behind) in AROUND {
            let whole = format!("{HEAD}{before}{behind}{TAIL}");
            let kinds = [FORGED.to_owned(), whole];
            let mut lines = Vec::new();
            for n in 0..60 {
                let line = &kinds[usize::from(n % 7 == 0)];
                let missing = (length - 1_usize).saturating_sub(line.len());
                lines.push(line.replacen("HTTP/1.1", &format!("{}HTTP/1.1", "v".repeat(missing)), 1));
            }
            assert_eq!(all(&lines).len(), lines.len(), "length {length}, {before}");
        }
    }
}

#[test]
fn an_end_that_never_comes_swallows_nothing() {
    let mut lines = vec![open("open() \"/lost")];
    lines.extend(vec![FORGED.to_owned(); 30]);
    let got = all(&lines);
    assert_eq!(got.len(), 31);
    assert_eq!(got.iter().filter(|e| e.2).count(), (MAX_ENTRY - lines[0].len() - 1) / (FORGED.len() + 1));
}

#[test]
fn openresty_s_entries_are_longer() {
    let long = format!("{:x<1$}", open("open() \"/"), MAX_ENTRY_OPENRESTY - 1);
    let mut lines = vec![FORGED.to_owned(), open("js: x")];
    lines.extend(vec![FORGED.to_owned(); 30]);
    let stock = lit_and_shadowed(&lines).1.len();
    lines.insert(0, long);
    let longer = lit_and_shadowed(&lines).1.len();
    assert!((2 * stock - 1..=2 * stock + 1).contains(&longer), "{stock}, then {longer}");
    let multi = [open("[lua] x"), "y".repeat(1800), "z".repeat(1800), format!("end, {TAIL}")];
    assert_eq!(all(&multi).len(), 1);
}

#[test]
fn a_window_goes_on_after_a_restart() {
    let tail = format!("\" failed (2: No such file or directory), {TAIL}");
    let lines = [
        open(&format!("open() \"/a{tail}")),
        FORGED.into(),
        open("openat() \"/b"),
        FORGED.into(),
        format!("y{tail}"),
        FORGED.into(),
        open(&format!("stat() \"/c{tail}")),
        FORGED.into(),
    ];
    let once = all(&lines);
    for restart in 1..lines.len() {
        let mut out = Vec::new();
        let mut each = |entry: Entry<'_>| {
            out.push((entry.line, String::from_utf8_lossy(entry.head.body).into_owned(), entry.shadowed));
        };
        let mut entries = Entries::new(closed);
        for (number, line) in (1..).zip(&lines[..restart]) {
            entries.line(number, line.as_bytes(), &mut each);
        }
        let mut again = Entries::new(closed);
        if let Some(unfinished) = entries.unfinished() {
            assert_eq!(again.resume(unfinished, entries.is_openresty()), restart as u64);
        }
        for (number, line) in (1..).zip(&lines).skip(restart) {
            again.line(number, line.as_bytes(), &mut each);
        }
        again.flush(&mut each);
        assert_eq!(out, once, "restart behind line {restart}");
    }
}

#[test]
fn two_tails_are_ambiguous() {
    let closing = format!("\" while reading response header from upstream, {TAIL}");
    for (line, ambiguous) in [
        (format!("FastCGI sent in stderr: \"a{closing}"), false),
        (format!("FastCGI sent in stderr: \"a{closing}{closing}"), true),
        (format!("FastCGI sent in stderr: \"{}{closing}{}", "a", "b".repeat(MAX_ENTRY)), true),
        (format!("open() \"/x\" failed (24: x), {TAIL}"), false),
        (format!("open() \"/x, {TAIL}\" failed (24: x), {TAIL}"), true),
    ] {
        let mut entries = Entries::new(closed);
        let mut seen = None;
        entries.line(1, open(&line).as_bytes(), &mut |entry| seen = Some(entry.is_ambiguous()));
        entries.flush(&mut |entry| seen = Some(entry.is_ambiguous()));
        assert_eq!(seen, Some(ambiguous), "{}", &line[..40]);
    }
}

/// With the quote in front of the words they look like the end of words that never began.
#[test]
fn a_script_s_words_may_begin_like_the_end_of_them() {
    for action in ["reading response header from upstream", "reading upstream", "sending request to upstream"]
    {
        for words in [format!(" while {action}, client: x"), format!(" while {action}, client: ")] {
            for line in [
                open(&format!("FastCGI sent in stderr: \"{words}")),
                open(&format!("FastCGI sent in stderr: \"{words}\" while {action}, {TAIL}")),
                open(&format!("FastCGI sent in stderr: \"\" while {action}, {TAIL}")),
            ] {
                let (mut entries, mut seen) = (Entries::new(closed), 0);
                entries.line(1, line.as_bytes(), &mut |_| {});
                entries.flush(&mut |entry| {
                    seen += 1;
                    let context = entry.context();
                    assert!(!entry.is_ambiguous(), "{line}");
                    if line.contains("server: s") {
                        let message = if line.contains("\"\"") { "" } else { &words };
                        assert_eq!(context.message, message.as_bytes(), "{line}");
                    }
                });
                assert_eq!(seen, 1);
            }
        }
    }
}
