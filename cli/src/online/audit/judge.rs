//! Judge: what became of every settled position.
//!
//! In: evidence of each partition, and what Kafka has at the holes. Out: an [`Audit`], in which every settled position is counted once. Pure.
//! A hole is no loss when Kafka has no record there (a transaction's own mark, a compacted record), or when the stream leaves such records
//! out; what the schemas of before left out and today's would store cannot be told from a loss, and counts as one.

use std::collections::{BTreeMap, BTreeSet};

use processor::position::Range;
use serde::{Deserialize, Serialize};

use super::evidence::{Evidence, within};
use crate::online::clickhouse::Doubled;

/// Positions that are named.
pub(crate) const NAMED: usize = 20;

/// What stands in Kafka at a hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trace {
    /// Partition.
    pub(crate) partition: i32,
    /// Offset.
    pub(crate) offset: i64,
    /// What today's schemas make of it.
    pub(crate) sight: Sight,
}

/// What today's schemas make of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Sight {
    /// It is left out: `unknownEvents: Drop`.
    Filtered,
    /// It would be stored, and a row of another position has its event id, as the stream deduplicates.
    Deduplicated,
    /// It would be stored, but its event is older than the table keeps rows.
    Expired,
    /// It would be stored.
    Accepted,
    /// It would be dead-lettered, for this reason.
    Rejected(String),
}

/// What is known of the stream beside its positions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Known {
    /// `namespace/name`.
    pub(crate) pipeline: String,
    /// Topic.
    pub(crate) topic: String,
    /// Table.
    pub(crate) table: String,
    /// Which life of the topic it is.
    pub(crate) epoch: u32,
    /// Letters that are in the topic more than once.
    pub(crate) repeated_letters: u64,
    /// The dead-letter topic has lost its beginning, by age or by a purge.
    pub(crate) letters_gone: bool,
}

/// How the settled positions of a partition, or of all, ended. Each is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// Settled positions that are still in the topic.
    pub(crate) settled: u64,
    /// With a row.
    pub(crate) stored: u64,
    /// With a dead letter and no row.
    pub(crate) dead_lettered: u64,
    /// Left out by `unknownEvents: Drop`.
    pub(crate) filtered: u64,
    /// Left out as their event is stored at another position.
    pub(crate) deduplicated: u64,
    /// With a row or a dead letter once, older than it is kept.
    pub(crate) expired: u64,
    /// Without a record: gaps that Kafka itself leaves.
    pub(crate) gaps: u64,
    /// With a record, and no trace of it.
    pub(crate) lost: u64,
    /// Rows beyond the first of a position.
    pub(crate) doubled: u64,
    /// With a row and a dead letter, among the stored.
    pub(crate) both: u64,
    /// Not settled yet; not counted above.
    pub(crate) waiting: u64,
}

/// A position that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Wrong {
    /// `partition:offset`.
    pub(crate) position: String,
    /// What is wrong.
    pub(crate) what: String,
}

/// What became of every settled position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Audit {
    /// The stream.
    pub(crate) stream: Known,
    /// By partition.
    pub(crate) partitions: BTreeMap<i32, Counts>,
    /// Of all partitions.
    pub(crate) all: Counts,
    /// The first positions that are not as they must be.
    pub(crate) wrong: Vec<Wrong>,
}

impl Audit {
    /// Whether nothing is lost and nothing is doubled.
    pub(crate) fn is_clean(&self) -> bool {
        self.all.lost + self.all.doubled + self.all.both == 0
    }
}

/// Judges every position.
pub(crate) fn judge(
    known: Known,
    evidence: &BTreeMap<i32, Evidence>,
    traces: &[Trace],
    doubled: &[Doubled],
) -> Audit {
    let mut by_partition: BTreeMap<i32, BTreeMap<i64, &Sight>> = BTreeMap::new();
    for trace in traces {
        by_partition.entry(trace.partition).or_default().insert(trace.offset, &trace.sight);
    }
    let (mut partitions, mut all) = (BTreeMap::new(), Counts::default());
    let mut wrong: Vec<Wrong> = doubled.iter().map(Wrong::doubled).collect();
    for (partition, evidence) in evidence {
        let traces = by_partition.remove(partition).unwrap_or_default();
        let counts = judge_one((*partition, evidence), &traces, known.letters_gone, &mut wrong);
        all.add(&counts);
        partitions.insert(*partition, counts);
    }
    wrong.truncate(NAMED);
    Audit { stream: known, partitions, all, wrong }
}

fn judge_one(
    (partition, evidence): (i32, &Evidence),
    traces: &BTreeMap<i64, &Sight>,
    letters_gone: bool,
    wrong: &mut Vec<Wrong>,
) -> Counts {
    let holes = evidence.holes();
    let both: BTreeSet<i64> =
        evidence.letters.iter().copied().filter(|offset| evidence.stored.has(*offset)).collect();
    let mut counts = Counts {
        settled: width(evidence.low, evidence.acknowledged),
        stored: evidence.stored.positions,
        dead_lettered: (evidence.letters.len() - both.len()) as u64,
        doubled: evidence.stored.rows - evidence.stored.positions,
        both: both.len() as u64,
        waiting: width(evidence.acknowledged.max(evidence.low), evidence.high),
        gaps: holes.iter().map(|hole| width(hole.first, hole.next())).sum(),
        ..Counts::default()
    };
    wrong.extend(both.iter().map(|offset| Wrong::new(partition, *offset, "has a row and a dead letter")));
    for (offset, sight) in traces.iter().filter(|(offset, _)| within(&holes, **offset)) {
        counts.gaps -= 1;
        match sight {
            Sight::Filtered => counts.filtered += 1,
            Sight::Deduplicated => counts.deduplicated += 1,
            Sight::Expired => counts.expired += 1,
            Sight::Rejected(_) if letters_gone => counts.expired += 1,
            Sight::Rejected(reason) => {
                counts.lost += 1;
                wrong.push(Wrong::new(
                    partition,
                    *offset,
                    &format!("is rejected ({reason}) and has no dead letter"),
                ));
            }
            Sight::Accepted => {
                counts.lost += 1;
                wrong.push(Wrong::new(
                    partition,
                    *offset,
                    "would be stored by today's schemas and has no row",
                ));
            }
        }
    }
    counts
}

impl Counts {
    fn add(&mut self, other: &Self) {
        let Self {
            settled,
            stored,
            dead_lettered,
            filtered,
            deduplicated,
            expired,
            gaps,
            lost,
            doubled,
            both,
            waiting,
        } = other;
        self.settled += settled;
        self.stored += stored;
        self.dead_lettered += dead_lettered;
        self.filtered += filtered;
        self.deduplicated += deduplicated;
        self.expired += expired;
        self.gaps += gaps;
        self.lost += lost;
        self.doubled += doubled;
        self.both += both;
        self.waiting += waiting;
    }
}

impl Wrong {
    fn new(partition: i32, offset: i64, what: &str) -> Self {
        Self { position: format!("{partition}:{offset}"), what: what.to_owned() }
    }

    fn doubled(doubled: &Doubled) -> Self {
        Self::new(doubled.partition, doubled.offset, &format!("has {} rows", doubled.rows))
    }
}

fn width(first: i64, end: i64) -> u64 {
    Range { first, last: end - 1 }.next().saturating_sub(first).max(0).unsigned_abs()
}
