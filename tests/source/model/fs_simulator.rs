//! What nginx, logrotate and the operator do to the files of one log.

use std::collections::BTreeMap;
use std::time::Duration;

use super::random::Random;
use super::truth::Truth;
use crate::memory::{Handle, Memory, TICK};

/// Seconds a writer may stay on a file that was rotated away: less than the grace of the follower.
const LATE: u64 = 40;

pub(crate) struct FsSimulator {
    pub(crate) disk: Memory,
    pub(crate) truth: Truth,
    /// The file that the path leads to: `log` itself, or the target of the symlink `log`.
    base: String,
    /// By file name.
    contents: BTreeMap<String, usize>,
    nginx: Option<Handle>,
    writes_to: usize,
    /// The first part of a line was written to the file.
    rest: Option<String>,
    /// An old worker: it has the file of before the last USR1 open.
    old_worker: Option<(Handle, usize)>,
    awaiting_usr1: bool,
    waited: u64,
    /// Rotated files have a date in their name, not a number.
    dates: bool,
    date: u64,
    /// How often the symlink was switched, if it is one.
    pub(crate) switches: Option<u64>,
    /// How many of them the reader has seen and saved. Excluded: a second switch or a rotation before that. Of two
    /// switches that are seen as one, nothing leads to the file in the middle; and what is found beside a new
    /// target may have been rotated before there was a link to it, thus be no log of ours.
    pub(crate) switches_saved: Option<u64>,
}

impl FsSimulator {
    pub(crate) fn new(random: &mut Random) -> Self {
        let disk = Memory::new(random.one_in(2));
        let switches = random.one_in(4).then_some(0);
        let base = if switches.is_some() { "t0x" } else { "log" }.to_owned();
        if switches.is_some() {
            disk.write(&base, Vec::new());
            disk.symlink(&base, "log");
        }
        let mut simulator = Self {
            nginx: Some(disk.writer("log")),
            disk,
            truth: Truth::default(),
            base,
            contents: BTreeMap::new(),
            writes_to: 0,
            rest: None,
            old_worker: None,
            awaiting_usr1: false,
            waited: 0,
            dates: random.one_in(4),
            date: 20_261_121,
            switches,
            switches_saved: switches,
        };
        simulator.writes_to = simulator.truth.content();
        simulator.contents.insert(simulator.base.clone(), simulator.writes_to);
        simulator
    }

    /// The content that the path leads to.
    pub(crate) fn at_path(&self) -> Option<usize> {
        self.contents.get(&self.base).copied()
    }

    pub(crate) fn line(&mut self, random: &mut Random) {
        self.write(random, false);
    }

    fn write(&mut self, random: &mut Random, between: bool) {
        if self.rest.is_none() {
            let padding = if random.one_in(8) { 700 } else { random.below(60) };
            let text = self.truth.line(self.writes_to, padding as usize, between);
            self.nginx.as_ref().unwrap().append(text);
        }
    }

    pub(crate) fn part_of_line(&mut self, random: &mut Random) {
        if self.rest.is_none() {
            let text = self.truth.line(self.writes_to, random.below(20) as usize, false).to_owned();
            let (first, rest) = text.split_at(8 + random.below(text.len() as u64 - 8) as usize);
            self.nginx.as_ref().unwrap().append(first);
            self.rest = Some(rest.to_owned());
        }
    }

