//! Random sequences of what a writer, logrotate, the operator and we do, against a list of the lines that
//! were completed. Nothing sleeps; files, clock and crashes are made up.

mod fs_simulator;
mod random;
mod truth;

use std::sync::Arc;
use std::time::{Duration, Instant};

use badgateway::source::{Buffer, Follower, ReadFrom, SavedLog, Upto};

use self::fs_simulator::FsSimulator;
use self::random::Random;
use self::truth::Account;
use crate::memory;

const SEQUENCES: u64 = 2_000;
const STEPS: u64 = 50;

/// The exporter: it counts what it reads, and saves positions and counters together.
struct Reader {
    /// `None` while it does not run.
    log: Option<Follower>,
    saved: (SavedLog, Account),
    /// How many switches of the symlink were seen.
    switches: Option<u64>,
    account: Account,
    /// What the account had when the process began.
    before: (u64, u64),
    buffer: Buffer,
    /// What of a block is taken; the rest is given back.
    random: Random,
    now: Instant,
    failing_since: Option<Instant>,
}

impl Reader {
    fn new(simulator: &FsSimulator, seed: u64) -> Self {
        let now = Instant::now();
        let path = memory::path("log");
        let log = Follower::with(Arc::new(simulator.disk.clone()), path, ReadFrom::Start, now);
        let account = Account::default();
        Self {
            saved: (log.save(), account.clone()),
            switches: simulator.switches,
            log: Some(log),
            account,
            before: (0, 0),
            buffer: Buffer::with_block([64, 1000, 128 * 1024][seed as usize % 3]),
            random: Random::new(seed + 1),
            now,
            failing_since: None,
        }
    }

    fn check(&mut self, simulator: &mut FsSimulator) {
        let Some(log) = &mut self.log else { return };
        log.check(self.now);
        if self.failing_since.is_none() && log.status().open {
            self.switches = simulator.switches;
            if let Some(content) = simulator.at_path() {
                Account::note(&mut self.account.opened, content);
            }
        }
        self.see(simulator);
    }

    /// A file that is open and has lines has been seen with them.
    fn see(&mut self, simulator: &FsSimulator) {
        let Some(log) = self.log.as_ref().filter(|_| self.failing_since.is_none()) else { return };
        for content in 0..simulator.truth.contents.len() {
            if Account::has(&self.account.opened, content) && simulator.truth.is_in_file(content) {
                Account::note(&mut self.account.seen, content);
            }
        }
        let status = log.status();
        self.account.lost_bytes = self.before.0 + status.lost_bytes;
        self.account.gaps = self.before.1 + status.gaps;
    }

    fn read(&mut self, simulator: &FsSimulator, upto: Upto, blocks: usize) {
        let Some(log) = &mut self.log else { return };
        for _ in 0..blocks {
            let Ok(Some(_)) = log.read_block(&mut self.buffer, upto) else { break };
            let mut taken = self.buffer.lines().len();
            if self.random.one_in(3) {
                let some = self.random.below(taken as u64 + 1) as usize;
                taken = self.buffer.lines()[..some]
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1);
            }
            self.account.read += std::str::from_utf8(&self.buffer.lines()[..taken]).unwrap();
            self.buffer.take(taken);
            log.give_back(&self.buffer);
        }
        self.see(simulator);
        self.tally();
    }

    fn tally(&mut self) {
        if let Some(log) = &self.log {
            let status = log.status();
            self.account.lost_bytes = self.before.0 + status.lost_bytes;
            self.account.gaps = self.before.1 + status.gaps;
        }
    }

    fn save(&mut self, simulator: &mut FsSimulator) {
        self.tally();
        if let Some(log) = &self.log {
            self.saved = (log.save(), self.account.clone());
            simulator.switches_saved = self.switches;
        }
    }

    fn crash(&mut self, simulator: &FsSimulator) {
        self.log = None;
        self.account = self.saved.1.clone();
        self.switches = simulator.switches_saved;
        self.before = (self.account.lost_bytes, self.account.gaps);
    }

    fn start(&mut self, simulator: &mut FsSimulator) {
        if self.log.is_none() {
            // What is gone by now, or cannot be read, cannot be opened again.
            let fails = self.failing_since.is_some();
            let contents = simulator.truth.contents.iter();
            let opened = self.account.opened.iter_mut().zip(contents);
            opened.for_each(|(opened, content)| *opened &= !content.gone && !fails);
            let files = Arc::new(simulator.disk.clone());
            self.log = Some(Follower::resume(files, &self.saved.0, self.now));
            self.check(simulator);
        }
    }

    /// A failure lasts for less than the grace that a failing file has.
    fn pass(&mut self, simulator: &mut FsSimulator, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        simulator.pass(seconds);
        if self.failing_since.is_some_and(|since| self.now - since > Duration::from_secs(30)) {
            self.heal(simulator);
        }
    }

    fn heal(&mut self, simulator: &FsSimulator) {
        simulator.disk.heal();
        self.failing_since = None;
    }
}

