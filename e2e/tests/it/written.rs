//! What several tests write: a small stream of clicks, and records by hand.
//!
//! In: numbers. Out: YAML as a user writes it, and records. Nothing here looks at a result.

use anyhow::Result;
use e2e::generator::{Fate, Record};
use e2e::kafka::Load;
use e2e::trial::Trial;
use serde_json::{Value, json};

/// The stream `clicks` of events `click`, small enough to see at a glance.
pub(crate) const CLICKS: &str = "
apiVersion: tributary.dev/v1alpha1
kind: EventSchema
metadata: {name: click}
spec:
  fields:
  - {name: n, type: Int64, required: true}
---
apiVersion: tributary.dev/v1alpha1
kind: AnalyticsPipeline
metadata: {name: clicks}
spec:
  schemas: [{name: click}]
  kafka: {partitions: 2}
  processor: {batch: {maxAge: 200ms}}
";

/// The same stream with three partitions, and a processor as a test wants it.
pub(crate) fn following_lag(processor: &str) -> String {
    CLICKS.replace("partitions: 2", "partitions: 3").replace("batch: {maxAge: 200ms}", processor)
}

/// A record of a JSON event.
pub(crate) fn record(event: &Value) -> Record {
    let key = event["n"].to_string();
    let timestamp = jiff::Timestamp::now().as_millisecond();
    // What must become of it is the test's to say.
    Record { key, value: event.to_string().into_bytes(), timestamp, fate: Fate::Filtered }
}

/// Sends clicks with the numbers of a range.
pub(crate) async fn send_clicks(trial: &Trial, numbers: std::ops::Range<i64>) -> Result<()> {
    let records: Vec<Record> = numbers.map(|n| record(&json!({ "event": "click", "n": n }))).collect();
    send(trial, "clicks", records).await
}

/// Sends records into the topic of a pipeline.
pub(crate) async fn send(trial: &Trial, pipeline: &str, records: Vec<Record>) -> Result<()> {
    trial.kafka.send(&trial.topic(pipeline), records.into_iter(), Load::default()).await?;
    Ok(())
}
