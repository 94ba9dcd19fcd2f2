//! The engine without files, threads or sleeps.

mod fakes;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::sync::oneshot;

use super::choice::Choice;
use super::clock::Clock;
use super::inputs::Inputs;
use super::persist::Persist;
use super::test_lines::{access, entry};
use super::{BUSY, Engine, Message, Parts, QUIET, TopologyBinder};
use crate::attribute::{Attributor, Options};
use crate::config::flags::LogArgs;
use crate::ledger::{Ledger, SavedInputs, State};
use crate::sample::output::SamplerOutput;
use crate::source::ReadFrom;
use crate::source::files::Files;
use crate::view::View;
use crate::vocabulary::Cause;
use fakes::{FakeFiles, FakeStore, FakeTime, FakeWatch};

const ACCESS: &str = "/logs/access.log";
const ERROR: &str = "/logs/error.log";

const OPTIONS: Options = Options {
    live: true,
    access_log: true,
    window: 60,
    error_log: true,
    fpm: true,
    timings: true,
    offset: 0,
};

/// What surrounds an engine.
struct Surroundings {
    time: Arc<FakeTime>,
    files: FakeFiles,
    watch: FakeWatch,
    store: FakeStore,
}

impl Surroundings {
    fn new() -> Self {
        let (time, files) = (Arc::new(FakeTime::new()), FakeFiles::default());
        files.append(ACCESS, "");
        files.append(ERROR, "");
        Self { time, files, watch: FakeWatch::default(), store: FakeStore::default() }
    }

    fn engine(&self) -> Engine {
        self.engine_from(None)
    }

    fn engine_from(&self, state: Option<State>) -> Engine {
        let clock = Clock::start(self.time.clone(), 0);
        let (attributor, ledger, saved) = match state {
            Some(State { attribution, counters, inputs }) => {
                (Attributor::resume(OPTIONS, attribution, clock.local()), Ledger::resume(counters), inputs)
            }
            None => (Attributor::new(OPTIONS), Ledger::default(), SavedInputs::default()),
        };
        let named = LogArgs { access: vec![ACCESS.into()], error: vec![ERROR.into()], ..LogArgs::default() };
        let choice = Choice { named, ..Choice::default() };
        let files: Arc<dyn Files> = Arc::new(self.files.clone());
        let now = (clock.monotonic(), clock.local());
        let inputs = Inputs::open(choice, &files, ReadFrom::Start, saved, now, &channel().0).unwrap();
        let persist = Some(Persist::new(Box::new(self.store.clone()), now.0));
        let binder = TopologyBinder::new(Arc::new(SamplerOutput::default()));
        let watch = Box::new(self.watch.clone());
        Engine::new(Parts { inputs, attributor, ledger, persist, binder, clock, watch })
    }

    /// A failed response as nginx logs it.
    fn fail(&self, at: i64, connection: u64) {
        self.files.append(ERROR, &entry(at, connection));
        self.files.append(ACCESS, &access(at, 502, connection));
    }

    /// Many responses at once, of half an hour.
    fn backlog(&self, responses: u64) {
        let lines = (0..responses).map(|n| access((n * 1800 / responses) as i64, 200, n));
        self.files.append(ACCESS, &lines.collect::<String>());
    }

    fn pass(&self, time: Duration) {
        self.time.pass(time);
    }

    /// Each look at the clock takes so long from now on.
    fn slow(&self, look: Duration) {
        *self.time.look.lock().unwrap() = look;
    }

    fn watched(&self) -> Vec<usize> {
        self.watch.0.lock().unwrap().iter().map(Vec::len).collect()
    }

    /// How many lines of the access log are accounted for in what is stored.
    fn stored(&self) -> u64 {
        let stored = self.store.0.lock().unwrap();
        let record = stored.record.as_ref().unwrap();
        record["access"]["logs"][0]["reader"]["parsed"].as_u64().unwrap()
    }

