//! Random sequences of what a writer, logrotate and we do, against a list of the lines that were completed.

use std::fs::File;
use std::io::Write;

use badgateway::source::{Follower, ReadFrom, Upto};

use crate::support::{Lab, writer};

const SEQUENCES: u64 = 2_000;
const STEPS: usize = 40;

struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

struct World {
    lab: Lab,
    nginx: File,
    log: Follower,
    rotations: usize,
    /// The name is gone, nginx writes on to the renamed file.
    awaiting_usr1: bool,
    /// Seconds since the rotation.
    waited: u64,
    lines: usize,
    open_line: String,
    wrote: String,
    read: String,
}

impl World {
    fn new() -> Self {
        let lab = Lab::new();
        let nginx = writer(&lab.path("log"));
        let log = lab.follow("log", ReadFrom::Start);
        let (wrote, read, open_line) = Default::default();
        Self {
            lab,
            nginx,
            log,
            rotations: 0,
            awaiting_usr1: false,
            waited: 0,
            lines: 0,
            open_line,
            wrote,
            read,
        }
    }

    fn write(&mut self, text: &str) {
        self.nginx.write_all(text.as_bytes()).unwrap();
        self.open_line += text;
        if text.ends_with('\n') {
            self.wrote += &std::mem::take(&mut self.open_line);
        }
    }

    fn line(&mut self) -> String {
        self.lines += 1;
        format!("line {} of the log\n", self.lines)
    }

    fn step(&mut self, choice: u64, random: &mut Xorshift) {
        match choice {
            0..3 if self.open_line.is_empty() => {
                let line = self.line();
                self.write(&line);
            }
            3 if self.open_line.is_empty() => {
                let line = self.line();
                self.write(&line[..1 + random.below(line.len() as u64 - 2) as usize]);
            }
            3 | 4 if !self.open_line.is_empty() => {
                let rest = format!("... {} goes on\n", self.lines);
                self.write(&rest);
            }
            5 if !self.awaiting_usr1 => {
                for n in (1..=self.rotations).rev() {
                    self.lab.rename(&format!("log.{n}"), &format!("log.{}", n + 1));
                }
                self.lab.rename("log", "log.1");
                self.rotations += 1;
                self.awaiting_usr1 = true;
                self.waited = 0;
            }
            // nginx finishes its write before it handles a signal.
            6 if self.awaiting_usr1 && self.open_line.is_empty() => {
                self.nginx = writer(&self.lab.path("log"));
                self.awaiting_usr1 = false;
            }
            7 | 8 => self.log.check(self.lab.now),
            9 => self.read += &self.lab.read(&mut self.log, Upto::End),
            10 => {
                self.log.mark();
                self.read += &self.lab.read(&mut self.log, Upto::Mark);
            }
            // Not longer than the grace before USR1 is handled.
            11 if !self.awaiting_usr1 || self.waited < 40 => {
                let seconds = random.below(20);
                self.waited += seconds;
                self.lab.pass(seconds);
            }
            _ => {}
        }
    }
}

#[test]
fn every_complete_line_once_and_in_order() {
    let sequences = std::env::var("SEQUENCES").map_or(SEQUENCES, |n| n.parse().unwrap());
    for seed in 1..=sequences {
        let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut world = World::new();
        for _ in 0..STEPS {
            let choice = random.below(12);
            world.step(choice, &mut random);
        }
        world.log.check(world.lab.now);
        world.read += &world.lab.read(&mut world.log, Upto::End);
        assert_eq!(world.read, world.wrote, "seed {seed}");
        let status = world.log.status();
        assert_eq!((status.lost_bytes, status.unread_bytes), (0, 0), "seed {seed}");
    }
}
