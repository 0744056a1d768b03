//! What lists and watches show: all that happened, or what a slow or forgetful apiserver lets see of it.
//!
//! In: the history, and how far each kind is shown. Out: lists as they were at a version, and streams of what happened since.
//! [`FakeCluster::hold`] lets kinds stand still, [`FakeCluster::release`] lets them go on: with every step in between, with
//! only the last of each object, or from a new list. A question for one object is always answered with the truth.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::Bytes;
use futures::Stream;
use serde_json::{Value, json};

use super::FakeCluster;
use super::state::{KINDS, State};

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Added,
    Modified,
    Deleted,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) version: u64,
    pub(crate) what: What,
    pub(crate) path: String,
    pub(crate) object: Value,
}

/// How kinds that stood still go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Every step is shown.
    Whole,
    /// Of each object only the last step is shown.
    LastOnly,
    /// The watches end, and a new list is asked for.
    Relist,
}

impl FakeCluster {
    /// Lets lists and watches of kinds show nothing newer than a version.
    pub(crate) fn hold(&self, plurals: &[&str], version: u64) {
        let mut state = self.state();
        for plural in plurals {
            state.seen_up_to.insert((*plural).to_owned(), version);
        }
    }

    /// Lets all kinds go on.
    pub(crate) fn release(&self, how: Release) {
        let mut state = self.state();
        let held = std::mem::take(&mut state.seen_up_to);
        if how == Release::LastOnly {
            let mut last: BTreeMap<String, u64> = BTreeMap::new();
            for happening in &state.history {
                last.insert(happening.path.clone(), happening.version);
            }
            let overtaken: Vec<u64> = state
                .history
                .iter()
                .filter(|it| {
                    plural_of(&it.path)
                        .and_then(|plural| held.get(plural))
                        .is_some_and(|held| it.version > *held)
                })
                .filter(|it| last.get(&it.path) != Some(&it.version))
                .map(|it| it.version)
                .collect();
            state.hidden.extend(overtaken);
        }
        if how == Release::Relist {
            state.watch_age += 1;
        }
        self.announce(&state);
    }

    /// Returns the version of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.state().version
    }

    /// Returns all that happened.
    pub(crate) fn history(&self) -> Vec<Happening> {
        self.state().history.clone()
    }

    pub(super) fn watch(
        &self,
        path: &str,
        query: &str,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + use<> {
        let from = parameter(query, "resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        let watch = Watch {
            path: path.to_owned(),
            selector: parameter(query, "labelSelector").unwrap_or_default(),
            from,
            age: self.state().watch_age,
        };
        futures::stream::unfold((self.clone(), Some(watch)), |(cluster, watch)| async move {
            let mut watch = watch?;
            let mut changes = cluster.changed.subscribe();
            loop {
                let shown = watch.next(&cluster.state());
                match shown {
                    Shown::Line(line) => return Some((Ok(Bytes::from(line)), (cluster, Some(watch)))),
                    Shown::TooOld(line) => return Some((Ok(Bytes::from(line)), (cluster, None))),
                    Shown::Nothing => {}
                }
                if changes.changed().await.is_err() {
                    return None;
                }
            }
        })
    }
}

/// A watch that goes on.
struct Watch {
    path: String,
    selector: String,
    from: u64,
    age: u64,
}

enum Shown {
    Line(String),
    TooOld(String),
    Nothing,
}

impl Watch {
    fn next(&mut self, state: &State) -> Shown {
        if state.watch_age != self.age {
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "too old resource version", "reason": "Expired", "code": 410});
            return Shown::TooOld(format!("{}\n", json!({"type": "ERROR", "object": status})));
        }
        let until = plural_of(&self.path).and_then(|plural| state.seen_up_to.get(plural)).copied();
        let begin = state.history.partition_point(|it| it.version <= self.from);
        for happening in state.history.iter().skip(begin) {
            if until.is_some_and(|until| happening.version > until) {
                break;
            }
            self.from = happening.version;
            let is_meant =
                is_below(&happening.path, &self.path) && selects(&self.selector, &happening.object);
            if !is_meant || state.hidden.contains(&happening.version) {
                continue;
            }
            let kind = match happening.what {
                What::Added => "ADDED",
                What::Modified => "MODIFIED",
                What::Deleted => "DELETED",
            };
            return Shown::Line(format!("{}\n", json!({"type": kind, "object": happening.object})));
        }
        Shown::Nothing
    }
}

impl State {
    /// Returns the list of a path, as far as its kind is shown.
    pub(super) fn list(&self, path: &str, query: &str) -> Value {
        let until = plural_of(path).and_then(|plural| self.seen_up_to.get(plural)).copied();
        let objects = match until {
            None => self.objects.clone(),
            Some(version) => self.at(version),
        };
        let selector = parameter(query, "labelSelector").unwrap_or_default();
        let items: Vec<&Value> = objects
            .iter()
            .filter(|(key, object)| is_below(key, path) && selects(&selector, object))
            .map(|(_, object)| object)
            .collect();
        let version = until.map_or(self.version, |until| until.min(self.version)).to_string();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items})
    }

    /// Returns the objects as they were at a version.
    fn at(&self, version: u64) -> BTreeMap<String, Value> {
        let mut objects = BTreeMap::new();
        for happening in self.history.iter().take_while(|it| it.version <= version) {
            match happening.what {
                What::Added | What::Modified => {
                    objects.insert(happening.path.clone(), happening.object.clone());
                }
                What::Deleted => {
                    objects.remove(&happening.path);
                }
            }
        }
        objects
    }
}

/// Returns the name of the kind in a path.
fn plural_of(path: &str) -> Option<&'static str> {
    KINDS.iter().map(|(_, _, plural)| *plural).find(|plural| path.split('/').any(|part| part == *plural))
}

/// Returns whether an object belongs to a list, of one namespace or of all.
fn is_below(object: &str, list: &str) -> bool {
    let Some((group, plural)) = list.rsplit_once('/') else { return false };
    match object.strip_prefix(group).and_then(|rest| rest.split_once(&format!("/{plural}/"))) {
        // A list of one namespace names it; one of all leaves it out.
        Some((between, _)) => between.is_empty() || !group.contains("/namespaces/"),
        None => false,
    }
}

/// Returns whether an object has the labels of a selector, `a=b,c=d`.
fn selects(selector: &str, object: &Value) -> bool {
    let mut pairs = selector.split(',').filter_map(|pair| pair.split_once('='));
    pairs.all(|(key, value)| object["metadata"]["labels"][key] == value)
}

/// Returns a parameter of a query, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    Some(value.replace("%2F", "/").replace("%3D", "=").replace("%2C", ","))
}
