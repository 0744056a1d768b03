//! An apiserver in memory: get, list, create, apply, merge, delete, and a book of every write.
//!
//! In: requests of the real client. Out: what an apiserver would answer, as far as the controllers use it.
//! A write names the resourceVersion it was decided on or is refused; a status is written apart from its object. A write
//! is one in the book even if it changes nothing: a settled object must not be written at all.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// An apiserver in memory.
#[derive(Clone, Default)]
pub(crate) struct FakeCluster(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    writes: Vec<String>,
    events: Vec<Value>,
    refusals: BTreeMap<String, (u16, &'static str)>,
    arrivals: Vec<(usize, Value)>,
    version: u64,
}

const KINDS: [(&str, &str, &str); 12] = [
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

impl FakeCluster {
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
        let uid = fresh("uid", json!(format!("uid-of-{name}")));
        let created = fresh("creationTimestamp", json!(format!("2026-01-01T00:00:{:02}Z", age % 60)));
        let finalizers = metadata["finalizers"].clone();
        let target = object["metadata"].as_object_mut().unwrap();
        target.entry("uid").or_insert(uid);
        target.entry("creationTimestamp").or_insert(created);
        target.insert("generation".into(), json!(generation.max(1)));
        if !finalizers.is_null() {
            target.entry("finalizers").or_insert(finalizers);
        }
        if !before["status"].is_null() && object["status"].is_null() {
            object["status"] = before["status"].clone();
        }
        state.store(&path, object);
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
    }

    /// Takes an object away behind the controllers' back.
    pub(crate) fn remove(&self, path: &str) {
        self.state().objects.remove(path);
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
        changed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let path = parts.uri.path().to_owned();
        let mut state = self.state();
        if parts.method != Method::GET {
            let is_event = path.ends_with("/events");
            if !is_event {
                state.writes.push(format!("{} {path}", parts.method));
                state.arrive();
            }
        }
        let refusal = state.refusals.get(&format!("{} {path}", parts.method)).copied();
        let outcome = match refusal {
            Some(refusal) => Err(refusal),
            None => state.serve(&parts.method, &path, body),
        };
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
        Response::builder().status(code).body(Body::from(serde_json::to_vec(&value).unwrap())).unwrap()
    }
}

impl State {
    fn serve(&mut self, method: &Method, path: &str, body: Value) -> Result<Value, (u16, &'static str)> {
        match *method {
            Method::GET if path.ends_with("/pods") => Ok(self.list(path)),
            Method::GET => self.objects.get(path).cloned().ok_or((404, "NotFound")),
            Method::POST => Ok(self.create(path, body)),
            Method::PUT => self.replace(path, body),
            Method::PATCH => self.patch(path, body),
            Method::DELETE => self.objects.remove(path).ok_or((404, "NotFound")),
            _ => Err((405, "not allowed")),
        }
    }

    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path.into(), object.clone());
        object
    }

    fn arrive(&mut self) {
        let n_writes = self.writes.len();
        let (due, later) =
            std::mem::take(&mut self.arrivals).into_iter().partition(|(after, _)| *after <= n_writes);
        self.arrivals = later;
        let due: Vec<(usize, Value)> = due;
        for (_, object) in due {
            self.store(&path_of(&object), object);
        }
    }

    fn list(&self, path: &str) -> Value {
        let prefix = format!("{path}/");
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(_, object)| object)
            .collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items})
    }

    fn create(&mut self, path: &str, body: Value) -> Value {
        if path.ends_with("/events") {
            self.events.push(body.clone());
            return body;
        }
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        self.store(&format!("{path}/{name}"), body)
    }

    fn replace(&mut self, path: &str, body: Value) -> Result<Value, (u16, &'static str)> {
        self.check_version(path, &body)?;
        Ok(self.store(path, body))
    }

    fn patch(&mut self, path: &str, body: Value) -> Result<Value, (u16, &'static str)> {
        if let Some(path) = path.strip_suffix("/status") {
            let mut object = self.objects.get(path).cloned().ok_or((404, "NotFound"))?;
            self.check_version(path, &body)?;
            object["status"] = body["status"].clone();
            return Ok(self.store(path, object));
        }
        self.check_version(path, &body)?;
        let mut object = self
            .objects
            .get(path)
            .cloned()
            .unwrap_or_else(|| json!({"metadata": {"uid": format!("uid-of-{path}")}}));
        let before = object["spec"].clone();
        merge(&mut object, &body);
        if path.contains("/deployments/") && object["spec"]["replicas"].is_null() {
            object["spec"]["replicas"] = json!(1);
        }
        if before != object["spec"] {
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        let is_gone = !object["metadata"]["deletionTimestamp"].is_null()
            && object["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        let object = self.store(path, object);
        if is_gone {
            self.objects.remove(path);
        }
        Ok(object)
    }

    fn check_version(&self, path: &str, body: &Value) -> Result<(), (u16, &'static str)> {
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

/// Turns the readable values of a Secret into what is kept, as the apiserver does.
fn encode_secret(object: &mut Value) {
    let Some(values) = object.as_object_mut().and_then(|object| object.remove("stringData")) else { return };
    for (key, value) in values.as_object().unwrap() {
        object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap()));
    }
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

/// Returns where the apiserver keeps an object.
pub(crate) fn path_of(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap();
    if kind == "Namespace" {
        return format!("/api/v1/namespaces/{}", object["metadata"]["name"].as_str().unwrap());
    }
    let (_, group, plural) = KINDS.iter().find(|(known, ..)| *known == kind).unwrap();
    let metadata = &object["metadata"];
    format!(
        "{group}/namespaces/{}/{plural}/{}",
        metadata["namespace"].as_str().unwrap(),
        metadata["name"].as_str().unwrap()
    )
}
