//! Page: what a replay did, or would do.
//!
//! In: a [`Replay`]. Out: text. Pure. No value of an event is in it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decide::Fate;
use crate::online::ends::End;
use crate::online::words::{count, table};

/// Records that are named.
const NAMED: usize = 20;

/// What a replay did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replay {
    /// Nothing was sent.
    pub(crate) is_dry_run: bool,
    /// Letters that were meant, by what becomes of them.
    #[serde(serialize_with = "listed")]
    pub(crate) fates: BTreeMap<Fate, u64>,
    /// The records that were sent.
    pub(crate) sent: Vec<Sent>,
}

/// A record that was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sent {
    /// Position that it had first.
    pub(crate) letter: String,
    /// Position that it has now.
    pub(crate) sent_as: String,
    /// Where it ended.
    pub(crate) end: End,
}

fn listed<S: serde::Serializer>(fates: &BTreeMap<Fate, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct One<'a> {
        fate: &'a Fate,
        letters: u64,
    }
    serializer.collect_seq(fates.iter().map(|(fate, letters)| One { fate, letters: *letters }))
}

impl Replay {
    /// Whether every letter that was meant is a row now, or would be sent, or needs nothing.
    pub(crate) fn is_whole(&self) -> bool {
        let is_left = |fate: &Fate| matches!(fate, Fate::Cut | Fate::LeftOut | Fate::StillRejected { .. });
        !self.fates.keys().any(is_left)
            && self.sent.iter().all(|sent| matches!(sent.end, End::Stored | End::LeftOut))
    }
}

/// Returns the page.
pub(crate) fn page(replay: &Replay) -> String {
    let n: u64 = replay.fates.values().sum();
    let mut text = format!("{}\n", count(n, "dead letter"));
    let rows: Vec<Vec<String>> =
        replay.fates.iter().map(|(fate, n)| vec![n.to_string(), told(fate, replay.is_dry_run)]).collect();
    if !rows.is_empty() {
        text.push_str(&table(&[">letters", ""], &rows));
    }
    if replay.is_dry_run {
        return text + "Nothing was sent.\n";
    }
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    for sent in &replay.sent {
        *ends.entry(end(&sent.end)).or_default() += 1;
    }
    if !ends.is_empty() {
        text.push_str("Where those ended that were sent:\n");
        text.push_str(&table(
            &[">records", ""],
            &ends.into_iter().map(|(end, n)| vec![n.to_string(), end]).collect::<Vec<_>>(),
        ));
        let named = |sent: &Sent| vec![sent.letter.clone(), sent.sent_as.clone(), end(&sent.end)];
        let some: Vec<_> = replay.sent.iter().take(NAMED).map(named).collect();
        text.push_str(&table(&["letter of", "sent as", "ended"], &some));
        if replay.sent.len() > NAMED {
            text.push_str(&format!("  and {} more; --format json names all\n", replay.sent.len() - NAMED));
        }
    }
    text
}

fn told(fate: &Fate, is_dry_run: bool) -> String {
    match fate {
        Fate::Sent if is_dry_run => "today's schemas accept: would be sent".to_owned(),
        Fate::Sent => "today's schemas accept: sent".to_owned(),
        Fate::AlreadySent => "sent before; not again".to_owned(),
        Fate::OfRule => "stored already; only the destination of a rule refused the event".to_owned(),
        Fate::Cut => "cut, as the record was too long for the topic; have the app send it again".to_owned(),
        Fate::LeftOut => "today left out by `unknownEvents: Drop`".to_owned(),
        Fate::StillRejected { reason, field } if field.is_empty() => format!("still rejected: {reason}"),
        Fate::StillRejected { reason, field } => format!("still rejected: {reason}, field `{field}`"),
    }
}

/// Returns where a record ended, in words.
pub(crate) fn end(end: &End) -> String {
    match end {
        End::Stored => "stored".to_owned(),
        End::DeadLettered { reason, .. } => format!("dead-lettered: {reason}"),
        End::LeftOut => "left out: its event is stored already, or `unknownEvents: Drop`".to_owned(),
        End::Waiting => "not settled in time; `audit` tells later".to_owned(),
    }
}
