//! Deliver: one try to settle one batch: rows first, then dead letters.
//!
//! ```text
//! Whole ─ write ─▶ (verify) ─▶ Letters ─ deliver ─▶ Done
//!   └ a row is refused ─▶ Split: halves under tokens of their own, until the rows are found; they become letters ─┘
//! ```
//!
//! In: a [`Job`] whose intent is committed. Out: how the try ended; the job keeps how far it came, so the next try goes on there.
//! `verify` asks the table which rows of the range it has. It runs when an insert was repeated after a fault (a server that dies may
//! know a token whose rows it lost) and when other schemas made the rows the first time; what is missing is written under a token of
//! its own.
//! Dead letters are produced after the insert and before the range is acknowledged: a crash in between repeats them, so a dead letter
//! is delivered at least once and carries its position.
//! Not here: waiting, and the question whether the partition is still ours: a try does not begin a write [`VALID_FOR`] after the intent
//! was last confirmed.

use std::ops::Range as Rows;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use crds::rejection::RejectionReason;

use crate::batch::{Batch, Letter, Original};
use crate::position::Range;
use crate::record::{Position, Rejected};
use crate::retry::Verdict;
use crate::sink::{DeadLetters, Originals, Question, Sink, SinkError, Write};

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
    /// Parts that the table lacks: an earlier owner wrote some, of rows that other schemas made.
    Rest,
    /// Parts, because the server refuses a row.
    Split {
        /// Parts that are not written yet.
        parts: Vec<Rows<usize>>,
        /// Rows that the server refuses.
        refused: Vec<usize>,
        /// Whether an earlier owner wrote some of the parts.
        resumed: bool,
    },
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

impl Plan {
    /// Returns the plan of writing rows in parts, which begins with one part of all.
    #[expect(clippy::single_range_in_vec_init, reason = "a list of parts, and this is the first")]
    pub fn split(n_rows: usize, resumed: bool) -> Self {
        Self::Split { parts: vec![0..n_rows], refused: Vec::new(), resumed }
    }
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
        Plan::Split { .. } => split(job, sinks).await,
        Plan::Letters => Ok(()),
    };
    let result = match tried {
        Ok(()) => {
            job.plan = Plan::Letters;
            sinks.dead_letters.deliver(&mut job.batch.letters).await.map_err(Stop::Fault)
        }
        Err(stop) => Err(stop),
    };
    match result {
        Ok(()) => End::Done,
        Err(Stop::Fault(error)) => End::Failed(error),
        Err(Stop::Short(end)) => end,
    }
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
    let written = sink.write(Write { token, rows: &job.batch.rows, part }).await;
    job.inserting += tokio::time::Instant::now().into_std().saturating_duration_since(begun);
    if let Err(error) = &written
        && error.verdict == Verdict::Retry
    {
        job.verify = true;
    }
    Ok(written?)
}

