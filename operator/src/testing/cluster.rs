//! An apiserver in memory: get, list, watch, create, apply, merge, delete, and a book of every write.
//!
//! In: requests of the real client, and what users and others do behind its back. Out: what an apiserver would answer, as far
//! as the controllers use it ([`state`]), and what its watches show ([`watches`]); [`house`] is what else lives in a cluster.
//! A write names the resourceVersion it was decided on or is refused; a status is written apart from its object. A write
//! is one in the book even if it changes nothing: a settled object must not be written at all.

mod house;
mod state;
pub(crate) mod watches;

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body as Answer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::fuse::Fuse;
use super::gateways::Book;
use state::{State, is_event};

/// An apiserver in memory.
#[derive(Clone, Default)]
pub(crate) struct FakeCluster {
    state: Arc<Mutex<State>>,
    /// Announces every version.
    changed: Arc<tokio::sync::watch::Sender<u64>>,
    fuse: Option<Fuse>,
    /// What was done to an object in the name of another owner.
    violations: Book,
}

impl FakeCluster {
    /// Makes one whose writes go through a fuse, and which keeps house: finalizers, owners and namespaces count.
    pub(crate) fn with_fuse(fuse: Fuse) -> Self {
        let cluster = Self { fuse: Some(fuse), ..Self::default() };
        cluster.state().keeps_house = true;
        cluster
    }

    /// Returns the book of what was done to an object in the name of another owner.
    pub(crate) fn violations(&self) -> Book {
        Arc::clone(&self.violations)
    }

    /// Returns a client that speaks to it.
    pub(crate) fn client(&self) -> Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move { Ok::<_, Infallible>(cluster.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// Puts an object there, as a user would: its status stays, its generation moves with its spec.
    pub(crate) fn put(&self, mut object: Value) {
        let path = path_of(&object);
        encode_secret(&mut object);
        let mut state = self.state();
        let before = state.objects.get(&path).cloned().unwrap_or_else(|| json!({}));
        let age = state.objects.len();
        let metadata = &before["metadata"];
        let has_changed = before["spec"] != object["spec"];
        let generation = metadata["generation"].as_i64().unwrap_or(0) + i64::from(has_changed);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let fresh =
            |key: &str, value: Value| if metadata[key].is_null() { value } else { metadata[key].clone() };
        let uid = fresh("uid", json!(state.born(&path, &name)));
        let created = fresh("creationTimestamp", json!(format!("2026-01-01T00:00:{:02}Z", age % 60)));
        let (finalizers, deletion) = (metadata["finalizers"].clone(), metadata["deletionTimestamp"].clone());
        let target = object["metadata"].as_object_mut().unwrap();
        target.entry("uid").or_insert(uid);
        target.entry("creationTimestamp").or_insert(created);
        target.insert("generation".into(), json!(generation.max(1)));
        if !finalizers.is_null() {
            target.entry("finalizers").or_insert(finalizers);
        }
        if !deletion.is_null() {
            target.insert("deletionTimestamp".into(), deletion);
        }
        if !before["status"].is_null() && object["status"].is_null() {
            object["status"] = before["status"].clone();
        }
        state.store(&path, object);
        self.announce(&state);
    }

    /// Returns an object.
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }

    /// Changes an object behind the controllers' back.
    pub(crate) fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let mut object = state.objects.get(path).cloned().unwrap();
        change(&mut object);
        state.store(path, object);
        self.announce(&state);
    }

    /// Takes an object away behind the controllers' back.
    pub(crate) fn remove(&self, path: &str) {
        let mut state = self.state();
        state.take(path);
        self.announce(&state);
    }

    /// Knows KEDA's kinds from now on.
    pub(crate) fn serve_keda(&self) {
        let resources: Vec<Value> = ["scaledobjects", "triggerauthentications"]
            .map(|name| json!({"name": name, "singularName": "", "namespaced": true, "kind": name, "verbs": []}))
            .into();
        let list = json!({"groupVersion": "keda.sh/v1alpha1", "resources": resources});
        self.state().objects.insert("/apis/keda.sh/v1alpha1".into(), list);
    }

