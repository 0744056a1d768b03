//! Writing: from a closed batch to the acknowledged position.
//!
//! In: closed batches and reports of tries. Out: commits and jobs.
//! An intent is committed before the first try of its range and again before every further one: the coordinator refuses the commit
//! of a member that was left behind, so it never inserts. Intents of several partitions share one commit.
//! Not here: the try itself, see `deliver.rs`.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tracing::Span;

use super::partition::{Flight, FlightState, Partition, Start};
use super::writer::{Report, Writer};
use super::{AWAY_AT_ONCE, AWAY_AT_ONCE_UNDER_LOAD, COMMIT_AGAIN_AFTER, Flow, FlowError, chain, traced};
use crate::batch::Batch;
use crate::deduplicate::Seen;
use crate::deliver::{End, Job, Parts, Plan};
use crate::intent::{Mark, Tokens};
use crate::learn::{Learned, Load};
use crate::metrics::Step;
use crate::retry::delay;
use crate::sink::SinkError;
use crate::source::{Commit, Source};

impl<S: Source, W: Writer> Flow<S, W> {
    /// Takes reports of tries, waiting at most this long for the first.
    pub(super) fn receive(&mut self, now: Instant, wait: Duration) {
        let mut wait = wait;
        while let Some(report) = self.writer.report(wait) {
            wait = Duration::ZERO;
            self.n_reports += 1;
            match report {
                Report::Ended(job, end) => self.ended(job, end, now),
                Report::Loaded(load, result) => self.loaded(load, result, now),
                Report::Broken => self.broken = Some(FlowError::Broken),
            }
        }
    }

    fn ended(&mut self, mut job: Box<Job>, end: End, now: Instant) {
        let assignment = job.assignment;
        let is_ours =
            self.intake.partition(job.partition).is_some_and(|partition| partition.assignment == assignment);
        if !is_ours {
            return;
        }
        let until = match end {
            End::Done => return self.done(*job),
            End::Failed(error) => {
                job.n_failures += 1;
                let wait = delay(error.verdict, job.n_failures, self.jitter.next());
                self.write_failed(&error, &job, now);
                now + wait
            }
            End::MustSplit => {
                tracing::warn!(partition = job.partition, range = %job.batch.range, "a row is refused; looking for it");
                job.plan = Plan::Split(Parts::of_all(job.batch.rows.n_rows()));
                now
            }
            End::Expired | End::Abandoned => now,
        };
        if let Some(partition) = self.intake.partition(job.partition)
            && let Some(flight) = &mut partition.flight
        {
            flight.state = FlightState::Waiting { job, until };
        }
    }

    fn write_failed(&self, error: &SinkError, job: &Job, now: Instant) {
        tracing::warn!(
            partition = job.partition,
            range = %job.batch.range,
            n_failures = job.n_failures,
            reason = %error.reason,
            error = chain(error),
            "failed to write; trying again"
        );
        // The rows are written before the letters are sent.
        let step = if matches!(job.plan, Plan::Letters) { Step::DeadLetter } else { Step::Insert };
        self.metrics.retry(step, error.reason);
        self.health.write_failed(error, now);
    }

    fn done(&mut self, job: Job) {
        let Job { partition: number, batch, inserting, .. } = job;
        traced::settled(&batch);
        let Batch { range, rows, tally, span, .. } = batch;
        tracing::debug!(partition = number, %range, n_rows = rows.n_rows(), "settled");
        self.metrics.settled(&tally, Some((rows.n_bytes(), inserting)));
        self.health.settled(&tally);
        self.health.wrote();
        if let Some(partition) = self.intake.partition(number) {
            partition.flight = None;
            partition.settled = Some(range.next());
            partition.keep_open(span);
        }
    }

