//! Rule: one forwarding rule at work, on a thread of its own with a consumer group of its own.
//!
//! ```text
//! source ─ choose ─▶ deliveries ─ at most `max_in_flight` at once ─▶ courier
//!    ▲                                                                  │ settled
//!    └──────────── commit: everything before it is settled ◀────────────┘
//! ```
//! In: records of the stream. Out: deliveries, and commits over a contiguous prefix: at least once, with a stable id.
//! While the destination takes nothing, reading pauses and polling goes on, so that the group is not held up.
//! Not here: what becomes of one delivery (`courier.rs`), and the table.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::forward::courier::Courier;
use crate::forward::delivery::{Delivery, Destination, Trouble};
use crate::forward::intake::Intake;
use crate::forward::progress::Progress;
use crate::forward::selection::Selection;
use crate::forward::start::{Beginning, begin, metadata};
use crate::record::Position;
use crate::sink::DeadLetters;
use crate::source::{Change, Commit, Source, SourceError};
use crate::sparing::Sparing;

/// Events that one poll may choose, as a multiple of the deliveries under way at once: they wait in memory.
const CHOSEN_AHEAD: usize = 4;

/// How a rule works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deliveries under way at once.
    pub max_in_flight: usize,
    /// Deliveries that may be started behind one that is not settled: so many may be repeated after a crash.
    pub max_spread: u64,
    /// How long to wait for a record, or for a delivery.
    pub wait: Duration,
    /// How often positions are committed, and how long the group may go unpolled while there is no room.
    pub commit: Duration,
    /// How often the lag is asked for.
    pub lag: Duration,
    /// How long deliveries under way may take once the process stops.
    pub drain: Duration,
}

impl Limits {
    /// Returns the limits of a rule with so many deliveries under way at once.
    pub fn new(max_in_flight: usize) -> Self {
        Self {
            max_in_flight: max_in_flight.max(1),
            max_spread: 10_000,
            wait: Duration::from_millis(50),
            commit: Duration::from_secs(1),
            lag: Duration::from_secs(5),
            drain: Duration::from_secs(8),
        }
    }
}

/// One forwarding rule at work.
pub struct Rule<'a, S, D, L> {
    source: S,
    selection: &'a mut Selection,
    courier: Arc<Courier<D, L>>,
    limits: Limits,
    beginning: Beginning,
    runtime: Handle,
    progress: Progress,
    chosen: VecDeque<Box<Delivery>>,
    n_under_way: usize,
    done: (Sender<Done>, Receiver<Done>),
    pauses: Pauses,
    /// Partitions that are ours, maybe none, and that the source waits to be told the beginnings of.
    waiting: Option<Vec<i32>>,
    next_commit: Instant,
    next_lag: Instant,
    said: Sparing,
}

/// Whether reading pauses.
struct Pauses {
    is_paused: bool,
    /// When the source was last polled.
    polled: Instant,
}

/// A delivery is no longer under way.
struct Done {
    position: Position,
    is_settled: bool,
}

/// Says so however the delivery ends, also when it is given up.
struct Tell {
    done: Option<Done>,
    to: Sender<Done>,
}

impl Drop for Tell {
    fn drop(&mut self) {
        if let Some(done) = self.done.take()
            && self.to.send(done).is_err()
        {
            tracing::trace!("the rule ended before its delivery");
        }
    }
}

impl<'a, S: Source, D: Destination, L: DeadLetters> Rule<'a, S, D, L> {
    /// Puts a rule together.
    pub fn new(
        source: S,
        selection: &'a mut Selection,
        courier: Arc<Courier<D, L>>,
        beginning: Beginning,
        (limits, runtime): (Limits, Handle),
    ) -> Self {
        let now = Instant::now();
        Self {
            source,
            selection,
            courier,
            limits,
            beginning,
            runtime,
            progress: Progress::default(),
            chosen: VecDeque::new(),
            n_under_way: 0,
            done: channel(),
            pauses: Pauses { is_paused: false, polled: now },
            waiting: None,
            next_commit: now,
            next_lag: now,
            said: Sparing::default(),
        }
    }