    /// Refuses a request, `METHOD path`, from now on.
    pub(crate) fn refuse(&self, request: &str, code: u16, message: &'static str) {
        self.state().refusals.insert(request.into(), (code, message));
    }

    /// Refuses no request any more.
    pub(crate) fn refuse_nothing(&self) {
        self.state().refusals.clear();
    }

    /// Puts an object there, as somebody else would, as soon as there were so many writes.
    pub(crate) fn put_after_writes(&self, n_writes: usize, object: Value) {
        self.state().arrivals.push((n_writes, object));
    }

    /// Returns all objects of a kind.
    pub(crate) fn all(&self, plural: &str) -> Vec<Value> {
        let infix = format!("/{plural}/");
        let state = self.state();
        state
            .objects
            .iter()
            .filter(|(path, _)| path.contains(&infix))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Returns all objects, by where they are.
    pub(crate) fn everything(&self) -> Vec<(String, Value)> {
        self.state().objects.iter().map(|(path, object)| (path.clone(), object.clone())).collect()
    }

    /// Returns every write, `METHOD path`.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    /// Returns the number of writes.
    pub(crate) fn n_writes(&self) -> usize {
        self.state().writes.len()
    }

    /// Returns the Events, `Type Reason name`.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let state = self.state();
        let of = |event: &Value| {
            format!(
                "{} {} {}",
                text(&event["type"]),
                text(&event["reason"]),
                text(&event["regarding"]["name"])
            )
        };
        state.events.iter().map(of).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Tells the watches that there is something new.
    fn announce(&self, state: &State) {
        self.changed.send_replace(state.version);
    }

    async fn answer(&self, request: Request<Body>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        if parts.method == Method::GET && query.contains("watch=") {
            return Response::new(Answer::from_stream(self.watch(&path, &query)));
        }
        let is_write = parts.method != Method::GET && !is_event(&path);
        let strike = match &self.fuse {
            Some(fuse) if is_write => Some(fuse.strike(&format!("{} {path}", parts.method)).await),
            Some(_) | None => None,
        };
        let answer = self.serve(&parts.method, (&path, &query), body);
        if let Some(strike) = strike {
            strike.done().await;
        }
        answer
    }

    fn serve(&self, method: &Method, (path, query): (&str, &str), body: Value) -> Response<Answer> {
        let mut state = self.state();
        if *method != Method::GET && !is_event(path) {
            state.writes.push(format!("{method} {path}"));
            state.arrive();
        }
        if *method == Method::PATCH && state.is_anothers(path, &body) {
            self.violations.lock().unwrap().push(format!("{method} {path}: it is another owner's"));
        }
        let refusal = state.refusals.get(&format!("{method} {path}")).copied();
        let outcome = match refusal {
            Some(refusal) => Err(refusal),
            None => state.serve(method, (path, query), body),
        };
        self.announce(&state);
        // The only field that is ever refused here.
        let causes = json!([{"reason": "FieldValueInvalid", "message": "", "field": "metadata.uid"}]);
        let details = json!({"name": path, "causes": causes});
        let (code, value) = match outcome {
            Ok(value) => (200, value),
            Err((code, message)) => (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": message, "code": code, "details": details}),
            ),
        };
        Response::builder().status(code).body(Answer::from(serde_json::to_vec(&value).unwrap())).unwrap()
    }
}

/// Turns the readable values of a Secret into what is kept, as the apiserver does.
fn encode_secret(object: &mut Value) {
    let Some(values) = object.as_object_mut().and_then(|object| object.remove("stringData")) else { return };
    for (key, value) in values.as_object().unwrap() {
        object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap()));
    }
}

/// Returns where the apiserver keeps an object.
pub(crate) fn path_of(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap();
    if kind == "Namespace" {
        return format!("/api/v1/namespaces/{}", object["metadata"]["name"].as_str().unwrap());
    }
    let (_, group, plural) = state::KINDS.iter().find(|(known, ..)| *known == kind).unwrap();
    let metadata = &object["metadata"];
    format!(
        "{group}/namespaces/{}/{plural}/{}",
        metadata["namespace"].as_str().unwrap(),
        metadata["name"].as_str().unwrap()
    )
}

#[cfg(test)]
mod tests;
