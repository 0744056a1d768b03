//! ProcessorReport: what a processor says of itself at `GET /status`, the one thing that passes back to the operator.
//!
//! In: the processor's counters and states. Out: a serde-typed JSON document of at most 64 KiB.
//! Not here: any property value of any event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::conditions::Reason;

/// What a processor says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessorReport {
    /// Whether the data path works: records are read when there are some, and rows are written.
    pub ready: bool,
    /// Why not; absent when ready.
    pub reason: Option<Reason>,
    /// What is wrong and what to do; empty when ready.
    pub message: String,
    /// Records since the process started, by outcome.
    pub counters: Counters,
    /// Rejected records since the process started, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Records not read yet in the partitions of this process.
    pub lag: i64,
    /// Partitions of this process.
    pub partitions: Vec<i32>,
    /// The forwarding rules.
    pub rules: Vec<RuleReport>,
}

/// Records by outcome. Once a position is acknowledged: read = stored + dead_lettered + filtered + deduplicated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counters {
    /// Read from the topic and settled.
    pub read: u64,
    /// One row each.
    pub stored: u64,
    /// One dead letter each.
    pub dead_lettered: u64,
    /// Left out by `unknownEvents: Drop`.
    pub filtered: u64,
    /// Left out because the event id was stored before.
    pub deduplicated: u64,
}

/// What became of a forwarding rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleReport {
    /// Name of the ForwardingRule.
    pub name: String,
    /// Generation of the ForwardingRule that the process was started with: tells what it does from what it did before.
    pub generation: i64,
    /// Why the rule does not deliver; absent when it does.
    pub reason: Option<Reason>,
    /// What is wrong and what to do; empty when the rule delivers.
    pub message: String,
    /// Events that matched.
    pub matched: u64,
    /// Events that the destination has taken.
    pub sent: u64,
    /// Events that went to the dead-letter topic.
    pub dead_lettered: u64,
    /// Records not read yet.
    pub lag: i64,
}

#[cfg(test)]
mod tests;
