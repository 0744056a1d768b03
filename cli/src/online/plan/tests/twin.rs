//! The twin of an apiserver with Tributary installed, as far as a plan asks it, with the operator's own twins of Kafka and ClickHouse beside it.
//!
//! In: requests of the real client. Out: what an apiserver would answer, with the judge of our kinds; a write that is no dry run is in a book.
//! What stands there is made by the operator's own looks: [`Twin::settle`] carries out what they note.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use crds::admission::judge::Judge;
use crds::definition::definitions;
use http::{Method, Request, Response, StatusCode};
use k8s_openapi::ByteString;
use kube::Client;
use kube::client::Body;
use operator::clickhouse::memory::MemoryTables;
use operator::clickhouse::{ClickHouseError, Tables};
use operator::kafka::memory::MemoryTopics;
use operator::kafka::topic::Topic;
use operator::kafka::{KafkaError, Topics};
use serde_json::{Value, json};

use super::super::gateways::Gateways;
use super::super::merge::patched;
use super::super::{Looked, begin, looks};
use super::arguments;
use crate::online::cluster::Cluster;
use crate::online::reach::Addresses;
use crate::world::object::{Kind, Name};

/// A password that the platform team has given the operator.
pub(super) const PASSWORD: &str = "of-the-platform-team";

/// A cluster with all that a stream needs.
#[derive(Default)]
pub(super) struct Twin {
    apiserver: Arc<Mutex<Apiserver>>,
    topics: Arc<MemoryTopics>,
    tables: Arc<MemoryTables>,
}

#[derive(Default)]
struct Apiserver {
    objects: BTreeMap<String, Value>,
    forbidden: BTreeSet<String>,
    writes: Vec<String>,
}

/// Encodes a value as Secrets do.
pub(super) fn encoded(text: &str) -> String {
    json!(ByteString(text.as_bytes().to_vec())).as_str().unwrap().to_owned()
}

