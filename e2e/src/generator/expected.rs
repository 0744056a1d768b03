//! What must be found when all records of a stream are settled: every number, before anything runs.
//!
//! In: the [`Fate`] of each record that was sent. Out: counts by outcome, the forwarded ids, the money.

use std::collections::{BTreeMap, BTreeSet};

use crds::rejection::RejectionReason;

use super::Fate;

/// What must be found in a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Records sent.
    pub sent: u64,
    /// Rows by canonical event type.
    pub rows: BTreeMap<String, u64>,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<RejectionReason, u64>,
    /// Records left out by `unknownEvents: Drop`.
    pub filtered: u64,
    /// Records left out because their id was stored before.
    pub deduplicated: u64,
    /// Ids of the events that the sample's rule picks.
    pub forwarded: BTreeSet<String>,
    /// Rows by the minute of their event, seconds since 1970.
    pub minutes: BTreeMap<i64, u64>,
    /// Sum of the amounts of the stored purchases, in cents.
    pub cents: u64,
}

impl Expected {
    /// Counts one record that was sent.
    pub fn add(&mut self, fate: &Fate) {
        self.sent += 1;
        match fate {
            Fate::Stored { event, id, at, cents, forwarded } => {
                *self.minutes.entry(at.div_euclid(60_000) * 60).or_default() += 1;
                *self.rows.entry((*event).to_owned()).or_default() += 1;
                self.cents += cents;
                if *forwarded {
                    self.forwarded.insert(id.clone());
                }
            }
            Fate::DeadLettered(reason) => *self.dead_letters.entry(*reason).or_default() += 1,
            Fate::Filtered => self.filtered += 1,
            Fate::Deduplicated => self.deduplicated += 1,
        }
    }

    /// Rows in all.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.rows.values().sum()
    }

    /// Dead letters in all.
    #[must_use]
    pub fn dead_lettered(&self) -> u64 {
        self.dead_letters.values().sum()
    }
}
