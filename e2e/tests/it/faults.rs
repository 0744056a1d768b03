//! The guarantee, under the worst: a processor killed with -9 again and again in the middle of a load, and a ClickHouse that stops.
//! Nothing is lost and nothing is doubled: in the table, and in a view that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::cluster::restarts;
use e2e::generator::App;
use e2e::generator::expected::Expected;
use e2e::kafka::Load;
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use e2e::wait::{self, Seen};
use kube::ResourceExt;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::host;

const KILLS: usize = 10;
/// Records of the load under which processes are killed.
const EVENTS: u64 = 500_000;
/// Records a second while there are deaths to come: slow enough that ten of them lie within the load, each with the session timeout
/// of Kafka's group after it.
const RATE: u64 = 1_500;

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
    hurry: Arc<AtomicBool>,
    finished: JoinHandle<Result<Expected>>,
}

fn send(trial: &Arc<Trial>, events: u64, rate: u64) -> Sending {
    let load = Load { rate: Some(rate), ..Load::default() };
    let (sent, hurry, trial) = (Arc::clone(&load.sent), Arc::clone(&load.hurry), Arc::clone(trial));
    let finished = tokio::spawn(async move { trial.send(App::Ios, events, true, load).await });
    Sending { sent, hurry, finished }
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

/// A process of the stream's processor: its pod, and how often that was started before.
type Life = (String, i32);

/// What a process had done when it was ended.
struct Death {
    life: Life,
    /// Rows that it had stored since it began.
    stored: u64,
    /// Those of them that it stored between the last two looks at it.
    lately: u64,
    /// Records of the load that were sent.
    sent: u64,
}

/// Waits for a process, none of the dead, that has stored more than `before` rows since it began. What it counts begins at zero with
/// it, so rows that an earlier process has written say nothing here.
async fn at_work(trial: &Trial, dead: &[Death], before: u64) -> Result<(Life, u64)> {
    wait::until("a processor that stores rows", PATIENCE, || async {
        let mut seen = String::from("no processor");
        for pod in trial.cluster.processors(&trial.namespace, "ios").await? {
            let life = (pod.uid().context("a pod without uid")?, restarts(&pod));
            let report = trial.cluster.report(&pod).await?;
            let stored = report.counters.stored;
            let is_dead = dead.iter().any(|death| death.life == life);
            if !is_dead && !report.partitions.is_empty() && stored > before {
                return Ok(Seen::Done((life, stored)));
            }
            seen = format!("{life:?} with partitions {:?} stored {stored}", report.partitions);
        }
        Ok(Seen::NotYet(seen))
    })
    .await
}

/// Ends a process at a random moment within its first second at work, and proves that it was in the middle of it.
async fn kill_at_work(trial: &Trial, sending: &Sending, dead: &[Death], chance: u64) -> Result<Death> {
    let (life, _) = at_work(trial, dead, 0).await?;
    until_sent(sending, sending.sent.load(Ordering::Relaxed) + chance % RATE).await?;
    let (_, before) = at_work(trial, dead, 0).await?;
    // It stores on, and dies before it can have stored all that was sent.
    let (same, stored) = at_work(trial, dead, before).await?;
    ensure!(host::kill_processes(&life.0, "processor")?, "{life:?} was not there to be killed");
    ensure!(same == life, "{same:?} was killed instead of {life:?}");
    let sent = sending.sent.load(Ordering::Relaxed);
    ensure!(sent < EVENTS && !sending.finished.is_finished(), "the load ended before the last death");
    Ok(Death { life, stored, lately: stored - before, sent })
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
        let sending = send(&trial, EVENTS, RATE);
        let (mut state, mut dead) = (seed, Vec::new());
        for _ in 0..KILLS {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let death = kill_at_work(&trial, &sending, &dead, state >> 33).await?;
            let Death { life: (_, starts), stored, lately, sent } = &death;
            eprintln!(
                "killed: start {starts} had stored {stored} rows, {lately} of them lately; {sent} records were sent"
            );
            dead.push(death);
        }
        // The rest is there to be read by the last of them.
        sending.hurry.store(true, Ordering::Relaxed);
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
