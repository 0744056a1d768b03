//! Trie: which key at which depth of an event is which field, for one schema.
//!
//! In: the paths of fields, aliases and envelope. Out: for a key inside a node, its [`Entry`].
//! Apps send the keys of an event in the same order every time, so each entry remembers which one followed it last:
//! one comparison finds most keys. The memory changes speed only, never an answer.

use std::cell::Cell as Memory;

use super::scanner::path_hash;

/// A key of an object, and what stands under it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: Key,
    /// Slots that the value fills: a field, places of the envelope.
    pub(crate) slots: Vec<u16>,
    /// The slot, when the value fills one and is nothing else: most entries.
    pub(crate) only_slot: Option<u16>,
    /// The node below.
    pub(crate) child: Option<u16>,
    /// Whether the value goes into a column of type JSON.
    pub(crate) is_json: bool,
    /// The entry that followed this one in an earlier event.
    pub(crate) follower: Memory<u16>,
}

impl Entry {
    /// The key's name.
    pub(crate) fn name(&self) -> &[u8] {
        &self.key.quoted[..self.key.quoted.len() - 1]
    }
}

/// A key and its closing quote, to be compared with the record in one go.
#[derive(Debug)]
pub(crate) struct Key {
    quoted: Box<[u8]>,
    /// The same in one number and the bytes that count in it; no byte does when it is too long for that.
    word: u128,
    mask: u128,
}

impl Key {
    fn new(name: &[u8]) -> Self {
        let quoted = [name, b"\""].concat().into_boxed_slice();
        let (mut word, mut mask) = ([0; 16], [0; 16]);
        if quoted.len() <= word.len() {
            word[..quoted.len()].copy_from_slice(&quoted);
            mask[..quoted.len()].fill(0xff);
        }
        Self { quoted, word: u128::from_le_bytes(word), mask: u128::from_le_bytes(mask) }
    }

    /// The length of the key with its quote when `text` begins with both.
    #[inline]
    pub(crate) fn begins(&self, text: &[u8]) -> Option<usize> {
        let begins = match text.first_chunk::<16>() {
            // A call to compare a few bytes costs more than the comparison.
            Some(head) if self.mask != 0 => u128::from_le_bytes(*head) & self.mask == self.word,
            _ => text.starts_with(&self.quoted),
        };
        begins.then_some(self.quoted.len())
    }
}

/// One object on the way to fields.
#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Path of the object with dots; empty for the event itself.
    pub(crate) path: String,
    /// Hash of the path, see [`path_hash`].
    pub(crate) hash: u64,
    /// Its known keys.
    pub(crate) entries: Vec<Entry>,
    /// Entries in the order of their keys' lengths, and where each length begins in it.
    by_length: Vec<u16>,
    lengths: Vec<u16>,
    /// The entry that came first in an earlier event.
    pub(crate) first: Memory<u16>,
}

impl Node {
    /// The index of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<u16> {
        let from = *self.lengths.get(key.len())?;
        let to = *self.lengths.get(key.len() + 1)?;
        let same_length = &self.by_length[usize::from(from)..usize::from(to)];
        same_length.iter().copied().find(|index| self.entries[usize::from(*index)].name() == key)
    }

    /// Makes ready what is looked at for every event.
    fn finish(&mut self) {
        let longest = self.entries.iter().map(|entry| entry.name().len()).max().unwrap_or(0);
        self.by_length = (0..self.entries.len() as u16).collect();
        self.by_length.sort_by_key(|index| self.entries[usize::from(*index)].name().len());
        self.lengths = (0..longest + 2)
            .map(|length| {
                self.by_length
                    .partition_point(|index| self.entries[usize::from(*index)].name().len() < length)
                    as u16
            })
            .collect();
        let n_entries = self.entries.len();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            entry.follower = Memory::new(((index + 1) % n_entries) as u16);
            entry.only_slot = match entry.slots.as_slice() {
                [slot] if entry.child.is_none() && !entry.is_json => Some(*slot),
                _ => None,
            };
        }
    }
}

/// The known keys of an event.
#[derive(Debug)]
pub(crate) struct Trie {
    /// The nodes; the first one is the event itself.
    pub(crate) nodes: Vec<Node>,
}

impl Trie {
    /// Builds the trie of paths, each with the slot that its value fills and whether the value goes into a JSON column.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = (&'a [String], u16, bool)>) -> Self {
        let mut trie = Self { nodes: vec![Node::default()] };
        for (path, slot, is_json) in paths {
            trie.insert(path, slot, is_json);
        }
        for node in &mut trie.nodes {
            node.finish();
        }
        trie
    }

    fn insert(&mut self, path: &[String], slot: u16, is_json: bool) {
        let mut node = 0;
        for (depth, name) in path.iter().enumerate() {
            let entry = self.entry(node, name);
            let is_last = depth + 1 == path.len();
            if is_last {
                let entry = &mut self.nodes[node].entries[entry];
                entry.slots.push(slot);
                entry.is_json |= is_json;
            } else {
                node = self.child(node, entry, path[..=depth].join("."));
            }
        }
    }

    fn entry(&mut self, node: usize, name: &str) -> usize {
        let entries = &mut self.nodes[node].entries;
        if let Some(index) = entries.iter().position(|entry| entry.name() == name.as_bytes()) {
            return index;
        }
        entries.push(Entry {
            key: Key::new(name.as_bytes()),
            slots: Vec::new(),
            only_slot: None,
            child: None,
            is_json: false,
            follower: Memory::new(0),
        });
        entries.len() - 1
    }

    fn child(&mut self, node: usize, entry: usize, path: String) -> usize {
        if let Some(child) = self.nodes[node].entries[entry].child {
            return usize::from(child);
        }
        let child = self.nodes.len();
        let hash = path_hash(self.nodes[node].hash, self.nodes[node].entries[entry].name());
        self.nodes.push(Node { path, hash, ..Node::default() });
        self.nodes[node].entries[entry].child = Some(child as u16);
        child
    }
}
