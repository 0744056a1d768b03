//! What the apiserver holds, and how it answers.
//!
//! In: a method, a path, a body. Out: the object or list, or why not. Every change gets a version and stands in the history.
//! Not here: what follows from a change without a request ([`super::house`]).

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Value, json};

use super::path_of;
use super::watches::{Happening, What};

/// Code and reason of a refusal.
pub(super) type Refusal = (u16, &'static str);

#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<String, Value>,
    pub(super) writes: Vec<String>,
    pub(super) events: Vec<Value>,
    pub(super) refusals: BTreeMap<String, Refusal>,
    pub(super) arrivals: Vec<(usize, Value)>,
    pub(super) version: u64,
    /// How often an object of a path was born.
    pub(super) births: BTreeMap<String, u32>,
    pub(super) history: Vec<Happening>,
    /// Kinds whose lists and watches show nothing newer than a version.
    pub(super) seen_up_to: BTreeMap<String, u64>,
    /// Happenings that no watch ever shows.
    pub(super) hidden: BTreeSet<u64>,
    /// Watches that were begun before are told to list again.
    pub(super) watch_age: u64,
    pub(super) keeps_house: bool,
}

pub(super) const KINDS: [(&str, &str, &str); 12] = [
    ("EventSchema", "/apis/tributary.dev/v1alpha1", "eventschemas"),
    ("AnalyticsPipeline", "/apis/tributary.dev/v1alpha1", "analyticspipelines"),
    ("ForwardingRule", "/apis/tributary.dev/v1alpha1", "forwardingrules"),
    ("Deployment", "/apis/apps/v1", "deployments"),
    ("ConfigMap", "/api/v1", "configmaps"),
    ("Secret", "/api/v1", "secrets"),
    ("ServiceAccount", "/api/v1", "serviceaccounts"),
    ("Pod", "/api/v1", "pods"),
    ("PodMonitor", "/apis/monitoring.coreos.com/v1", "podmonitors"),
    ("ScaledObject", "/apis/keda.sh/v1alpha1", "scaledobjects"),
    ("TriggerAuthentication", "/apis/keda.sh/v1alpha1", "triggerauthentications"),
    ("Lease", "/apis/coordination.k8s.io/v1", "leases"),
];

/// Returns whether a path is that of Events, which nobody counts.
pub(super) fn is_event(path: &str) -> bool {
    path.ends_with("/events")
}

impl State {
    pub(super) fn serve(
        &mut self,
        method: &Method,
        (path, query): (&str, &str),
        body: Value,
    ) -> Result<Value, Refusal> {
        match *method {
            Method::GET if is_list(path) => Ok(self.list(path, query)),
            Method::GET => self.objects.get(path).cloned().ok_or((404, "NotFound")),
            Method::POST => self.create(path, body),
            Method::PUT => self.replace(path, body),
            Method::PATCH => self.patch(path, body),
            Method::DELETE => self.delete(path, &body),
            _ => Err((405, "not allowed")),
        }
    }

    pub(super) fn store(&mut self, path: &str, object: Value) -> Value {
        let what = if self.objects.contains_key(path) { What::Modified } else { What::Added };
        let object = self.happen(what, path, object);
        self.objects.insert(path.into(), object.clone());
        object
    }

    pub(super) fn take(&mut self, path: &str) -> Option<Value> {
        let object = self.objects.remove(path)?;
        Some(self.happen(What::Deleted, path, object))
    }

    fn happen(&mut self, what: What, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let happening =
            Happening { version: self.version, what, path: path.to_owned(), object: object.clone() };
        self.history.push(happening);
        object
    }

    /// Returns the UID of an object that is made now.
    pub(super) fn born(&mut self, path: &str, name: &str) -> String {
        if self.objects.contains_key(path) {
            return String::new();
        }
        let births = self.births.entry(path.to_owned()).or_default();
        *births += 1;
        if *births == 1 { format!("uid-of-{name}") } else { format!("uid-of-{name}-{births}") }
    }

