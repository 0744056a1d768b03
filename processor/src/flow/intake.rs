//! Intake: what happens to a record on the reading thread, between two polls.
//!
//! In: a borrowed record. Out: one entry of its partition's batch: a row in the column buffers, a dead letter, or a count.
//! Nothing is copied but rejected records; nothing is handed to another thread but filled buffers.
//! A panic while a record is taken is caught: three tries, each with a fresh line, then the record is a dead letter.
//! Not here: IO. Rebalances are noted and settled by the flow after the poll.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use crds::rejection::RejectionReason;
use crds::schema::problems::Problems;
use crds::stream_config::StreamConfig;

use crate::batch::{Entry, Letter, Limits, Original};
use crate::columns::Rows;
use crate::columns::frame::Packer;
use crate::deduplicate::{Seen, is_made_from_position};
use crate::flow::partition::Partition;
use crate::flow::traced;
use crate::line::Line;
use crate::record::Rejected;
use crate::source::{Change, Message, Reader};

const TRIES: usize = 3;

/// All that the reading thread needs to take a record.
pub(super) struct Intake {
    pub(super) partitions: Vec<Option<Partition>>,
    pub(super) changes: VecDeque<Change>,
    pub(super) limits: Limits,
    pub(super) now: Instant,
    /// Records since the last look.
    pub(super) n_read: u64,
    /// Bytes since the poll began.
    pub(super) bulk_bytes: usize,
    pub(super) is_draining: bool,
    packer: Packer,
    taker: Taker,
}

/// The line, and how to make it anew after a panic.
struct Taker {
    line: Line,
    config: StreamConfig,
    hash_key: Option<Vec<u8>>,
    #[cfg(test)]
    trap: Option<super::tests::Trap>,
}

impl Intake {
    /// Builds the intake of a stream.
    ///
    /// # Errors
    /// When the stream's schemas cannot be used.
    pub(super) fn new(
        config: &StreamConfig,
        hash_key: Option<Vec<u8>>,
        limits: Limits,
        now: Instant,
    ) -> Result<Self, Problems> {
        let line = Line::new(config, hash_key.as_deref())?;
        Ok(Self {
            partitions: Vec::new(),
            changes: VecDeque::new(),
            limits,
            now,
            n_read: 0,
            bulk_bytes: 0,
            is_draining: false,
            packer: Packer::default(),
            taker: Taker {
                line,
                config: config.clone(),
                hash_key,
                #[cfg(test)]
                trap: None,
            },
        })
    }

    /// Returns an assigned partition.
    pub(super) fn partition(&mut self, number: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(number).ok()?)?.as_mut()
    }

    /// Puts a partition in its place, or takes it out.
    pub(super) fn set(&mut self, number: i32, partition: Option<Partition>) {
        let Ok(index) = usize::try_from(number) else { return };
        if self.partitions.len() <= index {
            self.partitions.resize_with(index + 1, || None);
        }
        self.partitions[index] = partition;
    }

    /// Returns all assigned partitions.
    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.partitions.iter_mut().flatten()
    }

    /// Returns the memory of everything not written yet.
    pub(super) fn n_bytes(&self) -> usize {
        self.partitions.iter().flatten().map(Partition::n_bytes).sum()
    }

    /// Returns empty buffers.
    pub(super) fn buffer(&self) -> Rows {
        self.taker.line.rows()
    }

    /// Takes one record into its partition's batch.
    pub(super) fn take(&mut self, message: &Message<'_>) {
        self.place(message, None);
    }

    /// Sets one record aside without looking at it.
    pub(super) fn set_aside(&mut self, message: &Message<'_>) {
        self.place(message, Some(poison("it ended the process three times")));
    }

    fn place(&mut self, message: &Message<'_>, rejected: Option<Rejected>) {
        let position = message.record.position;
        let Some(partition) = usize::try_from(position.partition)
            .ok()
            .and_then(|index| self.partitions.get_mut(index)?.as_mut())
        else {
            return;
        };
        let replay = partition.replay.map(|replay| replay.range);
        if replay.is_some_and(|range| position.offset > range.last) {
            let empty = self.taker.line.rows();
            partition.close_replay(empty, self.now);
        }
        let batch = match &mut partition.filling {
            Some(batch) => batch,
            None => {
                let rows = self.taker.line.rows();
                partition.filling.insert(traced::open(position.partition, position.offset, rows, self.now))
            }
        };
        let entry = match rejected {
            None => self.taker.take(message, &mut batch.rows, partition.seen.as_mut()),
            Some(rejected) => letter(message, rejected),
        };
        batch.add(&message.record, entry);
        batch.rows.pack_when_full(&mut self.packer);
        let is_full = batch.is_full(&self.limits);
        match &partition.replay {
            // Whatever its size: the token stands for exactly this range.
            Some(replay) if position.offset == replay.range.last => {
                let empty = self.taker.line.rows();
                partition.close_replay(empty, self.now);
            }
            Some(_) => {}
            None if is_full => partition.close(),
            None => {}
        }
    }

    /// Sets a trap for records; tests only.
    #[cfg(test)]
    pub(super) fn trap(&mut self, trap: super::tests::Trap) {
        self.taker.trap = Some(trap);
    }
}

