//! Read: a column's part of a block of our own, back into a buffer.
//!
//! In: the bytes from the column on. Out: the same rows in the buffer, and the bytes behind the column; nothing where it is no such column.
//! Missing values come back as values, so a block that is written from the buffer is the same.
//! Not here: blocks of others.

use super::{Buffer, Store, after_strings, read_length};

impl Buffer {
    /// Reads `n_rows` rows into an empty buffer.
    pub(in crate::columns) fn read<'a>(&mut self, bytes: &'a [u8], n_rows: usize) -> Option<&'a [u8]> {
        let mut bytes = bytes.strip_prefix(self.header.as_slice())?;
        if let Some(nulls) = &mut self.nulls {
            let (these, rest) = bytes.split_at_checked(n_rows)?;
            nulls.extend(these);
            bytes = rest;
        }
        self.n_rows = n_rows;
        self.store.read(bytes, n_rows)
    }
}

impl Store {
    fn read<'a>(&mut self, bytes: &'a [u8], n_rows: usize) -> Option<&'a [u8]> {
        match self {
            Self::Fixed { width, bytes: values } => {
                let (these, rest) = bytes.split_at_checked(n_rows * *width)?;
                values.extend(these);
                Some(rest)
            }
            Self::Text { bytes: values, .. } => {
                let (these, rest) = bytes.split_at_checked(after_strings(bytes, 0, n_rows))?;
                values.extend(these);
                Some(rest)
            }
            Self::Dictionary(dictionary) => {
                let (flags, rest) = number(bytes)?;
                let (n_keys, mut rest) = number(rest)?;
                for key in 0..n_keys {
                    let (length, start) = read_length(rest, 0);
                    let text = rest.get(start..start.checked_add(length)?)?;
                    // The first one is there: it stands for a missing value.
                    if key > 0 {
                        dictionary.add(text);
                    }
                    rest = &rest[start + length..];
                }
                let (_, rest) = number(rest)?;
                let width = 1 << (flags & 3);
                let (indexes, rest) = rest.split_at_checked(n_rows * width)?;
                for index in indexes.chunks_exact(width) {
                    let mut wide = [0; 4];
                    wide[..width].copy_from_slice(index);
                    dictionary.push_index(u32::from_le_bytes(wide));
                }
                Some(rest)
            }
            Self::List { ends, elements } => {
                let (these, rest) = bytes.split_at_checked(n_rows * size_of::<u64>())?;
                for end in these.chunks_exact(size_of::<u64>()) {
                    ends.push(u64::from_le_bytes(*end.first_chunk()?));
                }
                elements.read(rest, usize::try_from(ends.last().unwrap_or(0)).ok()?)
            }
        }
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}
