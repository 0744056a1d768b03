//! In whichever order Secret, schema, pipeline and rule are applied, and whatever the operator saw in between, the end is the same.

use anyhow::Result;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::cluster::parse_manifests;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Reported, Seen};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};

const KINDS: usize = 4;

/// Secret, schema, pipeline and rule of one permutation. The pipeline is suspended, so that two dozen of them cost no pods.
fn objects(trial: &Trial, number: usize, suspend: bool) -> Result<[Value; KINDS]> {
    let text = format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: keys-{number:02}}}
stringData:
  hash: thirty-two-bytes-or-more-of-a-key-for-hashing
  webhook: whsec_dHJpYnV0YXJ5LWRlbW8tc2VjcmV0LWRvLW5vdC11c2U=
---
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {{name: visit-{number:02}}}
spec:
  event: visit
  fields: [{{name: user, type: String, privacy: Hash}}]
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {{name: visits-{number:02}}}
spec:
  schemas: [{{name: visit-{number:02}}}]
  privacy: {{hashKey: {{name: keys-{number:02}, key: hash}}}}
  kafka: {{partitions: 1}}
  suspend: {suspend}
  deletionPolicy: Delete
---
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {{name: rule-{number:02}}}
spec:
  pipeline: {{name: visits-{number:02}}}
  when: has(event.user)
  destination:
    type: Webhook
    webhook: {{url: 'http://10.250.0.1:9999/', secretRef: {{name: keys-{number:02}, key: webhook}}}}
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
            1 => seen::<EventSchema>(trial, &format!("visit-{number:02}")).await?,
            2 => seen::<AnalyticsPipeline>(trial, &format!("visits-{number:02}")).await?,
            3 => seen::<ForwardingRule>(trial, &format!("rule-{number:02}")).await?,
            _ => {}
        }
    }
    trial.ready::<EventSchema>(&format!("visit-{number:02}")).await?;
    trial.ready::<AnalyticsPipeline>(&format!("visits-{number:02}")).await?;
    Ok(())
}

/// What a permutation ends as, with its number taken out: how each kind stands, and the Deployment.
async fn end(trial: &Trial, number: usize) -> Result<Value> {
    let schema = trial.ready::<EventSchema>(&format!("visit-{number:02}")).await?;
    let pipeline = trial.ready::<AnalyticsPipeline>(&format!("visits-{number:02}")).await?;
    let rule = trial.ready::<ForwardingRule>(&format!("rule-{number:02}")).await?;
    let deployment = trial.api::<Deployment>().get(&format!("visits-{number:02}-processor")).await?;
    let mut deployment = serde_json::to_value(deployment.spec)?;
    // The hash of a text that holds the number.
    deployment["template"]["metadata"]["annotations"].take();
    let end = json!({
        "schema": said(&schema), "pipeline": said(&pipeline), "rule": said(&rule), "deployment": deployment,
    });
    Ok(serde_json::from_str(&end.to_string().replace(&format!("-{number:02}"), "-NN"))?)
}

fn said(object: &impl Reported) -> Value {
    ["Ready", "Reconciling", "Stalled"]
        .iter()
        .filter_map(|kind| object.condition(kind))
        .map(|found| json!([found.type_, found.status]))
        .collect()
}

#[test]
fn every_order_of_secret_schema_pipeline_and_rule_ends_the_same() {
    with_namespace("order", async |trial| {
        let orders = permutations();
        assert_eq!(orders.len(), 24);
        let trial = &trial;
        futures::stream::iter(orders.iter().enumerate())
            .map(|(number, order)| apply_in_order(trial, *order, number, true))
            .buffer_unordered(8)
            .try_collect::<Vec<_>>()
            .await?;
        // A rule of a suspended pipeline is Ready before the Deployment has been given its Secret, so the end is waited for.
        wait::until("every order to end the same", PATIENCE, || same_end(trial, &orders)).await
    });
}

/// Whether all have ended, and as the first one did: with the rule's Secret in the Deployment.
async fn same_end(trial: &Trial, orders: &[[usize; KINDS]]) -> Result<Seen<()>> {
    let (first, wanted) = (orders[0], end(trial, 0).await?);
    if !wanted["deployment"].to_string().contains("/etc/tributary/rules") {
        return Ok(Seen::NotYet(format!("{first:?} has no Secret of the rule:\n{wanted:#}")));
    }
    for (number, order) in orders.iter().enumerate() {
        let end = end(trial, number).await?;
        if end != wanted {
            return Ok(Seen::NotYet(format!(
                "{order:?} ends otherwise than {first:?}:\n{end:#}\n{wanted:#}"
            )));
        }
    }
    Ok(Seen::Done(()))
}

#[test]
fn the_worst_order_ends_with_a_running_processor_too() {
    with_namespace("worst-order", async |trial| apply_in_order(&trial, [3, 2, 1, 0], 0, false).await);
}
