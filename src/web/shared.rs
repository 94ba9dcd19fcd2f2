//! One snapshot for all who wait, and none for those who left.
//!
//! What was written to the logs before a request came must be in its answer, so a request that comes while a snapshot
//! is being taken waits for the next one, together with all others that come meanwhile. What is made of a snapshot (the
//! text, its compressed form, a page) is made once for all of them, on a thread where it keeps nobody waiting.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

/// How long a snapshot may take: below Prometheus' default timeout of 10 s.
const PATIENCE: Duration = Duration::from_secs(8);

/// Bytes of answers that are not taken, above which those go that do not take theirs.
const HELD: usize = 2 << 20;

/// Clients dropped for that at a time: more than there can be.
const MOST_DROPPED: usize = 128;

/// Asks the owner of the numbers for a snapshot.
pub type Ask<S> = Box<dyn Fn() -> oneshot::Receiver<S> + Send + Sync>;

/// Makes an answer of a kind from a snapshot.
pub(super) type Render<S, K> = Box<dyn Fn(&S, K) -> Result<Bytes, String> + Send + Sync>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The snapshot did not come in time.
    Late,
    /// It could not be turned into an answer.
    Failed(String),
}

type Answer = Result<Bytes, NoAnswer>;

/// Requests of each kind of answer.
type Waiting<K> = BTreeMap<K, Vec<oneshot::Sender<Answer>>>;

struct Queue<K> {
    waiting: Waiting<K>,
    /// Somebody takes care of those who wait.
    busy: bool,
}

/// Drops a client that does not take its answer; false: there is none.
pub(super) type Relieve = Box<dyn Fn() -> bool + Send + Sync>;

struct Inner<S, K> {
    ask: Ask<S>,
    render: Render<S, K>,
    relieve: Relieve,
    /// Bytes of all answers that some client has not taken yet.
    held: Arc<AtomicUsize>,
    queue: Mutex<Queue<K>>,
}

