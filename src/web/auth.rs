//! Users and passwords: HTTP's basic authentication against bcrypt hashes.
//!
//! A hash takes tens of milliseconds of a CPU by intent. So one is computed at a time, on a thread of its own with low
//! priority; who waits for it waits in a queue where each address has its turn; and a pair that was right is remembered, so
//! that a flood of wrong passwords does not keep those from being answered who were here before.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use tokio::sync::oneshot;

use super::config::Hash;

pub(super) type Users = BTreeMap<String, Hash>;

/// Passwords that wait to be checked.
const MOST_WAITING: usize = 32;

/// Of them, those of one address.
const MOST_OF_ONE: usize = 4;

/// How nice the thread is: it has the CPU that nobody else wants.
const NICE: i32 = 10;

/// Who asks, as far as the queue tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// An IPv4 address, or a network of IPv6, of which one client may have all addresses.
    Net(IpAddr),
    /// A unix socket.
    Local,
}

impl Peer {
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Net(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    user: String,
    password: Vec<u8>,
}

impl Credentials {
    /// Those of an `Authorization` header, if it has any of the kind.
    pub(super) fn parse(header: &[u8]) -> Option<Self> {
        let (scheme, rest) = header.split_at_checked(6)?;
        let encoded = scheme.eq_ignore_ascii_case(b"basic ").then_some(rest)?;
        let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let user = String::from_utf8(decoded[..colon].to_vec()).ok()?;
        Some(Self { user, password: decoded[colon + 1..].to_vec() })
    }
}

/// What became of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Too many wait to be checked.
    Busy,
}

struct Job {
    users: Arc<Users>,
    credentials: Credentials,
    answer: oneshot::Sender<bool>,
}

#[derive(Default)]
struct Queue {
    /// In the order of their turns.
    peers: VecDeque<(Peer, VecDeque<Job>)>,
    waiting: usize,
    stopped: bool,
}

struct Inner {
    queue: Mutex<Queue>,
    changed: Condvar,
    key: hmac::Key,
    /// What is compared with where nothing is remembered: no pair has it.
    nobody: hmac::Tag,
    /// For each user the pair of hash and password that was right last, as its keyed digest.
    right: Mutex<HashMap<String, hmac::Tag>>,
}

/// Checks passwords.
pub(super) struct Auth(Arc<Inner>);

impl Auth {
    /// Starts the thread that computes hashes.
    ///
    /// # Errors
    /// When there is no thread or no randomness to be had.
    pub(super) fn start() -> std::io::Result<Self> {
        let random = ring::rand::SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
            .map_err(|_| std::io::Error::other("the system has no random numbers"))?;
        let inner = Arc::new(Inner {
            queue: Mutex::default(),
            changed: Condvar::new(),
            nobody: hmac::sign(&key, &[]),
            key,
            right: Mutex::default(),
        });
        let worker = inner.clone();
        std::thread::Builder::new().name("passwords".into()).spawn(move || worker.run())?;
        Ok(Self(inner))
    }

    /// Whether `credentials` are right for one of `users`.
    pub(super) async fn check(&self, users: &Arc<Users>, credentials: Credentials, peer: Peer) -> Verdict {
        if self.0.is_known(users, &credentials) {
            return Verdict::Right;
        }
        let (answer, receive) = oneshot::channel();
        if !self.0.push(peer, Job { users: users.clone(), credentials, answer }) {
            return Verdict::Busy;
        }
        match receive.await {
            Ok(true) => Verdict::Right,
            Ok(false) | Err(_) => Verdict::Wrong,
        }
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.0.queue().stopped = true;
        self.0.changed.notify_all();
    }
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn right(&self) -> MutexGuard<'_, HashMap<String, hmac::Tag>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these were right before. It takes the same steps for users that there are not.
    fn is_known(&self, users: &Users, credentials: &Credentials) -> bool {
        let found = users.get(&credentials.user);
        let hash = found.map_or(NOBODY, |hash| hash.text.as_str());
        let remembered = self.right().get(&credentials.user).copied().unwrap_or(self.nobody);
        // Compares in constant time.
        hmac::verify(&self.key, &pair(hash, credentials), remembered.as_ref()).is_ok() && found.is_some()
    }

    fn push(&self, peer: Peer, job: Job) -> bool {
        let mut queue = self.queue();
        if queue.waiting >= MOST_WAITING {
            return false;
        }
        match queue.peers.iter_mut().find(|(other, _)| *other == peer) {
            Some((_, jobs)) if jobs.len() >= MOST_OF_ONE => return false,
            Some((_, jobs)) => jobs.push_back(job),
            None => queue.peers.push_back((peer, VecDeque::from([job]))),
        }
        queue.waiting += 1;
        self.changed.notify_one();
        true
    }

    /// The next one in turn; `None`: it is over.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if queue.stopped {
                return None;
            }
            if let Some((peer, mut jobs)) = queue.peers.pop_front() {
                let job = jobs.pop_front();
                if !jobs.is_empty() {
                    queue.peers.push_back((peer, jobs));
                }
                if job.is_some() {
                    queue.waiting -= 1;
                    return job;
                }
                continue;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self) {
        // Linux has a niceness for each thread; 0 is the calling one.
        let _ = rustix::process::setpriority_process(None, NICE);
        while let Some(job) = self.next() {
            // Who asked may have gone, or the same pair was just found right.
            if job.answer.is_closed() {
                continue;
            }
            let is_right =
                self.is_known(&job.users, &job.credentials) || self.compare(&job.users, &job.credentials);
            let _ = job.answer.send(is_right);
        }
    }

    fn compare(&self, users: &Users, credentials: &Credentials) -> bool {
        let is_right = compare(users, credentials);
        if is_right && let Some(hash) = users.get(&credentials.user) {
            let digest = hmac::sign(&self.key, &pair(&hash.text, credentials));
            let mut right = self.right();
            // Users that were taken out of the file.
            right.retain(|user, _| users.contains_key(user));
            right.insert(credentials.user.clone(), digest);
        }
        is_right
    }
}

/// What is remembered of a pair; the hash is in it, so a user's new hash ends it.
fn pair(hash: &str, credentials: &Credentials) -> Vec<u8> {
    [hash.as_bytes(), &credentials.password].concat()
}

/// Salt and hash that belong to no password; the cost is put before them.
const NOBODY: &str = "......................OqDBaDzMDGVbVTGEF9mJH8V5VF5BGGa";

/// Compares by bcrypt. It takes as much time for any user and any password: that of the highest cost among the users. A hash
/// of a lower cost is followed by others that take what is missing: 2^c + 2^c + 2^(c+1) + … = 2^most.
fn compare(users: &Users, credentials: &Credentials) -> bool {
    let most = users.values().map(|hash| hash.cost).max().unwrap_or(10);
    let nobody = Hash { text: format!("$2b${most:02}${NOBODY}"), cost: most };
    let found = users.get(&credentials.user);
    let hash = found.unwrap_or(&nobody);
    let matches = bcrypt::verify(&credentials.password, &hash.text).unwrap_or(false);
    for cost in hash.cost..most {
        let _ = std::hint::black_box(bcrypt::hash_with_salt(&credentials.password, cost, [0; 16]));
    }
    matches && found.is_some()
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
