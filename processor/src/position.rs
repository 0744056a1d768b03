//! Range: the positions of one partition that a batch covers.
//!
//! In: offsets as they are read, always rising. Out: one inclusive range, written and read as `<first>-<last>`.
//! A range may have holes (compaction, transactions): it names what was read between two records, not how many there were.
//! Not here: the record's own position, see [`crate::record::Position`].

use std::fmt;
use std::str::FromStr;

/// Offsets of one partition, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Range {
    /// Offset of the first record.
    pub first: i64,
    /// Offset of the last record.
    pub last: i64,
}

impl Range {
    /// Returns the offset that is committed once the range is settled.
    pub fn next(self) -> i64 {
        self.last + 1
    }

    /// Returns whether the offset lies within.
    pub fn contains(self, offset: i64) -> bool {
        (self.first..=self.last).contains(&offset)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.first, self.last)
    }
}

/// The text is not `<first>-<last>` with first at most last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a range must be `<first>-<last>` with two offsets, the first not above the last")]
pub struct RangeError;

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (first, last) = text.split_once('-').ok_or(RangeError)?;
        let range = Self {
            first: first.parse().map_err(|_not_a_number| RangeError)?,
            last: last.parse().map_err(|_not_a_number| RangeError)?,
        };
        if range.first > range.last { Err(RangeError) } else { Ok(range) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_reads_back_what_it_writes() {
        let range = Range { first: 100, last: 199 };
        assert_eq!(range.to_string().parse(), Ok(range));
        assert_eq!(range.next(), 200);
    }

    #[test]
    fn a_text_that_is_no_range_is_refused() {
        for text in ["", "-", "1", "1-", "-1-5", "5-1", "a-b"] {
            assert_eq!(text.parse::<Range>(), Err(RangeError), "{text}");
        }
    }
}
