//! Columns: the rows of one batch as ClickHouse's Native format wants them.
//!
//! ```text
//! rows ─▶ buffers ─ a piece is full ─▶ one Native block, compressed ─▶ kept until the batch is settled
//! ```
//!
//! In: accepted events, by `map`. Out: compressed frames, each a Native block, of all rows, or of some when a batch is refused and must be cut.
//! Native because it costs the server a third of what RowBinary does, and us a copy of memory. In pieces because a batch takes a
//! fraction of its memory so, and the more rows an insert has the less it costs: the server makes one part of all pieces.
//! Not here: statements, sending.

pub(crate) mod buffer;
mod chunks;
pub(crate) mod dictionary;
pub mod frame;
mod packed;
#[cfg(any(test, feature = "read"))]
pub mod read;

use std::ops::Range;

use bytes::Bytes;
use crds::columns::{Column, ENVELOPE};

use buffer::{Buffer, write_length};
use frame::{Damaged, Packer};
use packed::Packed;

/// Bytes of rows that are packed together: enough that a block's head and dictionaries are nothing beside them, and few enough that
/// what is not packed yet is little, also with many partitions.
const PIECE_BYTES: usize = 1 << 18;

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
    /// All rows but the newest.
    packed: Vec<Packed>,
    /// The newest rows.
    buffers: Vec<Buffer>,
    /// Number of rows in the buffers.
    n_open: usize,
    open_bytes: usize,
    /// Number, bytes before compression, and memory of the packed rows.
    n_packed: usize,
    packed_bytes: usize,
    packed_memory: usize,
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
        Self {
            packed: Vec::new(),
            buffers,
            n_open: 0,
            open_bytes: 0,
            n_packed: 0,
            packed_bytes: 0,
            packed_memory: 0,
            row_bytes,
            scratch: Vec::new(),
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_packed + self.n_open
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n_rows() == 0
    }

    /// Bytes of the rows before compression, near enough to bound batches.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.packed_bytes + self.open_bytes
    }

    /// Bytes that the rows take in memory, near enough to bound it.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.packed_memory + self.open_bytes
    }

    /// Packs the newest rows when they are a full piece.
    #[inline]
    pub fn pack_when_full(&mut self, packer: &mut Packer) {
        if self.open_bytes >= PIECE_BYTES {
            self.pack(packer);
        }
    }

    #[inline(never)]
    pub(crate) fn pack(&mut self, packer: &mut Packer) {
        encode(&self.buffers, 0..self.n_open, &mut packer.plain);
        let offsets = self.buffers[envelope::OFFSET].fixed_rows(0..self.n_open);
        let piece = Packed::new(self.n_packed, offsets.into_iter().map(i64::from_le_bytes), packer.pack());
        self.n_packed += self.n_open;
        self.packed_bytes += self.open_bytes;
        self.packed_memory += piece.memory();
        self.packed.push(piece);
        self.buffers.iter_mut().for_each(Buffer::clear);
        (self.n_open, self.open_bytes) = (0, 0);
    }

    /// Gives back the room that was kept for more rows: many small batches may wait, and only what is in them is counted.
    pub(crate) fn close(&mut self) {
        self.buffers.iter_mut().for_each(Buffer::shrink);
    }

    /// Returns a frame for each piece of a range of rows, which ends within [`Rows::n_rows`]; in order they are all its rows.
    /// Whole pieces were packed once and are not copied.
    pub fn frames(&self, rows: Range<usize>) -> impl Iterator<Item = Result<Bytes, Damaged>> + use<'_> {
        let mut packer = Packer::default();
        let open = self.packed.len();
        (0..=open).filter_map(move |index| {
            let (first, n_rows) = match self.packed.get(index) {
                Some(piece) => (piece.first, piece.n_rows),
                None => (self.n_packed, self.n_open),
            };
            let part = rows.start.clamp(first, first + n_rows) - first
                ..rows.end.clamp(first, first + n_rows) - first;
            if part.is_empty() {
                return None;
            }
            Some(match self.packed.get(index) {
                Some(piece) if part.len() == n_rows => Ok(piece.frame.clone()),
                Some(piece) => self.cut(piece, part, &mut packer),
                None => {
                    encode(&self.buffers, part, &mut packer.plain);
                    Ok(packer.pack())
                }
            })
        })
    }

    /// Packs a part of what is packed.
    fn cut(&self, piece: &Packed, part: Range<usize>, packer: &mut Packer) -> Result<Bytes, Damaged> {
        let mut buffers: Vec<Buffer> = self.buffers.iter().map(Buffer::like).collect();
        piece.unpack(&mut buffers)?;
        encode(&buffers, part, &mut packer.plain);
        Ok(packer.pack())
    }

    /// Returns the offset of the record that became a row.
    #[must_use]
    pub fn offset_of(&self, row: usize) -> i64 {
        let behind = self.packed.partition_point(|piece| piece.first <= row);
        match behind.checked_sub(1).and_then(|index| self.packed.get(index)) {
            Some(piece) if row < piece.first + piece.n_rows => piece.offset_of(row - piece.first),
            Some(_) | None => {
                let open = row - self.n_packed;
                let offsets = self.buffers[envelope::OFFSET].fixed_rows(open..open + 1);
                offsets.first().map_or(-1, |offset| i64::from_le_bytes(*offset))
            }
        }
    }

    /// The column of an index, filled up to the row that is being added.
    #[inline(always)]
    pub(crate) fn column(&mut self, index: usize) -> &mut Buffer {
        let buffer = &mut self.buffers[index];
        buffer.pad(self.n_open);
        buffer
    }

    /// Number of columns.
    pub(crate) fn n_columns(&self) -> usize {
        self.buffers.len()
    }

    /// Ends the row that was being added; `n_more_bytes` are those of its texts and array elements.
    pub(crate) fn end_row(&mut self, n_more_bytes: usize) {
        self.n_open += 1;
        self.open_bytes += self.row_bytes + n_more_bytes;
        debug_assert!(self.buffers.iter().all(|buffer| buffer.n_rows() <= self.n_open));
    }
}

/// Appends one Native block of these rows.
#[inline(never)]
fn encode(buffers: &[Buffer], rows: Range<usize>, out: &mut Vec<u8>) {
    write_length(buffers.len(), |byte| out.push(byte));
    write_length(rows.len(), |byte| out.push(byte));
    buffers.iter().for_each(|buffer| buffer.encode(rows.clone(), out));
}

#[cfg(test)]
mod tests;
