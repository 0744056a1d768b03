//! Memory: the twin of Kafka, for tests: a topic, one group with generations, and faults on demand.
//!
//! In: records put into a [`World`]. Out: the same behaviour as the broker's, as far as the protocol leans on it:
//! a commit of an old generation is refused, one of the current generation is taken *whoever owns the partition*.
//! Every call that a fault can hit asks the world first; after a crash nothing of that member happens any more.
//! Not here: time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crds::conditions::Reason;

use super::{Change, Commit, Committed, Ends, Message, Reader, Source, SourceError};
use crate::batch::Original;
use crate::record::Position;

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Done,
    /// It fails and has no effect.
    Failed,
    /// It has its effect, but the reply is lost.
    ReplyLost,
}

/// A call that a fault can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Call {
    Commit,
    /// Not a call: a rebalance that refuses what is committed.
    Rebalance,
    Write,
    Stored,
    Deliver,
    Look,
}

/// One partition of the topic.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<Original>,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRow {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) event_id: String,
    pub(crate) milliseconds: i64,
}

/// Topic, group, table and dead-letter topic.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<i32, Log>,
    pub(crate) committed: BTreeMap<i32, (i64, String)>,
    pub(crate) n_commits: u64,
    generation: u64,
    generations: HashMap<u64, u64>,
    pending: HashMap<u64, VecDeque<Change>>,
    pub(crate) owners: BTreeMap<i32, u64>,
    handovers: BTreeMap<i32, u64>,
    crashed: BTreeSet<u64>,
    /// Which call of whom ends in a crash, counted down; whether the call still has its effect.
    pub(crate) crash_in: Option<(u64, u64, bool)>,
    /// Faults to come, by call.
    pub(crate) faults: BTreeMap<Call, VecDeque<Fate>>,
    pub(crate) outages: BTreeSet<Call>,
    pub(crate) table: Vec<StoredRow>,
    pub(crate) tokens: BTreeSet<String>,
    /// Every insert that was tried, with its effect or without.
    pub(crate) inserts: Vec<String>,
    pub(crate) refused: BTreeSet<(i32, i64)>,
    pub(crate) view_fails: bool,
    /// How often originals were asked for.
    pub(crate) n_fetches: u64,
    /// How long the table takes to say which rows it has.
    pub(crate) stored_takes: Duration,
    pub(crate) letters: Vec<(i32, i64, String)>,
    /// What happened, in order; printed when a history does not balance.
    pub(crate) story: Vec<String>,
}

/// Topic, group, table and dead-letter topic, shared.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

impl World {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Appends a record behind `skip` offsets that hold none.
    pub(crate) fn append(&self, partition: i32, skip: i64, payload: Option<&str>) -> i64 {
        let mut state = self.state();
        let log = state.logs.entry(partition).or_default();
        let offset = log.high + skip;
        log.high = offset + 1;
        log.records.push(Original {
            position: Position { partition, offset },
            timestamp_milliseconds: 1_770_000_000_000 + offset * 1000,
            key: Some(b"key".to_vec()),
            payload: payload.map(|text| text.as_bytes().to_vec()),
            headers: vec![("app".to_owned(), Some(b"ios".to_vec()))],
        });
        offset
    }

    /// Returns another world with the same records and positions.
    pub(crate) fn copy(&self) -> Self {
        let state = self.state();
        let logs = state.logs.iter().map(|(partition, log)| {
            (*partition, Log { records: log.records.clone(), low: log.low, high: log.high })
        });
        let (logs, committed) = (logs.collect(), state.committed.clone());
        Self(Arc::new(Mutex::new(State { logs, committed, ..State::default() })))
    }

    /// A member joins; it is given these partitions as soon as their owners have let go.
    pub(crate) fn join(&self, member: u64, partitions: &[i32]) -> MemorySource {
        self.state().generations.insert(member, 0);
        for partition in partitions {
            self.hand_over(*partition, member);
        }
        self.state().tell(member, None);
        MemorySource {
            world: self.clone(),
            member,
            positions: BTreeMap::new(),
            paused: BTreeSet::new(),
            ends: BTreeSet::new(),
        }
    }

    /// Gives a partition to another member.
    pub(crate) fn hand_over(&self, partition: i32, to: u64) {
        let mut state = self.state();
        state.generation += 1;
        match state.owners.get(&partition).copied() {
            Some(owner) if owner == to => {}
            Some(owner) => {
                state.handovers.insert(partition, to);
                state.tell(owner, Some(Change::Revoked { partitions: vec![partition], lost: false }));
            }
            None => {
                state.owners.insert(partition, to);
                state.tell(to, Some(Change::Assigned(vec![partition])));
            }
        }
    }

    /// The group gives up on a member; what it had goes to another.
    pub(crate) fn expel(&self, member: u64, to: u64) {
        let mut state = self.state();
        state.generation += 1;
        state.story.push(format!("{member} is expelled, {to} inherits"));
        let lost: Vec<i32> = state
            .owners
            .iter()
            .filter(|(_, owner)| **owner == member)
            .map(|(partition, _)| *partition)
            .collect();
        state
            .pending
            .insert(member, VecDeque::from([Change::Revoked { partitions: lost.clone(), lost: true }]));
        state.handovers.values_mut().filter(|next| **next == member).for_each(|next| *next = to);
        for partition in lost {
            let to = state.handovers.remove(&partition).unwrap_or(to);
            state.owners.insert(partition, to);
            state.tell(to, Some(Change::Assigned(vec![partition])));
        }
    }

    /// Whether a crash has befallen the member.
    pub(crate) fn is_crashed(&self, member: u64) -> bool {
        self.state().crashed.contains(&member)
    }

