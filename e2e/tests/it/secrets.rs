//! The platform team's Secret changes while events flow: the operator and the processors go on with what it holds, no pod is started
//! anew, nothing is lost and nothing is doubled. Kafka is behind SASL/SCRAM and TLS, ClickHouse behind TLS and a user of its own.
//!
//! What the processor does with each single change, of a webhook's signing secret too, is shown by `e2e/tests/credentials/`.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use crds::AnalyticsPipeline;
use e2e::cluster::restarts;
use e2e::environment::settings::{ADDRESS, Settings};
use e2e::generator::Record;
use e2e::guarded::Authority;
use e2e::guarded::clickhouse::Door;
use e2e::guarded::kafka::GuardedKafka;
use e2e::install::{self, NAMESPACE};
use e2e::kafka::Load;
use e2e::trial::{PATIENCE, Trial, alone_with_namespace};
use e2e::wait::{self, Seen};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::written;

/// The platform team's own Secret.
const SECRET: &str = "guarded-connection";
/// The processors' copy.
const COPY: &str = "clicks-processor";
/// Events of the load, so many a second; the rest comes at once when all has changed.
const EVENTS: i64 = 200_000;
const RATE: u64 = 500;
/// A Secret travels: to the operator's file, into the processors' Secret, to their file.
const TRAVEL: Duration = Duration::from_secs(300);

/// What guards the doors.
struct Guarded {
    kafka: GuardedKafka,
    door: Door,
    authority: Authority,
}

impl Guarded {
    async fn start(trial: &Trial) -> Result<Self> {
        let folder = std::env::temp_dir().join(&trial.namespace);
        let authority = Authority::new("tributary-guarded")?;
        let kafka = GuardedKafka::start(&Settings::from_environment(), &folder, ADDRESS, &authority).await?;
        let identity = authority.identity(ADDRESS)?;
        let door = Door::open(ADDRESS, &trial.connections.clickhouse_url, &identity).await?;
        Ok(Self { kafka, door, authority })
    }

    /// Lets a user in with a password, at both doors.
    async fn know(&self, user: &str, password: &str) -> Result<()> {
        self.door.set_password(user, password);
        self.kafka.set_password(user, password).await
    }

    fn secret(&self, user: &str, password: &str) -> Value {
        let authority = self.authority.certificate();
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": SECRET, "namespace": NAMESPACE },
            "stringData": {
                "clickhouse-user": user, "clickhouse-password": password, "clickhouse-ca.crt": authority,
                "kafka.sasl.username": user, "kafka.sasl.password": password, "kafka.ssl.ca.pem": authority,
            },
        })
    }

    fn values(&self, plain: &Value) -> Value {
        let mut values = plain.clone();
        values["kafka"] = json!({
            "bootstrapServers": self.kafka.guarded,
            "properties": { "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512" },
        });
        values["clickhouse"] = json!({ "url": self.door.url });
        values["connection"] = json!({ "secretName": SECRET });
        values
    }
}

/// The trial, with the broker that is used here.
fn beside(trial: &Trial, guarded: &Guarded) -> Trial {
    Trial {
        namespace: trial.namespace.clone(),
        cluster: trial.cluster.clone(),
        kafka: guarded.kafka.open.clone(),
        clickhouse: trial.clickhouse.clone(),
        connections: trial.connections.clone(),
    }
}

/// Uid of each processor pod and of each operator pod, and how often it was started anew.
async fn lives(trial: &Trial) -> Result<BTreeMap<String, i32>> {
    let mut pods = trial.cluster.processors(&trial.namespace, "clicks").await?;
    pods.extend(trial.cluster.operator_pods().await?);
    pods.iter().map(|pod| Ok((pod.uid().context("a pod without uid")?, restarts(pod)))).collect()
}

/// Waits until the processors' Secret holds a password.
async fn has_travelled(trial: &Trial, password: &str) -> Result<()> {
    wait::until("the processors' Secret to hold the new password", TRAVEL, || async {
        let data = trial.api::<Secret>().get(COPY).await?.data.unwrap_or_default();
        let holds = |key: &str| data.get(key).is_some_and(|value| value.0 == password.as_bytes());
        let both = holds("clickhouse-password") && holds("kafka.sasl.password");
        Ok(if both { Seen::Done(()) } else { Seen::NotYet("the old one".to_owned()) })
    })
    .await
}

/// Waits until ten seconds of the load that begin now are stored; Kafka asks everybody twice in that time who they are.
async fn goes_on(trial: &Trial, load: &Load) -> Result<()> {
    let wanted = load.sent.load(Ordering::Relaxed) + 10 * RATE;
    wait::until(&format!("{wanted} rows"), TRAVEL, || async {
        let rows = trial.clickhouse.count(&trial.table("clicks")).await?.rows;
        Ok(if rows >= wanted { Seen::Done(()) } else { Seen::NotYet(format!("{rows} rows")) })
    })
    .await
}

