//! The guarantee, under the worst: a processor killed with -9 again and again in the middle of a load, and a ClickHouse that stops.
//! Nothing is lost and nothing is doubled: in the table, and in a view that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::generator::App;
use e2e::generator::expected::Expected;
use e2e::kafka::Load;
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use e2e::wait::{self, Seen};
use kube::ResourceExt;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::host;

const KILLS: u64 = 10;

/// The iOS stream of the sample in small batches, so that much happens, and a view that counts by event.
async fn apply(trial: &Trial) -> Result<()> {
    let mut objects = trial.sample("first-stream")?;
    objects.retain(|object| object["kind"] != "ForwardingRule" && object["metadata"]["name"] != "android");
    for object in &mut objects {
        if object["kind"] == "AnalyticsPipeline" {
            object["spec"]["processor"] =
                serde_json::json!({ "replicas": 1, "batch": { "maxRows": 2000, "maxAge": "100ms" } });
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

struct Sending {
    sent: Arc<AtomicU64>,
    finished: JoinHandle<Result<Expected>>,
}

fn send(trial: &Arc<Trial>, events: u64, rate: u64) -> Sending {
    let load = Load { rate: Some(rate), ..Load::default() };
    let (sent, trial) = (Arc::clone(&load.sent), Arc::clone(trial));
    let finished = tokio::spawn(async move { trial.send(App::Ios, events, true, load).await });
    Sending { sent, finished }
}

async fn until_sent(sending: &Sending, wanted: u64) -> Result<()> {
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

/// Waits until the table has more rows than before: a processor is in the middle of its work.
async fn at_work(trial: &Trial, before: u64) -> Result<u64> {
    let table = trial.table("ios");
    wait::until("rows to grow", PATIENCE, || async {
        let rows = trial.clickhouse.count(&table).await?.rows;
        Ok(if rows > before { Seen::Done(rows) } else { Seen::NotYet(format!("{rows} rows")) })
    })
    .await
}

async fn kill_processor(trial: &Trial) -> Result<()> {
    wait::until("a processor to kill", PATIENCE, || async {
        for pod in trial.cluster.processors(&trial.namespace, "ios").await? {
            if host::kill_processes(&pod.uid().context("a pod without uid")?, "processor")? {
                return Ok(Seen::Done(()));
            }
        }
        Ok(Seen::NotYet("no process".to_owned()))
    })
    .await
}

/// Table, view, dead letters: all as the generator says.
async fn check(trial: &Trial, expected: &Expected) -> Result<()> {
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

#[test]
fn a_processor_killed_ten_times_under_load_loses_nothing_and_doubles_nothing() {
    alone_with_namespace("killed", async |trial| {
        apply(&trial).await?;
        let seed = jiff::Timestamp::now().as_millisecond().unsigned_abs();
        eprintln!("killed: the moments come from seed {seed}");
        // Slow enough that ten deaths, each with the session timeout of Kafka's group after it, lie within the load.
        let (events, rate) = (500_000, 3_500);
        let sending = send(&trial, events, rate);
        let (mut state, mut rows) = (seed, 0);
        for _ in 0..KILLS {
            rows = at_work(&trial, rows).await?;
            // A random moment within the next second.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            until_sent(&sending, sending.sent.load(Ordering::Relaxed) + (state >> 33) % rate).await?;
            kill_processor(&trial).await?;
            let sent = sending.sent.load(Ordering::Relaxed);
            eprintln!("killed: after {sent} records were sent and {rows} rows were seen");
            ensure!(sent < events, "the load ended before the last death");
        }
        let expected = sending.finished.await??;
        check(&trial, &expected).await?;
        trial.ready::<AnalyticsPipeline>("ios").await?;
        Ok(())
    });
}

#[test]
fn a_clickhouse_that_stops_for_half_a_minute_under_load_loses_nothing_and_doubles_nothing() {
    alone_with_namespace("clickhouse-stops", async |trial| {
        apply(&trial).await?;
        let sending = send(&trial, 200_000, 5_000);
        until_sent(&sending, 20_000).await?;
        host::stop_part("clickhouse")?;
        let outcome = async {
            let message = trial.reason::<AnalyticsPipeline>("ios", "Ready", "ClickHouseUnreachable").await?;
            eprintln!("clickhouse-stops: {message}");
            // Thirty seconds of the load, whatever the condition took.
            until_sent(&sending, 20_000 + 30 * 5_000).await
        }
        .await;
        host::start_part("clickhouse")?;
        outcome?;
        let expected = sending.finished.await??;
        check(&trial, &expected).await?;
        let ready = trial.ready::<AnalyticsPipeline>("ios").await?;
        ensure!(ready.status.is_some(), "no status");
        Ok(())
    });
}
