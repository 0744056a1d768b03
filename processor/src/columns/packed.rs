//! Packed: the rows of a batch that are compressed already, piece by piece, each a Native block of its own.
//!
//! In: full buffers. Out: a piece as it was packed, its offsets, and its rows in buffers again.
//! So a batch of many rows takes a fraction of its memory, and a second try compresses nothing again.
//! Not here: when a piece is packed; see `columns.rs`.

use bytes::Bytes;

use super::buffer::{Buffer, read_length};
use super::frame::{Damaged, unpack};

/// Rows that are packed together.
#[derive(Debug)]
pub(super) struct Packed {
    /// Index in the batch of the first row.
    pub(super) first: usize,
    /// Number of rows.
    pub(super) n_rows: usize,
    /// The block of all of them.
    pub(super) frame: Bytes,
    offsets: Offsets,
}

impl Packed {
    /// Builds the piece of these rows.
    pub(super) fn new(first: usize, offsets: impl Iterator<Item = i64>, frame: Bytes) -> Self {
        let mut piece = Self { first, n_rows: 0, frame, offsets: Offsets::default() };
        for offset in offsets {
            piece.offsets.push(piece.n_rows, offset);
            piece.n_rows += 1;
        }
        piece.offsets.runs.shrink_to_fit();
        piece
    }

    /// Bytes that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.frame.len() + self.offsets.runs.len() * size_of::<(usize, i64)>()
    }

    /// Returns the offset of a row, counted from the first one of the piece.
    pub(super) fn offset_of(&self, row: usize) -> i64 {
        self.offsets.get(row)
    }

    /// Fills empty buffers with all rows of the piece.
    pub(super) fn unpack(&self, buffers: &mut [Buffer]) -> Result<(), Damaged> {
        let block = unpack(&self.frame)?;
        let (_n_columns, at) = read_length(&block, 0);
        let (_n_rows, at) = read_length(&block, at);
        let mut rest = block.get(at..).ok_or(Damaged)?;
        for buffer in buffers {
            rest = buffer.read(rest, self.n_rows).ok_or(Damaged)?;
        }
        if rest.is_empty() { Ok(()) } else { Err(Damaged) }
    }
}

/// Offsets of rows: they follow one another but where a record became no row.
#[derive(Debug, Default)]
struct Offsets {
    /// Index of a row and its offset, wherever it is not the one behind the row before.
    runs: Vec<(usize, i64)>,
}

impl Offsets {
    fn push(&mut self, row: usize, offset: i64) {
        if row == 0 || self.get(row) != offset {
            self.runs.push((row, offset));
        }
    }

    /// Returns the offset of a row, or what it would be if it followed the last one.
    fn get(&self, row: usize) -> i64 {
        let behind = self.runs.partition_point(|(first, _)| *first <= row);
        let run = behind.checked_sub(1).and_then(|index| self.runs.get(index));
        run.map_or(-1, |(first, offset)| offset + (row - first) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::Packed;
    use bytes::Bytes;

    #[test]
    fn offsets_with_gaps_take_one_run_for_each_gap() {
        let offsets = [10, 11, 12, 15, 16, 20, 22, 23];
        let piece = Packed::new(0, offsets.into_iter(), Bytes::new());
        let found: Vec<i64> = (0..piece.n_rows).map(|row| piece.offset_of(row)).collect();
        assert_eq!(found, offsets);
        assert_eq!(piece.offsets.runs.len(), 4);
    }
}
