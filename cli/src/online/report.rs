//! Report: all that helps somebody else to understand a stream, as one file of YAML.
//!
//! In: what `status` finds, the schemas, Events, pods and the end of the processors' logs. Out: one text, to be read before it is given away.
//! No secret and no value of a property is in it: see `redact.rs`. Not here: records, dead letters, rows.

pub(crate) mod redact;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use crds::EventSchema;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::reach::Reach;
use super::status;
use crate::arguments::online::{ReportArguments, StreamArguments};
use crate::exit::Exit;
use redact::Hidden;

/// Lines of each log.
const LINES: i64 = 300;
/// Properties of Kafka whose values are told; of the others, only the names are.
const TOLD: [&str; 4] =
    ["security.protocol", "sasl.mechanism", "sasl.mechanisms", "ssl.endpoint.identification.algorithm"];

/// Runs `report`.
///
/// # Errors
/// When the pipeline cannot be read, or the file cannot be written.
pub(super) async fn run(arguments: &ReportArguments, out: &mut dyn Write) -> Result<Exit> {
    let cluster = Cluster::connect(&arguments.stream.reach).await?;
    let (report, hidden) = gather(&cluster, &arguments.stream).await?;
    let text = serde_yaml::to_string(&hidden.redact(report))?;
    match &arguments.output {
        None => out.write_all(text.as_bytes())?,
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
            writeln!(out, "wrote {}; read it before you give it away", path.display())?;
        }
    }
    Ok(Exit::Clean)
}

async fn gather(cluster: &Cluster, stream: &StreamArguments) -> Result<(Value, Hidden)> {
    let mut snapshot = status::gather(cluster, stream, Timestamp::now()).await?;
    let wanted: Vec<String> = snapshot.pipeline.spec.schemas.iter().map(|it| it.name.clone()).collect();
    let schemas = cluster.list::<EventSchema>("").await;
    let mut schemas = snapshot.noting("schemas", schemas).unwrap_or_default();
    schemas.retain(|schema| wanted.contains(&schema.name_any()));
    let pods = cluster.pods(&stream.name).await;
    let pods = snapshot.noting("pods", pods).unwrap_or_default();
    let names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
    let events = cluster.list::<Event>("").await;
    let events = snapshot.noting("events", events).unwrap_or_default();
    let of_stream = |event: &&Event| {
        let name = event.involved_object.name.clone().unwrap_or_default();
        let ours = [stream.name.clone(), format!("{}-processor", stream.name)];
        ours.contains(&name) || names.contains(&name) || wanted.contains(&name)
    };
    let events: Vec<Value> = events.iter().filter(of_stream).map(event).collect();
    let mut logs = BTreeMap::new();
    for name in &names {
        for is_previous in [false, true] {
            if let Ok(text) = cluster.log(name, LINES, is_previous).await {
                let title =
                    if is_previous { format!("{name}, before its last restart") } else { name.clone() };
                logs.insert(title, text.lines().map(str::to_owned).collect::<Vec<_>>());
            }
        }
    }
    let reach = Reach::find(cluster, stream).await.ok().flatten();
    let secrets = reach.as_ref().map(Reach::secrets).unwrap_or_default();
    let report = json!({
        "program": format!("kubectl-tributary {}", env!("CARGO_PKG_VERSION")),
        "status": snapshot,
        "schemas": schemas,
        "stream": reach.as_ref().map(told),
        "pods": pods.iter().map(pod).collect::<Vec<_>>(),
        "events": events,
        "logs": logs,
    });
    Ok((report, Hidden::new(secrets)))
}

/// Returns how the stream is reached, without what is secret in it.
fn told(reach: &Reach) -> Value {
    let config = &reach.config;
    let properties: BTreeMap<&String, &str> = reach
        .addresses
        .kafka_properties
        .iter()
        .map(|(name, value)| (name, if TOLD.contains(&name.as_str()) { value.as_str() } else { "(set)" }))
        .collect();
    json!({
        "identity": config.stream,
        "kafka": { "bootstrap": reach.addresses.kafka, "topic": config.kafka.topic, "deadLetterTopic": config.kafka.dead_letter_topic,
            "group": config.kafka.group, "properties": properties },
        "clickhouse": { "url": reach.addresses.clickhouse_url, "database": config.clickhouse.database, "table": config.clickhouse.table },
        "batch": config.batch,
        "deduplicationWindowSeconds": config.deduplication_window_seconds,
        "hasHashKey": config.has_hash_key,
    })
}

fn pod(pod: &Pod) -> Value {
    let status = pod.status.clone().unwrap_or_default();
    let images: Vec<Option<String>> =
        pod.spec.iter().flat_map(|spec| &spec.containers).map(|it| it.image.clone()).collect();
    json!({ "name": pod.name_any(), "phase": status.phase, "images": images, "conditions": status.conditions,
        "containers": status.container_statuses })
}

fn event(event: &Event) -> Value {
    json!({ "object": format!("{} {}", event.involved_object.kind.clone().unwrap_or_default(), event.involved_object.name.clone().unwrap_or_default()),
        "type": event.type_, "reason": event.reason, "message": event.message, "count": event.count, "last": event.last_timestamp })
}

#[cfg(test)]
mod tests;
