//! Book: what the operator's look would have written, and what could not be read for it.
//!
//! In: notes of the gateways and of the way to the apiserver. Out: the changes in their order, for `steps.rs`.
//! Not here: who writes; nobody does.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use operator::clickhouse::table::{ActualTable, TableChange};
use operator::kafka::topic::TopicChange;
use serde_json::Value;

/// One write of an object that did not happen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    /// Path of the object.
    pub(super) path: String,
    /// The object as it was read; none where it is not there.
    pub(super) before: Option<Value>,
    /// What would have been sent; none where the object would be deleted.
    pub(super) sent: Option<Value>,
}

/// What was noted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Changes of topics, in order.
    pub(super) topics: Vec<TopicChange>,
    /// Changes of the table, in order.
    pub(super) table: Vec<TableChange>,
    /// Writes of objects, in order.
    pub(super) writes: Vec<Write>,
    /// The table as it was found.
    pub(super) found: Option<ActualTable>,
    /// What could not be looked at, in words.
    pub(super) unlooked: BTreeSet<String>,
    /// Objects that may not be read.
    pub(super) hidden: BTreeSet<String>,
    /// Users and passwords are not known.
    pub(super) connection_is_unknown: bool,
    /// The namespace itself may not be read.
    pub(super) namespace_is_hidden: bool,
    /// The key of a Secret that a look needs stands for one that may not be read.
    pub(super) secret_is_unknown: bool,
}

/// What is noted while a look is under way.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<Notes>);

impl Book {
    /// Opens the book, to write or to read.
    pub(super) fn open(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
