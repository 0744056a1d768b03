//! Partition: the state of one assigned partition, from assignment to revocation.
//!
//! ```text
//! records ─▶ held (only while cautious or loading) ─▶ filling ─▶ closed … ─▶ flight ─▶ settled ─▶ the group's standing
//! ```
//!
//! In: outcomes and ends of tries. Out: what is due.
//! Not here: IO. Whoever drops this value has given the partition up, wholly.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tracing::Span;

use super::traced;
use crate::batch::{Batch, Original, Repetition};
use crate::columns::Rows;
use crate::deduplicate::Seen;
use crate::deliver::Job;
use crate::flow::caution::Caution;
use crate::intent::Mark;
use crate::position::Range;
use crate::source::Ends;

/// What the group holds, as far as this member knows.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) offset: i64,
    pub(super) mark: Mark,
}

/// A batch between its intent and its end.
pub(super) struct Flight {
    pub(super) n_bytes: usize,
    pub(super) abandoned: Arc<AtomicBool>,
    pub(super) state: FlightState,
}

/// Where the batch is.
pub(super) enum FlightState {
    /// With the writer.
    Away,
    /// Here, until it is tried again.
    Waiting { job: Box<Job>, until: Instant },
}

impl Flight {
    pub(super) fn is_away(&self) -> bool {
        matches!(self.state, FlightState::Away)
    }
}

/// The range that an intent names, which the first batch must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replay {
    pub(super) range: Range,
    pub(super) repetition: Repetition,
}

/// The end of a partition, as it was met.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// Offset of the next record to be read at that moment.
    pub(super) next: i64,
    /// The end as the leader says, asked afterwards: marks of transactions take offsets that nobody ever reads.
    pub(super) reached: Option<i64>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// Where the group says, and the group was told of this start.
    Known,
    /// The group does not say, so the table is asked; this is what the topic has.
    Asked(Ends),
    /// The table knows it, or nothing is stored; the group is not told yet.
    Found(Option<i64>),
}

/// One assigned partition.
pub(super) struct Partition {
    pub(super) number: i32,
    pub(super) assignment: u64,
    pub(super) standing: Standing,
    /// Hash of the rules that make rows now.
    pub(super) rules: String,
    pub(super) filling: Option<Batch>,
    pub(super) closed: VecDeque<Batch>,
    pub(super) flight: Option<Flight>,
    /// Offset to be committed: everything below is settled, and the group does not know yet.
    pub(super) settled: Option<i64>,
    /// Spans of what is settled and not acknowledged, where batches are traced.
    pub(super) unacknowledged: Vec<Span>,
    pub(super) replay: Option<Replay>,
    pub(super) caution: Caution,
    pub(super) seen: Option<Seen>,
    pub(super) start: Start,
    pub(super) is_loading: bool,
    /// When the table is to be asked again.
    pub(super) load_at: Option<Instant>,
    pub(super) held: VecDeque<Original>,
    pub(super) held_bytes: usize,
    /// The end of the partition, when it was met and nothing was read since.
    pub(super) end: Option<End>,
    /// Whether the leader has said that the partition reaches beyond `replay`, and all that may be left of it is read anew.
    pub(super) reaches_beyond: bool,
    /// Offset of the next record to be read, and the end when it was last asked for.
    pub(super) next: i64,
    pub(super) high: i64,
    /// Why it is not read.
    pub(super) refused: Option<String>,
}

impl Partition {
    /// Builds the state of a partition that is read from `next` on.
    pub(super) fn new(number: i32, assignment: u64, standing: Standing, rules: String) -> Self {
        let next = standing.offset;
        Self {
            number,
            assignment,
            standing,
            rules,
            filling: None,
            closed: VecDeque::new(),
            flight: None,
            settled: None,
            unacknowledged: Vec::new(),
            replay: None,
            caution: Caution::default(),
            seen: None,
            start: Start::Known,
            is_loading: false,
            load_at: None,
            held: VecDeque::new(),
            held_bytes: 0,
            end: None,
            reaches_beyond: false,
            next,
            high: next,
            refused: None,
        }
    }

    /// Returns whether a record may be taken as soon as it is read.
    pub(super) fn takes_directly(&self) -> bool {
        !self.is_loading && self.held.is_empty() && !self.caution.is_on()
    }

    /// Learns that there is nothing more to read now.
    pub(super) fn met_end(&mut self) {
        self.end = Some(End { next: self.next, reached: None });
        self.high = self.next;
    }

    /// Learns how far the partition reaches, from its leader.
    pub(super) fn measured(&mut self, high: i64) {
        self.high = high;
        if let Some(end) = &mut self.end
            && end.next == self.next
        {
            end.reached.get_or_insert(high);
        }
    }

    /// Learns that only marks of transactions stood before this offset; they are to be acknowledged.
    pub(super) fn passed(&mut self, offset: i64) {
        if offset > self.standing.offset {
            self.settled = Some(offset);
        }
        if let Some(end) = self.end.as_mut().filter(|_| offset > self.next) {
            (self.next, end.next) = (offset, offset);
        }
    }