    /// Works until the process stops, or until `is_outdated` says that new clients are needed.
    ///
    /// # Errors
    /// When the source cannot go on and another one is needed.
    pub fn run(mut self, is_outdated: impl Fn() -> bool) -> Result<(), SourceError> {
        while !self.is_stopped() && !is_outdated() {
            self.turn()?;
        }
        self.drain()
    }

    fn turn(&mut self) -> Result<(), SourceError> {
        while let Ok(done) = self.done.1.try_recv() {
            self.settle(&done);
        }
        self.launch();
        if self.has_room() {
            self.set_paused(false)?;
            self.poll(self.limits.wait)?;
        } else if self.pauses.polled.elapsed() >= self.limits.commit {
            // However slowly the destination takes what is chosen, the group hears of us.
            self.set_paused(true)?;
            self.poll(Duration::ZERO)?;
        } else {
            self.wait_for_room();
        }
        self.launch();
        self.begin_waiting()?;
        if Instant::now() >= self.next_commit {
            self.commit()?;
        }
        self.look_at_lag()
    }

    fn has_room(&self) -> bool {
        self.chosen.is_empty()
            && self.n_under_way < self.limits.max_in_flight
            && self.progress.spread() < self.limits.max_spread
    }

    /// A full rule waits for a delivery to end.
    fn wait_for_room(&mut self) {
        match self.done.1.recv_timeout(self.limits.wait) {
            Ok(done) => self.settle(&done),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }

    fn set_paused(&mut self, pause: bool) -> Result<(), SourceError> {
        if self.pauses.is_paused == pause {
            return Ok(());
        }
        let partitions = self.progress.partitions();
        let done = if pause { self.source.pause(&partitions) } else { self.source.resume(&partitions) };
        self.pauses.is_paused = pause;
        self.unless_fatal(done).map(|_done| ())
    }

    fn poll(&mut self, wait: Duration) -> Result<(), SourceError> {
        self.pauses.polled = Instant::now();
        let mut intake = Intake {
            selection: &mut *self.selection,
            progress: &mut self.progress,
            standing: &self.courier.standing,
            chosen: &mut self.chosen,
            max_chosen: self.limits.max_in_flight * CHOSEN_AHEAD,
            changes: Vec::new(),
            has_read: false,
        };
        let polled = self.source.poll(wait, &mut intake);
        let Intake { changes, has_read, .. } = intake;
        for change in changes {
            self.change(change)?;
        }
        if has_read {
            self.courier.standing.reads();
        }
        self.unless_fatal(polled).map(|_done| ())
    }

    fn change(&mut self, change: Change) -> Result<(), SourceError> {
        match change {
            Change::Assigned(partitions) => {
                self.waiting.get_or_insert_default().extend(partitions);
                // Their beginnings are looked up in this turn.
                self.next_commit = Instant::now();
                Ok(())
            }
            Change::Revoked { partitions, lost } => {
                let revoked = partitions
                    .iter()
                    .filter_map(|partition| Some((*partition, self.progress.revoke(*partition)?)));
                let commits: Vec<_> = revoked.collect();
                self.chosen.retain(|delivery| !partitions.contains(&delivery.position().partition));
                if let Some(waiting) = &mut self.waiting {
                    waiting.retain(|partition| !partitions.contains(partition));
                }
                if !lost && !commits.is_empty() {
                    let committed = self.source.commit(&self.commits_of(&commits));
                    self.unless_fatal(committed)?;
                }
                let released = self.source.release(&partitions);
                self.unless_fatal(released).map(|_done| ())
            }
        }
    }

    /// Starts reading the partitions that are ours and not read yet. A failure leaves them for the next turn but one.
    fn begin_waiting(&mut self) -> Result<(), SourceError> {
        let Some(waiting) = self.waiting.as_ref().filter(|_| Instant::now() >= self.next_commit) else {
            return Ok(());
        };
        let begun = begin(&mut self.source, &mut self.beginning, waiting);
        let Some(starts) = self.unless_fatal(begun)? else {
            self.next_commit = Instant::now() + self.limits.commit;
            return Ok(());
        };
        for (partition, offset) in &starts {
            self.progress.assign(*partition, *offset);
            self.progress.committed(*partition, *offset);
        }
        self.waiting = None;
        self.next_lag = Instant::now();
        let started = self.source.start(&starts);
        self.unless_fatal(started)?;
        if std::mem::take(&mut self.pauses.is_paused) {
            self.set_paused(true)?;
        }
        Ok(())
    }

    fn launch(&mut self) {
        while self.n_under_way < self.limits.max_in_flight
            && let Some(delivery) = self.chosen.pop_front()
        {
            let courier = Arc::clone(&self.courier);
            let position = delivery.position();
            let done = Some(Done { position, is_settled: false });
            let mut tell = Tell { done, to: self.done.0.clone() };
            let task = self.runtime.spawn(async move {
                let settled = courier.bring(&delivery).await;
                if let Some(done) = &mut tell.done {
                    done.is_settled = settled.is_some();
                }
            });
            self.progress.attach(position, task.abort_handle());
            self.n_under_way += 1;
        }
    }

    fn settle(&mut self, done: &Done) {
        self.n_under_way -= 1;
        if done.is_settled {
            self.progress.settle(done.position);
        }
    }

    fn commit(&mut self) -> Result<(), SourceError> {
        self.next_commit = Instant::now() + self.limits.commit;
        let commits = self.progress.commits();
        if commits.is_empty() {
            return Ok(());
        }
        let committed = self.source.commit(&self.commits_of(&commits));
        if self.unless_fatal(committed)?.is_some() {
            self.courier.standing.reads();
            for (partition, offset) in commits {
                self.progress.committed(partition, offset);
            }
        }
        Ok(())
    }

    fn commits_of(&self, commits: &[(i32, i64)]) -> Vec<Commit> {
        let metadata = metadata(&self.beginning);
        let commit = |(partition, offset): &(i32, i64)| Commit {
            partition: *partition,
            offset: *offset,
            metadata: metadata.clone(),
        };
        commits.iter().map(commit).collect()
    }

    fn look_at_lag(&mut self) -> Result<(), SourceError> {
        if Instant::now() < self.next_lag {
            return Ok(());
        }
        self.next_lag = Instant::now() + self.limits.lag;
        let mut lag = 0;
        for partition in self.progress.partitions() {
            let ends = self.source.ends(partition);
            let Some(ends) = self.unless_fatal(ends)? else { return Ok(()) };
            if self.progress.safe(partition).is_some_and(|safe| safe < ends.high) {
                let reached = self.source.reached(partition);
                if let Some(reached) = self.unless_fatal(reached)?.flatten() {
                    self.progress.passed(partition, reached);
                }
            }
            lag += self.progress.safe(partition).map_or(0, |safe| (ends.high - safe.max(ends.low)).max(0));
        }
        self.courier.standing.set_lag(lag);
        if self.waiting.is_none() && !self.progress.partitions().is_empty() {
            self.courier.standing.reads();
        }
        Ok(())
    }

    /// Gives deliveries under way a little time, commits, and gives the partitions back.
    fn drain(mut self) -> Result<(), SourceError> {
        let until = Instant::now() + self.limits.drain;
        while self.n_under_way > 0 {
            match self.done.1.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(done) => self.settle(&done),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        self.commit()
    }

    /// Tells a failure that passes, and lets one through that does not. A rebalance is none: what was to be committed is so later.
    fn unless_fatal<T>(&mut self, done: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(error) if error.fatal => Err(error),
            Err(error) => {
                let rule = &self.courier.rule;
                let trouble = trouble(&error);
                let said = self.said.say(&trouble.message, Instant::now());
                if error.rebalance {
                    if let Some(n_left_out) = said {
                        tracing::info!(
                            rule,
                            error = trouble.message,
                            n_left_out,
                            "the group hands partitions out anew"
                        );
                    }
                    return Ok(None);
                }
                if let Some(n_left_out) = said {
                    tracing::warn!(rule, error = trouble.message, n_left_out, "waiting for Kafka");
                }
                self.courier.standing.cannot_read(trouble);
                Ok(None)
            }
        }
    }

    fn is_stopped(&self) -> bool {
        *self.courier.stop.borrow()
    }
}

/// Says what is wrong with the source.
pub fn trouble(error: &SourceError) -> Trouble {
    Trouble { reason: error.reason, message: format!("{error}: {}", error.source) }
}