async fn rotate_under_load(trial: &Trial, guarded: &Guarded) -> Result<()> {
    trial.apply_text(written::CLICKS).await?;
    trial.ready::<AnalyticsPipeline>("clicks").await?;
    let before = lives(trial).await?;
    let load = Load { rate: Some(RATE), ..Load::default() };
    let event = |n: i64| -> Record { written::record(&json!({ "event": "click", "n": n })) };
    let (kafka, topic, told) = (trial.kafka.clone(), trial.topic("clicks"), load.clone());
    let sending = tokio::spawn(async move { kafka.send(&topic, (0..EVENTS).map(event), told).await });
    goes_on(trial, &load).await?;

    // Another user, known beside the first until everybody has the new one.
    guarded.know("second", "second-password").await?;
    trial.cluster.apply(&guarded.secret("second", "second-password"), false).await?;
    has_travelled(trial, "second-password").await?;
    goes_on(trial, &load).await?;
    guarded.kafka.remove("first").await?;
    guarded.door.set_password("first", "nobody knows");
    goes_on(trial, &load).await?;

    // Another password of the same user: everybody is refused until the Secret has come.
    guarded.know("second", "third-password").await?;
    trial.cluster.apply(&guarded.secret("second", "third-password"), false).await?;
    has_travelled(trial, "third-password").await?;
    goes_on(trial, &load).await?;
    ensure!(guarded.door.refused() > 0, "nobody came with the old password: nothing was shown");

    load.hurry.store(true, Ordering::Relaxed);
    sending.await??;
    trial.stored("clicks", EVENTS.unsigned_abs(), TRAVEL).await?;
    trial.ready_within::<AnalyticsPipeline>("clicks", TRAVEL).await?;
    let after = lives(trial).await?;
    ensure!(before == after, "pods were replaced or started anew: before {before:?}, after {after:?}");
    Ok(())
}

/// Deletes the pipeline with its data while its Kafka is still there.
async fn clear(trial: &Trial) -> Result<()> {
    let pipelines = trial.api::<AnalyticsPipeline>();
    if pipelines.get_opt("clicks").await?.is_some() {
        pipelines.delete("clicks", &DeleteParams::default()).await?;
        wait::gone(&pipelines, "clicks", TRAVEL).await?;
    }
    Ok(())
}

#[test]
fn user_and_password_of_kafka_and_clickhouse_change_under_load_and_nothing_is_lost_or_doubled() {
    alone_with_namespace("secrets", async |trial| {
        let plain = trial.values();
        let guarded = Guarded::start(&trial).await?;
        guarded.know("first", "first-password").await?;
        trial.cluster.apply(&guarded.secret("first", "first-password"), false).await?;
        let beside = beside(&trial, &guarded);
        let outcome = async {
            install::upgrade(&trial.cluster, &trial.connections, &guarded.values(&plain)).await?;
            let outcome = rotate_under_load(&beside, &guarded).await;
            let cleared = clear(&beside).await;
            outcome.and(cleared)
        }
        .await;
        install::upgrade(&trial.cluster, &trial.connections, &plain).await?;
        let secrets = trial.cluster.api::<Secret>(NAMESPACE);
        secrets.delete(SECRET, &DeleteParams::default()).await?;
        outcome
    });
}

/// A TLS connection that is refused is told, and heals.
#[test]
fn an_authority_that_nobody_knows_is_told_and_the_stream_heals() {
    alone_with_namespace("authority", async |trial| {
        let plain = trial.values();
        let guarded = Guarded::start(&trial).await?;
        guarded.know("first", "first-password").await?;
        let mut secret = guarded.secret("first", "first-password");
        secret["stringData"]["clickhouse-ca.crt"] = Authority::new("somebody else")?.certificate().into();
        trial.cluster.apply(&secret, false).await?;
        let beside = beside(&trial, &guarded);
        let outcome = async {
            install::upgrade(&trial.cluster, &trial.connections, &guarded.values(&plain)).await?;
            beside.apply_text(written::CLICKS).await?;
            let message =
                beside.reason::<AnalyticsPipeline>("clicks", "Ready", "ClickHouseUnreachable").await?;
            ensure!(message.contains("certificate"), "the message names the cause: {message}");
            trial.cluster.apply(&guarded.secret("first", "first-password"), false).await?;
            beside.ready_within::<AnalyticsPipeline>("clicks", TRAVEL).await?;
            written::send_clicks(&beside, 0..100).await?;
            beside.stored("clicks", 100, PATIENCE).await
        }
        .await;
        let cleared = clear(&beside).await;
        install::upgrade(&trial.cluster, &trial.connections, &plain).await?;
        let secrets = trial.cluster.api::<Secret>(NAMESPACE);
        secrets.delete(SECRET, &DeleteParams::default()).await?;
        outcome.and(cleared)
    });
}
