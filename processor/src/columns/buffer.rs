//! Buffer: one column of a batch, in the layout of ClickHouse's Native format from the first row on.
//!
//! In: values as bytes. Out: the column's part of a block, almost only by copying.
//! Columns that an event's schema does not have are not touched for that event: the rows they lack are added as missing
//! values in one go, when the next value comes or the block is written.

mod read;

use std::ops::Range;

use crds::columns::{Column, ColumnType, ScalarType};

use super::chunks::Chunks;
use super::dictionary::Dictionary;

/// Version of the JSON column's serialization that takes each value as one string.
const JSON_AS_STRING: u64 = 1;

/// Version of the dictionary's serialization.
const DICTIONARY_VERSION: u64 = 1;

/// JSON without a member, as a string of the Native format.
const EMPTY_OBJECT: &[u8] = b"\x02{}";

#[derive(Debug)]
enum Store {
    /// Values of one width.
    Fixed {
        width: usize,
        bytes: Chunks<u8>,
    },
    /// Strings, each after its length; a missing one is `missing`.
    Text {
        bytes: Chunks<u8>,
        missing: &'static [u8],
    },
    Dictionary(Dictionary),
    /// Arrays: where each ends, counted in elements.
    List {
        ends: Chunks<u64>,
        elements: Box<Self>,
    },
}

/// One column of a batch.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Name and type as the block shows them, and what the type puts before its rows.
    header: Vec<u8>,
    store: Store,
    /// One byte a row, 1 for NULL; only in Nullable columns.
    nulls: Option<Chunks<u8>>,
    n_rows: usize,
}

impl Buffer {
    /// Starts an empty column.
    pub(crate) fn new(column: &Column) -> Self {
        let mut header = Vec::new();
        write_string(column.name.as_bytes(), &mut header);
        write_string(column.column_type.to_string().as_bytes(), &mut header);
        let mut nulls = None;
        let store = match column.column_type {
            ColumnType::Plain(scalar) => Store::of_scalar(scalar),
            ColumnType::Nullable(scalar) => {
                nulls = Some(Chunks::new());
                Store::of_scalar(scalar)
            }
            ColumnType::LowCardinality | ColumnType::LowCardinalityNullable => {
                header.extend_from_slice(&DICTIONARY_VERSION.to_le_bytes());
                Store::Dictionary(Dictionary::new(column.column_type == ColumnType::LowCardinalityNullable))
            }
            ColumnType::Array(scalar) => {
                Store::List { ends: Chunks::new(), elements: Box::new(Store::of_scalar(scalar)) }
            }
            ColumnType::Json => {
                header.extend_from_slice(&JSON_AS_STRING.to_le_bytes());
                Store::Text { bytes: Chunks::new(), missing: EMPTY_OBJECT }
            }
        };
        Self { header, store, nulls, n_rows: 0 }
    }

    /// Returns an empty column of the same name and type.
    pub(super) fn like(&self) -> Self {
        let nulls = self.nulls.as_ref().map(|_| Chunks::new());
        Self { header: self.header.clone(), store: self.store.like(), nulls, n_rows: 0 }
    }

    /// Takes all rows away.
    pub(super) fn clear(&mut self) {
        self.store.clear();
        if let Some(nulls) = &mut self.nulls {
            nulls.clear();
        }
        self.n_rows = 0;
    }

    /// Gives back the room that nothing has come for.
    pub(super) fn shrink(&mut self) {
        self.store.shrink();
        if let Some(nulls) = &mut self.nulls {
            nulls.shrink();
        }
    }

    /// Bytes that a row takes of this column at least.
    pub(crate) fn missing_bytes(&self) -> usize {
        usize::from(self.nulls.is_some()) + self.store.missing_bytes()
    }

    /// Number of rows that have come.
    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Adds missing values until there are `n_rows` rows.
    #[inline(always)]
    pub(crate) fn pad(&mut self, n_rows: usize) {
        if self.n_rows < n_rows {
            self.add_missing(n_rows);
        }
    }

    fn add_missing(&mut self, n_rows: usize) {
        self.store.pad(n_rows - self.n_rows);
        if let Some(nulls) = &mut self.nulls {
            nulls.repeat(1, n_rows - self.n_rows);
        }
        self.n_rows = n_rows;
    }

