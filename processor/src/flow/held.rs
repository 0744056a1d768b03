//! Held: records that are held back until the table has answered or while the flow is cautious, and ranges whose last records are gone.
//!
//! In: partitions that hold something, or have met their end. Out: the records, one by one, in order; the range of an intent, closed
//! although not all of it was read.
//! The end of a partition proves nothing by itself: a leader that is new may not know yet how far it reaches. So the end is believed
//! only when it is met *after* the leader said that the partition reaches beyond the range, by a fetch that began afterwards.
//! When the group holds no position, reading begins at the first record, and what the table has is left out.
//! Not here: who decides to hold; see `partition.rs` and `caution.rs`.

use std::time::Instant;

use super::caution::Step;
use super::partition::{Standing, Start};
use super::writer::Writer;
use super::{COMMIT_AGAIN_AFTER, Flow};
use crate::intent::Mark;
use crate::learn::Load;
use crate::source::{Source, SourceError};

impl<S: Source, W: Writer> Flow<S, W> {
    /// Takes records that were held back, asks the table, and ends ranges whose last records are gone.
    pub(super) fn take_held(&mut self, now: Instant) {
        for number in self.numbers() {
            if let Some(partition) = self.intake.partition(number)
                && partition.load_at.is_some_and(|at| at <= now)
            {
                partition.load_at = None;
                let before = partition.replay.map_or(partition.standing.offset, |replay| replay.range.first);
                let window_seconds = self.stream.config.deduplication_window_seconds;
                let assignment = partition.assignment;
                let unknown = if let Start::Asked(ends) = partition.start { Some(ends) } else { None };
                self.writer.load(Load { partition: number, assignment, before, window_seconds, unknown });
            }
            self.begin_found(number, now);
            while self.take_one_held(number, now) {}
        }
        let is_waiting = self.intake.all().any(|partition| partition.is_loading);
        self.loading_since = is_waiting.then(|| self.loading_since.unwrap_or(now));
        if let Some(since) = self.loading_since {
            self.health.waits_for_table(since);
        }
    }

    /// Begins where the table says, as soon as the group knows.
    fn begin_found(&mut self, number: i32, now: Instant) {
        let is_waiting = self.commit_after.is_some_and(|after| now < after);
        let Some(partition) = self.intake.partition(number) else { return };
        let Start::Found(found) = partition.start else { return };
        let Standing { offset, mark } = partition.standing.clone();
        let offset = found.map_or(offset, |found| found.max(offset));
        if is_waiting || !self.commit(vec![(number, offset, mark)], now) {
            return;
        }
        if let Some(partition) = self.intake.partition(number) {
            partition.start = Start::Known;
            partition.is_loading = false;
            partition.begin_at(offset);
        }
        if found.is_some() {
            tracing::warn!(
                partition = number,
                offset,
                "the group holds no position any more; going on behind the newest row of the table"
            );
            self.metrics.position_from_table();
        }
    }

    /// Takes back an announcement that did no harm, and ends a range whose last records are gone.
    fn nothing_held(&mut self, number: i32, now: Instant) {
        let Some(partition) = self.intake.partition(number) else { return };
        if partition.caution.has_passed() {
            let standing = partition.standing.clone();
            let mark = Mark { suspect: None, again: false, ..standing.mark };
            self.commit(vec![(number, standing.offset, mark)], now);
        }
        if let Err(error) = self.end_replay(number, now) {
            self.commit_after = Some(now + COMMIT_AGAIN_AFTER);
            self.source_failed(error);
        }
    }

    /// Closes the range of an intent whose last records are gone. A drain leaves it: what it read of the range is thrown away.
    fn end_replay(&mut self, number: i32, now: Instant) -> Result<(), SourceError> {
        let cannot = self.intake.is_draining
            || !self.reading.includes(number)
            || self.commit_after.is_some_and(|after| now < after);
        let Some(partition) = self.intake.partition(number) else { return Ok(()) };
        let Some(replay) = partition.replay.filter(|_| !cannot && partition.is_at_end()) else {
            return Ok(());
        };
        if !partition.reaches_beyond {
            let ends = self.source.ends(number)?;
            let is_beyond = ends.high > replay.range.last;
            if is_beyond {
                // What was fetched is thrown away, and the end is met once more, or records are.
                self.source.pause(&[number])?;
                self.source.resume(&[number])?;
            } else {
                tracing::warn!(
                    partition = number, range = %replay.range, end = ends.high,
                    "the partition ends within the range that is to be repeated; waiting for its leader to know the rest"
                );
            }
            if let Some(partition) = self.intake.partition(number) {
                partition.reaches_beyond = is_beyond;
                partition.end = None;
            }
            return Ok(());
        }
        let empty = self.intake.buffer();
        if let Some(partition) = self.intake.partition(number) {
            partition.close_replay(empty, now);
        }
        Ok(())
    }

    /// Takes the first record that is held back; returns whether there may be more.
    fn take_one_held(&mut self, number: i32, now: Instant) -> bool {
        let Some(partition) = self.intake.partition(number) else { return false };
        if partition.is_loading {
            return false;
        }
        let Some(offset) = partition.held.front().map(|original| original.position.offset) else {
            self.nothing_held(number, now);
            return false;
        };
        match partition.caution.step(offset) {
            Step::Wait => false,
            Step::Take => {
                let original = partition.unhold();
                original.map(|original| self.intake.take(&original.message())).is_some()
            }
            Step::Announce(range) => {
                let standing = partition.standing.clone();
                let mark =
                    Mark { suspect: Some(range), again: partition.caution.is_again(range), ..standing.mark };
                if !self.commit(vec![(number, standing.offset, mark)], now) {
                    return false;
                }
                if let Some(partition) = self.intake.partition(number) {
                    partition.caution.announced(range);
                }
                true
            }
            Step::SetAside => {
                tracing::error!(
                    partition = number,
                    offset,
                    "this record ended the process three times; setting it aside"
                );
                let Some(original) = partition.unhold() else { return false };
                self.intake.set_aside(&original.message());
                if let Some(partition) = self.intake.partition(number)
                    && partition.replay.is_none()
                {
                    partition.close();
                    partition.caution.stop_behind(offset);
                }
                true
            }
        }
    }
}
