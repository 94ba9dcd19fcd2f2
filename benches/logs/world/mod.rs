//! A made-up site: requests in the order of time, the same ones in every run.
//!
//! One stream of requests feeds every kind of file, so that the text log, the JSON log and the error log
//! tell the same story and the truth about it is known without asking the program under test.

pub(crate) mod access;
mod clock;
pub(crate) mod error;
pub(crate) mod kinds;
mod rng;

use std::net::Ipv4Addr;

use clock::Clock;
use kinds::{Kind, Peer, Stage};
use rng::Rng;

/// A client's connection and the worker that serves it.
#[derive(Clone, Copy)]
pub(crate) struct Connection {
    pub(crate) number: u64,
    pub(crate) pid: u32,
    pub(crate) client: Ipv4Addr,
    pub(crate) agent: &'static str,
}

/// One attempt at an upstream. Times are milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) peer: Peer,
    pub(crate) address: &'static str,
    pub(crate) status: u16,
    pub(crate) connect: Option<u32>,
    pub(crate) header: Option<u32>,
    pub(crate) response: u32,
    pub(crate) bytes: u32,
}

/// A request and its answer.
pub(crate) struct Request {
    pub(crate) millis: i64,
    pub(crate) connection: Connection,
    pub(crate) server: &'static str,
    pub(crate) line: String,
    pub(crate) referer: &'static str,
    pub(crate) status: u16,
    pub(crate) sent: u32,
    pub(crate) took: u32,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) cache: &'static str,
    /// What the error log says about it.
    pub(crate) kind: Option<&'static Kind>,
}

impl Request {
    /// The URI of the request line.
    pub(crate) fn uri(&self) -> &str {
        self.line.split(' ').nth(1).expect("METHOD URI VERSION")
    }
}

/// The site.
pub(crate) struct World {
    rng: Rng,
    pub(crate) clock: Clock,
    connections: Vec<Connection>,
    opened: u64,
    start: i64,
    per_second: u64,
    served: u64,
    pub(crate) now: Request,
}

const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "okhttp/4.12.0",
    "python-requests/2.32.3",
    "ShopApp/7.14.2 (iPhone; iOS 19.1; Scale/3.00)",
];
const REFERERS: [&str; 4] = ["-", "-", "https://shop.example.com/", "https://www.example.com/news/2026"];
const SERVERS: [&str; 5] =
    ["shop.example.com", "www.example.com", "api.example.com", "static.example.net", "admin.example.com"];
const PATHS: [&str; 6] =
    ["/api/v1/orders/", "/product.php?id=", "/static/js/app.", "/cart/item/", "/search?page=1&q=", "/img/"];
const PIDS: u32 = 28_130;
const WORKERS: u64 = 8;

impl World {
    /// A site that serves `per_second` requests from `start` (Unix seconds) on.
    pub(crate) fn new(start: i64, per_second: u64) -> Self {
        let nobody = Connection { number: 0, pid: 0, client: Ipv4Addr::UNSPECIFIED, agent: "" };
        let now = Request {
            millis: 0,
            connection: nobody,
            server: "",
            line: String::new(),
            referer: "-",
            status: 0,
            sent: 0,
            took: 0,
            attempts: Vec::new(),
            cache: "",
            kind: None,
        };
        let rng = Rng::new(0x9e37_79b9_7f4a_7c15);
        let mut world = World {
            rng,
            clock: Clock::default(),
            connections: Vec::new(),
            opened: 0,
            start,
            per_second,
            served: 0,
            now,
        };
        for _ in 0..512 {
            let connection = world.open();
            world.connections.push(connection);
        }
        world
    }

    fn open(&mut self) -> Connection {
        self.opened += 1;
        let pid = PIDS + self.rng.below(WORKERS) as u32;
        let [_, _, c, d] = (self.rng.below(1 << 16) as u32).to_be_bytes();
        let client = Ipv4Addr::new(203, 0, c, d);
        Connection { number: self.opened, pid, client, agent: self.rng.one_of(&AGENTS) }
    }

    /// The next request: 2 % fail, 0.3 % leave an entry and are answered all the same.
    pub(crate) fn serve(&mut self) {
        self.arrive();
        match self.rng.below(1000) {
            0..=3 => self.application_fails(),
            4..=19 => {
                let kind = self.rng.weighted(kinds::FAILURES, |kind| kind.weight);
                self.fail(kind);
            }
            20..=21 => self.is_rescued(),
            22 => self.fail(&kinds::TRUNCATED),
            23..=270 => self.is_static(),
            _ => self.succeeds(),
        }
    }

