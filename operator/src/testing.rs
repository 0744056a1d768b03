//! Fixtures for tests: a team's YAML, an apiserver in memory, the twins of Kafka and ClickHouse, a clock that stands still.
//!
//! In: YAML as a user writes it. Out: a [`Fixture`] whose controllers can be asked for looks, and which knows every write.
//! Not here: watches and queues; [`Fixture::settle`] looks at everything until nothing is written any more.

pub(crate) mod argo;
pub(crate) mod cluster;
pub(crate) mod fuse;
pub(crate) mod gateways;
pub(crate) mod kubelet;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clap::Parser;
use crds::processor_report::ProcessorReport;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clickhouse::memory::MemoryTables;
use crate::connection::Files;
use crate::context::Context;
use crate::kafka::memory::MemoryTopics;
use crate::kubernetes::{ApplyError, Kubernetes};
use crate::metrics::Metrics;
use crate::objects::{Stores, Writers};
use crate::processors::Reports;
use crate::report::Reporter;
use crate::settings::Settings;
use crate::tenants::Tenants;
use crate::tenants::gather::Registry;
use crate::{event_schema, forwarding_rule, pipeline};
use cluster::FakeCluster;

/// Processors that say what a test tells them to.
#[derive(Default)]
pub(crate) struct ToldReports(pub(crate) Mutex<BTreeMap<IpAddr, ProcessorReport>>);

#[async_trait]
impl Reports for ToldReports {
    async fn ask(&self, address: IpAddr) -> Option<ProcessorReport> {
        self.0.lock().unwrap().get(&address).cloned()
    }
}

/// A whole world in memory.
pub(crate) struct Fixture {
    pub(crate) ctx: Context,
    pub(crate) cluster: FakeCluster,
    pub(crate) topics: Arc<MemoryTopics>,
    pub(crate) tables: Arc<MemoryTables>,
    pub(crate) reports: Arc<ToldReports>,
    writers: Writers,
}

/// Noon of a day that never ends.
pub(crate) fn noon() -> Timestamp {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

/// The folder of the checkout.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("TRIBUTARY_REPOSITORY"))
}

pub(crate) fn settings() -> Settings {
    let connection = concat!(env!("TRIBUTARY_REPOSITORY"), "operator/cases/connection");
    Settings::parse_from([
        "operator",
        "--kafka-bootstrap",
        "kafka:9092",
        "--clickhouse-url",
        "http://clickhouse:8123",
        "--processor-image",
        "tributary/processor:dev",
        "--connection-dir",
        connection,
    ])
}

impl Fixture {
    /// Makes a world with the objects of a YAML text.
    pub(crate) fn of(yaml: &str) -> Self {
        let cluster = FakeCluster::default();
        let (topics, tables) = (Arc::new(MemoryTopics::new()), Arc::new(MemoryTables::new()));
        let reports = Arc::new(ToldReports::default());
        let metrics = Metrics::new();
        let kubernetes = Kubernetes::new(cluster.client(), metrics.clone());
        let (stores, writers) = Stores::new();
        let ctx = Context {
            settings: Arc::new(settings()),
            reporter: Arc::new(Reporter::new(kubernetes.clone(), metrics.clone(), "test")),
            kubernetes,
            registry: Registry::new(Tenants::default(), vec![stores.clone()], BTreeMap::new()),
            stores,
            topics: Arc::clone(&topics) as _,
            tables: Arc::clone(&tables) as _,
            reports: Arc::clone(&reports) as _,
            metrics,
            retries: Arc::default(),
            memories: Arc::default(),
            files: Files::Folder,
            clock: noon,
        };
        let mut fixture = Self { ctx, cluster, topics, tables, reports, writers };
        fixture.put(yaml);
        fixture
    }

    /// Makes a world whose platform team has set the Helm value `tenants`.
    pub(crate) fn with_tenants(tenants: &str, yaml: &str) -> Self {
        let mut fixture = Self::of("");
        fixture.set_tenants(tenants);
        fixture.put(yaml);
        fixture
    }

    /// Starts the operator anew with another Helm value `tenants`.
    pub(crate) fn set_tenants(&mut self, tenants: &str) {
        let tenants = Tenants::parse(tenants).unwrap();
        self.ctx.registry = Registry::new(tenants, vec![self.ctx.stores.clone()], BTreeMap::new());
    }

