//! Sets the stage: shows where everything runs, clears what an earlier run left, applies the sample, and watches it become Ready.
//!
//! In: the cluster. Out: Ready objects, and each change of their conditions as a line. It sends no event.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};

use super::{Demo, NAMESPACE, SAMPLE};
use crate::clickhouse::table;
use crate::cluster::Cluster;
use crate::generator::App;
use crate::wait::{self, Reported, Seen};

const READY_WITHIN: Duration = Duration::from_secs(180);
const GONE_WITHIN: Duration = Duration::from_secs(120);

impl Demo {
    pub(super) async fn show_environment(&mut self) -> Result<()> {
        self.screen.step("Where it runs", "")?;
        let kubernetes = self.cluster.client.apiserver_version().await?;
        let rows = self.clickhouse.rows("SELECT version() AS version").await?;
        let clickhouse = rows.first().and_then(|row| row["version"].as_str()).unwrap_or("?").to_owned();
        let connections = &self.settings.connections;
        let lines = [
            format!("   Kubernetes {} at {}", kubernetes.git_version, self.cluster.address),
            format!("   Kafka at {}, {}", connections.kafka, self.kafka.describe().await?),
            format!("   ClickHouse {clickhouse} at {}", connections.clickhouse_url),
            match self.forwarding.receiver.as_ref() {
                Some(receiver) => format!("   webhook receiver of this demo at {}, for pods {}", receiver.address, self.forwarding.url),
                None => "   no webhook receiver, so forwarding is left out: RECEIVER_URL says how pods reach this machine".to_owned(),
            },
        ];
        for line in lines {
            self.screen.line(&line)?;
        }
        Ok(())
    }

    /// Deletes what an earlier run left: the objects, and their data with them.
    pub(super) async fn begin_anew(&mut self) -> Result<()> {
        let Some(namespace) = self.own_namespace().await? else { return Ok(()) };
        self.screen.step(
            "Delete what an earlier run left",
            "kubectl delete analyticspipelines,namespace … (deletionPolicy: Delete)",
        )?;
        let pipelines: Api<AnalyticsPipeline> = self.cluster.api(NAMESPACE);
        let delete_data = Patch::Merge(json!({ "spec": { "deletionPolicy": "Delete", "suspend": false } }));
        for pipeline in pipelines.list(&ListParams::default()).await? {
            let name = pipeline.name_any();
            if pipeline.metadata.deletion_timestamp.is_none() {
                pipelines.patch(&name, &PatchParams::default(), &delete_data).await?;
                // Only with the finalizer does the operator delete data; without it there would be nothing to wait for.
                let guarded = |pipeline: &AnalyticsPipeline| !pipeline.finalizers().is_empty();
                wait::object(&pipelines, &name, "given its finalizer", READY_WITHIN, guarded).await?;
                pipelines.delete(&name, &DeleteParams::default()).await?;
            }
            wait::gone(&pipelines, &name, GONE_WITHIN).await?;
            self.screen
                .line(&format!("   {NAMESPACE}.{name}: topic, dead-letter topic and table are deleted"))?;
        }
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        if namespace.metadata.deletion_timestamp.is_none() {
            namespaces.delete(NAMESPACE, &DeleteParams::default()).await?;
        }
        wait::gone(&namespaces, NAMESPACE, GONE_WITHIN).await
    }

    pub(super) async fn apply(&mut self) -> Result<()> {
        self.screen.step("Apply the sample", &format!("kubectl apply -f {SAMPLE}/"))?;
        let folder = self.forwarding.manifests.to_str().context("the path of the sample is not UTF-8")?;
        let said = self.cluster.kubectl(&["apply", "--filename", folder]).await?;
        for line in said.lines() {
            self.screen.line(&format!("   {line}"))?;
        }
        Ok(())
    }

    /// Waits until every object is Ready and the streams are empty; clears a stream that took up older data, once.
    pub(super) async fn wait_for_objects(&mut self) -> Result<()> {
        self.screen.step("Objects become Ready", &format!("kubectl get ap -n {NAMESPACE} --watch"))?;
        self.watch_objects().await?;
        if self.is_empty().await? {
            return Ok(());
        }
        self.screen.line("   The pipelines took up topics or tables that an earlier life of theirs had kept (deletionPolicy: Retain).")?;
        self.begin_anew().await?;
        self.apply().await?;
        self.watch_objects().await?;
        if self.is_empty().await? {
            Ok(())
        } else {
            bail!("{NAMESPACE}.ios or {NAMESPACE}.android is not empty after deletion")
        }
    }

    async fn is_empty(&self) -> Result<bool> {
        for app in App::ALL {
            let rows = self.clickhouse.count(&table(NAMESPACE, app.pipeline())).await?.rows;
            if rows + self.kafka.records(&format!("{NAMESPACE}.{}", app.pipeline())).await? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn watch_objects(&mut self) -> Result<()> {
        let (begun, mut shown) = (Instant::now(), BTreeMap::new());
        let screen = std::cell::RefCell::new(&mut self.screen);
        let shown = std::cell::RefCell::new(&mut shown);
        let waited = wait::until("all objects to be Ready", READY_WITHIN, || async {
            let states = states(&self.cluster).await?;
            let mut open = Vec::new();
            for (object, (state, is_ready)) in states {
                if shown.borrow().get(&object) != Some(&state) {
                    let seconds = begun.elapsed().as_secs_f64();
                    screen.borrow_mut().line(&format!("   {seconds:5.1} s  {object:<28} {state}"))?;
                    shown.borrow_mut().insert(object.clone(), state.clone());
                }
                if !is_ready {
                    open.push(format!("{object} {state}"));
                }
            }
            Ok(if open.is_empty() { Seen::Done(()) } else { Seen::NotYet(open.join(", ")) })
        })
        .await;
        match waited {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explained(error).await),
        }
    }
}

type States = BTreeMap<String, (String, bool)>;

async fn states(cluster: &Cluster) -> Result<States> {
    let mut states = States::new();
    add_states::<EventSchema>(cluster, &mut states).await?;
    add_states::<AnalyticsPipeline>(cluster, &mut states).await?;
    add_states::<ForwardingRule>(cluster, &mut states).await?;
    Ok(states)
}

async fn add_states<K>(cluster: &Cluster, states: &mut States) -> Result<()>
where
    K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
{
    for object in cluster.api::<K>(NAMESPACE).list(&ListParams::default()).await? {
        let state = match object.condition("Ready") {
            Some(ready) if ready.status == "True" => "Ready".to_owned(),
            Some(ready) => format!("{}: {}", ready.reason, ready.message),
            None => "seen by the apiserver".to_owned(),
        };
        let name = object.meta().name.clone().unwrap_or_default();
        states.insert(format!("{} {name}", K::kind(&())), (state, object.is_ready()));
    }
    Ok(())
}