impl Twin {
    /// Makes one with an operator, and nothing of any team.
    pub(super) fn new() -> Self {
        let twin = Self::default();
        let container = json!({"name": "operator", "args": [
            "--kafka-bootstrap=kafka:9092", "--clickhouse-url=http://clickhouse:8123", "--processor-image=processor:1",
            "--forwarding-allowed-network=10.0.0.0/8",
        ]});
        let volume = json!({"name": "connection", "secret": {"secretName": "tributary-connection"}});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "tributary", "namespace": "tributary-system"},
            "spec": {"selector": {}, "template": {"spec": {"containers": [container], "volumes": [volume]}}},
        });
        let data = json!({"clickhouse-user": encoded("operator"), "clickhouse-password": encoded(PASSWORD)});
        let metadata = json!({"name": "tributary-connection", "namespace": "tributary-system"});
        let mut apiserver = twin.apiserver();
        let path = |plural: &str| format!("namespaces/tributary-system/{plural}");
        apiserver.objects.insert(format!("/apis/apps/v1/{}", path("deployments/tributary")), deployment);
        apiserver.objects.insert(
            format!("/api/v1/{}", path("secrets/tributary-connection")),
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}),
        );
        drop(apiserver);
        twin
    }

    fn apiserver(&self) -> MutexGuard<'_, Apiserver> {
        self.apiserver.lock().unwrap()
    }

    /// Returns the way to it.
    pub(super) fn cluster(&self) -> Cluster {
        let apiserver = Arc::clone(&self.apiserver);
        let service = tower::service_fn(move |request: Request<Body>| {
            let apiserver = Arc::clone(&apiserver);
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect_bytes().await?;
                let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
                let query = parts.uri.query().unwrap_or_default();
                let (code, answer) =
                    apiserver.lock().unwrap().serve(&parts.method, (parts.uri.path(), query), body);
                let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
                *response.status_mut() = StatusCode::from_u16(code)?;
                Ok::<_, tower::BoxError>(response)
            }
        });
        Cluster::of(Client::new(service, "default"), "default")
    }

    /// Opens Kafka and ClickHouse, or nobody where one is away.
    pub(super) fn open(
        &self,
        (no_kafka, no_clickhouse): (bool, bool),
    ) -> impl Fn(&Addresses, Option<Arc<str>>) -> Gateways + 'static {
        let (topics, tables) = (Arc::clone(&self.topics), Arc::clone(&self.tables));
        // Each question fails anew.
        for _ in 0..if no_kafka { 20 } else { 0 } {
            let action = "describe topics".to_owned();
            topics.fail_next(KafkaError::Unreachable { action, source: "no route to host".into() });
        }
        for _ in 0..if no_clickhouse { 20 } else { 0 } {
            let action = "describe the table".to_owned();
            tables.fail_next(ClickHouseError::Unreachable { action, source: "no route to host".into() });
        }
        move |_, _| (Arc::clone(&topics) as _, Arc::clone(&tables) as _)
    }

    /// Applies objects, and carries out what the operator's looks ask for.
    pub(super) async fn settle(&self, yaml: &str) {
        let (cluster, arguments, open) = (self.cluster(), arguments(""), self.open((false, false)));
        let beginning = begin(&cluster, &arguments, &mut yaml.as_bytes()).await.unwrap();
        assert!(beginning.refused.is_empty(), "{:?}", beginning.refused);
        for (path, object) in beginning.after.by_path() {
            let mut object = object.clone();
            let text = beginning.asked.objects.iter().find(|(header, _)| {
                object["kind"] == header.kind.to_string() && object["metadata"]["name"] == header.name.name
            });
            let applied = text.map(|(_, document)| document.value.to_string()).unwrap_or_default();
            object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
                json!(applied);
            self.apiserver().objects.insert(path, object);
        }
        for (name, secret) in &beginning.asked.secrets {
            let path = format!("/api/v1/namespaces/{}/secrets/{}", name.namespace, name.name);
            let data =
                crate::world::secrets::read(secret).into_iter().map(|(key, value)| (key, ByteString(value)));
            let data: BTreeMap<String, ByteString> = data.collect();
            self.apiserver().objects.insert(path, json!({"metadata": {"name": name.name}, "data": data}));
        }
        let (looks, _) = looks(&cluster, &arguments, (&open, &beginning)).await.unwrap();
        for (name, pipeline) in beginning.after.typed(Kind::AnalyticsPipeline) {
            let Looked { notes, faults, .. } = looks.pipeline(&name, &pipeline.unwrap()).await.unwrap();
            assert!(faults.is_empty() && notes.unlooked.is_empty(), "{faults:?} {:?}", notes.unlooked);
            for change in &notes.table {
                self.tables.apply(change).await.unwrap();
            }
            for change in &notes.topics {
                self.topics.apply(change).await.unwrap();
            }
            for write in notes.writes {
                self.apiserver().objects.insert(write.path, write.sent.unwrap());
            }
            self.learn(&name).await;
        }
    }

    /// The operator's next look writes the ids of what was made into the mark.
    async fn learn(&self, name: &Name) {
        use operator::clickhouse::mark::Mark;
        use operator::clickhouse::table::{TableChange, TableName};
        let table = TableName { database: name.namespace.clone(), table: name.name.clone() };
        let mark = self.tables.get(&table).and_then(|table| Mark::parse(&table.comment)).unwrap();
        let (topic_id, cluster) = (self.topics.topic_id(&mark.topic).await, self.topics.cluster().await);
        let mark = Mark { topic_id, cluster, ..mark };
        self.tables.apply(&TableChange::ModifyComment { table, mark }).await.unwrap();
    }

    /// Puts a topic there that Tributary did not make.
    pub(super) fn put_topic(&self, name: &str) {
        self.topics.insert(Topic {
            name: name.to_owned(),
            partitions: 1,
            replicas: 1,
            config: BTreeMap::new(),
        });
    }

    /// Changes an object behind everybody's back.
    pub(super) fn drift(&self, path: &str, patch: &Value) {
        let mut apiserver = self.apiserver();
        let object = apiserver.objects.get_mut(path).unwrap_or_else(|| panic!("{path} is not there"));
        *object = patched(object, patch);
    }

    /// Takes rights away: `list deployments tributary-system`.
    pub(super) fn forbid(&self, rights: &[String]) {
        self.apiserver().forbidden.extend(rights.iter().cloned());
    }

    /// Returns all that there is.
    pub(super) fn everything(&self) -> String {
        format!("{:?} {:?} {:?}", self.apiserver().objects, self.topics.all(), self.tables.all())
    }

    /// Returns the requests that were to write.
    pub(super) fn writes(&self) -> Vec<String> {
        self.apiserver().writes.clone()
    }
}