    /// The next request, of a kind that leaves an entry in the error log.
    pub(crate) fn trouble(&mut self) {
        self.arrive();
        let kind = match self.rng.below(100) {
            0..=15 => self.rng.weighted(kinds::NOISE, |kind| kind.weight),
            16..=23 => &kinds::PHP,
            24..=27 => &kinds::TRUNCATED,
            _ => self.rng.weighted(kinds::FAILURES, |kind| kind.weight),
        };
        self.fail(kind);
    }

    /// Whether an entry without meaning is written now, and which.
    pub(crate) fn noise(&mut self) -> Option<&'static Kind> {
        (self.rng.below(1000) < 4).then(|| self.rng.weighted(kinds::NOISE, |kind| kind.weight))
    }

    fn arrive(&mut self) {
        let millis = self.start * 1000 + (self.served * 1000 / self.per_second) as i64;
        self.served += 1;
        self.clock.set(millis.div_euclid(1000));
        let slot = self.rng.below(self.connections.len() as u64) as usize;
        if self.rng.below(5) == 0 {
            self.connections[slot] = self.open();
        }
        let connection = self.connections[slot];
        let path = self.rng.one_of(&PATHS);
        let method = if self.rng.below(8) == 0 { "POST" } else { "GET" };
        let number = self.rng.below(900_000_000);
        let now = &mut self.now;
        now.line = format!("{method} {path}{number} HTTP/1.1");
        now.millis = millis;
        now.connection = connection;
        now.server = self.rng.one_of(&SERVERS);
        now.referer = self.rng.one_of(&REFERERS);
        now.sent = 157 + self.rng.below(60_000) as u32;
        now.took = self.rng.below(400) as u32;
        now.attempts.clear();
        now.cache = "";
        now.kind = None;
    }

    fn succeeds(&mut self) {
        let status = match self.rng.below(100) {
            0..=3 => 302,
            4..=7 => 404,
            8 => 499,
            9..=12 => 304,
            _ => 200,
        };
        let peer = self.rng.one_of(&[Peer::Unix, Peer::Fastcgi, Peer::Http, Peer::Http]);
        let attempt = self.answered(peer, status);
        let now = &mut self.now;
        now.status = status;
        now.attempts.push(attempt);
        now.cache = if peer == Peer::Http { "MISS" } else { "" };
    }

    fn is_static(&mut self) {
        self.now.took = 0;
        self.now.status = if self.rng.below(4) == 0 { 304 } else { 200 };
    }

    /// Half of them with a script's last words in the error log.
    fn application_fails(&mut self) {
        if self.rng.below(2) == 0 {
            return self.fail(&kinds::PHP);
        }
        let status = if self.rng.below(3) == 0 { 503 } else { 500 };
        let attempt = self.answered(Peer::Http, status);
        self.now.status = status;
        self.now.attempts.push(attempt);
    }

    fn is_rescued(&mut self) {
        self.fail(&kinds::RETRIED);
        let failed = self.now.attempts[0].address;
        let mut attempt = self.answered(kinds::RETRIED.peer, 200);
        while attempt.address == failed {
            attempt = self.answered(kinds::RETRIED.peer, 200);
        }
        self.now.attempts.push(attempt);
        self.now.status = 200;
    }

    fn answered(&mut self, peer: Peer, status: u16) -> Attempt {
        let took = self.now.took;
        Attempt {
            peer,
            address: self.rng.one_of(peer.addresses()),
            status,
            connect: Some(if peer == Peer::Unix { 0 } else { took.min(1) }),
            header: Some(took),
            response: took,
            bytes: self.now.sent + 210,
        }
    }

    fn fail(&mut self, kind: &'static Kind) {
        let took = match kind.stage {
            Stage::Nowhere => 0,
            Stage::Waiting => 2_000 + self.now.took,
            _ => self.now.took,
        };
        let answered = kind.stage == Stage::Answered;
        let now = &mut self.now;
        now.kind = Some(kind);
        now.status = kind.status;
        now.took = took;
        if kind.peer == Peer::Nobody {
            return;
        }
        let attempt = Attempt {
            peer: kind.peer,
            address: self.rng.one_of(kind.peer.addresses()),
            status: kind.status,
            connect: matches!(kind.stage, Stage::Connected | Stage::Waiting | Stage::Answered).then_some(0),
            header: answered.then_some(took),
            response: took,
            bytes: if answered { 4_210 } else { 0 },
        };
        now.attempts.push(attempt);
    }
}
