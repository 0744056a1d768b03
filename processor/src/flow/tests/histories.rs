//! Random histories: crashes, zombies, rebalances, outages and lost replies in any order; the ledger must balance each time.
//!
//! Every failure prints its seed; `HISTORY_SEED=<seed> HISTORY_LOG=1 cargo test -p processor histories` plays that one
//! again and tells its story; `HISTORIES=<n>` plays more of them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::retry::Jitter;

/// A small source of chance.
struct Chance(Jitter);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "small numbers"
        )]
        let number = (self.0.next() * n as f64) as u64;
        number.min(n - 1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a record must become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Row,
    Letter,
    Nothing,
}

struct History {
    chance: Chance,
    world: World,
    runtime: Arc<Runtime>,
    members: Vec<Member>,
    zombies: Vec<Member>,
    next_member: u64,
    partitions: Vec<i32>,
    wanted: BTreeMap<(i32, i64), Wanted>,
    ids: BTreeMap<(i32, u64), i64>,
    config: StreamConfig,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut chance = Chance(Jitter::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        (0..8).for_each(|_| {
            chance.0.next();
        });
        let mut config = config();
        config.batch.max_rows = usize::try_from(3 + chance.below(40)).unwrap();
        if chance.one_in(3) {
            config.batch.max_bytes = usize::try_from(400 + chance.below(2000)).unwrap();
        }
        config.batch.max_age_milliseconds = 100 + chance.below(2000);
        config.deduplication_window_seconds = chance.one_in(3).then_some(1_000_000);
        let partitions: Vec<i32> = (0..i32::try_from(1 + chance.below(3)).unwrap()).collect();
        let (world, runtime) = (World::default(), runtime());
        let mut history = Self {
            chance,
            world,
            runtime,
            members: Vec::new(),
            zombies: Vec::new(),
            next_member: 0,
            partitions,
            wanted: BTreeMap::new(),
            ids: BTreeMap::new(),
            config,
        };
        let partitions = history.partitions.clone();
        history.join(&partitions);
        history.append(60);
        history
    }

    fn join(&mut self, partitions: &[i32]) -> u64 {
        self.next_member += 1;
        let member =
            Member::start(&self.world, &self.runtime, self.next_member, partitions, self.config.clone());
        self.members.push(member);
        self.next_member
    }

    fn append(&mut self, n: u64) {
        for _ in 0..n {
            let partition =
                self.partitions[usize::try_from(self.chance.below(self.partitions.len() as u64)).unwrap()];
            let skip = if self.chance.one_in(6) { i64::try_from(self.chance.below(5)).unwrap() } else { 0 };
            let kind = self.chance.below(12);
            let (payload, wanted) = match kind {
                0 => (BAD.to_owned(), Wanted::Letter),
                1 => (OTHER.to_owned(), Wanted::Nothing),
                2..=4 => self.with_id(partition),
                _ => (GOOD.to_owned(), Wanted::Row),
            };
            let offset = self.world.append(partition, skip, Some(&payload));
            let is_refused = wanted == Wanted::Row && kind > 4 && self.chance.one_in(60);
            if is_refused {
                self.world.state().refused.insert((partition, offset));
            }
            self.wanted.insert((partition, offset), if is_refused { Wanted::Letter } else { wanted });
        }
    }