    pub(crate) fn rest_of_line(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.nginx.as_ref().unwrap().append(&rest);
        }
    }

    pub(crate) fn late_line(&mut self, random: &mut Random) {
        if let Some((handle, content)) = &self.old_worker {
            handle.append(self.truth.line(*content, random.below(60) as usize, false));
        }
    }

    /// Whether nginx writes to the file at the path, and is not in the middle of a line: what follows in a
    /// file that is emptied in mid line is torn, whoever reads it.
    fn is_settled(&self) -> bool {
        !self.awaiting_usr1 && self.rest.is_none()
    }

    /// Moves the rotated files on, the first of them compressed if `gzip`, and returns the name that is free.
    fn make_room(&mut self, gzip: bool) -> String {
        let prefix = format!("{}{}", self.base, if self.dates { '-' } else { '.' });
        let mut rotated: Vec<_> =
            self.contents.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        let number = |name: &str| name[prefix.len()..].trim_end_matches(".gz").parse::<u64>().unwrap();
        rotated.sort_by_key(|name| number(name));
        let newest = if self.dates { rotated.last() } else { rotated.first() };
        if let Some(name) = newest.filter(|name| gzip && !name.ends_with(".gz")).cloned() {
            // delaycompress is there for the late writer: it has gone.
            self.old_worker = None;
            self.disk.gzip(&name);
            let content = self.contents.remove(&name).unwrap();
            self.contents.insert(format!("{name}.gz"), content);
            rotated.iter_mut().filter(|other| **other == name).for_each(|name| name.push_str(".gz"));
        }
        if self.dates {
            self.date += 1;
            return format!("{prefix}{}", self.date);
        }
        for name in rotated.iter().rev() {
            let ending = if name.ends_with(".gz") { ".gz" } else { "" };
            self.rename(name, &format!("{prefix}{}{ending}", number(name) + 1));
        }
        format!("{prefix}1")
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.disk.rename(from, to);
        let content = self.contents.remove(from).unwrap();
        if let Some(replaced) = self.contents.insert(to.to_owned(), content) {
            self.truth.contents[replaced].gone = true;
        }
    }

    fn create(&mut self, name: &str) {
        self.disk.write(name, Vec::new());
        let content = self.truth.content();
        self.contents.insert(name.to_owned(), content);
    }

    pub(crate) fn rotate(&mut self, random: &mut Random) {
        if self.awaiting_usr1 || self.switches_saved != self.switches {
            return;
        }
        let rotated = self.make_room(random.one_in(2));
        let base = self.base.clone();
        self.rename(&base, &rotated);
        if random.one_in(2) {
            self.create(&base);
        }
        self.await_usr1();
    }

    fn await_usr1(&mut self) {
        (self.awaiting_usr1, self.waited) = (true, 0);
    }

    pub(crate) fn usr1(&mut self, random: &mut Random) {
        if self.awaiting_usr1 && self.rest.is_none() {
            let stays = random.one_in(3);
            let old = self.nginx.take().unwrap();
            self.old_worker = stays.then_some((old, self.writes_to));
            self.nginx = Some(self.disk.writer("log"));
            if self.at_path().is_none() {
                let content = self.truth.content();
                self.contents.insert(self.base.clone(), content);
            }
            self.writes_to = self.at_path().unwrap();
            self.awaiting_usr1 = false;
        }
    }

    pub(crate) fn rotate_twice(&mut self, random: &mut Random) {
        for _ in 0..2 {
            self.rest_of_line();
            self.rotate(random);
            self.usr1(random);
            self.line(random);
        }
    }

    pub(crate) fn copytruncate(&mut self, random: &mut Random) {
        if self.is_settled() && self.switches_saved == self.switches {
            let copy = self.make_room(random.one_in(2));
            self.disk.copy(&self.base, &copy);
            self.contents.insert(copy, self.writes_to);
            if random.one_in(4) {
                self.write(random, true);
            }
            self.empty();
        }
    }

    fn empty(&mut self) {
        // All that shows that an empty log was written, copied and emptied is its time. Excluded: all that in the
        // tick of the kernel's clock (some ms) in which we had a look.
        self.disk.pass(TICK);
        self.disk.truncate(&self.base);
        self.truth.contents[self.writes_to].emptied = true;
        self.writes_to = self.truth.content();
        self.contents.insert(self.base.clone(), self.writes_to);
    }

    pub(crate) fn truncate(&mut self) {
        if self.is_settled() {
            self.truth.contents[self.writes_to].gone = true;
            self.empty();
        }
    }

    pub(crate) fn delete(&mut self) {
        if self.is_settled() {
            self.disk.remove(&self.base);
            self.truth.contents[self.writes_to].gone = true;
            // Closed before it is opened again: the inode number is free, unless we hold the file.
            self.nginx = None;
            self.nginx = Some(self.disk.writer("log"));
            self.writes_to = self.truth.content();
            self.contents.insert(self.base.clone(), self.writes_to);
        }
    }

    pub(crate) fn delete_a_rotated(&mut self, random: &mut Random) {
        let rotated: Vec<_> = self.contents.keys().filter(|name| **name != self.base).cloned().collect();
        if let Some(name) = rotated.get(random.below(rotated.len().max(1) as u64) as usize) {
            self.disk.remove(name);
            let content = self.contents.remove(name).unwrap();
            self.truth.contents[content].gone = true;
        }
    }

    pub(crate) fn rename_over(&mut self) {
        if self.is_settled() {
            self.create("new");
            let base = self.base.clone();
            self.rename("new", &base);
            self.await_usr1();
        }
    }

    pub(crate) fn switch_symlink(&mut self) {
        if let Some(switches) = &mut self.switches
            && !self.awaiting_usr1
            && self.switches_saved == Some(*switches)
        {
            *switches += 1;
            // No name is the beginning of another: those would be taken for rotated files.
            let base = format!("t{switches}x");
            self.create(&base);
            self.disk.symlink(&base, "log");
            self.base = base;
            self.await_usr1();
        }
    }

    pub(crate) fn may_pass(&self, seconds: u64) -> bool {
        !self.awaiting_usr1 || self.waited + seconds < LATE
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.waited += seconds;
        if self.waited >= LATE {
            self.old_worker = None;
        }
        self.disk.pass(Duration::from_secs(seconds));
    }

    /// The clock is set, forwards, back, or to before 1970.
    pub(crate) fn jump(&mut self, random: &mut Random) {
        use badgateway::source::files::Files;
        use std::time::UNIX_EPOCH;
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let now = self.disk.now();
        self.disk.set_clock(match random.below(3) {
            0 => now + DAY,
            1 => now - DAY,
            _ => UNIX_EPOCH - DAY,
        });
    }

    pub(crate) fn fail(&mut self, random: &mut Random) {
        let names: Vec<_> = self.contents.keys().cloned().collect();
        if let Some(name) = names.get(random.below(names.len().max(1) as u64) as usize) {
            self.disk.fail(name);
        }
    }

    /// Nothing is under way any more.
    pub(crate) fn settle(&mut self, random: &mut Random) {
        self.disk.heal();
        self.rest_of_line();
        self.usr1(random);
        self.old_worker = None;
    }
}