    fn loaded(&mut self, load: Load, result: Result<Learned, SinkError>, now: Instant) {
        let Some(partition) = self.intake.partition(load.partition) else { return };
        if partition.assignment != load.assignment {
            return;
        }
        match result {
            Ok(Learned { start, seen }) => {
                tracing::info!(
                    partition = load.partition,
                    start,
                    n_ids = seen.as_ref().map(Seen::n_ids),
                    "learnt from the table what was stored before"
                );
                partition.seen = seen;
                // Only between two polls may the group be told where reading begins.
                partition.is_loading = load.unknown.is_some();
                if load.unknown.is_some() {
                    partition.start = Start::Found(start);
                }
                self.health.wrote();
            }
            Err(error) => {
                tracing::warn!(
                    partition = load.partition,
                    error = chain(&error),
                    "failed to learn from the table what was stored before; trying again"
                );
                self.metrics.retry(Step::Learn, error.reason);
                self.health.write_failed(&error, now);
                partition.load_at = Some(now + delay(error.verdict, 4, self.jitter.next()));
            }
        }
    }

    /// Closes what is old, and the largest when too much is kept.
    pub(super) fn close_due(&mut self, now: Instant) {
        let beat = self.beat;
        let is_over = self.is_over();
        let n_free = self.n_free(is_over);
        for partition in self.intake.all() {
            // While a try is under way, more records make the next batch larger instead of making more of them.
            let is_next =
                partition.flight.is_none() && partition.closed.is_empty() && partition.replay.is_none();
            let opened = partition.filling.as_ref().map(Batch::opened);
            let is_old = opened.is_some_and(|opened| beat.ends(partition.number, opened, now));
            if is_next && is_old && n_free > 0 {
                partition.close();
            }
        }
        if is_over {
            let largest = self
                .intake
                .all()
                .filter(|partition| {
                    partition.flight.is_none() && partition.closed.is_empty() && partition.replay.is_none()
                })
                .filter(|partition| partition.filling.is_some())
                .max_by_key(|partition| partition.n_bytes());
            if let Some(partition) = largest {
                partition.close();
            }
        }
    }

    /// Tries that may be begun. With more kept than may be kept, large batches are worth more than early ones.
    fn n_free(&mut self, is_over: bool) -> usize {
        let at_once = if is_over { AWAY_AT_ONCE_UNDER_LOAD } else { AWAY_AT_ONCE };
        let is_away = |partition: &&mut Partition| partition.flight.as_ref().is_some_and(Flight::is_away);
        at_once.saturating_sub(self.intake.all().filter(is_away).count())
    }

    /// Commits the intents of the batches that are next, and starts a try for each.
    pub(super) fn write(&mut self, now: Instant) {
        self.settle_nothing();
        if self.commit_after.is_some_and(|after| now < after) {
            return;
        }
        let n_free = self.n_free(self.is_over());
        let mut due: Vec<(Instant, i32)> = self
            .intake
            .all()
            .filter_map(|partition| due_since(partition, now).map(|since| (since, partition.number)))
            .collect();
        due.sort_unstable();
        let mut jobs = Vec::new();
        for (_, number) in due.into_iter().take(n_free) {
            if let Some(partition) = self.intake.partition(number)
                && let Some(job) = next_job(partition, &self.tokens)
            {
                jobs.push(job);
            }
        }
        let intents = jobs.iter().filter_map(|job| self.intent_of(job)).collect();
        let is_committed = self.commit_within(intents, traced::intents(&jobs), now);
        for mut job in jobs {
            let Some(partition) = self.intake.partition(job.partition) else { continue };
            job.confirmed = now;
            let n_bytes = job.batch.n_bytes();
            let abandoned = Arc::clone(&job.abandoned);
            let state = if is_committed {
                self.writer.submit(job);
                FlightState::Away
            } else {
                FlightState::Waiting { job, until: now }
            };
            partition.flight = Some(Flight { n_bytes, abandoned, state });
        }
    }

    /// Returns what the group must hold before a try: the intent; or, where a range has no rows, what is settled before it.
    fn intent_of(&mut self, job: &Job) -> Option<(i32, i64, Mark)> {
        let partition = self.intake.partition(job.partition)?;
        if !job.batch.needs_intent() {
            return partition.acknowledgement();
        }
        let range = job.batch.range;
        let split = match job.plan {
            Plan::Letters => return None,
            Plan::Whole => false,
            Plan::Split(_) | Plan::Rest => true,
        };
        Some((job.partition, range.first, partition.mark(range.first, Some(range), split)))
    }

