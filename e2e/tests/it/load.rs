//! A load on the iOS stream of the sample, for tests that break something while events flow.
//!
//! In: how many replicas, how many events at which rate. Out: whether table, view and dead letters are what the generator says.
//! Not here: what is broken meanwhile; see `faults.rs` and `rebalance.rs`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use crds::AnalyticsPipeline;
use e2e::generator::App;
use e2e::generator::expected::Expected;
use e2e::kafka::Load;
use e2e::trial::Trial;
use e2e::wait::{self, Seen};
use serde_json::Value;
use tokio::task::JoinHandle;

/// The iOS stream of the sample in small batches, so that much happens, and a view that counts by event.
pub(crate) async fn apply(trial: &Trial, replicas: u32) -> Result<()> {
    let mut objects = trial.sample("first-stream")?;
    objects.retain(|object| object["kind"] != "ForwardingRule" && object["metadata"]["name"] != "android");
    for object in &mut objects {
        if object["kind"] == "AnalyticsPipeline" {
            object["spec"]["processor"] =
                serde_json::json!({ "replicas": replicas, "batch": { "maxRows": 2000, "maxAge": "100ms" } });
        }
    }
    trial.apply(&objects).await?;
    trial.ready::<AnalyticsPipeline>("ios").await?;
    let view = format!(
        "CREATE MATERIALIZED VIEW `{0}`.`counts` ENGINE = SummingMergeTree ORDER BY event \
         SETTINGS non_replicated_deduplication_window = 10000 AS SELECT event, count() AS n FROM {1} GROUP BY event",
        trial.namespace,
        trial.table("ios")
    );
    trial.clickhouse.execute(&view).await
}

/// A load that is being sent.
pub(crate) struct Sending {
    /// Records sent so far.
    pub(crate) sent: Arc<AtomicU64>,
    /// Once set, the rest comes as fast as the broker takes it.
    pub(crate) hurry: Arc<AtomicBool>,
    /// What must become of the records, once all are sent.
    pub(crate) finished: JoinHandle<Result<Expected>>,
}

/// Sends events of the iOS app, so many a second.
pub(crate) fn send(trial: &Arc<Trial>, events: u64, rate: u64) -> Sending {
    let load = Load { rate: Some(rate), ..Load::default() };
    let (sent, hurry, trial) = (Arc::clone(&load.sent), Arc::clone(&load.hurry), Arc::clone(trial));
    let finished = tokio::spawn(async move { trial.send(App::Ios, events, true, load).await });
    Sending { sent, hurry, finished }
}

/// Waits until so many records are sent, or all.
pub(crate) async fn until_sent(sending: &Sending, wanted: u64) -> Result<()> {
    wait::until(&format!("{wanted} records to be sent"), Duration::from_secs(300), || async {
        let sent = sending.sent.load(Ordering::Relaxed);
        Ok(if sent >= wanted || sending.finished.is_finished() {
            Seen::Done(())
        } else {
            Seen::NotYet(format!("{sent}"))
        })
    })
    .await
}

/// Lets the rest of a load come at once, waits until all is settled, and compares everything with the generator.
pub(crate) async fn conclude(trial: &Trial, sending: Sending) -> Result<()> {
    sending.hurry.store(true, Ordering::Relaxed);
    let expected = sending.finished.await??;
    check(trial, &expected).await
}

/// Table, view, dead letters: all as the generator says.
pub(crate) async fn check(trial: &Trial, expected: &Expected) -> Result<()> {
    trial.stored("ios", expected.stored(), Duration::from_secs(240)).await?;
    let table = trial.table("ios");
    let by_event = |source: String| async move {
        let sql = format!("SELECT event, {source} GROUP BY event ORDER BY event");
        let rows = trial.clickhouse.rows(&sql).await?;
        let pair = |row: &Value| {
            (row["event"].as_str().unwrap_or_default().to_owned(), row["n"].as_u64().unwrap_or_default())
        };
        anyhow::Ok(rows.iter().map(pair).collect::<std::collections::BTreeMap<String, u64>>())
    };
    assert_eq!(by_event(format!("count() AS n FROM {table}")).await?, expected.rows, "in the table");
    let view = format!("sum(n) AS n FROM `{}`.`counts`", trial.namespace);
    assert_eq!(by_event(view).await?, expected.rows, "in the view that counts");

    let mut positions = std::collections::BTreeSet::new();
    for kept in trial.kafka.read(&format!("{}.dead-letters", trial.topic("ios"))).await? {
        positions.insert(kept.header("tributary-position").to_owned());
    }
    assert_eq!(positions.len() as u64, expected.dead_lettered(), "positions of dead letters");
    Ok(())
}
