//! The guarantee, under the worst: a processor killed with -9 again and again in the middle of a load, and a ClickHouse that stops.
//! Nothing is lost and nothing is doubled: in the table, and in a view that counts.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::cluster::restarts;
use e2e::host::{Usage, processes, usage};
use e2e::trial::{PATIENCE, Trial, alone_with_namespace, with_namespace};
use e2e::wait::{self, Seen};
use kube::ResourceExt;

use crate::host;
use crate::load::{self, Sending, check, send, until_sent};

const KILLS: usize = 10;
/// Records of the load under which processes are killed.
const EVENTS: u64 = 500_000;
/// Records a second while there are deaths to come: slow enough that ten of them lie within the load, each with the session timeout
/// of Kafka's group after it.
const RATE: u64 = 1_500;

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
    /// What its process had used.
    used: Usage,
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
    let used = usage(&processes(&life.0, "processor"));
    ensure!(host::kill_processes(&life.0, "processor")?, "{life:?} was not there to be killed");
    ensure!(same == life, "{same:?} was killed instead of {life:?}");
    let sent = sending.sent.load(Ordering::Relaxed);
    ensure!(sent < EVENTS && !sending.finished.is_finished(), "the load ended before the last death");
    Ok(Death { life, stored, lately: stored - before, sent, used })
}

#[test]
fn a_processor_killed_ten_times_under_load_loses_nothing_and_doubles_nothing() {
    with_namespace("killed", async |trial| {
        load::apply(&trial, 1).await?;
        let seed = jiff::Timestamp::now().as_millisecond().unsigned_abs();
        eprintln!("killed: the moments come from seed {seed}");
        let sending = send(&trial, EVENTS, RATE);
        let (mut state, mut dead) = (seed, Vec::new());
        for _ in 0..KILLS {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let death = kill_at_work(&trial, &sending, &dead, state >> 33).await?;
            let Death { life: (_, starts), stored, lately, sent, used } = &death;
            eprintln!(
                "killed: start {starts} had stored {stored} rows, {lately} of them lately, with {:.2} CPU seconds and at most {} MiB; \
                 {sent} records were sent",
                used.cpu_seconds,
                used.peak_memory >> 20
            );
            dead.push(death);
        }
        // The rest is there to be read by the last of them.
        load::conclude(&trial, sending).await?;
        let (life, stored) = at_work(&trial, &dead, 0).await?;
        let used = usage(&processes(&life.0, "processor"));
        eprintln!(
            "killed: start {} stored the last {stored} rows, with {:.2} CPU seconds and at most {} MiB; it has {} MiB now",
            life.1,
            used.cpu_seconds,
            used.peak_memory >> 20,
            used.memory >> 20
        );
        trial.ready::<AnalyticsPipeline>("ios").await?;
        Ok(())
    });
}

#[test]
fn a_clickhouse_that_stops_for_half_a_minute_under_load_loses_nothing_and_doubles_nothing() {
    alone_with_namespace("clickhouse-stops", async |trial| {
        load::apply(&trial, 1).await?;
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