    /// Applies the objects of a YAML text, as a team would.
    pub(crate) fn put(&mut self, yaml: &str) {
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let object = Value::deserialize(document).unwrap();
            if !object.is_null() {
                self.cluster.put(object);
            }
        }
        self.sync();
    }

    /// Brings the stores to what the apiserver holds, as the watches would.
    pub(crate) fn sync(&mut self) {
        fill(&self.cluster, &mut self.writers.schemas, "eventschemas");
        fill(&self.cluster, &mut self.writers.pipelines, "analyticspipelines");
        fill(&self.cluster, &mut self.writers.rules, "forwardingrules");
    }

    /// Looks once at every object; returns the failures of the apiserver that ended looks.
    pub(crate) async fn look_at_all(&mut self) -> Vec<ApplyError> {
        let mut errors = Vec::new();
        for schema in readable(&self.ctx.stores.schemas) {
            errors.extend(event_schema::reconcile(&self.ctx, &schema).await.err());
        }
        self.sync();
        for pipeline in readable(&self.ctx.stores.pipelines) {
            errors.extend(pipeline::reconcile(&self.ctx, &pipeline).await.err());
        }
        self.sync();
        for rule in readable(&self.ctx.stores.rules) {
            errors.extend(forwarding_rule::reconcile(&self.ctx, &rule).await.err());
        }
        self.sync();
        errors
    }

    /// Looks at everything, and lets Deployments roll out, until nothing is written any more.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..10 {
            let before = self.cluster.n_writes();
            let errors = self.look_at_all().await;
            assert!(errors.is_empty(), "{errors:?}");
            let has_rolled_out = self.cluster.roll_out();
            if self.cluster.n_writes() == before && !has_rolled_out {
                return;
            }
        }
        panic!("never settles: {:#?}", self.cluster.writes());
    }

    pub(crate) fn guarded_schema(&self, namespace: &str, name: &str) -> DeserializeGuard<EventSchema> {
        get(&self.ctx.stores.schemas, namespace, name)
    }

    pub(crate) fn guarded_pipeline(
        &self,
        namespace: &str,
        name: &str,
    ) -> DeserializeGuard<AnalyticsPipeline> {
        get(&self.ctx.stores.pipelines, namespace, name)
    }

    pub(crate) fn guarded_rule(&self, namespace: &str, name: &str) -> DeserializeGuard<ForwardingRule> {
        get(&self.ctx.stores.rules, namespace, name)
    }

    /// Returns the conditions of an object of namespace `shop`, `Type=Status Reason: message` each.
    pub(crate) fn conditions(&self, plural: &str, name: &str) -> Vec<String> {
        let object = self
            .cluster
            .get(&format!("/apis/tributary.dev/v1alpha1/namespaces/shop/{plural}/{name}"))
            .unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions
            .iter()
            .map(|c| {
                format!(
                    "{}={} {}: {}",
                    text(&c["type"]),
                    text(&c["status"]),
                    text(&c["reason"]),
                    text(&c["message"])
                )
            })
            .collect()
    }

    /// Returns what [`kstatus`] reads from an object of namespace `shop`.
    pub(crate) fn kstatus(&self, plural: &str, name: &str) -> &'static str {
        let path = format!("/apis/tributary.dev/v1alpha1/namespaces/shop/{plural}/{name}");
        kstatus(&self.cluster.get(&path).unwrap())
    }

    /// Returns the reason of `Ready` of a pipeline of namespace `shop`.
    pub(crate) fn ready(&self, plural: &str, name: &str) -> String {
        self.conditions(plural, name)
            .iter()
            .find(|text| text.starts_with("Ready="))
            .cloned()
            .unwrap_or_default()
    }
}

/// Returns what kstatus (`kubectl wait`, Flux) reads from an object, by the algorithm of `pkg/kstatus/status/generic.go` in
/// sigs.k8s.io/cli-utils, in its order; Argo CD must show the same.
pub(crate) fn kstatus(object: &Value) -> &'static str {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let find = |kind: &str| conditions.iter().find(|condition| condition["type"] == kind);
    let is_true = |kind: &str| find(kind).is_some_and(|condition| condition["status"] == "True");
    // The apiserver fills the CRD's default in.
    let observed = object["status"]["observedGeneration"].as_i64().unwrap_or(-1);
    let (word, health) = if !object["metadata"]["deletionTimestamp"].is_null() {
        ("Terminating", "Progressing")
    } else if Some(observed) != object["metadata"]["generation"].as_i64() || is_true("Reconciling") {
        ("InProgress", "Progressing")
    } else if is_true("Stalled") {
        ("Failed", "Degraded")
    } else if find("Ready").is_some() && !is_true("Ready") {
        ("InProgress", "Progressing")
    } else {
        ("Current", "Healthy")
    };
    assert_eq!(argo::health(object).0, health, "Argo CD shows another than kstatus' {word}: {object:#}");
    word
}

fn fill<K>(
    cluster: &FakeCluster,
    writer: &mut kube::runtime::reflector::store::Writer<DeserializeGuard<K>>,
    plural: &str,
) where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + 'static,
{
    writer.apply_watcher_event(&Event::Init);
    for object in cluster.all(plural) {
        writer.apply_watcher_event(&Event::InitApply(serde_json::from_value(object).unwrap()));
    }
    writer.apply_watcher_event(&Event::InitDone);
}

fn readable<K>(store: &Store<DeserializeGuard<K>>) -> Vec<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    let mut objects: Vec<K> =
        store.state().iter().filter_map(|guard| guard.0.as_ref().ok().cloned()).collect();
    objects.sort_by_key(|object| object.meta().name.clone());
    objects
}

fn get<K>(store: &Store<DeserializeGuard<K>>, namespace: &str, name: &str) -> DeserializeGuard<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    store.get(&ObjectRef::new(name).within(namespace)).unwrap().as_ref().clone()
}
