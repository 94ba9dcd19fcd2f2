//! Damaged input for each parser, always the same.
//!
//! `make test` tries 10,000 inputs of each target, `make fuzz` as many as `FUZZ_INPUTS` says, each target alone in a process.
//! Inputs that broke a target are kept in `tests/fuzz/TARGET/` and tried first. Targets stand beside what they try, or in
//! [`targets`] if that can be reached from here.

mod mutator;
mod seeds;
mod targets;

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

use mutator::Mutator;
pub(crate) use seeds::fixtures;

const RUNNER: &str = include_str!("../../tests/fuzz.sh");
const ITSELF: &str = "fuzz::an_input_that_panics_is_kept_and_shown";
const SHORT: u64 = 10_000;
/// No input may take longer, nor hold more memory at a time.
const MOST_TIME: Duration = Duration::from_secs(1);
const MOST_MEMORY: usize = 64 << 20;
/// An input that has not ended after so long never will.
const STUCK: Duration = Duration::from_secs(60);

/// Counts what is allocated: as much as an input holds at a time, its largest allocation is no larger.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Tries `try_it` with `seeds`, with what broke it before, and with what is made of them and `words`.
pub(crate) fn target(
    name: &'static str,
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
    try_it: impl FnMut(&[u8]),
) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let listed = RUNNER.lines().any(|line| line == test);
    // A test alone in its process, and one that is told to use one thread, run as "main".
    assert!(listed || ["main", ITSELF].contains(&&*test), "{test} is missing in tests/fuzz.sh");
    let long = std::env::var("FUZZ_INPUTS").ok().map(|inputs| inputs.parse().expect("FUZZ_INPUTS"));
    let inputs = long.unwrap_or(SHORT);
    // Other tests allocate, too, unless this one is alone in its process.
    let most_memory = long.map_or(usize::MAX, |_| MOST_MEMORY);
    let mut run =
        Run { name, try_it, most_memory, current: watch(name), slowest: Duration::ZERO, largest: 0 };
    let mut mutator = Mutator::new(name, seeds, words);
    for input in seeds::kept(name).iter().chain(mutator.seeds()) {
        run.input(input);
    }
    let begun = Instant::now();
    let mut input = Vec::new();
    for _ in 0..inputs {
        mutator.next(&mut input);
        run.input(&input);
    }
    if long.is_some() {
        let took = begun.elapsed().as_secs_f64();
        let (slowest, largest) = (run.slowest.as_secs_f64() * 1e3, run.largest >> 10);
        println!(
            "fuzz: {name:<20} {inputs} inputs in {took:.0} s, slowest {slowest:.1} ms, at most {largest} KiB at a time"
        );
    }
}

type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

struct Run<F> {
    name: &'static str,
    try_it: F,
    most_memory: usize,
    current: Current,
    slowest: Duration,
    largest: usize,
}

impl<F: FnMut(&[u8])> Run<F> {
    fn input(&mut self, input: &[u8]) {
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let (mut took, panicked) = self.once(input, Instant::now);
        let memory = HEAP.peak_usage().saturating_sub(before);
        if took > MOST_TIME {
            // Perhaps the machine was busy: time of this thread alone counts.
            took = self.once(input, cpu).0;
        }
        self.slowest = self.slowest.max(took);
        self.largest = self.largest.max(memory);
        if panicked {
            fail(self.name, input, "panicked");
        }
        if took > MOST_TIME {
            fail(self.name, input, &format!("took {took:?}"));
        }
        if memory > self.most_memory {
            fail(self.name, input, &format!("held {memory} bytes"));
        }
    }

    fn once<T: Since>(&mut self, input: &[u8], clock: fn() -> T) -> (Duration, bool) {
        {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            let (since, bytes) = current.get_or_insert_with(|| (Instant::now(), Vec::new()));
            *since = Instant::now();
            bytes.clear();
            bytes.extend_from_slice(input);
        }
        let begun = clock();
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.try_it)(input)));
        (begun.since(clock), outcome.is_err())
    }
}

impl<F> Drop for Run<F> {
    fn drop(&mut self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

trait Since: Sized {
    fn since(self, clock: fn() -> Self) -> Duration;
}

impl Since for Instant {
    fn since(self, clock: fn() -> Self) -> Duration {
        clock() - self
    }
}

impl Since for Duration {
    fn since(self, clock: fn() -> Self) -> Duration {
        clock().saturating_sub(self)
    }
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Keeps the input for the next run, and says what it is.
fn fail(name: &str, input: &[u8], what: &str) -> ! {
    let path = keep(name, input);
    panic!("{name} {what}: {path}, \"{}\"", input[..input.len().min(4096)].escape_ascii());
}

fn keep(name: &str, input: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(input);
    let dir = seeds::tests().join("fuzz").join(name);
    let path = dir.join(format!("{:016x}", hasher.finish()));
    fs::create_dir_all(dir).and_then(|()| fs::write(&path, input)).unwrap();
    path.display().to_string()
}

/// Ends the process if an input never ends.
fn watch(name: &'static str) -> Current {
    let current = Current::default();
    let watched = Arc::downgrade(&current);
    std::thread::spawn(move || {
        while let Some(current) = watched.upgrade() {
            let now = current.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, input)) = now.as_ref().filter(|(since, _)| since.elapsed() > STUCK) {
                eprintln!("{name} does not end: {}", keep(name, input));
                std::process::exit(101);
            }
            drop(now);
            drop(current);
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    current
}

#[test]
fn an_input_that_panics_is_kept_and_shown() {
    let name = "itself";
    let broken =
        || target(name, vec![b"seed 1".to_vec()], &["word"], |input| assert!(!input.contains(&b'w')));
    let panic = catch_unwind(broken).unwrap_err();
    let kept = seeds::kept(name);
    fs::remove_dir_all(seeds::tests().join("fuzz").join(name)).unwrap();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("itself panicked: ") && message.contains('w'), "{message}");
    assert!(kept.len() == 1 && kept[0].contains(&b'w'), "{kept:?}");
}
