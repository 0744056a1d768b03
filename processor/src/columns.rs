//! Columns: the rows of one batch as ClickHouse's Native format wants them.
//!
//! In: accepted events, by `map`. Out: one Native block of all rows, or of some when a batch is refused and must be cut.
//! Native because it costs the server a third of what RowBinary does, and us a copy of memory.
//! Not here: compression, statements, sending.

pub(crate) mod buffer;
mod chunks;
pub(crate) mod dictionary;
#[cfg(any(test, feature = "read"))]
pub mod read;

use std::ops::Range;

use crds::columns::{Column, ENVELOPE};

use crate::record::Position;
use buffer::{Buffer, write_length};

/// Indexes of the envelope's columns.
pub(crate) mod envelope {
    pub(crate) const EVENT: usize = 0;
    pub(crate) const EVENT_ID: usize = 1;
    pub(crate) const EVENT_TIME: usize = 2;
    pub(crate) const RECEIVED_AT: usize = 3;
    pub(crate) const TOPIC: usize = 4;
    pub(crate) const PARTITION: usize = 5;
    pub(crate) const OFFSET: usize = 6;
}

/// The rows of one batch.
#[derive(Debug)]
pub struct Rows {
    buffers: Vec<Buffer>,
    n_rows: usize,
    n_bytes: usize,
    /// Bytes of a row without a text, whichever columns its event has: missing values take room too.
    row_bytes: usize,
    /// JSON of one row while it is made.
    pub(crate) scratch: Vec<u8>,
}

impl Rows {
    /// Starts without rows.
    pub(crate) fn new(columns: &[Column]) -> Self {
        debug_assert!(columns.len() > ENVELOPE.len());
        let buffers: Vec<_> = columns.iter().map(Buffer::new).collect();
        let row_bytes = buffers.iter().map(Buffer::missing_bytes).sum();
        Self { buffers, n_rows: 0, n_bytes: 0, row_bytes, scratch: Vec::new() }
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_rows == 0
    }

    /// Bytes of the rows before compression, near enough to bound memory and batches.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// Appends one Native block of all rows.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.encode_rows(0..self.n_rows, out);
    }

    /// Appends one Native block of the rows of a range, which ends within [`Rows::n_rows`].
    pub fn encode_rows(&self, rows: Range<usize>, out: &mut Vec<u8>) {
        out.reserve(self.n_bytes + self.n_bytes / 8);
        for piece in 0..self.n_pieces() {
            self.encode_piece(piece, rows.clone(), out);
        }
    }

    /// Number of pieces of a Native block: its head, and each column.
    #[must_use]
    pub fn n_pieces(&self) -> usize {
        1 + self.buffers.len()
    }

    /// Appends one piece of the Native block of a range of rows. All pieces in order are the block, which need not be in memory at once.
    #[inline(never)]
    pub fn encode_piece(&self, piece: usize, rows: Range<usize>, out: &mut Vec<u8>) {
        let rows = rows.start.min(self.n_rows)..rows.end.min(self.n_rows);
        match piece.checked_sub(1).map(|column| self.buffers.get(column)) {
            None => {
                write_length(self.buffers.len(), |byte| out.push(byte));
                write_length(rows.len(), |byte| out.push(byte));
            }
            Some(Some(buffer)) => buffer.encode(rows, out),
            Some(None) => {}
        }
    }

    /// Returns the position of the record that became a row.
    #[must_use]
    pub fn position_of(&self, row: usize) -> Position {
        let partition = self.buffers[envelope::PARTITION].fixed_row(row).map_or(-1, i32::from_le_bytes);
        let offset = self.buffers[envelope::OFFSET].fixed_row(row).map_or(-1, i64::from_le_bytes);
        Position { partition, offset }
    }

    /// The column of an index, filled up to the row that is being added.
    #[inline(always)]
    pub(crate) fn column(&mut self, index: usize) -> &mut Buffer {
        let buffer = &mut self.buffers[index];
        buffer.pad(self.n_rows);
        buffer
    }

    /// Number of columns.
    pub(crate) fn n_columns(&self) -> usize {
        self.buffers.len()
    }

    /// Ends the row that was being added; `n_more_bytes` are those of its texts and array elements.
    pub(crate) fn end_row(&mut self, n_more_bytes: usize) {
        self.n_rows += 1;
        self.n_bytes += self.row_bytes + n_more_bytes;
        debug_assert!(self.buffers.iter().all(|buffer| buffer.n_rows() <= self.n_rows));
    }
}

#[cfg(test)]
mod tests;
