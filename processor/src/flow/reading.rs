//! Reading: which partitions are read now, so that what is kept in memory stays bounded and the flow never waits for itself.
//!
//! ```text
//! little is kept               all
//! too much is kept             nobody: at first no poll is made, then the partitions are paused and polls go on
//! too much, nothing to write   only one: a partition whose range must be repeated whole is read until it is
//! ```
//!
//! In: what is kept. Out: polls, pauses. The last line is needed because the range of an intent can be written only whole: several of them,
//! or one that larger batches made, may pass the bound before any of them is complete. They are then completed one at a time, and each
//! is written before the next is read on.
//! Not here: what is closed when too much is kept; see `writing.rs`.

use std::time::{Duration, Instant};

use super::Flow;
use super::writer::Writer;
use crate::source::{Source, SourceError};

/// How long reading stops without a word to the source, before partitions are paused (and what was fetched is thrown away).
const PAUSE_AFTER: Duration = Duration::from_millis(500);

/// Which partitions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// All of them.
    All,
    /// One, whose range must be repeated whole.
    Only(i32),
    /// None of them.
    Nobody,
}

impl Reading {
    /// Returns whether this partition is read.
    pub(super) fn includes(self, number: i32) -> bool {
        match self {
            Self::All => true,
            Self::Only(one) => one == number,
            Self::Nobody => false,
        }
    }
}

impl<S: Source, W: Writer> Flow<S, W> {
    /// Reads, unless more is kept than may be kept.
    pub(super) fn read(&mut self, now: Instant, wait: Duration) {
        let is_over = self.is_over();
        let over_since = if is_over { Some(*self.over_since.get_or_insert(now)) } else { None };
        self.over_since = over_since;
        let one = if is_over { self.one_to_complete() } else { None };
        let pause = over_since.is_some_and(|since| now.saturating_duration_since(since) >= PAUSE_AFTER);
        let reading = match one {
            _ if self.intake.is_draining => Reading::Nobody,
            Some(number) => Reading::Only(number),
            None if is_over && !pause && self.reading == Reading::All => {
                self.receive(now, wait);
                return;
            }
            None if is_over => Reading::Nobody,
            None => Reading::All,
        };
        if let Err(error) = self.switch(reading) {
            self.source_failed(error);
        }
        self.intake.bulk_bytes = 0;
        if let Err(error) = self.source.poll(wait, &mut self.intake) {
            self.source_failed(error);
        }
        if std::mem::take(&mut self.intake.n_read) > 0 {
            self.health.read(now);
        }
    }

    /// Returns whether more is kept than may be kept.
    pub(super) fn is_over(&self) -> bool {
        self.intake.n_bytes() >= self.intake.limits.max_bytes.saturating_mul(2)
    }

    /// Returns the partition to be read alone, when nothing of what is kept can be written before more is read.
    fn one_to_complete(&mut self) -> Option<i32> {
        if self.intake.all().any(|partition| partition.has_to_write()) {
            return None;
        }
        let one =
            |partition: &super::partition::Partition| partition.replay.is_some() && !partition.is_loading;
        // The one that is being read already, or the one that most is kept of: it is the nearest to its end.
        if let Reading::Only(number) = self.reading
            && self.intake.partition(number).is_some_and(|partition| one(partition))
        {
            return Some(number);
        }
        let all = self.intake.all().filter(|partition| partition.refused.is_none() && one(partition));
        all.max_by_key(|partition| partition.n_bytes()).map(|partition| partition.number)
    }

    /// Pauses and resumes until just these partitions are read.
    fn switch(&mut self, to: Reading) -> Result<(), SourceError> {
        let from = self.reading;
        if from == to {
            return Ok(());
        }
        let numbers = self.numbers();
        let changed = |was: Reading, is: Reading| -> Vec<i32> {
            numbers.iter().copied().filter(|number| was.includes(*number) && !is.includes(*number)).collect()
        };
        let (paused, resumed) = (changed(from, to), changed(to, from));
        if !paused.is_empty() {
            self.source.pause(&paused)?;
        }
        if !resumed.is_empty() {
            self.source.resume(&resumed)?;
        }
        self.reading = to;
        self.health.pause(to == Reading::Nobody);
        Ok(())
    }
}
