//! Parts: a range that is not written whole.
//!
//! ```text
//! refused ─ halve ─▶ … ─▶ one row, refused ─▶ dead letter
//!                      └ every row that is tried is refused ─▶ it is the table that does not fit: stop, set nothing aside
//! ```
//!
//! In: a job whose rows are to be written in parts, each under the token of its offsets. Out: all of them written; the refused rows
//! among the letters.
//! Not here: the range as a whole; see `deliver.rs`.

use std::ops::Range as Rows;

use crds::conditions::Reason;
use crds::rejection::RejectionReason;

use super::{
    Job, Plan, Sinks, Stop, missing, offsets, plan_parts, question, times, verify, view_refuses, write,
};
use crate::batch::{Letter, Original};
use crate::record::{Position, Rejected};
use crate::retry::Verdict;
use crate::sink::{DeadLetters, Originals, Sink, SinkError};

/// So many rows at the begin, and so many at the end, must all be refused to blame the table.
const FEW: usize = 4;

/// Parts of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Those that are not written yet; the last one is next.
    pub(super) left: Vec<Rows<usize>>,
    /// Rows that the server refuses.
    pub(super) refused: Vec<usize>,
    /// Whether the server took one, or has rows of the range already.
    pub(super) is_any_taken: bool,
    /// Whether their first tokens are known to a server that lost the rows.
    pub(super) again: bool,
}

impl Parts {
    /// Builds a plan of parts, in rising order.
    pub(super) fn new(mut parts: Vec<Rows<usize>>) -> Self {
        parts.reverse();
        Self { left: parts, refused: Vec::new(), is_any_taken: false, again: false }
    }

    /// Builds a plan of one part with all rows.
    #[expect(clippy::single_range_in_vec_init, reason = "a list of parts, and this is the first")]
    pub fn of_all(n_rows: usize) -> Self {
        Self::new(vec![0..n_rows])
    }

    /// Plans the halves of a part, the first one next.
    fn halve(&mut self, part: &Rows<usize>) {
        let middle = part.start + part.len() / 2;
        self.left.push(middle..part.end);
        self.left.push(part.start..middle);
    }

    /// Notes a row that is refused. When all were, the last rows are asked next; returns whether those were refused too.
    fn refuse(&mut self, row: usize) -> bool {
        self.refused.push(row);
        if self.is_any_taken || self.refused.len() < FEW {
            return false;
        }
        if let Some(last) = self.left.first_mut() {
            last.end -= 1;
            let row = last.end;
            if last.start == last.end {
                self.left.remove(0);
            }
            self.left.push(row..row + 1);
        }
        self.refused.len() >= 2 * FEW
    }
}

/// Plans the parts that the table lacks.
pub(super) async fn rest<S: Sink, D: DeadLetters, O: Originals>(
    job: &mut Job,
    sinks: &Sinks<S, D, O>,
) -> Result<(), Stop> {
    let present = sinks.rows.stored(question(job, job.batch.range, times(job))).await?;
    let parts = missing(job, &present, &[]);
    Err(plan_parts(job, Parts { is_any_taken: !present.is_empty(), ..Parts::new(parts) }))
}

/// Writes all parts.
pub(super) async fn split<S: Sink, D: DeadLetters, O: Originals>(
    job: &mut Job,
    sinks: &Sinks<S, D, O>,
) -> Result<(), Stop> {
    while let Plan::Split(parts) = &mut job.plan
        && let Some(part) = parts.left.pop()
    {
        if let Err(stop) = write_part(job, &sinks.rows, part.clone()).await {
            if let Plan::Split(parts) = &mut job.plan {
                parts.left.push(part);
            }
            return Err(stop);
        }
    }
    let Plan::Split(parts) = &job.plan else { return Ok(()) };
    let mut refused = parts.refused.clone();
    refused.sort_unstable();
    if job.verify {
        verify(job, &sinks.rows, &refused).await?;
    }
    set_aside(job, &refused, &sinks.originals).await?;
    Ok(())
}

async fn write_part<S: Sink>(job: &mut Job, sink: &S, part: Rows<usize>) -> Result<(), Stop> {
    let range = offsets(job, &part);
    let sign = if matches!(&job.plan, Plan::Split(parts) if parts.again) { '+' } else { '/' };
    let token = format!("{}{sign}{range}", job.token);
    let written = write(job, sink, &token, part.clone()).await;
    let error = match written {
        Err(Stop::Fault(error)) if error.verdict == Verdict::RowRefused => error,
        Err(stop) => return Err(stop),
        Ok(()) => {
            if let Plan::Split(parts) = &mut job.plan {
                parts.is_any_taken = true;
            }
            return Ok(());
        }
    };
    // A view that refuses leaves its table's rows behind; to write them again in halves would double them.
    if !sink.stored(question(job, range, job.batch.times)).await?.is_empty() {
        return Err(Stop::Fault(view_refuses(error)));
    }
    let Plan::Split(parts) = &mut job.plan else { return Ok(()) };
    if part.len() > 1 {
        parts.halve(&part);
    } else if parts.refuse(part.start) {
        // What the table lacks is looked up once more when it is tried again.
        job.plan = Plan::Rest;
        return Err(Stop::Fault(table_refuses(error)));
    }
    Ok(())
}

/// Makes dead letters of the refused rows.
async fn set_aside<O: Originals>(job: &mut Job, refused: &[usize], originals: &O) -> Result<(), SinkError> {
    let offsets: Vec<i64> = refused.iter().map(|row| job.batch.rows.offset_of(*row)).collect();
    let mut found = originals.fetch(job.partition, offsets.clone()).await?.into_iter().peekable();
    for offset in offsets {
        let position = Position { partition: job.partition, offset };
        let original = found.next_if(|original| original.position == position);
        job.batch.tally.stored = job.batch.tally.stored.saturating_sub(1);
        job.batch.tally.reject(RejectionReason::RowRefused);
        job.batch.letters.push(letter(position, original));
    }
    Ok(())
}

fn letter(position: Position, found: Option<Original>) -> Letter {
    let mut message = "ClickHouse refuses this row; its log names the cause".to_owned();
    if found.is_none() {
        message.push_str(". The record is not in the topic any more, so its bytes are missing here");
    }
    let original = found.unwrap_or(Original {
        position,
        timestamp_milliseconds: 0,
        key: None,
        payload: None,
        headers: Vec::new(),
    });
    let rejected = Rejected {
        reason: RejectionReason::RowRefused,
        field: String::new(),
        schema: String::new(),
        message,
    };
    Letter { original, rejected }
}

fn table_refuses(error: SinkError) -> SinkError {
    SinkError {
        verdict: Verdict::Stop,
        reason: Reason::ClickHouseRejected,
        message: format!(
            "every row that was tried is refused, so nothing is set aside: compare the table's columns and constraints with the \
             stream's schemas ({})",
            error.message
        ),
        source: error.source,
    }
}
