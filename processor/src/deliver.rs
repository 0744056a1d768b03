//! Deliver: one try to settle one batch: rows first, then dead letters.
//!
//! ```text
//! Whole ─ write ─▶ (verify) ─▶ Letters ─ deliver ─▶ Done
//!   └ a row is refused ─▶ Split: parts under tokens of their own, until the rows are found; they become letters ─┘
//! ```
//!
//! In: a [`Job`] whose intent is committed. Out: how the try ended; the job keeps how far it came, so the next try goes on there.
//! `verify` asks the table which rows of the range it has. It runs when an insert was repeated after a fault (a server that dies may
//! know a token whose rows it lost) and when other schemas made the rows the first time; what is missing is planned as parts under
//! tokens of their own. A look at the table may take longer than the intent is valid, so nothing is written in the same try.
//! Dead letters are produced after the insert and before the range is acknowledged: a crash in between repeats them, so a dead letter
//! is delivered at least once and carries its position.
//! Not here: waiting, and the question whether the partition is still ours: a try does not begin a write [`VALID_FOR`] after the intent
//! was last confirmed.

use std::ops::Range as Rows;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use tracing::Span;

use crate::batch::Batch;
use crate::position::Range;
use crate::retry::Verdict;
use crate::sink::{DeadLetters, Originals, Question, Sink, SinkError, Write};

mod parts;

pub use parts::Parts;
use parts::{rest, split};

/// How long a committed intent proves that the partition is ours. With the insert timeout it stays below the session timeout.
pub const VALID_FOR: Duration = Duration::from_secs(4);

/// The server may be committing a part whose token it knows already; a second look after this tells.
const SECOND_LOOK: Duration = Duration::from_millis(500);

/// A batch on its way to the sink.
pub struct Job {
    /// Partition.
    pub partition: i32,
    /// Which assignment of the partition it belongs to.
    pub assignment: u64,
    /// What is to be settled.
    pub batch: Batch,
    /// Token of the whole range.
    pub token: String,
    /// What is left to do.
    pub plan: Plan,
    /// Whether to ask the table which rows it has.
    pub verify: bool,
    /// When the intent was last confirmed.
    pub confirmed: Instant,
    /// Set when the partition is given up.
    pub abandoned: Arc<AtomicBool>,
    /// Tries that failed one after another.
    pub n_failures: u32,
    /// Time spent in inserts.
    pub inserting: Duration,
}

/// What is left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// All rows as one block.
    Whole,
    /// What the table lacks: an earlier owner wrote some parts. Those have tokens of their own, so only the table knows which.
    Rest,
    /// Parts, because the server refuses a row, or because the table lacks some.
    Split(Parts),
    /// Dead letters only.
    Letters,
}

/// How a try ended.
#[derive(Debug)]
pub enum End {
    /// Rows written, letters delivered.
    Done,
    /// To be repeated.
    Failed(SinkError),
    /// A row is refused: the intent must say so before parts are written.
    MustSplit,
    /// The intent must be confirmed again.
    Expired,
    /// The partition is not ours any more.
    Abandoned,
}

/// Where a try writes.
pub struct Sinks<S, D, O> {
    /// Rows.
    pub rows: S,
    /// Dead letters.
    pub dead_letters: D,
    /// Originals of refused rows.
    pub originals: O,
}

/// Why a try stops short.
enum Stop {
    Fault(SinkError),
    Short(End),
}

impl From<SinkError> for Stop {
    fn from(error: SinkError) -> Self {
        Self::Fault(error)
    }
}

/// Makes one try.
pub async fn deliver<S: Sink, D: DeadLetters, O: Originals>(job: &mut Job, sinks: &Sinks<S, D, O>) -> End {
    let tried = match job.plan {
        Plan::Whole => whole(job, &sinks.rows).await,
        Plan::Rest => rest(job, sinks).await,
        Plan::Split(_) => split(job, sinks).await,
        Plan::Letters => Ok(()),
    };
    let result = match tried {
        Ok(()) => {
            job.plan = Plan::Letters;
            send_letters(&mut job.batch, &sinks.dead_letters).await.map_err(Stop::Fault)
        }
        Err(stop) => Err(stop),
    };
    match result {
        Ok(()) => End::Done,
        Err(Stop::Fault(error)) => End::Failed(error),
        Err(Stop::Short(end)) => end,
    }
}

async fn send_letters<D: DeadLetters>(batch: &mut Batch, dead_letters: &D) -> Result<(), SinkError> {
    let span = match batch.letters.len() {
        0 => Span::none(),
        n_letters => traces::span!(parent: &batch.span, "dead letters", letters = n_letters),
    };
    let sent = dead_letters.deliver(&mut batch.letters);
    traces::within(span, sent, |sent| sent.as_ref().err().map(|error| error.reason)).await
}

