//! Generator of the benchmark's events: seeded, fast, and knowing what must become of each.
//!
//! In: a [`Workload`], a seed. Out: one event after another as JSON, its [`Fate`], and the sum of the fates. The same arguments give the
//! same bytes. It sends nothing.

use std::fmt::{Error, Write as _};

use anyhow::Result;
use crds::schema::field::Field;

use super::value::Maker;
use super::{EVENT, Workload};
use crate::generator::random::Random;

/// The day of the events; a table has one part on disk for it, however many events there are.
const DAY: &str = "2026-01-31";

/// What is wrong with an event that must be rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Its last brace is missing.
    BrokenJson,
    /// The quantity is a text.
    WrongType,
    /// The quantity is missing.
    FieldMissing,
    /// The amount is below zero: the one flaw that only a check finds.
    OutOfRange,
}

impl Flaw {
    /// All of them, in the order in which they take turns.
    pub const ALL: [Self; 4] = [Self::BrokenJson, Self::WrongType, Self::FieldMissing, Self::OutOfRange];
}

/// What must become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// One row.
    Stored {
        /// Its amount.
        cents: u64,
    },
    /// One dead letter.
    Rejected(Flaw),
}

/// What must be found once all events are settled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Events sent.
    pub events: u64,
    /// Bytes of the events.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Sum of the amounts of the rows.
    pub cents: u64,
    /// Dead letters.
    pub rejected: u64,
    /// Those of the dead letters that parse, and that only a check finds.
    pub out_of_range: u64,
}

impl Expected {
    /// Counts an event that was sent.
    pub fn add(&mut self, bytes: usize, fate: Fate) {
        self.events += 1;
        self.bytes += bytes as u64;
        match fate {
            Fate::Stored { cents } => {
                self.rows += 1;
                self.cents += cents;
            }
            Fate::Rejected(flaw) => {
                self.rejected += 1;
                self.out_of_range += u64::from(flaw == Flaw::OutOfRange);
            }
        }
    }
}

/// One field: what stands before its value, and how that is made.
#[derive(Debug)]
struct Piece {
    before: String,
    maker: Maker,
    is_amount: bool,
    is_quantity: bool,
}

/// Makes events one by one.
#[derive(Debug)]
pub struct Generator {
    pieces: Vec<Piece>,
    end: String,
    rejected: u64,
    random: Random,
    made: u64,
    spoiled: usize,
}

impl Generator {
    /// Begins at the first event.
    pub fn new(workload: &Workload, seed: u64) -> Result<Self> {
        let (mut pieces, mut open) = (Vec::new(), None);
        for field in &workload.understood()?.fields {
            pieces.push(Piece {
                before: before(field, &mut open),
                maker: Maker::of(field)?,
                is_amount: field.column == "order_amount",
                is_quantity: field.column == "order_quantity",
            });
        }
        let end = if open.is_some() { "}}" } else { "}" };
        let (end, rejected) = (end.to_owned(), workload.rejected);
        Ok(Self { pieces, end, rejected, random: Random::new(seed), made: 0, spoiled: 0 })
    }

    /// Writes the next event in place of what `out` holds.
    pub fn next(&mut self, out: &mut String) -> Result<Fate, Error> {
        out.clear();
        let flaw = self.next_flaw();
        self.write_envelope(out)?;
        let mut cents = 0;
        for piece in &self.pieces {
            if piece.is_quantity && flaw == Some(Flaw::FieldMissing) {
                continue;
            }
            out.push_str(&piece.before);
            match flaw {
                Some(Flaw::WrongType) if piece.is_quantity => out.push_str("\"many\""),
                Some(Flaw::OutOfRange) if piece.is_amount => {
                    out.push('-');
                    piece.maker.write(&mut self.random, out)?;
                }
                _ => {
                    let written = piece.maker.write(&mut self.random, out)?;
                    cents += if piece.is_amount { written } else { 0 };
                }
            }
        }
        out.push_str(&self.end);
        if flaw == Some(Flaw::BrokenJson) {
            out.pop();
        }
        self.made += 1;
        Ok(flaw.map_or(Fate::Stored { cents }, Fate::Rejected))
    }

    fn next_flaw(&mut self) -> Option<Flaw> {
        if !self.random.chance(self.rejected, 100) {
            return None;
        }
        let flaw = Flaw::ALL[self.spoiled % Flaw::ALL.len()];
        self.spoiled += 1;
        Some(flaw)
    }

    /// Type, id and time. Times go on by a millisecond an event and jump by up to two seconds, as those of many phones do.
    fn write_envelope(&mut self, out: &mut String) -> Result<(), Error> {
        let id = self.random.next();
        let time = self.made % 86_000_000 + self.random.below(2_000);
        let (seconds, milliseconds) = (time / 1_000, time % 1_000);
        write!(
            out,
            "{{\"event\":\"{EVENT}\",\"event_id\":\"{id:016x}\",\"event_time\":\"{DAY}T{:02}:{:02}:{:02}.{milliseconds:03}Z\"",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// Closes the object that is open and opens the field's own, where they differ; fields of one object stand together.
fn before(field: &Field, open: &mut Option<String>) -> String {
    let (group, key) = match field.path.as_slice() {
        [group, key] => (Some(group.clone()), key.clone()),
        path => (None, path.join(".")),
    };
    let close = if open.is_some() && *open != group { "}" } else { "" };
    let text = match &group {
        Some(name) if *open != group => format!("{close},\"{name}\":{{\"{key}\":"),
        _ => format!("{close},\"{key}\":"),
    };
    *open = group;
    text
}