/// An answer whose size is counted as long as anybody holds it.
struct Held {
    bytes: Bytes,
    held: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

fn hold(bytes: Bytes, held: &Arc<AtomicUsize>) -> Bytes {
    held.fetch_add(bytes.len(), Ordering::Relaxed);
    Bytes::from_owner(Held { bytes, held: held.clone() })
}

/// Answers made of snapshots; clones share them.
pub(super) struct Answers<S, K>(Arc<Inner<S, K>>);

impl<S, K> Clone for Answers<S, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Send + Sync + 'static, K: Copy + Ord + Send + 'static> Answers<S, K> {
    pub(super) fn new(ask: Ask<S>, render: Render<S, K>, relieve: Relieve) -> Self {
        let queue = Mutex::new(Queue { waiting: BTreeMap::new(), busy: false });
        Self(Arc::new(Inner { ask, render, relieve, held: Arc::default(), queue }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue<K>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer with everything in it that was written before now.
    pub(super) async fn get(&self, kind: K) -> Answer {
        let (send, receive) = oneshot::channel();
        let idle = {
            let mut queue = self.queue();
            queue.waiting.entry(kind).or_default().push(send);
            !std::mem::replace(&mut queue.busy, true)
        };
        if idle {
            // Not in this request: its client may leave, and the others would wait in vain.
            tokio::spawn(self.clone().answer_all());
        }
        receive.await.unwrap_or(Err(NoAnswer::Late))
    }

    /// Answers those who wait, until nobody does.
    async fn answer_all(self) {
        while let Some(waiting) = self.take() {
            self.make_room().await;
            let snapshot = tokio::time::timeout(PATIENCE, (self.0.ask)()).await;
            let Ok(Ok(snapshot)) = snapshot else {
                waiting.into_values().flatten().for_each(|waiter| drop(waiter.send(Err(NoAnswer::Late))));
                continue;
            };
            let snapshot = Arc::new(snapshot);
            for (kind, waiters) in waiting {
                if waiters.iter().all(oneshot::Sender::is_closed) {
                    continue;
                }
                let (inner, snapshot) = (self.0.clone(), snapshot.clone());
                let made = tokio::task::spawn_blocking(move || (inner.render)(&snapshot, kind)).await;
                let answer = made.unwrap_or_else(|error| Err(error.to_string())).map_err(NoAnswer::Failed);
                let answer = answer.map(|bytes| hold(bytes, &self.0.held));
                waiters.into_iter().for_each(|waiter| drop(waiter.send(answer.clone())));
            }
        }
    }

    /// Clients that ask and do not read hold an answer each; before one more is made, they go.
    async fn make_room(&self) {
        for _ in 0..MOST_DROPPED {
            if self.0.held.load(Ordering::Relaxed) <= HELD || !(self.0.relieve)() {
                return;
            }
            // Their connections end, and the answers with them, as soon as their tasks have had a turn.
            tokio::task::yield_now().await;
        }
    }

    /// Those who still wait; `None`: nobody does, and nobody takes care any more.
    fn take(&self) -> Option<Waiting<K>> {
        let mut queue = self.queue();
        let mut waiting = std::mem::take(&mut queue.waiting);
        waiting.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        queue.busy = !waiting.is_empty();
        queue.busy.then_some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source of numbered snapshots that the test hands out.
    #[derive(Clone, Default)]
    struct Source {
        asked: Arc<Mutex<Vec<oneshot::Sender<u32>>>>,
        rendered: Arc<AtomicUsize>,
    }

    impl Source {
        fn answers(&self) -> Answers<u32, u8> {
            let (asked, rendered) = (self.asked.clone(), self.rendered.clone());
            let ask = move || {
                let (send, receive) = oneshot::channel();
                asked.lock().unwrap().push(send);
                receive
            };
            let render = move |snapshot: &u32, kind: u8| {
                rendered.fetch_add(1, Ordering::Relaxed);
                if kind == 9 { Err("no".to_owned()) } else { Ok(Bytes::from(format!("{snapshot}/{kind}"))) }
            };
            Answers::new(Box::new(ask), Box::new(render), Box::new(|| false))
        }

        fn asked(&self) -> usize {
            self.asked.lock().unwrap().len()
        }

        fn give(&self, snapshot: u32) {
            self.asked.lock().unwrap().remove(0).send(snapshot).unwrap();
        }
    }

    fn get(answers: &Answers<u32, u8>, kind: u8) -> tokio::task::JoinHandle<Answer> {
        let answers = answers.clone();
        tokio::spawn(async move { answers.get(kind).await })
    }

    /// Lets every task that can run do so.
    async fn settle() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    fn ok(text: &'static str) -> Answer {
        Ok(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn who_comes_during_a_snapshot_shares_the_next_one() {
        let source = Source::default();
        let answers = source.answers();
        let first = get(&answers, 1);
        settle().await;
        let later = [get(&answers, 1), get(&answers, 1), get(&answers, 2)];
        settle().await;
        assert_eq!(source.asked(), 1, "the others wait");
        source.give(100);
        assert_eq!(first.await.unwrap(), ok("100/1"));
        settle().await;
        assert_eq!(source.asked(), 1);
        source.give(200);
        let [a, b, c] = later;
        assert_eq!((a.await.unwrap(), b.await.unwrap()), (ok("200/1"), ok("200/1")));
        assert_eq!(c.await.unwrap(), ok("200/2"));
        assert_eq!(source.rendered.load(Ordering::Relaxed), 3, "once for each kind and snapshot");
    }

    #[tokio::test]
    async fn nothing_is_asked_for_who_left() {
        let source = Source::default();
        let answers = source.answers();
        let first = get(&answers, 1);
        settle().await;
        let leavers: Vec<_> = (0..160).map(|_| get(&answers, 1)).collect();
        settle().await;
        leavers.iter().for_each(tokio::task::JoinHandle::abort);
        settle().await;
        source.give(1);
        assert_eq!(first.await.unwrap(), ok("1/1"));
        settle().await;
        assert_eq!(source.asked(), 0);
        let next = get(&answers, 1);
        settle().await;
        source.give(2);
        assert_eq!(next.await.unwrap(), ok("2/1"), "and the next one is served as ever");
    }

    #[tokio::test]
    async fn answers_that_nobody_takes_are_dropped_before_one_more_is_made() {
        let dropped: Arc<Mutex<Vec<Bytes>>> = Arc::default();
        let (stuck, source) = (dropped.clone(), Source::default());
        let asked = source.asked.clone();
        let ask = move || {
            let (send, receive) = oneshot::channel();
            asked.lock().unwrap().push(send);
            receive
        };
        let render = |_: &u32, _: u8| Ok(Bytes::from(vec![b'x'; HELD / 2 + 1]));
        let answers: Answers<u32, u8> = Answers::new(
            Box::new(ask),
            Box::new(render),
            Box::new(move || stuck.lock().unwrap().pop().is_some()),
        );
        for round in 0..5 {
            let next = get(&answers, 1);
            settle().await;
            source.give(round);
            let answer = next.await.unwrap().unwrap();
            dropped.lock().unwrap().push(answer);
            assert!(dropped.lock().unwrap().len() <= 2, "{round}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_does_not_come_is_given_up_and_asked_for_again() {
        let source = Source::default();
        let answers = source.answers();
        assert_eq!(answers.get(1).await, Err(NoAnswer::Late));
        let next = get(&answers, 1);
        settle().await;
        source.asked.lock().unwrap().remove(0);
        source.give(3);
        assert_eq!(next.await.unwrap(), ok("3/1"));
        let broken = get(&answers, 9);
        settle().await;
        source.give(4);
        assert_eq!(broken.await.unwrap(), Err(NoAnswer::Failed("no".to_owned())));
    }
}
