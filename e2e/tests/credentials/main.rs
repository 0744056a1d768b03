//! Credentials change while events flow: of Kafka (SASL/SCRAM over TLS), of ClickHouse (user, password and authority, over TLS) and of
//! a webhook. Nothing is lost, nothing is doubled, and no process is started anew.
//!
//! In: the cache's Kafka and ClickHouse, and the processor that cargo has built; no Kubernetes. Out: rows and deliveries, each once.
//! How a Secret travels through the operator to the pods is shown by `it/secrets.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole crate is a test")]

mod stand;

use anyhow::{Result, ensure};
use crds::conditions::Reason;

use stand::{FIRST, NEW_SECRET, OLD_SECRET, SECOND, Stand};

fn run(trial: impl Future<Output = Result<()>>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let outcome = runtime.block_on(trial);
    // A load whose broker has ended is not waited for.
    runtime.shutdown_background();
    if let Err(error) = outcome {
        panic!("{error:#}");
    }
}

/// Another user of Kafka: both are known for a while, then only the new one.
async fn another_user_of_kafka(stand: &mut Stand) -> Result<()> {
    stand.kafka.set_password("second", SECOND).await?;
    stand.connection.change(&[("kafka.sasl.username", "second"), ("kafka.sasl.password", SECOND)])?;
    stand.until_log_says("the secrets of Kafka changed").await?;
    stand.kafka.remove("first").await?;
    stand.goes_on("with another user of Kafka").await
}

/// Another password of the same user, known to Kafka before it is known to the processor: for a moment it is refused.
async fn another_password_of_kafka(stand: &mut Stand) -> Result<()> {
    stand.kafka.set_password("second", "third-password").await?;
    stand.until_reason(Reason::KafkaAuthFailed).await?;
    stand.connection.change(&[("kafka.sasl.password", "third-password")])?;
    stand.goes_on("with another password of Kafka").await
}

/// Another password of ClickHouse, known there before it is known to the processor.
async fn another_password_of_clickhouse(stand: &mut Stand) -> Result<()> {
    stand.door.set_password("writer", SECOND);
    stand.until_reason(Reason::ClickHouseAuthFailed).await?;
    ensure!(stand.door.refused() > 0, "the door refused nobody");
    stand.connection.change(&[("clickhouse-password", SECOND)])?;
    stand.goes_on("with another password of ClickHouse").await
}

/// Another authority of ClickHouse: both are trusted for a while, then only the new one.
async fn another_authority_of_clickhouse(stand: &mut Stand) -> Result<()> {
    let both = stand.old_authority.certificate() + &stand.new_authority.certificate();
    stand.connection.change(&[("clickhouse-ca.crt", &both)])?;
    stand.until_log_says("read changed secrets").await?;
    stand.door.show(&stand.new_authority.identity("127.0.0.1")?)?;
    stand.goes_on("with another certificate of ClickHouse").await?;
    stand.connection.change(&[("clickhouse-ca.crt", &stand.new_authority.certificate())])?;
    stand.goes_on("with one authority of ClickHouse").await
}

/// Another signing secret: both sign for a while, then only the new one.
async fn another_secret_of_the_destination(stand: &mut Stand) -> Result<()> {
    stand.rules.change(&[("hook", &format!("{OLD_SECRET} {NEW_SECRET}"))])?;
    stand.is_delivered("with two signing secrets").await?;
    stand.receiver.set_secret(NEW_SECRET);
    stand.is_delivered("verified with the new one").await?;
    stand.rules.change(&[("hook", NEW_SECRET)])?;
    stand.is_delivered("with the new signing secret").await?;
    ensure!(stand.receiver.refusals().is_empty(), "refused: {:?}", stand.receiver.refusals());
    Ok(())
}

#[test]
fn all_credentials_change_while_events_flow_and_nothing_is_lost_or_doubled() {
    run(async {
        let mut stand = Stand::start("rotation").await?;
        stand.send();
        stand.goes_on("with the first credentials").await?;
        another_user_of_kafka(&mut stand).await?;
        another_password_of_clickhouse(&mut stand).await?;
        another_secret_of_the_destination(&mut stand).await?;
        another_authority_of_clickhouse(&mut stand).await?;
        another_password_of_kafka(&mut stand).await?;
        stand.conclude().await
    });
}

#[test]
fn who_is_not_trusted_gets_nothing_and_the_stream_heals() {
    run(async {
        let mut stand = Stand::start("trust").await?;
        let (ours, strange) = (stand.old_authority.certificate(), stand.new_authority.certificate());
        stand.connection.change(&[("kafka.ssl.ca.pem", &strange), ("clickhouse-ca.crt", &strange)])?;
        stand.start_again()?;
        stand.send();
        let message = stand.until_unready("Kafka").await?;
        ensure!(stand.stored().await? == 0, "rows came through untrusted servers: {message}");
        stand.connection.change(&[("kafka.ssl.ca.pem", &ours)])?;
        let message = stand.until_reason(Reason::ClickHouseUnreachable).await?;
        ensure!(
            message.contains("certificate of ClickHouse is not trusted"),
            "the message names the cause: {message}"
        );
        ensure!(stand.stored().await? == 0, "rows came through an untrusted server");
        stand.connection.change(&[("clickhouse-ca.crt", "not a certificate")])?;
        stand.until_unready("`clickhouse-ca.crt`").await?;
        stand.connection.change(&[("clickhouse-ca.crt", &ours), ("clickhouse-password", "wrong")])?;
        stand.until_reason(Reason::ClickHouseAuthFailed).await?;
        stand.connection.change(&[("clickhouse-password", FIRST)])?;
        stand.conclude().await
    });
}