    /// What befalls a call of this member.
    pub(crate) fn fate(&self, member: u64, call: Call) -> Fate {
        let mut state = self.state();
        if state.crashed.contains(&member) {
            return Fate::Failed;
        }
        if let Some((who, left, has_effect)) = state.crash_in
            && who == member
        {
            if left == 0 {
                state.crashed.insert(member);
                state.crash_in = None;
                state.story.push(format!("{member} crashes in {call:?}, effect {has_effect}"));
                return if has_effect { Fate::ReplyLost } else { Fate::Failed };
            }
            state.crash_in = Some((who, left - 1, has_effect));
        }
        if state.outages.contains(&call) {
            return Fate::Failed;
        }
        state.faults.get_mut(&call).and_then(VecDeque::pop_front).unwrap_or(Fate::Done)
    }
}

impl State {
    fn tell(&mut self, member: u64, change: Option<Change>) {
        self.pending.entry(member).or_default().extend(change);
    }
}

/// A member of the group.
pub(crate) struct MemorySource {
    world: World,
    pub(crate) member: u64,
    positions: BTreeMap<i32, i64>,
    paused: BTreeSet<i32>,
    ends: BTreeSet<i32>,
}

const BULK: usize = 7;

fn error(action: &'static str) -> SourceError {
    SourceError {
        action,
        reason: Reason::KafkaUnreachable,
        fatal: false,
        rebalance: false,
        source: "a fault of the test".into(),
    }
}

impl Source for MemorySource {
    fn poll<R: Reader>(&mut self, _wait: Duration, reader: &mut R) -> Result<(), SourceError> {
        let mut state = self.world.state();
        let generation = state.generation;
        state.generations.insert(self.member, generation);
        if let Some(changes) = state.pending.get_mut(&self.member).filter(|changes| !changes.is_empty()) {
            changes.drain(..).for_each(|change| reader.change(change));
            return Ok(());
        }
        for (partition, position) in &mut self.positions {
            if self.paused.contains(partition) {
                continue;
            }
            let Some(log) = state.logs.get(partition) else { continue };
            let from = log.records.partition_point(|record| record.position.offset < *position);
            // Like the broker's, the log may reach further than the leader lets anybody read.
            let to = log.records.partition_point(|record| record.position.offset < log.high).max(from);
            for record in log.records[from..to].iter().take(BULK) {
                let message = record.message();
                reader.record(&Message {
                    headers: message.headers,
                    key: message.key,
                    record: message.record,
                });
                *position = record.position.offset + 1;
                self.ends.remove(partition);
            }
            let is_end = log.records[..to].last().is_none_or(|last| last.position.offset < *position);
            if is_end && self.ends.insert(*partition) {
                // What is left below the end are marks of transactions, which nobody is given.
                *position = log.high.max(*position);
                reader.end(*partition);
            }
        }
        Ok(())
    }

    fn committed(&mut self, partitions: &[i32]) -> Result<Vec<Committed>, SourceError> {
        if self.world.fate(self.member, Call::Look) != Fate::Done {
            return Err(error("read the committed offsets"));
        }
        let state = self.world.state();
        Ok(partitions
            .iter()
            .map(|partition| {
                let held = state.committed.get(partition);
                Committed {
                    partition: *partition,
                    offset: held.map(|(offset, _)| *offset),
                    metadata: held.map(|(_, metadata)| metadata.clone()).unwrap_or_default(),
                }
            })
            .collect())
    }

    fn ends(&mut self, partition: i32) -> Result<Ends, SourceError> {
        let mut state = self.world.state();
        let log = state.logs.entry(partition).or_default();
        Ok(Ends { low: log.low, high: log.high })
    }

    fn start(&mut self, starts: &[(i32, i64)]) -> Result<(), SourceError> {
        for (partition, offset) in starts {
            self.positions.insert(*partition, *offset);
            self.ends.remove(partition);
        }
        Ok(())
    }

    fn release(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        let mut state = self.world.state();
        for partition in partitions {
            self.positions.remove(partition);
            self.paused.remove(partition);
            if state.owners.get(partition) == Some(&self.member) {
                state.owners.remove(partition);
                if let Some(to) = state.handovers.remove(partition) {
                    state.owners.insert(*partition, to);
                    state.tell(to, Some(Change::Assigned(vec![*partition])));
                }
            }
        }
        Ok(())
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), SourceError> {
        let fate = self.world.fate(self.member, Call::Commit);
        let mut state = self.world.state();
        let rebalance = state.generations.get(&self.member) != Some(&state.generation)
            || state.outages.contains(&Call::Rebalance);
        if fate == Fate::Failed || rebalance {
            return Err(SourceError { rebalance, ..error("commit positions") });
        }
        state.n_commits += 1;
        for commit in commits {
            let line =
                format!("{} commits {}:{} {}", self.member, commit.partition, commit.offset, commit.metadata);
            state.story.push(line);
            state.committed.insert(commit.partition, (commit.offset, commit.metadata.clone()));
        }
        if fate == Fate::ReplyLost { Err(error("commit positions")) } else { Ok(()) }
    }

    fn pause(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        self.paused.extend(partitions);
        Ok(())
    }

    fn reached(&mut self, partition: i32) -> Result<Option<i64>, SourceError> {
        Ok(self.positions.get(&partition).copied())
    }

    fn resume(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        // Reading goes on with a new fetch, which meets the end once more.
        self.ends.retain(|partition| !partitions.contains(partition));
        self.paused.retain(|partition| !partitions.contains(partition));
        Ok(())
    }
}
