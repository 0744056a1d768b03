//! Dictionary: a column of few distinct strings, built while rows come in.
//!
//! In: strings. Out: the bytes of ClickHouse's `LowCardinality` in a Native block: each distinct string once, and an index a row.
//! Key 0 is the empty string, or NULL in a nullable column, as the server writes it itself.
//! Hashes are seeded anew in every process: strings come from outside, and nobody shall be able to make them collide.

use std::hash::BuildHasher as _;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::buffer::write_string;
use super::chunks::Chunks;

/// Flags of a Native block: the keys follow (`HasAdditionalKeys`), and they are all there is (`NeedUpdateDictionary`).
const FLAGS: u64 = 0x600;

/// A dictionary column.
#[derive(Debug)]
pub(crate) struct Dictionary {
    nullable: bool,
    /// The keys in the wire's layout: length and bytes.
    keys: Vec<u8>,
    /// Where each key's bytes begin and end in `keys`.
    places: Vec<(u32, u32)>,
    /// Finds the index of a key.
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    indexes: Chunks<u32>,
}

impl Dictionary {
    /// Starts empty.
    pub(crate) fn new(nullable: bool) -> Self {
        let mut dictionary = Self {
            nullable,
            keys: Vec::new(),
            places: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            indexes: Chunks::new(),
        };
        dictionary.add_missing();
        dictionary
    }

    /// Returns an empty one of the same type.
    pub(super) fn like(&self) -> Self {
        Self::new(self.nullable)
    }

    /// Takes all rows away, and all keys.
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.places.clear();
        self.table.clear();
        self.indexes.clear();
        self.add_missing();
    }

    /// Gives back the room for rows that have not come.
    pub(super) fn shrink(&mut self) {
        self.indexes.shrink();
    }

    /// Adds key 0, which stands for a missing value. An empty string is a value of its own where NULL is one.
    fn add_missing(&mut self) {
        if self.nullable {
            self.add_key(b"");
        } else {
            self.add(b"");
        }
    }

    /// Adds a key that is not there yet.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.insert(self.hasher.hash_one(text), text);
    }

    /// Adds a row of the key with this index.
    pub(super) fn push_index(&mut self, index: u32) {
        self.indexes.push(index);
    }

    /// Adds a row.
    #[inline]
    pub(crate) fn push(&mut self, text: &[u8]) {
        // Most rows repeat the row before.
        if let Some(last) = self.indexes.last()
            && (last != 0 || !self.nullable)
            && self.key(last) == text
        {
            self.indexes.push(last);
            return;
        }
        let hash = self.hasher.hash_one(text);
        let found = self.table.find(hash, |index| self.key(*index) == text).copied();
        let index = found.unwrap_or_else(|| self.insert(hash, text));
        self.indexes.push(index);
    }

    /// Adds rows without a value.
    pub(crate) fn pad(&mut self, n_rows: usize) {
        self.indexes.repeat(0, n_rows);
    }

    fn key(&self, index: u32) -> &[u8] {
        let (start, end) = self.places[index as usize];
        &self.keys[start as usize..end as usize]
    }

    fn insert(&mut self, hash: u64, text: &[u8]) -> u32 {
        let index = self.add_key(text);
        let Self { table, hasher, places, keys, .. } = self;
        table.insert_unique(hash, index, |index| {
            let (start, end) = places[*index as usize];
            hasher.hash_one(&keys[start as usize..end as usize])
        });
        index
    }

    fn add_key(&mut self, text: &[u8]) -> u32 {
        write_string(text, &mut self.keys);
        let end = self.keys.len();
        self.places.push(((end - text.len()) as u32, end as u32));
        (self.places.len() - 1) as u32
    }

    /// Writes the rows of a range and `n_missing` rows without a value.
    pub(crate) fn encode(&self, rows: Range<usize>, n_missing: usize, out: &mut Vec<u8>) {
        let n_rows = rows.len() + n_missing;
        let n_keys = self.places.len();
        let width: u64 = match n_keys {
            0..=0x100 => 0,
            0x101..=0x1_0000 => 1,
            _ => 2,
        };
        out.extend_from_slice(&(FLAGS | width).to_le_bytes());
        out.extend_from_slice(&(n_keys as u64).to_le_bytes());
        out.extend_from_slice(&self.keys);
        out.extend_from_slice(&(n_rows as u64).to_le_bytes());
        self.indexes.each(rows, |indexes| match width {
            0 => out.extend(indexes.iter().map(|index| *index as u8)),
            1 => indexes.iter().for_each(|index| out.extend_from_slice(&(*index as u16).to_le_bytes())),
            _ => indexes.iter().for_each(|index| out.extend_from_slice(&index.to_le_bytes())),
        });
        out.resize(out.len() + (n_missing << width), 0);
    }
}