    /// An event with an id that may have come before.
    fn with_id(&mut self, partition: i32) -> (String, Wanted) {
        let id = self.chance.below(20);
        let is_known = self.ids.insert((partition, id), 0).is_some();
        let wanted = if is_known && self.config.deduplication_window_seconds.is_some() {
            Wanted::Nothing
        } else {
            Wanted::Row
        };
        (format!(r#"{{"event":"tap","event_id":"id-{id}","n":2}}"#), wanted)
    }

    /// A process is gone; another inherits, new or old.
    fn bury(&mut self, index: usize, as_zombie: bool) {
        let member = self.members.remove(index);
        let number = member.number;
        let heir = if self.members.is_empty() || self.chance.one_in(2) {
            self.join(&[])
        } else {
            self.members[0].number
        };
        self.world.expel(number, heir);
        if as_zombie {
            self.zombies.push(member);
        }
    }

    /// A process is told to end: it drains for a while, and leaves the group in good order if it can.
    fn drain(&mut self, index: usize) {
        self.members[index].flow.begin_drain();
        for _ in 0..self.chance.below(30) {
            if !self.members[index].turn(10) {
                return self.bury(index, false);
            }
            if self.members[index].flow.is_idle() {
                break;
            }
        }
        let now = Member::now(&self.runtime);
        self.members[index].flow.leave(now);
        self.bury(index, false);
    }

    fn befall(&mut self) {
        let n_members = self.members.len() as u64;
        let index = usize::try_from(self.chance.below(n_members)).unwrap();
        match self.chance.below(10) {
            0 | 1 => {
                let (n_calls, has_effect) = (self.chance.below(12), self.chance.one_in(2));
                crash_at(&self.world, self.members[index].number, n_calls, has_effect);
            }
            2 => self.bury(index, true),
            3 if n_members < 3 => drop(self.join(&[])),
            3 | 4 => {
                let partition = self.partitions
                    [usize::try_from(self.chance.below(self.partitions.len() as u64)).unwrap()];
                self.world.hand_over(partition, self.members[index].number);
            }
            5 => {
                let call = [Call::Write, Call::Deliver, Call::Commit, Call::Stored, Call::Look]
                    [usize::try_from(self.chance.below(5)).unwrap()];
                let fate = if self.chance.one_in(2) { Fate::Failed } else { Fate::ReplyLost };
                fault(&self.world, call, &[fate]);
            }
            6 => {
                let holds = self.chance.one_in(2);
                self.members[index].hold(holds);
                self.members[index].hold_answers(holds && self.chance.one_in(2));
            }
            7 => self.append(10),
            8 => self.drain(index),
            _ => {
                let call = if self.chance.one_in(2) { Call::Write } else { Call::Deliver };
                let mut state = self.world.state();
                if !state.outages.remove(&call) {
                    state.outages.insert(call);
                }
            }
        }
    }

    fn turn(&mut self) {
        let milliseconds = 10 + self.chance.below(400);
        let mut index = 0;
        while index < self.members.len() {
            if self.members[index].turn(milliseconds) {
                index += 1;
            } else {
                self.bury(index, false);
            }
        }
        if self.chance.one_in(5)
            && let Some(zombie) = self.zombies.last_mut()
        {
            zombie.hold(false);
            zombie.hold_answers(false);
            if !zombie.turn(milliseconds) {
                self.zombies.pop();
            }
        }
    }

    fn play(&mut self) {
        for _ in 0..120 {
            if self.chance.one_in(4) {
                self.befall();
            }
            self.turn();
        }
        // From here on nothing fails any more, and everything must settle.
        {
            let mut state = self.world.state();
            state.crash_in = None;
            state.faults.clear();
            state.outages.clear();
        }
        for member in &self.members {
            member.hold(false);
            member.hold_answers(false);
        }
        for _ in 0..400 {
            self.turn();
        }
    }

    fn judge(&self) {
        let state = self.world.state();
        if std::env::var_os("HISTORY_LOG").is_some() {
            state.story.iter().for_each(|line| println!("{line}"));
        }
        let mut rows: BTreeMap<(i32, i64), u32> = BTreeMap::new();
        state.table.iter().for_each(|row| *rows.entry((row.partition, row.offset)).or_default() += 1);
        let letters: BTreeSet<(i32, i64)> =
            state.letters.iter().map(|(partition, offset, _)| (*partition, *offset)).collect();
        for (position, wanted) in &self.wanted {
            let n_rows = rows.get(position).copied().unwrap_or(0);
            let found = (n_rows, letters.contains(position));
            let expected = match wanted {
                Wanted::Row => (1, false),
                Wanted::Letter => (0, true),
                Wanted::Nothing => (0, false),
            };
            let reason =
                state.letters.iter().find(|letter| (letter.0, letter.1) == *position).map(|letter| &letter.2);
            assert_eq!(found, expected, "{position:?} must become {wanted:?} ({reason:?})");
        }
        for partition in &self.partitions {
            let high = state.logs.get(partition).map_or(0, |log| log.high);
            let (offset, metadata) = state.committed.get(partition).cloned().unwrap_or_default();
            assert_eq!(offset, high, "partition {partition} is acknowledged to its end ({metadata})");
        }
    }
}

fn play(seed: u64) {
    let played = catch_unwind(|| {
        let mut history = History::new(seed);
        history.play();
        history.judge();
    });
    if let Err(panic) = played {
        println!("the history of HISTORY_SEED={seed} does not balance");
        std::panic::resume_unwind(panic);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told which history to play again")]
fn no_history_loses_or_doubles_anything() {
    let number = |name: &str| std::env::var(name).ok().and_then(|number| number.parse().ok());
    if let Some(seed) = number("HISTORY_SEED") {
        return play(seed);
    }
    // The last two found a record accused wrongly within a repeated range, and a commit between a revocation and its settlement.
    (1..=number("HISTORIES").unwrap_or(400)).chain([1678, 4708]).for_each(play);
}
