//! The apiserver as it would be: what is there, what the files put there, and writes that are noted and not sent.
//!
//! In: requests of the operator's look. Out: answers. A request that is not a read never leaves this program.
//! What may not be read is noted with the right that is missing, and counts as not there; a Secret that a look needs the key of gets a
//! stand-in that fits, as nobody but the operator may need to read it.
//! Not here: which objects; the operator knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use k8s_openapi::ByteString;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::book::{Book, Write};
use super::merge::patched;
use crate::world::across::UNKNOWN_SECRET;

const NAMESPACES: &str = "/api/v1/namespaces/";

/// What is there beside what the apiserver has.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// Objects as they would be, by path.
    pub(super) objects: BTreeMap<String, Value>,
    /// Keys that looks need of Secrets, by path of the Secret.
    pub(super) keys: BTreeMap<String, BTreeSet<String>>,
}

/// The apiserver as it would be.
struct Apiserver {
    live: Client,
    overlay: Arc<Overlay>,
    book: Arc<Book>,
    seen: std::sync::Mutex<BTreeMap<String, Value>>,
}

/// Returns a client that reads what is there and writes nothing.
pub(super) fn client(live: Client, overlay: Arc<Overlay>, book: Arc<Book>) -> Client {
    let namespace = live.default_namespace().to_owned();
    let apiserver = Arc::new(Apiserver { live, overlay, book, seen: std::sync::Mutex::default() });
    let service = tower::service_fn(move |request: Request<Body>| {
        let apiserver = Arc::clone(&apiserver);
        async move { apiserver.answer(request).await }
    });
    Client::new(service, namespace)
}

impl Apiserver {
    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, tower::BoxError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if method == Method::GET {
            return match self.overlay.objects.get(&path) {
                Some(object) => Ok(answer(StatusCode::OK, object)),
                None => self.read(request, &path).await,
            };
        }
        let sent = request.into_body().collect_bytes().await?;
        let sent: Value = if sent.is_empty() { Value::Null } else { serde_json::from_slice(&sent)? };
        Ok(answer(StatusCode::OK, &self.note(&method, path, sent)))
    }

    async fn read(&self, request: Request<Body>, path: &str) -> Result<Response<Body>, tower::BoxError> {
        let response = self.live.send(request).await?;
        let status = response.status();
        if status != StatusCode::OK && status != StatusCode::FORBIDDEN {
            return Ok(response);
        }
        let bytes = response.into_body().collect_bytes().await?;
        if status == StatusCode::OK {
            let object: Value = serde_json::from_slice(&bytes)?;
            self.seen().insert(path.to_owned(), object);
            return Ok(raw(status, bytes));
        }
        Ok(self.hidden(path).map_or_else(|| raw(status, bytes), |(status, object)| answer(status, &object)))
    }

    /// Answers for what may not be read; none where the operator itself knows what to make of it.
    fn hidden(&self, path: &str) -> Option<(StatusCode, Value)> {
        let mut notes = self.book.open();
        if let Some(namespace) = path.strip_prefix(NAMESPACES).filter(|rest| !rest.contains('/')) {
            notes.namespace_is_hidden = true;
            notes.unlooked.insert(format!(
                "which tenant has namespace `{namespace}`, and its caps: you may not `get` the namespace; names are those that its streams have"
            ));
            return None;
        }
        let Place { group, namespace, plural, name } = Place::of(path)?;
        if group == "keda.sh" || group == "monitoring.coreos.com" {
            let what = format!("{plural} in namespace `{namespace}`: you may not `get` them");
            notes.unlooked.insert(what);
            return None;
        }
        let Some(name) = name else {
            notes.unlooked.insert(format!("{plural} in namespace `{namespace}`: you may not `list` them"));
            return Some((StatusCode::OK, json!({"metadata": {}, "items": []})));
        };
        if let Some(keys) = self.overlay.keys.get(path).filter(|_| plural == "secrets") {
            notes.secret_is_unknown = true;
            notes.unlooked.insert(format!(
                "secrets `{namespace}/{name}`: you may not `get` secrets in namespace `{namespace}`"
            ));
            let value = json!(ByteString(UNKNOWN_SECRET.to_vec()));
            let data: serde_json::Map<_, _> = keys.iter().map(|key| (key.clone(), value.clone())).collect();
            return Some((
                StatusCode::OK,
                json!({"metadata": {"name": name, "namespace": namespace}, "data": data}),
            ));
        }
        notes.hidden.insert(path.to_owned());
        notes.unlooked.insert(format!(
            "{plural} `{namespace}/{name}`: you may not `get` {plural} in namespace `{namespace}`"
        ));
        Some((StatusCode::NOT_FOUND, failure(404, name)))
    }

    /// Notes a write, and returns what the apiserver would answer.
    fn note(&self, method: &Method, path: String, sent: Value) -> Value {
        let before = self.seen().get(&path).cloned();
        let is_deleted = *method == Method::DELETE;
        let after = match &before {
            Some(before) => patched(before, &sent),
            None => sent.clone(),
        };
        let write = Write { path, before, sent: (!is_deleted).then_some(sent) };
        self.book.open().writes.push(write);
        if is_deleted { json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}) } else { after }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Value>> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Where an object stands.
struct Place<'a> {
    group: &'a str,
    namespace: &'a str,
    plural: &'a str,
    name: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// Takes `/apis/apps/v1/namespaces/shop/deployments/ios-processor` apart.
    fn of(path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _, rest @ ..] => ("", rest),
            ["apis", group, _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        match rest {
            ["namespaces", namespace, plural, name @ ..] => {
                Some(Self { group, namespace, plural, name: name.first().copied() })
            }
            _ => None,
        }
    }
}

fn failure(code: u16, name: &str) -> Value {
    let details = json!({"name": name});
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "NotFound", "message": "not found", "details": details})
}

fn answer(status: StatusCode, object: &Value) -> Response<Body> {
    raw(status, object.to_string().into_bytes())
}

fn raw(status: StatusCode, bytes: impl Into<Vec<u8>>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes.into()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
