//! Retries: how long to wait before the next try, object by object.
//!
//! In: a failed try. Out: 1 s, 2 s, 4 s … 60 s, each up to a quarter longer or shorter, so that objects that failed
//! together do not come back together. Pure but for the count; a try that succeeds ends the row.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::objects::Key;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How often each object failed in a row.
#[derive(Debug, Default)]
pub struct Retries(Mutex<HashMap<Key, u32>>);

impl Retries {
    /// Counts a failed try; returns how long to wait before the next.
    pub fn failed(&self, key: &Key) -> Duration {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n_tries = tries.entry(key.clone()).or_default();
        *n_tries = n_tries.saturating_add(1);
        delay(key, *n_tries)
    }

    /// Ends the row of an object.
    pub fn succeeded(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn delay(key: &Key, n_tries: u32) -> Duration {
    let step = FIRST.saturating_mul(1 << n_tries.saturating_sub(1).min(6)).min(LONGEST);
    let mut hasher = DefaultHasher::new();
    (key, n_tries).hash(&mut hasher);
    let percent = 75 + u32::try_from(hasher.finish() % 51).unwrap_or(0);
    (step * percent / 100).min(LONGEST)
}

#[cfg(test)]
mod tests;