/// Looks for rows of the range that the table lacks, and writes them.
async fn verify<S: Sink>(job: &mut Job, sink: &S, refused: &[usize]) -> Result<(), Stop> {
    let reconcile = job.batch.repetition.is_some_and(|repetition| repetition.reconcile);
    let times = times(job);
    let mut present = sink.stored(question(job, job.batch.range, times)).await?;
    if !missing(job, &present, refused).is_empty() {
        tokio::time::sleep(SECOND_LOOK).await;
        present = sink.stored(question(job, job.batch.range, times)).await?;
    }
    for part in missing(job, &present, refused) {
        let range = offsets(job, &part);
        tracing::warn!(partition = job.partition, %range, "the table lacks rows whose token it knows; writing them again");
        let token = format!("{}+{range}", job.token);
        write(job, sink, &token, part).await.map_err(never_split)?;
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
    Ok(())
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

/// Plans the parts that the table lacks, and writes them.
async fn rest<S: Sink, D: DeadLetters, O: Originals>(
    job: &mut Job,
    sinks: &Sinks<S, D, O>,
) -> Result<(), Stop> {
    let present = sinks.rows.stored(question(job, job.batch.range, None)).await?;
    job.plan = Plan::Split { parts: missing(job, &present, &[]), refused: Vec::new(), resumed: true };
    split(job, sinks).await
}

async fn split<S: Sink, D: DeadLetters, O: Originals>(
    job: &mut Job,
    sinks: &Sinks<S, D, O>,
) -> Result<(), Stop> {
    loop {
        let Plan::Split { parts, resumed, .. } = &mut job.plan else { return Ok(()) };
        let (Some(part), resumed) = (parts.pop(), *resumed) else { break };
        if let Err(stop) = split_part(job, &sinks.rows, part.clone(), resumed).await {
            if let Plan::Split { parts, .. } = &mut job.plan {
                parts.push(part);
            }
            return Err(stop);
        }
    }
    let Plan::Split { refused, .. } = &job.plan else { return Ok(()) };
    let refused = refused.clone();
    if job.verify {
        verify(job, &sinks.rows, &refused).await?;
    }
    for row in refused {
        let letter = refused_letter(job.batch.rows.position_of(row), &sinks.originals).await?;
        job.batch.tally.stored = job.batch.tally.stored.saturating_sub(1);
        job.batch.tally.reject(RejectionReason::RowRefused);
        job.batch.letters.push(letter);
        if let Plan::Split { refused, .. } = &mut job.plan {
            refused.retain(|other| *other != row);
        }
    }
    Ok(())
}

async fn split_part<S: Sink>(job: &mut Job, sink: &S, part: Rows<usize>, resumed: bool) -> Result<(), Stop> {
    let range = offsets(job, &part);
    if resumed {
        // An earlier owner may have written some of it in smaller parts. Those have tokens of their own, so only the table knows.
        let present = sink.stored(question(job, range, times(job))).await?;
        match part.clone().filter(|row| !is_present(job, &present, *row)).count() {
            0 => return Ok(()),
            n_missing if n_missing < part.len() => {
                halve(job, &part);
                return Ok(());
            }
            _ => {}
        }
    }
    let token = format!("{}/{range}", job.token);
    let error = match write(job, sink, &token, part.clone()).await {
        Ok(()) => return Ok(()),
        Err(Stop::Fault(error)) if error.verdict == Verdict::RowRefused => error,
        Err(stop) => return Err(stop),
    };
    // A view that refuses leaves its table's rows behind; to write them again in halves would double them.
    let times = job.batch.times;
    if !sink.stored(question(job, range, times)).await?.is_empty() {
        return Err(Stop::Fault(view_refuses(error)));
    }
    if part.len() > 1 {
        halve(job, &part);
    } else if let Plan::Split { refused, .. } = &mut job.plan {
        refused.push(part.start);
    }
    Ok(())
}

/// Plans the halves of a part, the first one next.
fn halve(job: &mut Job, part: &Rows<usize>) {
    let Plan::Split { parts, .. } = &mut job.plan else { return };
    let middle = part.start + part.len() / 2;
    parts.push(middle..part.end);
    parts.push(part.start..middle);
}

fn is_present(job: &Job, present: &[i64], row: usize) -> bool {
    present.binary_search(&job.batch.rows.position_of(row).offset).is_ok()
}

async fn refused_letter<O: Originals>(position: Position, originals: &O) -> Result<Letter, SinkError> {
    let found = originals.fetch(position.partition, vec![position.offset]).await?.pop();
    let is_gone = found.is_none();
    let original = found.unwrap_or(Original {
        position,
        timestamp_milliseconds: 0,
        key: None,
        payload: None,
        headers: Vec::new(),
    });
    let mut message = "ClickHouse refuses this row; its log names the cause".to_owned();
    if is_gone {
        message.push_str(". The record is not in the topic any more, so its bytes are missing here");
    }
    let rejected = Rejected {
        reason: RejectionReason::RowRefused,
        field: String::new(),
        schema: String::new(),
        message,
    };
    Ok(Letter { original, rejected })
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
    Range { first: rows.position_of(part.start).offset, last: rows.position_of(part.end - 1).offset }
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

fn never_split(mut stop: Stop) -> Stop {
    if let Stop::Fault(error) = &mut stop
        && error.verdict == Verdict::RowRefused
    {
        error.verdict = Verdict::Stop;
    }
    stop
}
