//! Assignment: how a partition is taken up, and how it is given up.
//!
//! ```text
//! Assigned ─ committed offset and mark ─▶ count this start ─▶ read from there; an intent's range first, exactly
//! Revoked  ─ wait a little for a try under way ─▶ acknowledge what is settled ─▶ forget the rest ─▶ release
//! ```
//!
//! In: changes of the assignment. Out: partitions that are read, or not any more.
//! Between `Revoked` and `release` the partition is still fenced to this member, and only this thread commits: after `release`
//! nothing of the partition is left that could be committed. An insert under way may still end on the server; it has the token that the
//! next owner repeats.
//! Not here: reading itself.

use std::time::{Duration, Instant};

use crds::conditions::Reason;

use super::Flow;
use super::caution::Caution;
use super::partition::{Flight, Partition, Replay, Standing, Start};
use super::writer::Writer;
use crate::batch::Repetition;
use crate::intent::Mark;
use crate::source::{Change, Committed, Ends, Source, SourceError};

/// How long assigned partitions may stay untaken.
const UNTAKEN: Duration = Duration::from_secs(20);
/// How long a revoked partition's try is waited for.
const REVOKE_WAIT: Duration = Duration::from_secs(3);

impl<S: Source, W: Writer> Flow<S, W> {
    /// Settles the changes that the last poll brought. What is revoked is given up at once, whatever else is waiting for Kafka: no
    /// commit may come in between.
    pub(super) fn settle_changes(&mut self, now: Instant) {
        while let Some(index) =
            self.intake.changes.iter().position(|change| matches!(change, Change::Revoked { .. }))
        {
            if let Some(Change::Revoked { partitions, lost }) = self.intake.changes.remove(index) {
                self.forget_untaken(&partitions, index);
                self.give_up(&partitions, lost, now);
            }
        }
        let is_waiting = self.commit_after.is_some_and(|after| now < after);
        while !is_waiting && let Some(Change::Assigned(partitions)) = self.intake.changes.pop_front() {
            if self.intake.is_draining {
                self.decline();
                continue;
            }
            if let Err(error) = self.take_up(&partitions, now) {
                self.intake.changes.push_front(Change::Assigned(partitions));
                return self.not_taken_up(error, now);
            }
            self.untaken_since = None;
            self.health.joined();
            self.show_partitions();
        }
    }

    /// Takes revoked partitions out of assignments that still wait. The group wants to hear that they were taken up, and given up.
    fn forget_untaken(&mut self, revoked: &[i32], before: usize) {
        let mut untaken = Vec::new();
        for change in self.intake.changes.iter_mut().take(before) {
            if let Change::Assigned(partitions) = change {
                untaken.extend(
                    partitions
                        .extract_if(.., |partition| revoked.contains(partition))
                        .map(|partition| (partition, 0)),
                );
            }
        }
        if !untaken.is_empty()
            && let Err(error) = self.source.start(&untaken)
        {
            self.source_failed(error);
        }
    }

    fn show_partitions(&mut self) {
        let numbers = self.numbers();
        self.health.partitions(&numbers);
        if self.intake.all().all(|partition| partition.refused.is_none()) {
            self.health.nothing_refused();
        }
    }

    /// Tries again soon; when that goes on for long, our place in the group may be gone without a word, and a new client takes a new one.
    fn not_taken_up(&mut self, mut error: SourceError, now: Instant) {
        self.commit_after = Some(now + super::COMMIT_AGAIN_AFTER);
        let since = *self.untaken_since.get_or_insert(now);
        error.fatal = error.fatal || now.saturating_duration_since(since) >= UNTAKEN;
        if error.fatal {
            self.decline();
        }
        self.source_failed(error);
    }

    /// Answers the group without taking anything up: it waits for the answer.
    pub(super) fn decline(&mut self) {
        if let Err(error) = self.source.start(&[]) {
            self.source_failed(error);
        }
    }

    fn take_up(&mut self, numbers: &[i32], now: Instant) -> Result<(), SourceError> {
        let mut taken = Vec::new();
        for committed in self.source.committed(numbers)? {
            let ends = match self.source.ends(committed.partition) {
                Ok(ends) => Some(ends),
                Err(error) if committed.offset.is_none() => return Err(error),
                Err(_) => None,
            };
            self.assignments += 1;
            taken.push(self.understand(&committed, ends));
        }
        // Count this start beside the offset, so that a record that ends the process is found.
        let starts: Vec<(i32, i64, Mark)> = taken
            .iter()
            .filter(|partition| partition.refused.is_none() && matches!(partition.start, Start::Known))
            .map(|partition| (partition.number, partition.standing.offset, partition.standing.mark.clone()))
            .collect();
        let positions: Vec<(i32, i64)> =
            taken.iter().map(|partition| (partition.number, partition.standing.offset)).collect();
        let commits: Vec<_> = starts
            .iter()
            .map(|(partition, offset, mark)| crate::source::Commit {
                partition: *partition,
                offset: *offset,
                metadata: mark.to_string(),
            })
            .collect();
        if !commits.is_empty() {
            self.source.commit(&commits)?;
        }
        self.source.start(&positions)?;
        let unread: Vec<i32> = taken
            .iter()
            .filter(|partition| partition.refused.is_some() || !self.reading.includes(partition.number))
            .map(|partition| partition.number)
            .collect();
        if !unread.is_empty() {
            self.source.pause(&unread)?;
        }
        for partition in taken {
            self.begin(partition, now);
        }
        Ok(())
    }