    /// Settles batches that need neither table nor dead-letter topic.
    fn settle_nothing(&mut self) {
        for partition in self.intake.partitions.iter_mut().flatten() {
            while partition.flight.is_none() && partition.closed.front().is_some_and(Batch::is_nothing) {
                let Some(batch) = partition.closed.pop_front() else { break };
                self.metrics.settled(&batch.tally, None);
                self.health.settled(&batch.tally);
                traced::settled(&batch);
                partition.settled = Some(batch.range.next());
                partition.keep_open(batch.span);
            }
        }
    }

    /// Commits the positions of partitions that have fallen idle, so that their lag ends at 0 and nothing is repeated; and of those that
    /// have no rows, for which no intent will come.
    pub(super) fn acknowledge(&mut self, now: Instant) {
        if self.commit_after.is_some_and(|after| now < after) {
            return;
        }
        let settled = self
            .intake
            .all()
            .filter(|partition| partition.is_without_rows())
            .filter_map(|partition| partition.acknowledgement())
            .collect();
        self.commit(settled, now);
    }

    /// Commits, and remembers what the group holds now. Returns whether it is certain.
    pub(super) fn commit(&mut self, wanted: Vec<(i32, i64, Mark)>, now: Instant) -> bool {
        self.commit_within(wanted, Vec::new(), now)
    }

    /// Commits as a part of these steps, and of the batches that it acknowledges.
    fn commit_within(&mut self, wanted: Vec<(i32, i64, Mark)>, mut steps: Vec<Span>, now: Instant) -> bool {
        if wanted.is_empty() {
            return true;
        }
        let commits: Vec<Commit> = wanted
            .iter()
            .map(|(partition, offset, mark)| Commit {
                partition: *partition,
                offset: *offset,
                metadata: mark.to_string(),
            })
            .collect();
        for (number, offset, _) in &wanted {
            steps.extend(self.intake.partition(*number).iter().flat_map(|it| it.acknowledging(*offset)));
        }
        let committed = self.source.commit(&commits);
        traced::committed(&steps, &committed);
        drop(steps);
        if let Err(error) = committed {
            self.commit_after = Some(now + COMMIT_AGAIN_AFTER);
            self.source_failed(error);
            return false;
        }
        self.commit_after = None;
        self.rebalance_since = None;
        self.health.source_works();
        for (number, offset, mark) in wanted {
            if let Some(partition) = self.intake.partition(number) {
                partition.stands(offset, mark);
            }
        }
        true
    }
}

/// Returns since when a partition waits for a try.
fn due_since(partition: &Partition, now: Instant) -> Option<Instant> {
    match &partition.flight {
        None => partition.closed.front().map(Batch::opened),
        Some(Flight { state: FlightState::Waiting { job, until }, .. }) if *until <= now => {
            Some(job.batch.opened())
        }
        Some(_) => None,
    }
}

/// Takes the next job of a partition.
fn next_job(partition: &mut Partition, tokens: &Tokens) -> Option<Box<Job>> {
    if let Some(flight) = partition.flight.take() {
        return match flight.state {
            FlightState::Waiting { job, .. } => Some(job),
            FlightState::Away => None,
        };
    }
    let batch = partition.closed.pop_front()?;
    let repetition = batch.repetition.unwrap_or_default();
    let plan = if repetition.split { Plan::Rest } else { Plan::Whole };
    Some(Box::new(Job {
        partition: partition.number,
        assignment: partition.assignment,
        token: tokens.token(partition.number, batch.range),
        plan,
        // The server may have died with the predecessor's insert.
        verify: batch.repetition.is_some(),
        confirmed: batch.opened(),
        abandoned: Arc::new(AtomicBool::new(false)),
        n_failures: 0,
        inserting: Duration::ZERO,
        batch,
    }))
}
