//! Random sequences of what a writer, logrotate, the operator and we do, against a list of the lines that
//! were completed. Nothing sleeps; files, clock and crashes are made up.

mod random;
mod truth;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use badgateway::source::{Buffer, Follower, ReadFrom, SavedLog, Upto};

use self::random::Random;
use self::truth::Account;
use self::world::World;
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
    now: Instant,
    failing_since: Option<Instant>,
}

impl Reader {
    fn new(world: &World) -> Self {
        let now = Instant::now();
        let path = memory::path("log");
        let log = Follower::with(Arc::new(world.disk.clone()), path, ReadFrom::Start, now);
        let account = Account::default();
        Self {
            saved: (log.save(), account.clone()),
            switches: world.switches,
            log: Some(log),
            account,
            before: (0, 0),
            buffer: Buffer::new(),
            now,
            failing_since: None,
        }
    }

    fn check(&mut self, world: &mut World) {
        let Some(log) = &mut self.log else { return };
        log.check(self.now);
        if self.failing_since.is_none() && log.status().open {
            self.switches = world.switches;
            if let Some(content) = world.at_path() {
                Account::note(&mut self.account.opened, content);
            }
        }
        self.see(world);
    }

    /// A file that is open and has lines has been seen with them.
    fn see(&mut self, world: &World) {
        let Some(log) = self.log.as_ref().filter(|_| self.failing_since.is_none()) else { return };
        for content in 0..world.truth.contents.len() {
            if Account::has(&self.account.opened, content) && world.truth.is_in_file(content) {
                Account::note(&mut self.account.seen, content);
            }
        }
        let status = log.status();
        self.account.lost_bytes = self.before.0 + status.lost_bytes;
        self.account.gaps = self.before.1 + status.gaps;
    }

    fn read(&mut self, world: &World, upto: Upto, blocks: usize) {
        let Some(log) = &mut self.log else { return };
        for _ in 0..blocks {
            let Ok(Some(block)) = log.read_block(&mut self.buffer, upto) else { break };
            self.account.read += std::str::from_utf8(block).unwrap();
        }
        self.see(world);
        self.tally();
    }

    fn tally(&mut self) {
        if let Some(log) = &self.log {
            let status = log.status();
            self.account.lost_bytes = self.before.0 + status.lost_bytes;
            self.account.gaps = self.before.1 + status.gaps;
        }
    }

    fn save(&mut self, world: &mut World) {
        self.tally();
        if let Some(log) = &self.log {
            self.saved = (log.save(), self.account.clone());
            world.switches_saved = self.switches;
        }
    }

    fn crash(&mut self, world: &World) {
        self.log = None;
        self.account = self.saved.1.clone();
        self.switches = world.switches_saved;
        self.before = (self.account.lost_bytes, self.account.gaps);
    }

    fn start(&mut self, world: &mut World) {
        if self.log.is_none() {
            // What is gone by now, or cannot be read, cannot be opened again.
            let fails = self.failing_since.is_some();
            let contents = world.truth.contents.iter();
            let opened = self.account.opened.iter_mut().zip(contents);
            opened.for_each(|(opened, content)| *opened &= !content.gone && !fails);
            let files = Arc::new(world.disk.clone());
            self.log = Some(Follower::resume(files, &self.saved.0, self.now));
            self.check(world);
        }
    }

    /// A failure lasts for less than the grace that a failing file has.
    fn pass(&mut self, world: &mut World, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        world.pass(seconds);
        if self.failing_since.is_some_and(|since| self.now - since > Duration::from_secs(30)) {
            self.heal(world);
        }
    }

    fn heal(&mut self, world: &World) {
        world.disk.heal();
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

fn step(random: &mut Random, world: &mut World, reader: &mut Reader, harm: &Harm) {
    match random.below(32) {
        0..5 => world.line(random),
        5 => world.part_of_line(random),
        6 | 7 => world.rest_of_line(),
        8 => world.late_line(random),
        9 | 10 => world.rotate(random),
        11 | 12 => world.usr1(random),
        13 => world.rotate_twice(random),
        14 => world.switch_symlink(),
        15 if harm.truncates => world.copytruncate(random),
        16 if harm.truncates && random.one_in(3) => world.truncate(),
        17 if harm.deletes => world.delete(),
        18 if harm.deletes && random.one_in(2) => world.rename_over(),
        19 if harm.deletes && random.one_in(2) => world.delete_a_rotated(random),
        20 if harm.jumps => world.jump(random),
        21 if harm.fails => {
            world.fail(random);
            reader.failing_since.get_or_insert(reader.now);
        }
        22 => reader.heal(world),
        23 | 24 => reader.check(world),
        25 => reader.read(world, Upto::End, usize::MAX),
        26 => {
            reader.check(world);
            reader.read(world, Upto::End, 1);
        }
        27 => {
            if let Some(log) = &mut reader.log {
                log.mark();
            }
            reader.read(world, Upto::Mark, usize::MAX);
        }
        28 => {
            let seconds = random.below(20);
            if world.may_pass(seconds) {
                reader.pass(world, seconds);
            }
        }
        29 => reader.save(world),
        30 if harm.crashes => {
            if random.one_in(2) {
                reader.save(world);
            }
            reader.crash(world);
        }
        _ => reader.start(world),
    }
    world.disk.pass(Duration::from_millis(random.below(4)));
}

/// `all_stays`: nothing is taken away, files are only rotated.
fn run(seed: u64, all_stays: bool, steps: &[u64]) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut world = World::new(&mut random);
    let harm = Harm {
        truncates: random.one_in(3) && !all_stays,
        deletes: random.one_in(3) && !all_stays,
        crashes: !random.one_in(4),
        jumps: random.one_in(2),
        fails: random.one_in(4),
    };
    let mut reader = Reader::new(&world);
    for n in steps {
        // Each step has numbers of its own, so that it stays what it is when others are left out.
        step(&mut Random::new(seed + (n << 32)), &mut world, &mut reader, &harm);
    }
    world.settle(&mut random);
    reader.heal(&world);
    reader.start(&mut world);
    for _ in 0..3 {
        reader.check(&mut world);
        reader.read(&world, Upto::End, usize::MAX);
        reader.pass(&mut world, 61);
    }
    let unread = reader.log.as_ref().map_or(0, |log| log.status().unread_bytes);
    world.truth.judge(&reader.account, unread)
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
