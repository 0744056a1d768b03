//! The main job: objects become a stream, events become rows, bad ones are kept with their reason, two shapes become one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::generator::App;
use e2e::kafka::Load;
use e2e::trial::{PATIENCE, Trial, with_namespace};
use e2e::wait::{self, Seen};
use serde_json::{Value, json};

use crate::written;

/// The sample without its forwarding rule.
async fn apply_first_stream(trial: &Trial) -> Result<()> {
    let objects = trial.sample("first-stream")?;
    let objects: Vec<Value> =
        objects.into_iter().filter(|object| object["kind"] != "ForwardingRule").collect();
    trial.apply(&objects).await?;
    trial.ready::<AnalyticsPipeline>("ios").await?;
    trial.ready::<AnalyticsPipeline>("android").await?;
    Ok(())
}

#[test]
fn objects_become_a_stream_and_every_event_a_row() {
    with_namespace("first-stream", async |trial| {
        apply_first_stream(&trial).await?;
        let expected = trial.send(App::Ios, 20_000, false, Load::default()).await?;
        trial.stored("ios", 20_000, Duration::from_secs(60)).await?;
        ensure!(
            trial.kafka.records(&format!("{}.dead-letters", trial.topic("ios"))).await? == 0,
            "a dead letter"
        );

        let table = trial.table("ios");
        let mut rows = BTreeMap::new();
        for row in
            trial.clickhouse.rows(&format!("SELECT event, count() AS n FROM {table} GROUP BY event")).await?
        {
            rows.insert(row["event"].as_str().unwrap().to_owned(), row["n"].as_u64().unwrap());
        }
        assert_eq!(rows, expected.rows);
        let cents = format!("SELECT toUInt64(sum(amount) * 100) AS n FROM {table} WHERE event = 'purchase'");
        assert_eq!(trial.clickhouse.number(&cents).await?, expected.cents);
        let odd = format!(
            "SELECT countIf(length(user_id) != 64 OR device_os != 'iOS' OR _topic != '{}') AS n FROM {table}",
            trial.topic("ios")
        );
        assert_eq!(trial.clickhouse.number(&odd).await?, 0);
        let masked = format!(
            "SELECT countIf(NOT match(email, '^[*]+.{{4}}$')) AS n FROM {table} WHERE event = 'sign_up'"
        );
        assert_eq!(trial.clickhouse.number(&masked).await?, 0);

        let status = trial.ready::<AnalyticsPipeline>("ios").await?.status.unwrap_or_default();
        assert_eq!(status.topic, Some(trial.topic("ios")));
        assert_eq!(status.table, Some(trial.topic("ios")));
        assert_eq!(status.schemas, ["purchase@1", "page-view@1", "sign-up@1"].map(str::to_owned));
        Ok(())
    });
}

#[test]
fn bad_events_are_kept_with_bytes_reason_field_schema_and_position() {
    with_namespace("bad-events", async |trial| {
        apply_first_stream(&trial).await?;
        for app in App::ALL {
            let expected = trial.send(app, 10_000, true, Load::default()).await?;
            trial.stored(app.pipeline(), expected.stored(), Duration::from_secs(60)).await?;
            let topic = format!("{}.dead-letters", trial.topic(app.pipeline()));
            wait::until_equal("dead letters", PATIENCE, expected.dead_lettered(), || {
                trial.kafka.records(&topic)
            })
            .await?;

            let (mut reasons, mut positions) = (BTreeMap::new(), BTreeSet::new());
            for kept in trial.kafka.read(&topic).await? {
                *reasons.entry(kept.header("tributary-reason").to_owned()).or_insert(0) += 1;
                positions.insert(kept.header("tributary-position").to_owned());
                for header in ["tributary-message", "tributary-field", "tributary-schema"] {
                    ensure!(kept.headers.contains_key(header), "no header {header}: {:?}", kept.headers);
                }
                let value = String::from_utf8_lossy(&kept.value);
                if kept.header("tributary-reason") == "NotInEnum" {
                    ensure!(value.contains("XBT"), "the bytes are not the original ones: {value}");
                    ensure!(
                        !format!("{:?}", kept.headers).contains("XBT"),
                        "a header holds a value: {:?}",
                        kept.headers
                    );
                    assert_eq!(kept.header("tributary-schema"), "purchase@1");
                    assert_eq!(kept.header("tributary-field"), "currency");
                }
            }
            let wanted: BTreeMap<String, u64> =
                expected.dead_letters.iter().map(|(reason, number)| (reason.to_string(), *number)).collect();
            assert_eq!(reasons, wanted);
            assert_eq!(positions.len() as u64, expected.dead_lettered());
            assert_eq!(filtered(&trial, app.pipeline(), expected.filtered).await?, expected.filtered);
        }
        Ok(())
    });
}

async fn filtered(trial: &Trial, pipeline: &str, wanted: u64) -> Result<u64> {
    wait::until("the processors to report what they filtered", PATIENCE, || async {
        let reports = trial.cluster.reports(&trial.namespace, pipeline).await?;
        let filtered: u64 = reports.iter().map(|report| report.counters.filtered).sum();
        Ok(if filtered >= wanted { Seen::Done(filtered) } else { Seen::NotYet(format!("{filtered}")) })
    })
    .await
}

#[test]
fn two_apps_that_name_the_same_fact_differently_give_the_same_row() {
    with_namespace("two-sources", async |trial| {
        apply_first_stream(&trial).await?;
        let ios = json!({
            "event": "purchase", "event_id": "e1", "event_time": "2026-11-24T10:00:00.250Z", "order_id": "EU-00000001",
            "amount": 12.5, "currency": "EUR", "items": ["socks"], "bought_at": "2026-11-24T10:00:00Z", "user_id": "u1",
            "device": { "os": "iOS" }, "gift": true,
        });
        let android = json!({
            "type": "order_completed", "meta": { "id": "e1", "ts": 1_795_514_400_250_i64 }, "orderId": "EU-00000001",
            "total": "12.50", "cur": "EUR", "skus": ["socks"], "boughtAt": 1_795_514_400, "uid": "u1", "os": "iOS", "gift": true,
        });
        written::send(&trial, "ios", vec![written::record(&ios)]).await?;
        written::send(&trial, "android", vec![written::record(&android)]).await?;
        trial.stored("ios", 1, PATIENCE).await?;
        trial.stored("android", 1, PATIENCE).await?;

        let mut rows = Vec::new();
        for pipeline in ["ios", "android"] {
            let sql = format!(
                "SELECT * EXCEPT (_topic, _partition, _offset, received_at) FROM {}",
                trial.table(pipeline)
            );
            rows.push(trial.clickhouse.rows(&sql).await?.remove(0));
        }
        assert_eq!(rows[0], rows[1]);
        assert_eq!(rows[0]["event"], "purchase");
        assert_eq!(rows[0]["amount"], 12.5);
        assert_eq!(rows[0]["event_time"], "2026-11-24 10:00:00.250");
        assert_eq!(rows[0]["extra"], json!({ "gift": true }));
        Ok(())
    });
}
