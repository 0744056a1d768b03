//! A stream in memory: one topic, consumer groups of one member each, and a dead-letter topic. It can be told to fail.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crds::conditions::Reason;
use rdkafka::ClientConfig;

use crate::batch::{Letter, Original};
use crate::forward::Clients;
use crate::record::Position;
use crate::sink::{DeadLetters, SinkError};
use crate::source::{Change, Commit, Committed, Ends, Reader, Source, SourceError};

/// The stream.
#[derive(Clone, Default)]
pub(super) struct Stream {
    state: Arc<Mutex<State>>,
    changed: Arc<Condvar>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) partitions: Vec<Vec<Original>>,
    /// By group and partition.
    pub(super) committed: BTreeMap<(String, i32), Commit>,
    pub(super) letters: Vec<Letter>,
    /// Commits have no effect.
    pub(super) refuses_commits: bool,
    /// The next poll of every source of this group ends it.
    pub(super) ends: BTreeMap<String, usize>,
    /// Clients of another version are outdated.
    pub(super) version: u64,
    /// Polls by group.
    pub(super) n_polls: BTreeMap<String, u64>,
}

impl Stream {
    pub(super) fn of(n_partitions: usize) -> Self {
        let stream = Self::default();
        stream.open().partitions.resize_with(n_partitions, Vec::new);
        stream
    }

    pub(super) fn open(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }

    pub(super) fn produce(&self, partition: usize, payload: &str) -> Position {
        let mut state = self.open();
        let offset = state.partitions[partition].len() as i64;
        let position = Position { partition: partition as i32, offset };
        state.partitions[partition].push(Original {
            position,
            timestamp_milliseconds: 1_800_000_000_000 + offset,
            key: Some(b"a key".to_vec()),
            payload: Some(payload.as_bytes().to_vec()),
            headers: vec![("a-header".into(), Some(b"as it came".to_vec()))],
        });
        self.changed.notify_all();
        position
    }

    /// Waits until something holds of the stream.
    pub(super) fn wait_until(&self, what: &str, mut holds: impl FnMut(&State) -> bool) {
        let waited =
            self.changed.wait_timeout_while(self.open(), Duration::from_secs(20), |state| !holds(state));
        assert!(!waited.expect("no test panics with it").1.timed_out(), "in vain: {what}");
    }

    /// Waits until something changes, or a while.
    fn wait(&self, longest: Duration) {
        drop(self.changed.wait_timeout(self.open(), longest).expect("no test panics with it"));
    }

    pub(super) fn committed(&self, group: &str, partition: i32) -> Option<i64> {
        self.open().committed.get(&(group.to_owned(), partition)).map(|commit| commit.offset)
    }
}

impl Clients for Stream {
    type Source = Member;
    type DeadLetters = Self;

    fn source(&self, group: &str) -> Result<Member, SourceError> {
        Ok(Member {
            stream: self.clone(),
            group: group.to_owned(),
            n_told: 0,
            next: BTreeMap::new(),
            paused: Vec::new(),
        })
    }

    fn dead_letters(&self) -> Self {
        self.clone()
    }

    fn producer(&self) -> ClientConfig {
        ClientConfig::new()
    }

    fn version(&self) -> u64 {
        self.open().version
    }
}

impl DeadLetters for Stream {
    async fn deliver(&self, letters: &mut Vec<Letter>) -> Result<(), SinkError> {
        self.open().letters.append(letters);
        self.changed.notify_all();
        Ok(())
    }
}

/// The only member of a group.
pub(super) struct Member {
    stream: Stream,
    group: String,
    /// Partitions that the member was told of.
    n_told: usize,
    next: BTreeMap<i32, i64>,
    paused: Vec<i32>,
}

fn error(action: &'static str, fatal: bool) -> SourceError {
    SourceError {
        action,
        reason: Reason::KafkaUnreachable,
        fatal,
        rebalance: false,
        source: "as told".into(),
    }
}

impl Member {
    fn take(&mut self, reader: &mut impl Reader) -> bool {
        let state = self.stream.open();
        let mut has_read = false;
        for (partition, next) in &mut self.next {
            if self.paused.contains(partition) {
                continue;
            }
            let records = &state.partitions[*partition as usize];
            // A poll gives some records, not all there are.
            for original in records.iter().skip(*next as usize).take(10) {
                reader.record(&original.message());
                *next += 1;
                has_read = true;
            }
        }
        has_read
    }
}

impl Source for Member {
    fn poll<R: Reader>(&mut self, wait: Duration, reader: &mut R) -> Result<(), SourceError> {
        let n_partitions = {
            let mut state = self.stream.open();
            *state.n_polls.entry(self.group.clone()).or_default() += 1;
            self.stream.changed.notify_all();
            if let Some(n_ends) = state.ends.get_mut(&self.group).filter(|n_ends| **n_ends > 0) {
                *n_ends -= 1;
                return Err(error("read", true));
            }
            state.partitions.len()
        };
        if n_partitions > self.n_told {
            reader.change(Change::Assigned((self.n_told as i32..n_partitions as i32).collect()));
            self.n_told = n_partitions;
            return Ok(());
        }
        if !self.take(reader) {
            self.stream.wait(wait);
        }
        Ok(())
    }

    fn committed(&mut self, partitions: &[i32]) -> Result<Vec<Committed>, SourceError> {
        let state = self.stream.open();
        let committed = |partition: &i32| {
            let commit = state.committed.get(&(self.group.clone(), *partition));
            Committed {
                partition: *partition,
                offset: commit.map(|commit| commit.offset),
                metadata: commit.map(|commit| commit.metadata.clone()).unwrap_or_default(),
            }
        };
        Ok(partitions.iter().map(committed).collect())
    }

    fn ends(&mut self, partition: i32) -> Result<Ends, SourceError> {
        Ok(Ends { low: 0, high: self.stream.open().partitions[partition as usize].len() as i64 })
    }

    fn start(&mut self, starts: &[(i32, i64)]) -> Result<(), SourceError> {
        self.next.extend(starts.iter().copied());
        Ok(())
    }

    fn release(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        self.next.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), SourceError> {
        let mut state = self.stream.open();
        if state.refuses_commits {
            return Err(error("commit", false));
        }
        for commit in commits {
            state.committed.insert((self.group.clone(), commit.partition), commit.clone());
        }
        self.stream.changed.notify_all();
        Ok(())
    }

    fn reached(&mut self, partition: i32) -> Result<Option<i64>, SourceError> {
        Ok(self.next.get(&partition).copied())
    }

    fn pause(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        self.paused.extend(partitions);
        Ok(())
    }

    fn resume(&mut self, partitions: &[i32]) -> Result<(), SourceError> {
        self.paused.retain(|partition| !partitions.contains(partition));
        Ok(())
    }
}
