//! Status: one page of a stream.
//!
//! In: what the apiserver, the processors, Kafka and ClickHouse say at this moment. Out: conditions with what to do, partitions and lag, the
//! table and its last insert, why records were rejected, how forwarding stands.
//! Who does not answer is named on the page, and all else is shown. Not here: waiting, or judging what the operator judges.

mod page;
mod snapshot;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use jiff::Timestamp;
use kube::ResourceExt;

pub(super) use page::page;
pub(super) use snapshot::{Letters, PartitionSeen, ProcessorSeen, Snapshot};

use super::clickhouse::ClickHouse;
use super::cluster::Cluster;
use super::kafka::Kafka;
use super::reach::Reach;
use crate::arguments::online::{PageArguments, PageFormat, StreamArguments};
use crate::exit::Exit;

/// Runs `status`.
///
/// # Errors
/// When the pipeline cannot be read.
pub(super) async fn run(arguments: &PageArguments, out: &mut dyn Write) -> Result<Exit> {
    let cluster = Cluster::connect(&arguments.stream.reach).await?;
    let snapshot = gather(&cluster, &arguments.stream, Timestamp::now()).await?;
    match arguments.format {
        PageFormat::Human => out.write_all(page(&snapshot).as_bytes())?,
        PageFormat::Json => writeln!(out, "{:#}", serde_json::to_value(&snapshot)?)?,
    }
    Ok(if snapshot.is_ready() { Exit::Clean } else { Exit::Findings })
}

/// Asks everybody. Only the pipeline itself must be there.
pub(super) async fn gather(cluster: &Cluster, stream: &StreamArguments, now: Timestamp) -> Result<Snapshot> {
    let pipeline = cluster.pipeline(&stream.name).await?;
    let mut snapshot = Snapshot::new(pipeline, now);
    let rules = cluster.rules(&stream.name).await;
    snapshot.rules = snapshot.noting("forwarding rules", rules).unwrap_or_default();
    let processors = processors(cluster, &stream.name, &mut snapshot).await;
    snapshot.processors = snapshot.noting("processors", processors).unwrap_or_default();
    let reach = Reach::find(cluster, stream).await;
    let Some(Some(reach)) = snapshot.noting("addresses of Kafka and ClickHouse", reach) else {
        return Ok(snapshot);
    };
    let kafka = Kafka::new(reach.addresses.kafka(), &reach.addresses.kafka);
    let partitions = partitions(&kafka, &reach, &snapshot.processors);
    snapshot.partitions = snapshot.noting("partitions", partitions).unwrap_or_default();
    let letters = letters(&kafka, &reach);
    snapshot.dead_letters = snapshot.noting("dead letters", letters);
    let size = ClickHouse::new(&reach.addresses, &reach.config).size().await;
    snapshot.table = snapshot.noting("table", size).flatten();
    Ok(snapshot)
}

/// Asks the pods what they say of themselves.
async fn processors(
    cluster: &Cluster,
    pipeline: &str,
    snapshot: &mut Snapshot,
) -> Result<Vec<ProcessorSeen>> {
    let mut seen = Vec::new();
    for pod in cluster.pods(pipeline).await? {
        let name = pod.name_any();
        let mut processor = ProcessorSeen::new(&pod);
        if processor.phase == "Running" {
            let report = cluster.report(&name).await;
            processor.report = snapshot.noting(&format!("pod {name}"), report);
        }
        seen.push(processor);
    }
    Ok(seen)
}

/// Asks for ends and positions, and whose each partition is.
fn partitions(kafka: &Kafka, reach: &Reach, processors: &[ProcessorSeen]) -> Result<Vec<PartitionSeen>> {
    let (topic, group) = (&reach.config.kafka.topic, &reach.config.kafka.group);
    let ends = kafka.ends(topic)?;
    let committed = kafka.committed(topic, group, &ends.keys().copied().collect::<Vec<_>>())?;
    let owners: BTreeMap<i32, &str> = processors
        .iter()
        .flat_map(|processor| {
            processor.report.iter().flat_map(|it| &it.partitions).map(|it| (*it, processor.pod.as_str()))
        })
        .collect();
    Ok(ends
        .into_iter()
        .map(|(partition, ends)| PartitionSeen {
            partition,
            first: ends.low,
            acknowledged: committed.get(&partition).copied().flatten(),
            end: ends.high,
            processor: owners.get(&partition).map(|owner| (*owner).to_owned()),
        })
        .collect())
}

fn letters(kafka: &Kafka, reach: &Reach) -> Result<Letters> {
    let topic = reach.config.kafka.dead_letter_topic.clone();
    let ends = kafka.ends(&topic)?;
    let records = ends.values().map(|ends| (ends.high - ends.low).max(0)).sum();
    Ok(Letters { topic, records })
}
