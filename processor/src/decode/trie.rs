//! Trie: which key at which depth of an event is which field, for one schema.
//!
//! In: the paths of fields, aliases and envelope. Out: for a key inside a node, its [`Entry`].
//! Apps send the keys of an event in the same order every time, so each entry remembers which one followed it last:
//! one comparison finds most keys. The memory changes speed only, never an answer.

use super::scanner::path_hash;

/// A key of an object, and what stands under it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key and its closing quote, to be compared with the record in one go.
    quoted: Box<[u8]>,
    /// Slots that the value fills: a field, places of the envelope.
    pub(crate) slots: Vec<u16>,
    /// The node below.
    pub(crate) child: Option<u16>,
    /// Whether the value goes into a column of type JSON.
    pub(crate) is_json: bool,
    /// The entry that followed this one in an earlier event.
    follower: u16,
}

impl Entry {
    /// The key.
    pub(crate) fn name(&self) -> &[u8] {
        &self.quoted[..self.quoted.len() - 1]
    }

    /// The key with its closing quote.
    pub(crate) fn quoted(&self) -> &[u8] {
        &self.quoted
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
    first: u16,
}

/// Marks the place before the first key of an object.
pub(crate) const BEFORE_FIRST: u16 = u16::MAX;

impl Node {
    /// The entry that is likely next.
    #[inline]
    pub(crate) fn likely(&self, previous: u16) -> u16 {
        if previous == BEFORE_FIRST { self.first } else { self.entries[usize::from(previous)].follower }
    }

    /// Remembers what came next.
    pub(crate) fn learn(&mut self, previous: u16, next: u16) {
        if previous == BEFORE_FIRST {
            self.first = next;
        } else {
            self.entries[usize::from(previous)].follower = next;
        }
    }

    /// The entry of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<u16> {
        let from = *self.lengths.get(key.len())?;
        let to = *self.lengths.get(key.len() + 1)?;
        let same_length = &self.by_length[usize::from(from)..usize::from(to)];
        same_length.iter().copied().find(|index| self.entries[usize::from(*index)].name() == key)
    }

    fn index_by_length(&mut self) {
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
        for index in 0..self.entries.len() {
            self.entries[index].follower = ((index + 1) % self.entries.len()) as u16;
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
            node.index_by_length();
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
        let quoted = [name.as_bytes(), b"\""].concat().into_boxed_slice();
        entries.push(Entry { quoted, slots: Vec::new(), child: None, is_json: false, follower: 0 });
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