async fn whole<S: Sink>(job: &mut Job, sink: &S) -> Result<(), Stop> {
    let n_rows = job.batch.rows.n_rows();
    if n_rows > 0 {
        let token = job.token.clone();
        match write(job, sink, &token, 0..n_rows).await {
            Ok(()) => {}
            Err(Stop::Fault(error)) if error.verdict == Verdict::RowRefused => {
                let times = job.batch.times;
                let present = sink.stored(question(job, job.batch.range, times)).await?;
                if present.is_empty() {
                    return Err(Stop::Short(End::MustSplit));
                }
                return Err(Stop::Fault(view_refuses(error)));
            }
            Err(stop) => return Err(stop),
        }
    }
    if job.verify { verify(job, sink, &[]).await } else { Ok(()) }
}

/// Writes one part; a fault makes the next try look into the table afterwards.
async fn write<S: Sink>(job: &mut Job, sink: &S, token: &str, part: Rows<usize>) -> Result<(), Stop> {
    if job.abandoned.load(Ordering::Relaxed) {
        return Err(Stop::Short(End::Abandoned));
    }
    let begun = tokio::time::Instant::now().into_std();
    if begun.saturating_duration_since(job.confirmed) >= VALID_FOR {
        return Err(Stop::Short(End::Expired));
    }
    let span = traces::span!(parent: &job.batch.span, "insert", rows = part.len());
    let write = sink.write(Write { token, rows: &job.batch.rows, part });
    let written = traces::within(span, write, |it| it.as_ref().err().map(|error| error.reason)).await;
    job.inserting += tokio::time::Instant::now().into_std().saturating_duration_since(begun);
    if let Err(error) = &written
        && error.verdict == Verdict::Retry
    {
        job.verify = true;
    }
    Ok(written?)
}

/// Looks for rows of the range that the table lacks, and plans to write them.
async fn verify<S: Sink>(job: &mut Job, sink: &S, refused: &[usize]) -> Result<(), Stop> {
    let span = traces::span!(parent: &job.batch.span, "verify");
    let failure = |verified: &Result<(), Stop>| match verified {
        Err(Stop::Fault(error)) => Some(error.reason),
        Err(Stop::Short(_)) | Ok(()) => None,
    };
    traces::within(span, look_for_rows(job, sink, refused), failure).await
}

async fn look_for_rows<S: Sink>(job: &mut Job, sink: &S, refused: &[usize]) -> Result<(), Stop> {
    let reconcile = job.batch.repetition.is_some_and(|repetition| repetition.reconcile);
    let times = times(job);
    let mut present = sink.stored(question(job, job.batch.range, times)).await?;
    if !missing(job, &present, refused).is_empty() {
        tokio::time::sleep(SECOND_LOOK).await;
        present = sink.stored(question(job, job.batch.range, times)).await?;
    }
    if reconcile {
        let Batch { letters, tally, .. } = &mut job.batch;
        letters.retain(|letter| {
            let is_stored = present.binary_search(&letter.original.position.offset).is_ok();
            if is_stored {
                tally.accept(letter.rejected.reason);
                tally.stored += 1;
            }
            !is_stored
        });
    }
    job.verify = false;
    let parts = missing(job, &present, refused);
    if parts.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        partition = job.partition,
        range = %job.batch.range,
        n_parts = parts.len(),
        "the table lacks rows whose token it knows; writing them again"
    );
    Err(plan_parts(
        job,
        Parts { again: true, is_any_taken: true, refused: refused.to_vec(), ..Parts::new(parts) },
    ))
}

/// Returns the runs of rows that are not among the offsets.
fn missing(job: &Job, present: &[i64], refused: &[usize]) -> Vec<Rows<usize>> {
    let mut runs: Vec<Rows<usize>> = Vec::new();
    for row in 0..job.batch.rows.n_rows() {
        if refused.contains(&row) || is_present(job, present, row) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == row => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

/// Makes parts the plan. The intent is confirmed before the first of them is written, and says that there are parts.
fn plan_parts(job: &mut Job, parts: Parts) -> Stop {
    job.plan = Plan::Split(parts);
    Stop::Short(End::Expired)
}

fn is_present(job: &Job, present: &[i64], row: usize) -> bool {
    present.binary_search(&job.batch.rows.offset_of(row)).is_ok()
}

fn question(job: &Job, range: Range, times: Option<(i64, i64)>) -> Question {
    Question { partition: job.partition, range, times, received: job.batch.received }
}

/// Returns the times of the rows' events; other schemas may have given them others.
fn times(job: &Job) -> Option<(i64, i64)> {
    let reconcile = job.batch.repetition.is_some_and(|repetition| repetition.reconcile);
    job.batch.times.filter(|_| !reconcile)
}

fn offsets(job: &Job, part: &Rows<usize>) -> Range {
    let rows = &job.batch.rows;
    Range { first: rows.offset_of(part.start), last: rows.offset_of(part.end - 1) }
}

fn view_refuses(error: SinkError) -> SinkError {
    SinkError {
        verdict: Verdict::Stop,
        reason: Reason::ClickHouseRejected,
        message: format!(
            "the table took the rows but a materialized view on it fails: mend or drop the view ({})",
            error.message
        ),
        source: error.source,
    }
}
