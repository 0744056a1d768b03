//! Traced: the span of a batch, from its first record to the commit that acknowledges it, where batches are traced.
//!
//! In: what the flow does with a batch. Out: spans: numbers, words of the metrics, and never a value of an event.
//! A batch whose partition is given up ends without an outcome; the next owner repeats it.
//! Not here: inserts and dead letters, which are traced where they are made (`deliver.rs`); single events, which are not traced at all.

use std::time::Instant;

use tracing::Span;
use tracing::field::Empty;

use super::partition::Partition;
use crate::batch::Batch;
use crate::columns::Rows;
use crate::deliver::Job;
use crate::source::SourceError;

/// Settled batches of a partition whose acknowledgement is waited for; an older one ends before it.
const MOST_SETTLED: usize = 16;

/// Opens a batch, and its span.
pub(super) fn open(partition: i32, first: i64, rows: Rows, now: Instant) -> Batch {
    let mut batch = Batch::open(first, rows, now);
    batch.span = traces::span!(
        parent: None,
        "batch",
        partition,
        first_offset = Empty,
        last_offset = Empty,
        rows = Empty,
        rejected = Empty,
        filtered = Empty,
        deduplicated = Empty,
        bytes = Empty
    );
    batch
}

/// Begins the steps that commit the intents of these jobs.
pub(super) fn intents(jobs: &[Box<Job>]) -> Vec<Span> {
    let has_intent = jobs.iter().filter(|job| job.batch.needs_intent() && !job.batch.span.is_disabled());
    has_intent.map(|job| traces::span!(parent: &job.batch.span, "intent")).collect()
}

/// Says how a commit ended, of which each of these steps is a part.
pub(super) fn committed(steps: &[Span], result: &Result<(), SourceError>) {
    for step in steps {
        traces::end(step, result.as_ref().err().map(|error| error.reason));
    }
}

/// Says of a batch what it was.
pub(super) fn settled(batch: &Batch) {
    let Batch { range, rows, tally, span, .. } = batch;
    span.record("first_offset", range.first)
        .record("last_offset", range.last)
        .record("rows", rows.n_rows())
        .record("rejected", tally.dead_lettered())
        .record("filtered", tally.filtered)
        .record("deduplicated", tally.deduplicated)
        .record("bytes", rows.n_bytes());
    traces::end(span, None::<&str>);
}

impl Partition {
    /// Keeps the span of a settled batch open until it is acknowledged.
    pub(super) fn keep_open(&mut self, span: Span) {
        if span.is_disabled() {
            return;
        }
        if self.unacknowledged.len() == MOST_SETTLED {
            drop(self.unacknowledged.remove(0));
        }
        self.unacknowledged.push(span);
    }

    /// Begins the steps that acknowledge what is settled below an offset.
    pub(super) fn acknowledging(&self, offset: i64) -> impl Iterator<Item = Span> {
        let is_acknowledged = self.settled.is_some_and(|settled| offset >= settled);
        let spans = self.unacknowledged.iter().filter(move |_| is_acknowledged);
        spans.map(|span| traces::span!(parent: span, "acknowledge"))
    }
}