    /// Adds a row of a type with one width.
    #[inline]
    pub(crate) fn push_fixed<const N: usize>(&mut self, value: [u8; N]) {
        self.store.push_fixed(value);
        self.end_row();
    }

    /// Adds a row of text.
    #[inline]
    pub(crate) fn push_text(&mut self, text: &[u8]) {
        self.store.push_text(text);
        self.end_row();
    }

    /// Adds an element to the array that `end_list` ends.
    pub(crate) fn push_element_fixed<const N: usize>(&mut self, value: [u8; N]) {
        if let Store::List { elements, .. } = &mut self.store {
            elements.push_fixed(value);
        }
    }

    /// Adds an element to the array that `end_list` ends.
    pub(crate) fn push_element_text(&mut self, text: &[u8]) {
        if let Store::List { elements, .. } = &mut self.store {
            elements.push_text(text);
        }
    }

    /// Adds a row: an array of the last `n_elements` elements.
    pub(crate) fn end_list(&mut self, n_elements: usize) {
        if let Store::List { ends, .. } = &mut self.store {
            ends.push(ends.last().unwrap_or(0) + n_elements as u64);
        }
        self.end_row();
    }

    #[inline]
    fn end_row(&mut self) {
        if let Some(nulls) = &mut self.nulls {
            nulls.push(0);
        }
        self.n_rows += 1;
    }

    /// Bytes of some rows of a type with one width.
    pub(super) fn fixed_rows<const N: usize>(&self, rows: Range<usize>) -> Vec<[u8; N]> {
        match &self.store {
            Store::Fixed { bytes, .. } => bytes.joined(rows.start * N..rows.end * N).as_chunks().0.to_vec(),
            Store::Text { .. } | Store::Dictionary(_) | Store::List { .. } => Vec::new(),
        }
    }

    /// Writes the column's part of a block of these rows; those that have not come are missing values.
    pub(crate) fn encode(&self, rows: Range<usize>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header);
        let there = rows.start.min(self.n_rows)..rows.end.min(self.n_rows);
        let n_missing = rows.len() - there.len();
        if let Some(nulls) = &self.nulls {
            nulls.each(there.clone(), |nulls| out.extend_from_slice(nulls));
            out.resize(out.len() + n_missing, 1);
        }
        let is_all = there == (0..self.n_rows);
        self.store.encode(there, is_all, n_missing, out);
    }
}

impl Store {
    fn of_scalar(scalar: ScalarType) -> Self {
        let width = match scalar {
            ScalarType::String => return Self::Text { bytes: Chunks::new(), missing: &[0] },
            ScalarType::Bool | ScalarType::Int8 | ScalarType::UInt8 => 1,
            ScalarType::Int16 | ScalarType::UInt16 | ScalarType::Date => 2,
            ScalarType::Int32 | ScalarType::UInt32 | ScalarType::Float32 | ScalarType::DateTime => 4,
            ScalarType::Int64 | ScalarType::UInt64 | ScalarType::Float64 | ScalarType::DateTime64 { .. } => 8,
            ScalarType::Decimal { precision: 0..=9, .. } => 4,
            ScalarType::Decimal { precision: 10..=18, .. } => 8,
            ScalarType::Decimal { .. } | ScalarType::Uuid => 16,
        };
        Self::Fixed { width, bytes: Chunks::new() }
    }

    fn like(&self) -> Self {
        match self {
            Self::Fixed { width, .. } => Self::Fixed { width: *width, bytes: Chunks::new() },
            Self::Text { missing, .. } => Self::Text { bytes: Chunks::new(), missing },
            Self::Dictionary(dictionary) => Self::Dictionary(dictionary.like()),
            Self::List { elements, .. } => {
                Self::List { ends: Chunks::new(), elements: Box::new(elements.like()) }
            }
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Fixed { bytes, .. } | Self::Text { bytes, .. } => bytes.clear(),
            Self::Dictionary(dictionary) => dictionary.clear(),
            Self::List { ends, elements } => {
                ends.clear();
                elements.clear();
            }
        }
    }

    fn shrink(&mut self) {
        match self {
            Self::Fixed { bytes, .. } | Self::Text { bytes, .. } => bytes.shrink(),
            Self::Dictionary(dictionary) => dictionary.shrink(),
            Self::List { ends, elements } => {
                ends.shrink();
                elements.shrink();
            }
        }
    }

