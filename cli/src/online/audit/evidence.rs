//! Evidence: which positions of a topic are there, which are rows, and which are dead letters.
//!
//! In: ends and acknowledged positions, words of 64 offsets as ClickHouse groups them, positions of letters. Out: for each partition what is
//! stored, and the holes: settled positions with neither row nor letter. Pure.
//! A word costs 28 bytes, however many rows it has: a table of a hundred million rows answers in 44 MB.

use std::collections::{BTreeMap, BTreeSet};

use processor::position::Range;

/// Which rows are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Offsets of each partition.
    pub(crate) ranges: BTreeMap<i32, Range>,
    /// Only rows whose record reached Kafka then or later, milliseconds since 1970: older ones are of an earlier topic of the name.
    pub(crate) since: Option<i64>,
}

impl Bounds {
    /// Returns the condition of a statement.
    pub(crate) fn condition(&self) -> String {
        let one = |(partition, range): (&i32, &Range)| {
            format!("_partition = {partition} AND _offset BETWEEN {} AND {}", range.first, range.last)
        };
        let ranges: Vec<String> = self.ranges.iter().map(one).collect();
        let ranges = if ranges.is_empty() { "0".to_owned() } else { format!("({})", ranges.join(" OR ")) };
        match self.since {
            None => ranges,
            Some(since) => format!("{ranges} AND received_at >= fromUnixTimestamp64Milli({since}, 'UTC')"),
        }
    }
}

/// Rows of 64 offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// Partition.
    pub(crate) partition: i32,
    /// Offset of the first, divided by 64.
    pub(crate) number: i64,
    /// A bit for each offset that some row has.
    pub(crate) bits: u64,
    /// Rows.
    pub(crate) rows: u64,
}

impl Word {
    /// Reads words in ClickHouse's format RowBinary; none when the bytes end within one.
    pub(crate) fn read_all(bytes: &[u8]) -> Option<Vec<Self>> {
        const LENGTH: usize = 28;
        let (words, rest) = bytes.as_chunks::<LENGTH>();
        let read = |word: &[u8; LENGTH]| {
            Some(Self {
                partition: i32::from_le_bytes(*word.first_chunk()?),
                number: i64::from_le_bytes(*word.get(4..)?.first_chunk()?),
                bits: u64::from_le_bytes(*word.get(12..)?.first_chunk()?),
                rows: u64::from_le_bytes(*word.get(20..)?.first_chunk()?),
            })
        };
        if rest.is_empty() { words.iter().map(read).collect() } else { None }
    }
}

/// What a partition has stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Positions, as runs, in order.
    pub(crate) runs: Vec<Range>,
    /// Positions.
    pub(crate) positions: u64,
    /// Rows; more than positions when some are doubled.
    pub(crate) rows: u64,
}

impl Stored {
    fn add(&mut self, word: &Word) {
        self.rows += word.rows;
        self.positions += u64::from(word.bits.count_ones());
        let mut bits = word.bits;
        let mut base = word.number * 64;
        // From one run of bits to the next.
        while bits != 0 {
            let skipped = bits.trailing_zeros();
            bits >>= skipped;
            base += i64::from(skipped);
            let length = bits.trailing_ones();
            self.extend(Range { first: base, last: base + i64::from(length) - 1 });
            bits = bits.checked_shr(length).unwrap_or(0);
            base += i64::from(length);
        }
    }

    fn extend(&mut self, run: Range) {
        match self.runs.last_mut() {
            Some(before) if before.next() == run.first => before.last = run.last,
            _ => self.runs.push(run),
        }
    }

    /// Whether some row has the offset.
    pub(crate) fn has(&self, offset: i64) -> bool {
        within(&self.runs, offset)
    }
}

/// Returns whether one of some runs, in order, has an offset.
pub(crate) fn within(runs: &[Range], offset: i64) -> bool {
    let after = runs.partition_point(|run| run.first <= offset);
    after.checked_sub(1).and_then(|index| runs.get(index)).is_some_and(|run| run.contains(offset))
}

/// Gathers words, in order, by partition.
pub(crate) fn stored(words: &[Word]) -> BTreeMap<i32, Stored> {
    let mut stored: BTreeMap<i32, Stored> = BTreeMap::new();
    for word in words {
        stored.entry(word.partition).or_default().add(word);
    }
    stored
}

/// What is known of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// First offset that is still there.
    pub(crate) low: i64,
    /// Offset up to which all is settled, as the processors say.
    pub(crate) acknowledged: i64,
    /// Offset behind the last.
    pub(crate) high: i64,
    /// What is stored of the settled ones.
    pub(crate) stored: Stored,
    /// Settled positions with a dead letter.
    pub(crate) letters: BTreeSet<i64>,
}

impl Evidence {
    /// Returns the settled positions that have neither row nor letter, as runs.
    pub(crate) fn holes(&self) -> Vec<Range> {
        let mut holes = Vec::new();
        let mut next = self.low;
        for run in &self.stored.runs {
            self.without_letters(next, run.first, &mut holes);
            next = run.next();
        }
        self.without_letters(next, self.acknowledged, &mut holes);
        holes
    }

    /// Adds the offsets from `first` up to `end`, but those of letters.
    fn without_letters(&self, first: i64, end: i64, holes: &mut Vec<Range>) {
        if first >= end {
            return;
        }
        let mut next = first;
        for letter in self.letters.range(first..end) {
            if next < *letter {
                holes.push(Range { first: next, last: letter - 1 });
            }
            next = letter + 1;
        }
        if next < end {
            holes.push(Range { first: next, last: end - 1 });
        }
    }
}

#[cfg(test)]
mod tests;