    fn commits(&self) -> usize {
        self.store.0.lock().unwrap().commits
    }
}

fn ask(engine: &mut Engine) -> Arc<View> {
    let (send, mut answer) = oneshot::channel();
    engine.answer(Message::Snapshot(send));
    answer.try_recv().expect("an answer at once")
}

fn responses(view: &View) -> u64 {
    view.responses.iter().map(|of| of.count).sum()
}

fn missing(view: &View) -> u64 {
    view.errors.iter().filter(|of| of.cause == Cause::SocketMissing).map(|of| of.count).sum()
}

#[test]
fn a_scrape_reads_then_commits_then_answers() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    engine.turn();
    let before = around.commits();
    around.fail(1, 1);
    let (send, answer) = oneshot::channel();
    around.store.0.lock().unwrap().asked = Some(answer);
    engine.answer(Message::Snapshot(send));
    assert_eq!(around.commits(), before + 1);
    let mut answer = around.store.0.lock().unwrap().asked.take().unwrap();
    let view = answer.try_recv().unwrap();
    assert_eq!((responses(&view), missing(&view), around.stored()), (1, 1, 1));
    assert_eq!(view.durable, Some(true));
}

#[test]
fn a_scrape_that_nobody_waits_for_ends_nothing() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    engine.answer(Message::Snapshot(oneshot::channel().0));
    around.fail(1, 1);
    assert_eq!(responses(&ask(&mut engine)), 1);
}

#[test]
fn a_turn_in_a_backlog_reads_for_a_while_and_then_looks_for_messages() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    around.backlog(20_000);
    around.slow(Duration::from_millis(30));
    let mut read = Vec::new();
    for _ in 0..3 {
        assert_eq!(engine.turn(), Duration::ZERO, "there is more");
        read.push(engine.parts.inputs.moves().0);
    }
    assert!(read[0] > 0 && read[0] < read[1] && read[1] < read[2] && read[2] < 20_000, "{read:?}");
    while engine.turn() == Duration::ZERO && engine.parts.inputs.unread() > 0 {}
    assert_eq!(responses(&ask(&mut engine)), 20_000);
}

#[test]
fn a_scrape_in_a_backlog_is_answered_with_what_there_is() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    around.backlog(40_000);
    around.slow(Duration::from_millis(50));
    engine.turn();
    let view = ask(&mut engine);
    let read = responses(&view);
    assert!(read > 0 && read < 40_000, "{read} responses");
    assert!(view.logs[0].unread.unwrap() > 0);
    assert_eq!(around.stored(), read, "what is shown is committed, and no more");
}

#[test]
fn a_backlog_of_errors_does_not_keep_a_scrape_waiting() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    let entries: String = (0..20_000).map(|n| entry(n / 12, n as u64)).collect();
    around.files.append(ERROR, &entries);
    around.files.append(ACCESS, &access(1700, 200, 1));
    around.slow(Duration::from_millis(50));
    engine.turn();
    let view = ask(&mut engine);
    let error = view.logs.iter().find(|log| log.log == ERROR).unwrap();
    assert!(error.parsed > 0 && error.unread.unwrap() > 1_000_000, "{error:?}");
}

#[test]
fn quiet_logs_are_watched_until_they_move() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    around.fail(1, 1);
    assert_eq!(engine.turn(), BUSY);
    around.pass(Duration::from_millis(900));
    assert_eq!((engine.turn(), around.watched()), (BUSY, vec![]), "not yet");
    around.pass(Duration::from_millis(100));
    assert_eq!(engine.turn(), Duration::ZERO, "what was written before the watch was set");
    assert_eq!((engine.turn(), around.watched()), (QUIET, vec![2]));
    around.fail(2, 2);
    assert_eq!((engine.turn(), around.watched()), (BUSY, vec![2, 0]));
    // What waits for its root cause moves, too.
    around.pass(Duration::from_secs(10));
    engine.turn();
    around.pass(Duration::from_secs(1));
    engine.turn();
    assert_eq!((engine.turn(), around.watched()), (QUIET, vec![2, 0, 2]));
}

