//! Memories: what is remembered of each stream whose pods follow its lag, from one look to the next.
//!
//! In: a memory after each look. Out: it, at the next one. It is kept in this process only: written to the object it would be a
//! write a look, and what a restart forgets only makes the stream wait a little longer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Memory;
use crate::objects::Key;

/// What is remembered, by pipeline.
#[derive(Debug, Default)]
pub struct Memories(Mutex<HashMap<Key, Memory>>);

impl Memories {
    /// Returns what is remembered of a pipeline.
    pub fn of(&self, key: &Key) -> Memory {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or_default()
    }

    /// Remembers.
    pub fn keep(&self, key: &Key, memory: Memory) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), memory);
    }

    /// Forgets a pipeline that is gone, or whose pods do not follow its lag.
    pub fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