    pub(super) fn arrive(&mut self) {
        let n_writes = self.writes.len();
        let (due, later) =
            std::mem::take(&mut self.arrivals).into_iter().partition(|(after, _)| *after <= n_writes);
        self.arrivals = later;
        let due: Vec<(usize, Value)> = due;
        for (_, object) in due {
            self.store(&path_of(&object), object);
        }
    }

    fn create(&mut self, path: &str, body: Value) -> Result<Value, Refusal> {
        self.check_namespace(path)?;
        if is_event(path) {
            self.events.push(body.clone());
            return Ok(body);
        }
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        Ok(self.store(&format!("{path}/{name}"), body))
    }

    fn delete(&mut self, path: &str, body: &Value) -> Result<Value, Refusal> {
        let there = self.objects.get(path).cloned().ok_or((404, "NotFound"))?;
        let wanted = &body["preconditions"]["uid"];
        if !wanted.is_null() && *wanted != there["metadata"]["uid"] {
            return Err((409, "Conflict"));
        }
        self.let_go(path, body["propagationPolicy"] == "Foreground");
        Ok(there)
    }

    /// Nothing is made in a namespace that is going.
    fn check_namespace(&self, path: &str) -> Result<(), Refusal> {
        let namespace = path.split_once("/namespaces/").and_then(|(_, rest)| rest.split('/').next());
        let is_going = namespace
            .and_then(|name| self.objects.get(&format!("/api/v1/namespaces/{name}")))
            .is_some_and(|namespace| !namespace["metadata"]["deletionTimestamp"].is_null());
        if is_going { Err((403, "Forbidden")) } else { Ok(()) }
    }

    fn replace(&mut self, path: &str, body: Value) -> Result<Value, Refusal> {
        self.check_version(path, &body)?;
        Ok(self.store(path, body))
    }

    fn patch(&mut self, path: &str, body: Value) -> Result<Value, Refusal> {
        if let Some(path) = path.strip_suffix("/status") {
            let mut object = self.objects.get(path).cloned().ok_or((404, "NotFound"))?;
            self.check_version(path, &body)?;
            object["status"] = body["status"].clone();
            return Ok(self.store(path, object));
        }
        self.check_version(path, &body)?;
        let mut object = match self.objects.get(path) {
            Some(object) => object.clone(),
            None => {
                self.check_namespace(path)?;
                json!({"metadata": {"uid": self.born(path, path)}})
            }
        };
        let before = object["spec"].clone();
        merge(&mut object, &body);
        if before != object["spec"] {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let is_gone = !object["metadata"]["deletionTimestamp"].is_null()
            && object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        let object = self.store(path, object);
        if is_gone {
            self.take(path);
        }
        Ok(object)
    }

    /// Returns whether a patch names another owner than the object has.
    pub(super) fn is_anothers(&self, path: &str, body: &Value) -> bool {
        let owner = |object: &Value| object["metadata"]["ownerReferences"][0]["uid"].clone();
        let there = self.objects.get(path).map(owner).unwrap_or_default();
        let named = owner(body);
        !there.is_null() && !named.is_null() && there != named
    }

    fn check_version(&self, path: &str, body: &Value) -> Result<(), Refusal> {
        let there = self.objects.get(path).map(|object| &object["metadata"]);
        let is_same = |key: &str| {
            let wanted = &body["metadata"][key];
            wanted.is_null() || there.map(|metadata| &metadata[key]) == Some(wanted)
        };
        match (is_same("uid"), is_same("resourceVersion")) {
            (false, _) if there.is_some() => Err((422, "field is immutable")),
            (true, true) => Ok(()),
            (true | false, _) => Err((409, "Conflict")),
        }
    }
}

/// Returns whether a path is that of a list: it ends with the name of a kind.
fn is_list(path: &str) -> bool {
    KINDS.iter().any(|(_, group, plural)| path.starts_with(group) && path.ends_with(&format!("/{plural}")))
}

/// Merges as server-side apply does for fields of one owner: maps grow together, all else is replaced.
fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                let is_owned_whole = matches!(key.as_str(), "data" | "annotations" | "matchLabels");
                match target.get_mut(key) {
                    Some(inner) if !is_owned_whole => merge(inner, value),
                    _ => {
                        target.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}
