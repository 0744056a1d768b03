//! A schema changes while events flow: no event is lost, none is doubled, and a change that would break the past is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::ensure;
use crds::{AnalyticsPipeline, EventSchema};
use e2e::generator::Record;
use e2e::kafka::Load;
use e2e::trial::{PATIENCE, with_namespace};
use e2e::wait::{self, Seen};
use serde_json::{Value, json};

use crate::written;

#[test]
fn a_schema_gains_a_field_while_events_flow() {
    with_namespace("evolution", async |trial| {
        trial.apply(&trial.sample("schema-evolution/1-before.yaml")?).await?;
        trial.ready::<AnalyticsPipeline>("arcade").await?;

        // Every event carries the field that only the second version knows; before, it is captured in `extra`.
        let event = |n: i64| json!({ "event": "level_done", "level": 1, "score": n, "player": "ada", "seconds": 1.5 });
        let records = (0..40_000_i64).map(move |n| written::record(&event(n))).collect::<Vec<Record>>();
        let load = Load { rate: Some(2_000), ..Load::default() };
        let (kafka, topic, sent) = (trial.kafka.clone(), trial.topic("arcade"), Arc::clone(&load.sent));
        let sending = tokio::spawn(async move { kafka.send(&topic, records.into_iter(), load).await });
        wait::until("the load to be under way", PATIENCE, || async {
            let sent = sent.load(Ordering::Relaxed);
            Ok(if sent > 4_000 { Seen::Done(()) } else { Seen::NotYet(format!("{sent} sent")) })
        })
        .await?;

        trial.apply(&trial.sample("schema-evolution/2-after.yaml")?).await?;
        wait::object(&trial.api::<AnalyticsPipeline>(), "arcade", "at level-done@2", PATIENCE, |pipeline| {
            pipeline.status.as_ref().is_some_and(|status| status.schemas == ["level-done@2"])
        })
        .await?;
        trial.ready::<AnalyticsPipeline>("arcade").await?;
        sending.await??;

        trial.stored("arcade", 40_000, PATIENCE).await?;
        let table = trial.table("arcade");
        let sql = format!(
            "SELECT countIf(seconds = 1.5) AS after, countIf(seconds IS NULL) AS before, \
             toTypeName(any(score)) AS type, toUInt64(sum(score)) AS total FROM {table}"
        );
        let row = trial.clickhouse.rows(&sql).await?.remove(0);
        ensure!(
            row["after"].as_u64() > Some(0) && row["before"].as_u64() > Some(0),
            "both versions were at work: {row}"
        );
        assert_eq!(row["type"], "Int64", "widened from Int32");
        assert_eq!(row["total"].as_u64(), Some((0..40_000_u64).sum()));
        Ok(())
    });
}

#[test]
fn a_change_that_breaks_the_past_is_refused_and_changes_nothing() {
    with_namespace("incompatible", async |trial| {
        trial.apply_text(written::CLICKS).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        let breaking = json!({ "spec": { "fields": [{ "name": "n", "type": "String", "required": true }] } });
        trial.patch::<EventSchema>("click", breaking).await?;
        let message = trial.reason::<EventSchema>("click", "Stalled", "SchemaIncompatible").await?;
        ensure!(
            message.contains("`n`") && message.contains("String"),
            "the message names field and type: {message}"
        );

        // The accepted version stays in force.
        written::send_clicks(&trial, 0..100).await?;
        trial.stored("clicks", 100, Duration::from_secs(60)).await?;
        let schema = trial.api::<EventSchema>().get("click").await?;
        assert_eq!(
            schema.status.and_then(|status| status.accepted).map(|accepted| accepted.version),
            Some(1)
        );

        let mended: Value =
            json!({ "spec": { "fields": [{ "name": "n", "type": "Int64", "required": true }] } });
        trial.patch::<EventSchema>("click", mended).await?;
        trial.ready::<EventSchema>("click").await?;
        Ok(())
    });
}