impl Reader for Intake {
    fn record(&mut self, message: &Message<'_>) {
        if self.is_draining {
            return;
        }
        let position = message.record.position;
        self.n_read += 1;
        let Some(partition) = self.partition(position.partition) else { return };
        if partition.refused.is_some() || position.offset < partition.next {
            return;
        }
        partition.next = position.offset + 1;
        let takes_directly = partition.takes_directly();
        if !takes_directly {
            partition.hold(Original::new(message));
        }
        self.bulk_bytes += message.record.payload.map_or(0, <[u8]>::len);
        if takes_directly {
            self.take(message);
        }
    }

    fn wants_more(&self) -> bool {
        self.bulk_bytes < self.limits.max_bytes / 4
    }

    fn end(&mut self, partition: i32) {
        // What is read while draining is thrown away, so the end of it says nothing.
        if self.is_draining {
            return;
        }
        if let Some(partition) = self.partition(partition) {
            partition.met_end();
        }
    }

    fn change(&mut self, change: Change) {
        self.changes.push_back(change);
    }
}

impl Taker {
    fn take(&mut self, message: &Message<'_>, rows: &mut Rows, mut seen: Option<&mut Seen>) -> Entry {
        for _ in 0..TRIES {
            let is_appending = Cell::new(false);
            let tried = catch_unwind(AssertUnwindSafe(|| {
                #[cfg(test)]
                if let Some(trap) = &mut self.trap {
                    trap.spring(&message.record);
                }
                let deduplication = seen.as_deref_mut().map(|seen| (seen, self.config.kafka.topic.as_str()));
                take(&mut self.line, message, rows, deduplication, &is_appending)
            }));
            match tried {
                Ok(Ok(entry)) => return entry,
                Ok(Err(rejected)) => return letter(message, rejected),
                // The buffers may be torn, or a test asks for a crash: this process cannot go on.
                Err(panic) if is_appending.get() || is_crash(&*panic) => resume_unwind(panic),
                Err(_) => {
                    tracing::error!(
                        partition = message.record.position.partition,
                        offset = message.record.position.offset,
                        "a record caused a panic; please report it"
                    );
                    if let Ok(line) = Line::new(&self.config, self.hash_key.as_deref()) {
                        self.line = line;
                    }
                }
            }
        }
        letter(message, poison("it caused a panic three times"))
    }
}

fn take(
    line: &mut Line,
    message: &Message<'_>,
    rows: &mut Rows,
    deduplication: Option<(&mut Seen, &str)>,
    is_appending: &Cell<bool>,
) -> Result<Entry, Rejected> {
    let record = &message.record;
    let Some(accepted) = line.accept(record)? else { return Ok(Entry::Filtered) };
    if let Some((seen, topic)) = deduplication {
        let (id, position) = (accepted.event_id(), record.position);
        if !is_made_from_position(id, topic, position.partition, position.offset) {
            if seen.contains(id, record.timestamp_milliseconds) {
                return Ok(Entry::Deduplicated);
            }
            seen.insert(id, record.timestamp_milliseconds);
        }
    }
    is_appending.set(true);
    Line::append(&accepted, rows);
    is_appending.set(false);
    Ok(Entry::Row { event_time: accepted.event_time_milliseconds() })
}

fn letter(message: &Message<'_>, rejected: Rejected) -> Entry {
    Entry::Letter(Box::new(Letter { original: Original::new(message), rejected }))
}

fn poison(why: &str) -> Rejected {
    Rejected {
        reason: RejectionReason::PoisonRecord,
        field: String::new(),
        schema: String::new(),
        message: format!("the record was set aside because {why}; please report it with its bytes"),
    }
}

#[cfg(test)]
fn is_crash(panic: &(dyn std::any::Any + Send)) -> bool {
    panic.is::<super::tests::Crash>()
}

#[cfg(not(test))]
fn is_crash(_panic: &(dyn std::any::Any + Send)) -> bool {
    false
}