impl Apiserver {
    fn serve(&mut self, method: &Method, (path, query): (&str, &str), body: Value) -> (u16, Value) {
        let parts: Vec<&str> = path.split('/').collect();
        let at = parts.iter().position(|part| *part == "namespaces").unwrap_or(parts.len());
        let of = |index: usize| parts.get(at + index).copied().unwrap_or_default();
        let (namespace, plural, name) = (of(1), of(2), of(3));
        let verb = match *method {
            Method::GET if name.is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            _ => "patch",
        };
        if self.forbidden.contains(&format!("{verb} {plural} {namespace}")) {
            let message = format!(
                "{plural} is forbidden: User \"ada\" cannot {verb} resource \"{plural}\" in API group \"\" in the namespace \"{namespace}\""
            );
            return (403, failure(403, &message, &json!({})));
        }
        match *method {
            Method::GET if name.is_empty() => {
                let of_kind = self
                    .objects
                    .iter()
                    .filter(|(at, _)| at.rsplit_once('/').is_some_and(|(at, _)| at == path));
                let items: Vec<&Value> = of_kind.map(|(_, object)| object).collect();
                (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}))
            }
            Method::GET => match self.objects.get(path) {
                Some(object) => (200, object.clone()),
                None => (404, failure(404, "not found", &json!({"name": name}))),
            },
            _ if !query.split('&').any(|part| part == "dryRun=All") => {
                self.writes.push(format!("{method} {path}"));
                (500, failure(500, "a plan writes nothing", &json!({})))
            }
            _ => self.dry_run(path, &body),
        }
    }

    /// Goes the way of a write, and keeps nothing.
    fn dry_run(&self, path: &str, body: &Value) -> (u16, Value) {
        let live = self.objects.get(path);
        let mut object = patched(live.unwrap_or(&Value::Null), body);
        let kind = object["kind"].as_str().unwrap().to_owned();
        let definition = definitions().into_iter().find(|it| it.spec.names.kind == kind).unwrap();
        let judge = Judge::new(&definition).unwrap();
        let without_status = |object: &Value| crate::world::object::as_applied(object);
        let refusals = judge.refusals(&without_status(&object), live.map(without_status).as_ref());
        if !refusals.is_empty() {
            let cause =
                |it: &crds::admission::judge::Refusal| json!({"field": it.path, "message": it.message});
            let causes: Vec<Value> = refusals.iter().map(cause).collect();
            return (422, failure(422, "it is invalid", &json!({"causes": causes})));
        }
        let status = object["status"].clone();
        object = judge.complete(&without_status(&object));
        if !status.is_null() {
            object["status"] = status;
        }
        object["metadata"]["uid"] =
            live.map_or_else(|| json!("given anew"), |live| live["metadata"]["uid"].clone());
        (200, object)
    }
}

fn failure(code: u16, message: &str, details: &Value) -> Value {
    let reason = if code == 404 { "NotFound" } else { "" };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message, "details": details})
}