    /// Makes a partition of what the group holds.
    fn understand(&mut self, committed: &Committed, ends: Option<Ends>) -> Partition {
        let epoch = self.stream.config.stream.epoch;
        let fresh = Mark { rules: self.stream.rules.clone(), epoch, ..Mark::default() };
        let low = ends.map_or(0, |ends| ends.low);
        let (mark, refusal) = match Mark::parse(&committed.metadata) {
            Ok(mark) => (mark, None),
            Err(error) => (None, Some((Reason::InternalError, error.to_string()))),
        };
        // Positions of another life of the topic say nothing about this one.
        let offset = committed.offset.filter(|_| mark.as_ref().is_none_or(|mark| mark.epoch == epoch));
        let mark = mark.filter(|mark| mark.epoch == epoch);
        let start = offset.unwrap_or(low);
        let refusal = refusal.or_else(|| beyond_end(committed.partition, start, ends));
        if let Some(lost) = offset.map(|offset| low - offset).filter(|lost| *lost > 0) {
            tracing::error!(
                partition = committed.partition,
                lost,
                "records were deleted by retention before they were read"
            );
            self.metrics.lost_by_retention(lost);
        }
        let attempts = mark.as_ref().map_or(0, |mark| mark.attempts) + 1;
        let standing = Standing {
            offset: start,
            mark: Mark {
                attempts,
                intent: mark.as_ref().and_then(|mark| mark.intent),
                suspect: mark.as_ref().and_then(|mark| mark.suspect),
                again: mark.as_ref().is_some_and(|mark| mark.again),
                split: mark.as_ref().is_some_and(|mark| mark.split),
                // An intent keeps the rules that made its rows.
                rules: mark
                    .as_ref()
                    .filter(|mark| mark.intent.is_some())
                    .map_or(fresh.rules, |mark| mark.rules.clone()),
                epoch,
            },
        };
        let mut partition =
            Partition::new(committed.partition, self.assignments, standing, self.stream.rules.clone());
        partition.replay = mark.and_then(|mark| {
            let range = mark.intent?;
            let reconcile = mark.rules != self.stream.rules;
            Some(Replay { range, repetition: Repetition { reconcile, split: mark.split } })
        });
        partition.caution = Caution::new(&partition.standing.mark);
        if let Some(replay) = partition.replay.filter(|replay| !replay.repetition.reconcile) {
            partition.caution = partition.caution.trust(replay.range);
        }
        partition.high = ends.map_or(partition.high, |ends| ends.high);
        if let Some(ends) = ends.filter(|ends| committed.offset.is_none() && ends.low < ends.high) {
            partition.start = Start::Asked(ends);
        }
        if let Some((reason, message)) = refusal {
            partition.refused = Some(message.clone());
            self.stop(reason, message);
        }
        partition
    }

    fn begin(&mut self, mut partition: Partition, now: Instant) {
        let replay = partition.replay.map(|replay| replay.range);
        tracing::info!(
            partition = partition.number,
            offset = partition.standing.offset,
            intent = replay.map(tracing::field::display),
            attempts = partition.standing.mark.attempts,
            "took up a partition"
        );
        let asks = self.stream.config.deduplication_window_seconds.is_some()
            || matches!(partition.start, Start::Asked(_));
        if asks && partition.refused.is_none() {
            partition.is_loading = true;
            partition.load_at = Some(now);
        }
        let number = partition.number;
        self.intake.set(number, Some(partition));
    }

    fn give_up(&mut self, numbers: &[i32], lost: bool, now: Instant) {
        if !lost {
            self.wait_for(numbers, now);
            self.commit_last(numbers, now);
        }
        for number in numbers {
            self.intake.set(*number, None);
        }
        tracing::info!(partitions = ?numbers, lost, "gave up partitions");
        // What failed may have been theirs; whatever else fails says so again.
        if self.intake.all().all(|partition| partition.flight.is_none() && !partition.is_loading) {
            self.health.wrote();
        }
        if let Err(error) = self.source.release(numbers) {
            self.source_failed(error);
        }
        self.show_partitions();
    }

    /// Gives a try under way the chance to end, so that the next owner need not repeat it.
    fn wait_for(&mut self, numbers: &[i32], now: Instant) {
        let begun = Instant::now();
        while numbers.iter().any(|number| {
            self.intake
                .partition(*number)
                .and_then(|partition| partition.flight.as_ref())
                .is_some_and(Flight::is_away)
        }) {
            let left = REVOKE_WAIT.saturating_sub(begun.elapsed());
            let n_before = self.n_reports;
            self.receive(now, left);
            if left.is_zero() || self.n_reports == n_before {
                return;
            }
        }
    }

    /// Commits what is settled, and that the partition is left in good order.
    pub(super) fn commit_last(&mut self, numbers: &[i32], now: Instant) {
        let mut last = Vec::new();
        for number in numbers {
            let Some(partition) = self.intake.partition(*number) else { continue };
            // Where nobody knows yet where to begin, the group must go on saying so.
            if !matches!(partition.start, Start::Known) {
                continue;
            }
            if let Some(settled) = partition.acknowledgement() {
                last.push(settled);
            } else if partition.standing.mark.attempts > 0 && partition.refused.is_none() {
                let mark =
                    Mark { attempts: 0, suspect: None, again: false, ..partition.standing.mark.clone() };
                last.push((*number, partition.standing.offset, mark));
            }
        }
        self.commit(last, now);
    }
}

/// Returns why a partition cannot be read from an offset behind its end: the same positions would get the tokens of other records.
fn beyond_end(partition: i32, start: i64, ends: Option<Ends>) -> Option<(Reason, String)> {
    let high = ends?.high;
    (start > high).then(|| {
        let message = format!(
            "partition {partition} ends at {high}, but {start} was committed: the topic was made anew or cut off. \
             Nothing is read, because its rows could be taken for older ones; raise the stream's epoch, or reset the group's offsets"
        );
        (Reason::KafkaRejected, message)
    })
}
