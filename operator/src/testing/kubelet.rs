//! What runs the processors: a Deployment controller and a kubelet in one, and processors that do what they were started with.
//!
//! In: Deployments, and the ConfigMap that a pod reads as it starts. Out: pods, the status of their Deployments, what each
//! processor says of itself, and the consumer groups that it leaves in Kafka.
//! A rollout takes two rounds: the pods of the new template start before those of the old end.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crds::processor_report::{ProcessorReport, RuleReport};
use crds::stream_config::StreamConfig;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ToldReports;
use super::cluster::{FakeCluster, path_of};
use crate::kafka::memory::MemoryTopics;
use crate::kubernetes::labels;

/// Runs the processors of a cluster.
pub(crate) struct Kubelet {
    pub(crate) cluster: FakeCluster,
    pub(crate) topics: Arc<MemoryTopics>,
    pub(crate) reports: Arc<ToldReports>,
    n_started: u32,
    /// The version at which it looked last.
    seen: u64,
}

impl Kubelet {
    pub(crate) fn new(cluster: FakeCluster, topics: Arc<MemoryTopics>, reports: Arc<ToldReports>) -> Self {
        Self { cluster, topics, reports, n_started: 0, seen: 0 }
    }

    /// Does one round.
    pub(crate) fn tick(&mut self) {
        let version = self.cluster.version();
        if version == self.seen {
            return;
        }
        self.seen = version;
        self.cluster.follow_deletions();
        for deployment in self.cluster.all("deployments") {
            if deployment["metadata"]["deletionTimestamp"].is_null() {
                self.roll_out(&deployment);
            }
        }
    }

    fn roll_out(&mut self, deployment: &Value) {
        let uid = &deployment["metadata"]["uid"];
        let pods: Vec<Value> = self
            .cluster
            .all("pods")
            .into_iter()
            .filter(|pod| pod["metadata"]["ownerReferences"][0]["uid"] == *uid)
            .collect();
        let wanted = names(deployment);
        let (new, old): (Vec<&Value>, Vec<&Value>) =
            pods.iter().partition(|pod| wanted.iter().any(|name| pod["metadata"]["name"] == **name));
        let missing = wanted.iter().filter(|name| !new.iter().any(|pod| pod["metadata"]["name"] == ***name));
        let is_complete = new.len() == wanted.len();
        missing.for_each(|name| self.start(deployment, name));
        if is_complete {
            old.iter().for_each(|pod| self.end(pod));
        }
        let n_old = if is_complete { 0 } else { old.len() };
        let status = json!({
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": wanted.len() + n_old, "updatedReplicas": wanted.len(), "readyReplicas": new.len(),
        });
        if deployment["status"] != status {
            self.cluster.edit(&path_of(deployment), |it| it["status"] = status);
        }
    }

    fn start(&mut self, deployment: &Value, name: &str) {
        let metadata = &deployment["metadata"];
        let namespace = metadata["namespace"].as_str().unwrap();
        let config_map =
            format!("/api/v1/namespaces/{namespace}/configmaps/{}", metadata["name"].as_str().unwrap());
        // A pod whose files are not there waits for them.
        let Some(config_map) = self.cluster.get(&config_map) else { return };
        let config: StreamConfig =
            serde_yaml::from_str(config_map["data"]["stream.yaml"].as_str().unwrap()).unwrap();
        self.n_started += 1;
        let address = Ipv4Addr::from(0x0a00_0000 + self.n_started);
        let template = &deployment["spec"]["template"];
        self.cluster.put(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": namespace, "labels": template["metadata"]["labels"],
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "Deployment", "controller": true,
                    "name": metadata["name"], "uid": metadata["uid"],
                }],
            },
            "spec": template["spec"],
            "status": {"phase": "Running", "podIP": address.to_string()},
        }));
        self.topics.insert_group(&config.kafka.group);
        self.reports.0.lock().unwrap().insert(IpAddr::V4(address), report(&config));
    }

    fn end(&self, pod: &Value) {
        self.cluster.delete(&path_of(pod));
    }
}

/// Returns the names of the pods that a Deployment asks for: its template is in them.
fn names(deployment: &Value) -> Vec<String> {
    let hash = labels::digits(Sha256::new_with_prefix(deployment["spec"]["template"].to_string()));
    let name = deployment["metadata"]["name"].as_str().unwrap();
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    (0..replicas).map(|index| format!("{name}-{}-{index}", &hash[..8])).collect()
}

/// What a processor says that was started with a configuration, and has nothing to do.
fn report(config: &StreamConfig) -> ProcessorReport {
    let rule =
        |name: &String, generation| RuleReport { name: name.clone(), generation, ..RuleReport::default() };
    ProcessorReport {
        ready: true,
        rules: config.rules.iter().map(|it| rule(&it.name, it.generation)).collect(),
        ..ProcessorReport::default()
    }
}
