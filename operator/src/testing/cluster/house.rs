//! What happens in a cluster without a request: finalizers are waited for, dependents follow their owners, namespaces end,
//! Deployments roll out.
//!
//! In: the objects as they are. Out: one round of all that; nothing here goes through the fuse or into the book of writes.
//! Not here: pods ([`crate::testing::kubelet`]).

use serde_json::{Value, json};

use super::FakeCluster;
use super::state::State;

/// What keeps an owner until its dependents are gone.
const FOREGROUND: &str = "foregroundDeletion";

impl FakeCluster {
    /// Does what the Deployment controller does, for all Deployments; returns whether anything was left to do.
    pub(crate) fn roll_out(&self) -> bool {
        let mut state = self.state();
        let mut changed = false;
        for (path, deployment) in state.objects.clone() {
            if !path.contains("/deployments/") {
                continue;
            }
            let replicas = &deployment["spec"]["replicas"];
            let status = json!({
                "observedGeneration": deployment["metadata"]["generation"],
                "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
            });
            if deployment["status"] != status {
                changed = true;
                let mut deployment = deployment.clone();
                deployment["status"] = status;
                state.store(&path, deployment);
            }
        }
        self.announce(&state);
        changed
    }

    /// Deletes an object as a user does: it goes once its finalizers are gone.
    pub(crate) fn delete(&self, path: &str) {
        let mut state = self.state();
        state.let_go(path, false);
        self.announce(&state);
    }

    /// Does one round of what follows from deletions.
    pub(crate) fn follow_deletions(&self) {
        let mut state = self.state();
        let before = state.version;
        state.end_namespaces();
        state.collect_orphans();
        state.end_owners();
        if state.version != before {
            self.announce(&state);
        }
    }
}

impl State {
    /// Lets an object go: at once, or when its finalizers are gone.
    pub(super) fn let_go(&mut self, path: &str, is_foreground: bool) {
        let Some(mut object) = self.objects.get(path).cloned() else { return };
        let mut finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        if self.keeps_house && is_foreground && !finalizers.contains(&json!(FOREGROUND)) {
            finalizers.push(json!(FOREGROUND));
        }
        // A namespace goes when nothing is left in it.
        let is_namespace = object["kind"] == "Namespace" && self.keeps_house;
        if finalizers.is_empty() && !is_namespace {
            self.take(path);
        } else if object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-02T12:00:00Z");
            object["metadata"]["finalizers"] = json!(finalizers);
            // As the apiserver does: a deletion is a new generation.
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
            self.store(path, object);
        }
    }

    fn paths(&self, is_meant: impl Fn(&str, &Value) -> bool) -> Vec<String> {
        self.objects.iter().filter(|(path, it)| is_meant(path, it)).map(|(path, _)| path.clone()).collect()
    }

    fn end_namespaces(&mut self) {
        let going = self.paths(|_, it| it["kind"] == "Namespace" && is_going(it));
        for namespace in going {
            let below = format!("/namespaces/{}/", namespace.rsplit('/').next().unwrap_or_default());
            let inside = self.paths(|path, _| path.contains(&below));
            if inside.is_empty() {
                self.take(&namespace);
            }
            for path in inside {
                if !self.objects.get(&path).is_some_and(is_going) {
                    self.let_go(&path, false);
                }
            }
        }
    }

    /// Dependents go whose owners are all gone, or wait for them to go.
    fn collect_orphans(&mut self) {
        let uids: Vec<Value> = self.objects.values().map(|it| it["metadata"]["uid"].clone()).collect();
        let waiting: Vec<Value> = self.objects.values().filter(|it| is_waiting(it)).map(uid).collect();
        let orphans = self.paths(|_, it| {
            let owners = owners(it);
            let keeps = |owner: &Value| uids.contains(owner) && !waiting.contains(owner);
            !owners.is_empty() && !is_going(it) && !owners.iter().any(keeps)
        });
        for path in orphans {
            self.let_go(&path, false);
        }
    }

    fn end_owners(&mut self) {
        for path in self.paths(|_, it| is_waiting(it)) {
            let Some(mut object) = self.objects.get(&path).cloned() else { continue };
            let uid = uid(&object);
            if self.objects.values().any(|it| owners(it).contains(&uid)) {
                continue;
            }
            let finalizers = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            let left: Vec<Value> = finalizers.into_iter().filter(|it| *it != FOREGROUND).collect();
            object["metadata"]["finalizers"] = json!(left);
            self.store(&path, object);
            if left.is_empty() {
                self.take(&path);
            }
        }
    }
}

fn uid(object: &Value) -> Value {
    object["metadata"]["uid"].clone()
}

fn owners(object: &Value) -> Vec<Value> {
    let owners = object["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
    owners.iter().map(|owner| owner["uid"].clone()).collect()
}

fn is_going(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

fn is_waiting(object: &Value) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    is_going(object) && finalizers.is_some_and(|finalizers| finalizers.contains(&json!(FOREGROUND)))
}
