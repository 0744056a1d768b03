//! Stand: one batch of events through the processor's pure middle, as its reading thread does it.
//!
//! In: a [`Workload`] and its events. Out: the batch's frames, or letters that are dropped.
//! A batch begins with rows of its own, as in the flow: what its columns allocate is counted.
//! [`counted_round`] is what callgrind counts: its name is the switch that callgrind is told.
//! Not here: Kafka, ClickHouse, and any number.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use processor::batch::{Batch, Entry, Letter, Original};
use processor::columns::Rows;
use processor::columns::frame::Packer;
use processor::deduplicate::Seen;
use processor::forward::selection::{Choice, Selection};
use processor::line::Line;
use processor::record::{Position, Record, Rejected};
use processor::source::{Headers, Message};

use crate::workload::{Fate, Feature, Workload};

/// A line with all that it works on.
pub(crate) struct Stand {
    line: Line,
    packer: Packer,
    seen: Option<Seen>,
    selection: Option<Selection>,
    fate: Fate,
    now: Instant,
}

/// Producers that trace set headers; most do not.
struct NoHeaders;

impl Headers for NoHeaders {
    fn each(&self, _visit: &mut dyn FnMut(&str, Option<&[u8]>)) {}
}

impl Stand {
    /// Builds the line of a workload.
    pub(crate) fn new(workload: &Workload) -> anyhow::Result<Self> {
        let config = Arc::new(workload.config()?);
        let hash_key: Option<&[u8]> = Some(b"0123456789abcdef0123456789abcdef");
        let line = Line::new(&config, hash_key)?;
        let selection =
            config.rules.first().map(|rule| Selection::new(&config, rule, hash_key)).transpose()?;
        Ok(Self {
            line,
            packer: Packer::default(),
            seen: (workload.feature == Feature::Deduplication).then(|| Seen::new(86_400)),
            selection,
            fate: workload.fate,
            now: Instant::now(),
        })
    }

    /// Takes all events once and makes their frames.
    ///
    /// # Errors
    /// When not every event ends as the workload says: then whatever is measured means something else.
    #[inline(never)]
    pub(crate) fn round(&mut self, events: &[String]) -> anyhow::Result<()> {
        // Ids of the round before would be duplicates.
        self.seen = self.seen.take().map(|seen| Seen::new(seen.window_seconds().unsigned_abs()));
        let mut batch = Batch::open(0, self.line.rows(), self.now);
        let mut n_ended = 0;
        for (offset, event) in events.iter().enumerate() {
            let position = Position { partition: 0, offset: offset as i64 };
            let payload = Some(event.as_bytes());
            let record = Record { position, timestamp_milliseconds: 1_769_860_800_000, payload };
            let message = Message { record, key: Some(b"user"), headers: &NoHeaders };
            n_ended += usize::from(self.take(&message, &mut batch));
        }
        for frame in batch.rows.frames(0..batch.rows.n_rows()) {
            black_box(frame)?;
        }
        let_go(batch.letters);
        if n_ended != events.len() {
            bail!("{n_ended} of {} events end as {:?}", events.len(), self.fate);
        }
        Ok(())
    }

    /// Returns whether the event ends as the workload says.
    #[inline]
    fn take(&mut self, message: &Message<'_>, batch: &mut Batch) -> bool {
        if let Some(selection) = &mut self.selection {
            return matches!(black_box(selection.choose(message)), Choice::Chosen(_));
        }
        let entry = take(&mut self.line, self.seen.as_mut(), message, &mut batch.rows);
        let ends_well = match entry {
            Entry::Row { .. } => self.fate == Fate::Stored,
            Entry::Letter(_) => self.fate == Fate::Rejected,
            Entry::Filtered | Entry::Deduplicated => false,
        };
        batch.add(&message.record, entry);
        batch.rows.pack_when_full(&mut self.packer);
        ends_well
    }
}

/// One round, which callgrind counts; those before it only warm up.
///
/// # Errors
/// As those of [`Stand::round`].
#[inline(never)]
pub(crate) fn counted_round(stand: &mut Stand, events: &[String]) -> anyhow::Result<()> {
    black_box(stand.round(events))
}

/// What the flow's intake does with a record.
#[inline]
fn take(line: &mut Line, seen: Option<&mut Seen>, message: &Message<'_>, rows: &mut Rows) -> Entry {
    match line.accept(&message.record) {
        Ok(Some(accepted)) => {
            if let Some(seen) = seen {
                let (id, milliseconds) = (accepted.event_id(), message.record.timestamp_milliseconds);
                if seen.contains(id, milliseconds) {
                    return Entry::Deduplicated;
                }
                seen.insert(id, milliseconds);
            }
            Line::append(&accepted, rows);
            Entry::Row { event_time: accepted.event_time_milliseconds() }
        }
        Ok(None) => Entry::Filtered,
        Err(rejected) => letter(message, rejected),
    }
}

#[inline(never)]
fn letter(message: &Message<'_>, rejected: Rejected) -> Entry {
    Entry::Letter(Box::new(Letter { original: Original::new(message), rejected }))
}

#[inline(never)]
fn let_go(letters: Vec<Letter>) {
    drop(letters);
}