/// What a sequence is made of: the more kinds of harm, the less can be said about it.
struct Harm {
    truncates: bool,
    deletes: bool,
    crashes: bool,
    jumps: bool,
    fails: bool,
}

fn step(random: &mut Random, simulator: &mut FsSimulator, reader: &mut Reader, harm: &Harm) {
    match random.below(32) {
        0..5 => simulator.line(random),
        5 => simulator.part_of_line(random),
        6 | 7 => simulator.rest_of_line(),
        8 => simulator.late_line(random),
        9 | 10 => simulator.rotate(random),
        11 | 12 => simulator.usr1(random),
        13 => simulator.rotate_twice(random),
        14 => simulator.switch_symlink(),
        15 if harm.truncates => simulator.copytruncate(random),
        16 if harm.truncates && random.one_in(3) => simulator.truncate(),
        17 if harm.deletes => simulator.delete(),
        18 if harm.deletes && random.one_in(2) => simulator.rename_over(),
        19 if harm.deletes && random.one_in(2) => simulator.delete_a_rotated(random),
        20 if harm.jumps => simulator.jump(random),
        21 if harm.fails => {
            simulator.fail(random);
            reader.failing_since.get_or_insert(reader.now);
        }
        22 => reader.heal(simulator),
        23 | 24 => reader.check(simulator),
        25 => reader.read(simulator, Upto::End, usize::MAX),
        26 => {
            reader.check(simulator);
            reader.read(simulator, Upto::End, 1);
        }
        27 => {
            if let Some(log) = &mut reader.log {
                log.mark();
            }
            reader.read(simulator, Upto::Mark, usize::MAX);
        }
        28 => {
            let seconds = random.below(20);
            if simulator.may_pass(seconds) {
                reader.pass(simulator, seconds);
            }
        }
        29 => reader.save(simulator),
        30 if harm.crashes => {
            if random.one_in(2) {
                reader.save(simulator);
            }
            reader.crash(simulator);
        }
        _ => reader.start(simulator),
    }
    simulator.disk.pass(Duration::from_millis(random.below(4)));
}

/// `all_stays`: nothing is taken away, files are only rotated.
fn run(seed: u64, all_stays: bool, steps: &[u64]) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut simulator = FsSimulator::new(&mut random);
    let harm = Harm {
        truncates: random.one_in(3) && !all_stays,
        deletes: random.one_in(3) && !all_stays,
        crashes: !random.one_in(4),
        jumps: random.one_in(2),
        fails: random.one_in(4),
    };
    let mut reader = Reader::new(&simulator, seed);
    for n in steps {
        // Each step has numbers of its own, so that it stays what it is when others are left out.
        step(&mut Random::new(seed + (n << 32)), &mut simulator, &mut reader, &harm);
    }
    simulator.settle(&mut random);
    reader.heal(&simulator);
    reader.start(&mut simulator);
    for _ in 0..3 {
        reader.check(&mut simulator);
        reader.read(&simulator, Upto::End, usize::MAX);
        reader.pass(&mut simulator, 61);
    }
    let unread = reader.log.as_ref().map_or(0, |log| log.status().unread_bytes);
    simulator.truth.judge(&reader.account, unread)
}

/// Leaves out every step that is not needed for a failure.
fn shrink(seed: u64, all_stays: bool) -> Result<(), String> {
    let mut steps: Vec<u64> = (0..STEPS).collect();
    let Err(mut why) = run(seed, all_stays, &steps) else { return Ok(()) };
    let mut index = 0;
    while index < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(index);
        match run(seed, all_stays, &fewer) {
            Err(other) => (steps, why, index) = (fewer, other, 0),
            Ok(()) => index += 1,
        }
    }
    Err(format!("seed {seed}, steps {steps:?}: {why}"))
}

/// SEQUENCES=n runs more of them, SEED=n one.
fn run_all(name: &str, all_stays: bool) {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().unwrap());
    let sequences = number("SEQUENCES").unwrap_or(SEQUENCES);
    let seeds = number("SEED").map_or(1..=sequences, |seed| seed..=seed);
    let began = Instant::now();
    let failures: Vec<_> = seeds.filter_map(|seed| shrink(seed, all_stays).err()).collect();
    println!("{name}: {sequences} sequences, {} failures, {:.1?}", failures.len(), began.elapsed());
    let few: Vec<_> = failures.iter().take(20).collect();
    assert!(failures.is_empty(), "{} of {sequences} sequences: {few:#?}", failures.len());
}

#[test]
fn every_complete_line_once() {
    run_all("model", false);
}

/// The same without truncation and deletion: no byte lost, no gap.
#[test]
fn rotation_alone_loses_nothing() {
    run_all("rotation", true);
}
