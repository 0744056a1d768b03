//! News: what of a watched object asks for a look at itself, and what it had to do with before.
//!
//! In: objects of one kind that appeared, changed or went, and what each wakes. Out: what is woken.
//! A status that was written comes back through the watch. It wakes others, who may wait for it, but not the object itself:
//! a message that differs with each look would make a loop without a pause.
//! An object also wakes what it woke last: a rule that goes over to another pipeline leaves the first. What went while
//! nobody watched is missing in the next list, and wakes the same.

use std::collections::{HashMap, HashSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;

use crate::objects::Key;

/// The objects of one kind, as they were last seen.
#[derive(Debug, Default)]
pub(super) struct News(HashMap<Key, Seen>);

#[derive(Debug)]
struct Seen {
    asked: Asked,
    others: Vec<Key>,
}

/// What of an object asks for a look at itself. A new spec has a new generation.
#[derive(Debug, PartialEq)]
struct Asked {
    uid: Option<String>,
    generation: Option<i64>,
    deletion: Option<Time>,
    finalizers: Option<Vec<String>>,
}

impl News {
    /// Returns what is woken by an object that appeared or changed.
    pub(super) fn changed(&mut self, key: &Key, metadata: &ObjectMeta, wakes: Vec<Key>) -> Vec<Key> {
        let asked = Asked {
            uid: metadata.uid.clone(),
            generation: metadata.generation,
            deletion: metadata.deletion_timestamp.clone(),
            finalizers: metadata.finalizers.clone(),
        };
        let others: Vec<Key> = wakes.into_iter().filter(|other| other != key).collect();
        let before = self.0.remove(key);
        let is_news = before.as_ref().is_none_or(|before| before.asked != asked);
        let left = before.map(|before| before.others).unwrap_or_default();
        let left = left.into_iter().filter(|other| !others.contains(other));
        let woken =
            is_news.then(|| key.clone()).into_iter().chain(others.iter().cloned()).chain(left).collect();
        self.0.insert(key.clone(), Seen { asked, others });
        woken
    }

    /// Returns what is woken by an object that went.
    pub(super) fn went(&mut self, key: &Key, wakes: Vec<Key>) -> Vec<Key> {
        let left = self.0.remove(key).map(|before| before.others).unwrap_or_default();
        let left: Vec<Key> = left.into_iter().filter(|other| !wakes.contains(other)).collect();
        wakes.into_iter().chain(left).collect()
    }

    /// Returns the objects that are missing in a list of all, and what each wakes.
    pub(super) fn missing(&mut self, listed: &HashSet<Key>) -> Vec<(Key, Vec<Key>)> {
        let gone: Vec<Key> = self.0.keys().filter(|key| !listed.contains(key)).cloned().collect();
        gone.into_iter()
            .map(|key| {
                let woken = self.went(&key, vec![key.clone()]);
                (key, woken)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
