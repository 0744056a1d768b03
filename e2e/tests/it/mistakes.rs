//! Mistakes that the apiserver cannot see end in a condition whose message says what to do, and heal once mended.

use anyhow::{Result, ensure};
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use e2e::trial::{Trial, with_namespace};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use serde_json::json;

use crate::written;

#[test]
fn a_text_that_is_no_manifest_is_refused_with_the_line() {
    with_namespace("unparsable", async |trial| {
        let file = std::env::temp_dir().join(format!("{}.yaml", trial.namespace));
        std::fs::write(
            &file,
            "apiVersion: tributary.dev/v1alpha1\nkind: EventSchema\nmetadata: {name: broken\nspec: [\n",
        )?;
        let refused = trial.cluster.kubectl(&["apply", "--filename", &file.to_string_lossy()]).await;
        std::fs::remove_file(&file)?;
        let Err(refused) = refused else { anyhow::bail!("kubectl took a text that is no YAML") };
        ensure!(format!("{refused:#}").contains("line"), "{refused:#}");
        Ok(())
    });
}

#[test]
fn a_broken_schema_tells_all_its_problems_at_once_and_heals() {
    with_namespace("broken-schema", async |trial| {
        trial.apply_text(&written::CLICKS.replace(
            "- {name: n, type: Int64, required: true}",
            "- {name: n, type: Int64, required: true}\n  - {name: code, type: String, pattern: '(unclosed'}\n  rules: [{rule: 'event.m > 0', message: m is positive}]",
        )).await?;
        let message = trial.reason::<EventSchema>("click", "Stalled", "SpecInvalid").await?;
        ensure!(
            message.contains("pattern") && message.contains("event.m"),
            "both problems are told: {message}"
        );
        let waits = trial.reason::<AnalyticsPipeline>("clicks", "Ready", "DependencyNotReady").await?;
        ensure!(waits.contains("click"), "the pipeline names what it waits for: {waits}");

        let mended = json!({ "spec": { "rules": null, "fields": [{ "name": "n", "type": "Int64", "required": true }] } });
        trial.patch::<EventSchema>("click", mended).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        Ok(())
    });
}

#[test]
fn a_missing_secret_and_a_missing_key_are_named_and_heal() {
    with_namespace("missing-secret", async |trial| {
        let hashed = written::CLICKS
            .replace(
                "- {name: n, type: Int64, required: true}",
                "- {name: n, type: Int64, required: true}\n  - {name: user, type: String, privacy: Hash}",
            )
            .replace(
                "  kafka: {partitions: 2}",
                "  kafka: {partitions: 2}\n  privacy: {hashKey: {name: privacy, key: hash-key}}",
            );
        trial.apply_text(&hashed).await?;
        let message = trial.reason::<AnalyticsPipeline>("clicks", "Ready", "SecretNotFound").await?;
        ensure!(message.contains("privacy"), "the message names the Secret: {message}");

        secret(&trial, "another-key").await?;
        let message = trial.reason::<AnalyticsPipeline>("clicks", "Ready", "SecretKeyMissing").await?;
        ensure!(message.contains("hash-key"), "the message names the key: {message}");

        secret(&trial, "hash-key").await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        Ok(())
    });
}

async fn secret(trial: &Trial, key: &str) -> Result<()> {
    trial
        .apply_text(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: privacy}}\nstringData: {{{key}: thirty-two-bytes-or-more-of-a-key}}\n"
        ))
        .await
}

#[test]
fn a_rule_to_an_address_that_is_not_allowed_is_refused_with_the_remedy() {
    with_namespace("forbidden", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial
            .apply_text(
                "
apiVersion: v1
kind: Secret
metadata: {name: hook}
stringData: {secret: whsec_dHJpYnV0YXJ5LWRlbW8tc2VjcmV0LWRvLW5vdC11c2U=}
---
apiVersion: tributary.dev/v1alpha1
kind: ForwardingRule
metadata: {name: inside}
spec:
  pipeline: {name: clicks}
  destination: {type: Webhook, webhook: {url: 'http://169.254.169.254/latest', secretRef: {name: hook, key: secret}}}
",
            )
            .await?;
        let message = trial.reason::<ForwardingRule>("inside", "Stalled", "DestinationForbidden").await?;
        ensure!(message.contains("169.254.169.254"), "the message names the address: {message}");

        // The receiver's network is allowed in this environment.
        let mended =
            json!({ "spec": { "destination": { "webhook": { "url": "http://10.250.0.1:9999/" } } } });
        trial.patch::<ForwardingRule>("inside", mended).await?;
        trial.ready::<ForwardingRule>("inside").await?;
        Ok(())
    });
}

#[test]
fn two_schemas_that_give_one_field_two_types_are_refused_with_both_names() {
    with_namespace("two-types", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial
            .apply_text(
                "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: tap}
spec: {fields: [{name: n, type: String}]}
",
            )
            .await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        let both = json!({ "spec": { "schemas": [{ "name": "click" }, { "name": "tap" }] } });
        trial.patch::<AnalyticsPipeline>("clicks", both).await?;
        let message = trial.reason::<AnalyticsPipeline>("clicks", "Stalled", "SpecInvalid").await?;
        ensure!(message.contains("click") && message.contains("tap"), "both schemas are named: {message}");

        let one = json!({ "spec": { "schemas": [{ "name": "click" }] } });
        trial.patch::<AnalyticsPipeline>("clicks", one).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        Ok(())
    });
}

#[test]
fn the_definitions_tell_every_field_in_kubectl_explain() {
    with_namespace("explain", async |trial| {
        let said = trial.cluster.kubectl(&["explain", "analyticspipeline.spec.kafka.partitions"]).await?;
        ensure!(said.contains("it can only grow"), "{said}");
        let definitions: Api<CustomResourceDefinition> = Api::all(trial.cluster.client.clone());
        let definition = definitions.get("analyticspipelines.tributary.dev").await?;
        assert_eq!(definition.spec.names.short_names, Some(vec!["ap".to_owned()]));
        Ok(())
    });
}