    fn missing_bytes(&self) -> usize {
        match self {
            Self::Fixed { width, .. } => *width,
            Self::Text { missing, .. } => missing.len(),
            Self::Dictionary(_) => size_of::<u32>(),
            Self::List { .. } => size_of::<u64>(),
        }
    }

    fn pad(&mut self, n_rows: usize) {
        match self {
            Self::Fixed { width, bytes } => bytes.repeat(0, n_rows * *width),
            Self::Text { bytes, missing: [byte] } => bytes.repeat(*byte, n_rows),
            Self::Text { bytes, missing } => (0..n_rows).for_each(|_| bytes.extend(missing)),
            Self::Dictionary(dictionary) => dictionary.pad(n_rows),
            Self::List { ends, .. } => ends.repeat(ends.last().unwrap_or(0), n_rows),
        }
    }

    #[inline]
    fn push_fixed<const N: usize>(&mut self, value: [u8; N]) {
        if let Self::Fixed { width, bytes } = self {
            debug_assert_eq!(*width, N);
            bytes.extend(&value);
        }
    }

    #[inline]
    fn push_text(&mut self, text: &[u8]) {
        match self {
            Self::Text { bytes, .. } => {
                write_length(text.len(), |byte| bytes.push(byte));
                bytes.extend(text);
            }
            Self::Dictionary(dictionary) => dictionary.push(text),
            Self::Fixed { .. } | Self::List { .. } => debug_assert!(false, "text for a column of numbers"),
        }
    }

    fn encode(&self, rows: Range<usize>, is_all: bool, n_missing: usize, out: &mut Vec<u8>) {
        match self {
            Self::Fixed { width, bytes } => {
                bytes.each(rows.start * width..rows.end * width, |bytes| out.extend_from_slice(bytes));
                out.resize(out.len() + n_missing * width, 0);
            }
            // All rows is the rule; only a refused piece is cut, and where its strings end is looked for.
            Self::Text { bytes, missing } if is_all => {
                bytes.each(0..usize::MAX, |bytes| out.extend_from_slice(bytes));
                write_repeated(missing, n_missing, out);
            }
            Self::Text { bytes, missing } => {
                let bytes = bytes.joined(0..bytes.len());
                let start = after_strings(&bytes, 0, rows.start);
                let end = after_strings(&bytes, start, rows.len());
                out.extend_from_slice(&bytes[start..end]);
                write_repeated(missing, n_missing, out);
            }
            Self::Dictionary(dictionary) => dictionary.encode(rows, n_missing, out),
            Self::List { ends, elements } => {
                let end_of = |row: usize| row.checked_sub(1).and_then(|last| ends.get(last)).unwrap_or(0);
                let first = end_of(rows.start);
                let last = if rows.is_empty() { first } else { end_of(rows.end) };
                ends.each(rows, |ends| {
                    ends.iter().for_each(|end| out.extend_from_slice(&(end - first).to_le_bytes()));
                });
                (0..n_missing).for_each(|_| out.extend_from_slice(&(last - first).to_le_bytes()));
                elements.encode(first as usize..last as usize, is_all, 0, out);
            }
        }
    }
}

fn write_repeated(bytes: &[u8], times: usize, out: &mut Vec<u8>) {
    if let [byte] = bytes {
        out.resize(out.len() + times, *byte);
    } else {
        (0..times).for_each(|_| out.extend_from_slice(bytes));
    }
}

/// Returns where `n_strings` strings from `at` on end.
fn after_strings(bytes: &[u8], mut at: usize, n_strings: usize) -> usize {
    for _ in 0..n_strings {
        let (length, start) = read_length(bytes, at);
        at = start + length;
    }
    at
}

pub(super) fn read_length(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let mut length = 0;
    let mut shift = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (length, at)
}

/// Writes a number in the variable width of the Native format, byte by byte.
#[inline]
pub(crate) fn write_length(mut length: usize, mut write: impl FnMut(u8)) {
    while length >= 0x80 {
        write(length as u8 | 0x80);
        length >>= 7;
    }
    write(length as u8);
}

/// Appends a string of the Native format.
#[inline]
pub(crate) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    write_length(text.len(), |byte| out.push(byte));
    out.extend_from_slice(text);
}