#[test]
fn a_wake_ends_the_watch_that_gave_it() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    around.pass(Duration::from_secs(1));
    engine.turn();
    assert_eq!((engine.turn(), around.watched()), (QUIET, vec![2]));
    around.fail(1, 1);
    engine.answer(Message::Wake);
    assert_eq!(engine.turn(), BUSY, "the logs have just moved");
    assert_eq!(around.watched(), [2], "nothing is to be disarmed");
    // A wake for nothing: the watch is set again.
    around.pass(Duration::from_secs(20));
    engine.turn();
    around.pass(Duration::from_secs(1));
    while engine.turn() == Duration::ZERO {}
    let armed = around.watched().len();
    engine.answer(Message::Wake);
    assert_eq!((engine.turn(), around.watched().len()), (Duration::ZERO, armed + 1));
}

#[test]
fn a_stop_reads_once_more_commits_and_closes() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    engine.turn();
    around.fail(1, 1);
    engine.stop();
    assert!(around.store.0.lock().unwrap().closed);
    assert_eq!(around.stored(), 1);
}

#[test]
fn what_was_closed_is_gone_on_from() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    around.fail(1, 1);
    engine.turn();
    engine.stop();
    around.fail(2, 2);
    let record = around.store.0.lock().unwrap().record.take().unwrap();
    let mut engine = around.engine_from(Some(serde_json::from_value(record).unwrap()));
    let view = ask(&mut engine);
    assert_eq!((responses(&view), missing(&view)), (2, 2));
}

#[test]
fn a_kill_in_a_backlog_loses_and_doubles_nothing() {
    let around = Surroundings::new();
    around.backlog(20_000);
    around.files.append(ERROR, &(0..500).map(|n| entry(n, 1_000_000 + n as u64)).collect::<String>());
    around.slow(Duration::from_millis(30));
    let mut state = None;
    for _ in 0..4 {
        let mut engine = around.engine_from(state.take());
        engine.turn();
        ask(&mut engine);
        // Read and not committed when the kill comes.
        engine.poll(super::READ_BUDGET);
        let record = around.store.0.lock().unwrap().record.take().unwrap();
        state = Some(serde_json::from_value(record).unwrap());
    }
    around.slow(Duration::ZERO);
    assert_eq!(responses(&ask(&mut around.engine_from(state))), 20_000);
}

#[test]
fn a_commit_that_fails_is_said_and_tried_again() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    around.store.0.lock().unwrap().fails = true;
    around.fail(1, 1);
    let view = ask(&mut engine);
    assert_eq!((view.durable, responses(&view)), (Some(false), 1), "shown all the same, and said");
    assert_eq!(around.store.0.lock().unwrap().distrusted, 1);
    let tried = around.commits();
    // Nothing moves any more.
    around.pass(Duration::from_secs(1));
    engine.turn();
    assert_eq!(around.commits(), tried + 1);
    around.store.0.lock().unwrap().fails = false;
    assert_eq!(ask(&mut engine).durable, Some(true));
    let tried = around.commits();
    around.pass(Duration::from_secs(1));
    engine.turn();
    assert_eq!(around.commits(), tried, "it is committed");
    assert_eq!(around.stored(), 1);
}

#[test]
fn commits_come_no_closer_together_than_they_may() {
    let around = Surroundings::new();
    let mut engine = around.engine();
    engine.turn();
    let first = around.commits();
    for connection in 0..4 {
        around.fail(1, connection);
        around.pass(Duration::from_millis(50));
        engine.turn();
    }
    assert_eq!(around.commits(), first, "within a quarter of a second");
    around.pass(Duration::from_millis(50));
    engine.turn();
    assert_eq!((around.commits(), around.stored()), (first + 1, 4));
}