    /// Returns whether the end was met and nothing was read since.
    pub(super) fn is_at_end(&self) -> bool {
        self.end.is_some_and(|end| end.next == self.next)
    }

    /// Sets a record aside until it may be taken.
    pub(super) fn hold(&mut self, original: Original) {
        self.held_bytes += original.n_bytes();
        self.held.push_back(original);
    }

    /// Takes the next record that was set aside.
    pub(super) fn unhold(&mut self) -> Option<Original> {
        let original = self.held.pop_front()?;
        self.held_bytes = self.held_bytes.saturating_sub(original.n_bytes());
        Some(original)
    }

    /// Leaves out what is below an offset.
    pub(super) fn begin_at(&mut self, offset: i64) {
        while self.held.front().is_some_and(|original| original.position.offset < offset) {
            drop(self.unhold());
        }
        self.next = self.next.max(offset);
        self.high = self.high.max(offset);
    }

    /// Closes what is filling.
    pub(super) fn close(&mut self) {
        if let Some(batch) = self.filling.take() {
            self.line_up(batch);
        }
    }

    /// Closes the range that an intent names, exactly, whatever is still there of its records.
    pub(super) fn close_replay(&mut self, empty: Rows, now: Instant) {
        let Some(replay) = self.replay.take() else { return };
        let open = || traced::open(self.number, replay.range.first, empty, now);
        let mut batch = self.filling.take().unwrap_or_else(open);
        batch.range = replay.range;
        batch.repetition = Some(replay.repetition);
        self.line_up(batch);
    }

    fn line_up(&mut self, mut batch: Batch) {
        batch.rows.close();
        self.closed.push_back(batch);
    }

    /// Returns the memory of everything not written yet.
    pub(super) fn n_bytes(&self) -> usize {
        self.held_bytes
            + self.filling.as_ref().map_or(0, Batch::n_bytes)
            + self.closed.iter().map(Batch::n_bytes).sum::<usize>()
            + self.flight.as_ref().map_or(0, |flight| flight.n_bytes)
    }

    /// Returns whether something can be written, or taken, without reading more.
    pub(super) fn has_to_write(&self) -> bool {
        let is_filling = self.replay.is_none() && self.filling.is_some();
        is_filling || !self.closed.is_empty() || self.flight.is_some() || self.settled.is_some()
    }

    /// Returns whether nothing is under way and the group knows it.
    pub(super) fn is_idle(&self) -> bool {
        self.is_quiet() && self.settled.is_none()
    }

    /// Returns whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.filling.is_none() && self.closed.is_empty() && self.flight.is_none()
    }

    /// Returns whether everything up to the end was read and is settled, and the group knows it.
    pub(super) fn is_read_to_end(&self) -> bool {
        let waits =
            self.is_loading || self.replay.is_some() || !self.held.is_empty() || self.refused.is_some();
        self.is_idle() && self.is_at_end() && !waits
    }

    /// Returns whether nothing is under way but outcomes that need no insert.
    pub(super) fn is_without_rows(&self) -> bool {
        let is_filling = self.replay.is_some() || self.filling.as_ref().is_some_and(Batch::needs_intent);
        !is_filling && self.closed.is_empty() && self.flight.is_none()
    }

    /// Returns the commit that acknowledges what is settled.
    pub(super) fn acknowledgement(&self) -> Option<(i32, i64, Mark)> {
        self.settled.map(|offset| (self.number, offset, self.mark(offset, None, false)))
    }

    /// Returns the mark for a commit. A commit that says what the group holds already is no progress: the count of tries stays.
    pub(super) fn mark(&self, offset: i64, intent: Option<Range>, split: bool) -> Mark {
        let held = &self.standing;
        // A record that must not be taken again stays known until its range is settled.
        let is_progress = (held.offset != offset || held.mark.intent != intent)
            && !intent.is_some_and(|range| self.caution.is_known_within(range));
        Mark {
            intent,
            split,
            rules: if held.mark.intent == intent { held.mark.rules.clone() } else { self.rules.clone() },
            epoch: held.mark.epoch,
            attempts: if is_progress { 0 } else { held.mark.attempts },
            suspect: if is_progress { None } else { held.mark.suspect },
            again: !is_progress && held.mark.again,
        }
    }

    /// Learns that the group holds this now.
    pub(super) fn stands(&mut self, offset: i64, mark: Mark) {
        if mark.attempts == 0 {
            self.caution = Caution::default();
        }
        if self.settled.is_some_and(|settled| offset >= settled) {
            self.settled = None;
            self.unacknowledged.clear();
        }
        self.standing = Standing { offset, mark };
    }

    /// Returns the offsets between the last record read and the end.
    pub(super) fn lag(&self) -> i64 {
        let reached = match self.end {
            Some(End { next, reached }) if next == self.next => reached.unwrap_or(self.high).max(self.next),
            _ => self.next,
        };
        (self.high - reached).max(0)
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        if let Some(flight) = &self.flight {
            flight.abandoned.store(true, Ordering::Relaxed);
        }
    }
}
