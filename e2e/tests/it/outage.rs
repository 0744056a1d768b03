//! Kafka or ClickHouse away, or refusing the password: a condition says which and what to do, and all heals by itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use crds::AnalyticsPipeline;
use e2e::environment::settings::{ADDRESS, CLICKHOUSE_PASSWORD, CLICKHOUSE_USER, KAFKA_SASL_PORT};
use e2e::install;
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use serde_json::{Value, json};

use crate::kubectl::kubectl_tributary;
use crate::operator::knows_no_user;
use crate::{host, written};

/// The trials' values, with the door of Kafka that asks for user and password.
pub(crate) fn behind_password(trial: &Trial, password: &str) -> Value {
    let mut values = trial.values();
    values["kafka"] = json!({
        "bootstrapServers": format!("{ADDRESS}:{KAFKA_SASL_PORT}"),
        "properties": { "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN" },
    });
    values["connection"]["create"]["kafka"] =
        json!({ "sasl.username": CLICKHOUSE_USER, "sasl.password": password });
    values
}

async fn settle(trial: &Trial) -> Result<()> {
    trial.apply_text(written::CLICKS).await?;
    trial.ready::<AnalyticsPipeline>("clicks").await?;
    written::send_clicks(trial, 0..100).await?;
    trial.stored("clicks", 100, PATIENCE).await
}

async fn goes_on(trial: &Trial) -> Result<()> {
    trial.ready::<AnalyticsPipeline>("clicks").await?;
    written::send_clicks(trial, 100..200).await?;
    trial.stored("clicks", 200, PATIENCE).await
}

#[test]
fn a_clickhouse_that_refuses_the_password_is_named_and_the_stream_heals() {
    alone_with_namespace("clickhouse-password", async |trial| {
        settle(&trial).await?;
        host::set_clickhouse_faults(&json!({ "refuse_password": true }))?;
        let message = trial.reason::<AnalyticsPipeline>("clicks", "Ready", "ClickHouseAuthFailed").await;
        host::set_clickhouse_faults(&json!({}))?;
        let message = message?;
        ensure!(message.contains("password"), "the message says what to do: {message}");
        goes_on(&trial).await
    });
}

#[test]
fn a_kafka_that_is_away_is_named_and_the_stream_heals() {
    alone_with_namespace("kafka-away", async |trial| {
        settle(&trial).await?;
        host::stop_part("kafka")?;
        let message = trial.reason::<AnalyticsPipeline>("clicks", "Ready", "KafkaUnreachable").await;
        host::start_part("kafka")?;
        let message = message?;
        ensure!(message.contains("Kafka"), "the message says what to do: {message}");
        goes_on(&trial).await
    });
}

/// The command line, with another's properties of Kafka.
async fn status_with_a_wrong_password(trial: &Arc<Trial>) -> Result<String> {
    let file = std::env::temp_dir().join(format!("{}.properties", trial.namespace));
    let properties = format!(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.username={CLICKHOUSE_USER}\nsasl.password=wrong\n"
    );
    std::fs::write(&file, properties)?;
    let words =
        format!("status clicks --kafka {ADDRESS}:{KAFKA_SASL_PORT} --kafka-properties {}", file.display());
    let asked = kubectl_tributary(trial, &words, "").await;
    std::fs::remove_file(&file)?;
    Ok(asked?.1)
}

#[test]
fn a_kafka_that_refuses_the_password_is_named_and_the_stream_heals() {
    alone_with_namespace("kafka-password", async |trial| {
        settle(&trial).await?;
        let page = status_with_a_wrong_password(&trial).await?;
        ensure!(page.contains("Kafka refuses the user"), "the command line says what is wrong: {page}");
        let outcome = async {
            install::upgrade(&trial.cluster, &trial.connections, &behind_password(&trial, "wrong")).await?;
            let message = trial.reason::<AnalyticsPipeline>("clicks", "Ready", "KafkaAuthFailed").await?;
            ensure!(message.contains("password"), "the message says what to do: {message}");
            install::upgrade(
                &trial.cluster,
                &trial.connections,
                &behind_password(&trial, CLICKHOUSE_PASSWORD),
            )
            .await?;
            // The new password travels: Secret, the operator's file, the processors' Secret, their file.
            trial.ready_within::<AnalyticsPipeline>("clicks", Duration::from_secs(300)).await?;
            goes_on(&trial).await
        }
        .await;
        install::upgrade(&trial.cluster, &trial.connections, &trial.values()).await?;
        outcome?;
        knows_no_user(&trial).await?;
        trial.ready::<AnalyticsPipeline>("clicks").await?;
        Ok(())
    });
}
