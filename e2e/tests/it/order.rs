//! In whichever order Secret, schema, pipeline and rule are applied, and whatever the operator saw in between, the end is the same.

use anyhow::Result;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::cluster::parse_manifests;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Reported};
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

const KINDS: usize = 4;

/// Secret, schema, pipeline and rule of one permutation. The pipeline is suspended, so that two dozen of them cost no pods.
fn objects(trial: &Trial, number: usize, suspend: bool) -> Result<[Value; KINDS]> {
    let text = format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: keys-{number}}}
stringData:
  hash: thirty-two-bytes-or-more-of-a-key-for-hashing
  webhook: whsec_dHJpYnV0YXJ5LWRlbW8tc2VjcmV0LWRvLW5vdC11c2U=
---
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {{name: visit-{number}}}
spec:
  event: visit
  fields: [{{name: user, type: String, privacy: Hash}}]
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {{name: visits-{number}}}
spec:
  schemas: [{{name: visit-{number}}}]
  privacy: {{hashKey: {{name: keys-{number}, key: hash}}}}
  kafka: {{partitions: 1}}
  suspend: {suspend}
  deletionPolicy: Delete
---
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {{name: rule-{number}}}
spec:
  pipeline: {{name: visits-{number}}}
  when: has(event.user)
  destination:
    type: Webhook
    webhook: {{url: 'http://10.250.0.1:9/', secretRef: {{name: keys-{number}, key: webhook}}}}
"
    );
    let mut objects = parse_manifests(&text)?;
    for object in &mut objects {
        object["metadata"]["namespace"] = trial.namespace.clone().into();
    }
    objects.try_into().map_err(|_| anyhow::anyhow!("not four objects"))
}

fn permutations() -> Vec<[usize; KINDS]> {
    let mut found = Vec::new();
    for code in 0..KINDS.pow(KINDS as u32) {
        let order = [code % 4, code / 4 % 4, code / 16 % 4, code / 64];
        if (0..KINDS).all(|kind| order.contains(&kind)) {
            found.push(order);
        }
    }
    found
}

/// Waits until the operator has looked at the object, so that it meets the world without those that follow.
async fn seen<K>(trial: &Trial, name: &str) -> Result<()>
where
    K: Reported + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
{
    let judged = |object: &K| object.condition("Ready").is_some();
    wait::object(&trial.api::<K>(), name, "seen by the operator", PATIENCE, judged).await?;
    Ok(())
}

async fn apply_in_order(trial: &Trial, order: [usize; KINDS], number: usize, suspend: bool) -> Result<()> {
    let objects = objects(trial, number, suspend)?;
    for kind in order {
        trial.apply(&objects[kind..=kind]).await?;
        match kind {
            1 => seen::<EventSchema>(trial, &format!("visit-{number}")).await?,
            2 => seen::<AnalyticsPipeline>(trial, &format!("visits-{number}")).await?,
            3 => seen::<ForwardingRule>(trial, &format!("rule-{number}")).await?,
            _ => {}
        }
    }
    trial.ready::<EventSchema>(&format!("visit-{number}")).await?;
    trial.ready::<AnalyticsPipeline>(&format!("visits-{number}")).await?;
    Ok(())
}

#[test]
fn every_order_of_secret_schema_pipeline_and_rule_ends_the_same() {
    with_namespace("order", async |trial| {
        let orders = permutations();
        assert_eq!(orders.len(), 24);
        let trial = &trial;
        futures::stream::iter(orders.into_iter().enumerate())
            .map(|(number, order)| async move {
                apply_in_order(trial, order, number, true).await?;
                trial.ready::<ForwardingRule>(&format!("rule-{number}")).await
            })
            .buffer_unordered(8)
            .try_collect::<Vec<_>>()
            .await?;
        Ok(())
    });
}

#[test]
fn the_worst_order_ends_with_a_running_processor_too() {
    with_namespace("worst-order", async |trial| apply_in_order(&trial, [3, 2, 1, 0], 0, false).await);
}
