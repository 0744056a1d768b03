//! Columns of fixed types, in the layout of a ClickHouse Native block.
//!
//! In: values in the order of the columns. Out: the block's bytes: names and types are left out, as the processor leaves them out.
//! Not here: which columns there are; the events say so by what they fill.

use std::slice::IterMut;

use super::events::Position;

/// Room for the columns of the largest event.
const MOST_COLUMNS: usize = 64;
/// Version of the serialization of LowCardinality columns.
const LOW_CARDINALITY: u64 = 1;
/// The dictionary stands in the block itself, and its indexes have one byte.
const ONE_BYTE_INDEXES: u64 = 1 << 9;

/// One column.
#[derive(Debug, Default, Clone)]
pub(super) struct Column {
    data: Vec<u8>,
    nulls: Vec<u8>,
    offsets: Vec<u8>,
    dictionary: Vec<String>,
}

/// All columns of a block.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<Column>,
    used: usize,
    rows: usize,
}

impl Default for Columns {
    fn default() -> Self {
        Self { columns: vec![Column::default(); MOST_COLUMNS], used: 0, rows: 0 }
    }
}

/// A value of one column.
pub(super) trait Cell {
    /// Adds itself.
    fn put(&self, column: &mut Column);

    /// Adds what stands for no value.
    fn put_nothing(column: &mut Column);
}

/// A value that fills one column, or an object that fills several.
pub(super) trait Fill {
    /// Adds itself to the next columns.
    fn fill(&self, columns: &mut IterMut<'_, Column>);
}

impl<T: Cell> Fill for T {
    fn fill(&self, columns: &mut IterMut<'_, Column>) {
        if let Some(column) = columns.next() {
            self.put(column);
        }
    }
}

impl<T: Cell> Cell for Option<T> {
    fn put(&self, column: &mut Column) {
        column.nulls.push(u8::from(self.is_none()));
        match self {
            Some(value) => value.put(column),
            None => T::put_nothing(column),
        }
    }

    fn put_nothing(column: &mut Column) {
        T::put_nothing(column);
    }
}

impl Column {
    /// Adds a value of fixed length.
    pub(super) fn fixed(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    /// Adds a string.
    pub(super) fn string(&mut self, text: &str) {
        length(text.len(), &mut self.data);
        self.data.extend_from_slice(text.as_bytes());
    }

    /// Adds one of few strings.
    pub(super) fn choice(&mut self, text: &str) {
        let known = self.dictionary.iter().position(|known| known == text);
        let index = known.unwrap_or_else(|| {
            self.dictionary.push(text.to_owned());
            self.dictionary.len() - 1
        });
        self.data.push(index as u8);
    }

    /// Ends an array of so many bytes so far, each element four of them.
    pub(super) fn end_array(&mut self) {
        let elements = (self.data.len() / 4) as u64;
        self.offsets.extend_from_slice(&elements.to_le_bytes());
    }

    fn encode(&self, rows: usize, out: &mut Vec<u8>) {
        if !self.dictionary.is_empty() {
            for number in [LOW_CARDINALITY, ONE_BYTE_INDEXES, self.dictionary.len() as u64] {
                out.extend_from_slice(&number.to_le_bytes());
            }
            for text in &self.dictionary {
                length(text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            out.extend_from_slice(&(rows as u64).to_le_bytes());
        }
        for bytes in [&self.nulls, &self.offsets, &self.data] {
            out.extend_from_slice(bytes);
        }
    }

    fn clear(&mut self) {
        for bytes in [&mut self.nulls, &mut self.offsets, &mut self.data] {
            bytes.clear();
        }
        self.dictionary.clear();
    }
}

impl Columns {
    /// Adds one row.
    pub(super) fn add(&mut self, event: &impl Fill, position: Position) {
        let mut columns = self.columns.iter_mut();
        event.fill(&mut columns);
        position.fill(&mut columns);
        self.used = MOST_COLUMNS - columns.len();
        self.rows += 1;
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends the block.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        length(self.used, out);
        length(self.rows, out);
        self.columns[..self.used].iter().for_each(|column| column.encode(self.rows, out));
    }

    /// Forgets all rows and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.rows = 0;
    }
}

/// Appends a length in seven bits a byte.
fn length(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
