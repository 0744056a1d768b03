//! The gateways' contract, on the real Kafka and the real ClickHouse: `cargo test --package operator --features real --test real`.
//!
//! In: `KAFKA`, `CLICKHOUSE_URL`, `CLICKHOUSE_USER`, `CLICKHOUSE_PASSWORD`; a missing one fails the test, nothing is skipped.
//! Besides the contract: what only a real network can do, which is not to answer or to refuse a password.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this whole crate is a test")]

mod hostile;
mod identifiers;
mod tables;
mod topics;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crds::conditions::Reason;
use operator::clickhouse::client::ClientTables;
use operator::clickhouse::table::TableName;
use operator::clickhouse::{ClickHouseConnection, Tables};
use operator::kafka::admin::AdminTopics;
use operator::kafka::topic::{Topic, TopicChange};
use operator::kafka::{KafkaConnection, Topics};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

#[expect(clippy::disallowed_methods, reason = "a test has no settings but these")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `make contracts`, which sets it"))
}

/// A name that no other run has.
fn prefix() -> String {
    format!("contract-{}", std::process::id())
}

fn topics_at(bootstrap: String, properties: &[(&str, &str)]) -> AdminTopics {
    let properties: BTreeMap<String, String> =
        properties.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    AdminTopics::new(Box::new(move || {
        Ok(KafkaConnection { bootstrap: bootstrap.clone(), properties: properties.clone() })
    }))
}

fn tables_at(url: String, password: String) -> ClientTables {
    let user = variable("CLICKHOUSE_USER");
    ClientTables::new(Box::new(move || {
        Ok(ClickHouseConnection {
            url: url.clone(),
            user: user.clone(),
            password: password.clone(),
            authorities: None,
        })
    }))
}

struct Real;

impl topics::Groups for Real {
    async fn make(&self, group: &str, topic: &str) {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        tokio::task::spawn_blocking(move || acknowledge(&topic, &group, 0, 0)).await.unwrap();
    }

    async fn list(&self) -> Vec<String> {
        let list = || {
            let consumer: BaseConsumer =
                ClientConfig::new().set("bootstrap.servers", variable("KAFKA")).create().unwrap();
            let groups = consumer.fetch_group_list(None, Duration::from_secs(10)).unwrap();
            groups.groups().iter().map(|group| group.name().to_owned()).collect()
        };
        tokio::task::spawn_blocking(list).await.unwrap()
    }
}

#[tokio::test]
async fn topics_keep_the_contract() {
    topics::contract(&topics_at(variable("KAFKA"), &[]), &Real, &prefix()).await;
}

/// Sends so many records to a partition.
fn send(topic: &str, partition: i32, records: usize) {
    let mut config = ClientConfig::new();
    let producer: BaseProducer = config.set("bootstrap.servers", variable("KAFKA")).create().unwrap();
    for _ in 0..records {
        producer.send(BaseRecord::<(), str>::to(topic).partition(partition).payload("{}")).unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
}

/// Acknowledges the records of a partition before an offset, as a processor does.
fn acknowledge(topic: &str, group: &str, partition: i32, offset: i64) {
    let mut config = ClientConfig::new();
    let consumer: BaseConsumer =
        config.set("bootstrap.servers", variable("KAFKA")).set("group.id", group).create().unwrap();
    let mut positions = TopicPartitionList::new();
    positions.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
    // A broker that has no groups yet makes a place for them first.
    for _ in 0..100 {
        if consumer.commit(&positions, CommitMode::Sync).is_ok() {
            return;
        }
        drop(consumer.poll(Duration::from_millis(100)));
    }
    consumer.commit(&positions, CommitMode::Sync).unwrap();
}

#[tokio::test]
async fn a_lag_is_what_a_group_has_not_acknowledged_over_all_partitions() {
    let topics = topics_at(variable("KAFKA"), &[]);
    let name = format!("{}.lag", prefix());
    let topic = Topic { name: name.clone(), partitions: 2, replicas: 1, config: BTreeMap::new() };
    topics.apply(&TopicChange::Create(topic.clone())).await.unwrap();
    let (to, group) = (name.clone(), format!("{name}.group"));
    let work = move || {
        send(&to, 0, 10);
        send(&to, 1, 5);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
    assert_eq!(topics.lag(&topic, &group).await.unwrap(), 15, "a group without positions");
    for (partition, offset, lag) in [(0, 4, 11), (1, 5, 6), (0, 10, 0)] {
        let (of, by) = (name.clone(), group.clone());
        tokio::task::spawn_blocking(move || acknowledge(&of, &by, partition, offset)).await.unwrap();
        assert_eq!(topics.lag(&topic, &group).await.unwrap(), lag, "partition {partition} at {offset}");
    }
    topics.apply(&TopicChange::DeleteGroups { group }).await.unwrap();
    topics.apply(&TopicChange::Delete { name }).await.unwrap();
}

#[tokio::test]
async fn tables_keep_the_contract() {
    let database = prefix();
    let tables = tables_at(variable("CLICKHOUSE_URL"), variable("CLICKHOUSE_PASSWORD"));
    tables::contract(&tables, &database).await;
    let client = clickhouse::Client::default()
        .with_url(variable("CLICKHOUSE_URL"))
        .with_user(variable("CLICKHOUSE_USER"))
        .with_password(variable("CLICKHOUSE_PASSWORD"));
    client.query_raw(&format!("DROP DATABASE `{database}`")).execute().await.unwrap();
}

#[tokio::test]
async fn hostile_names_and_values_are_kept_exactly_or_refused_by_clickhouse() {
    let database = format!("{}-hostile", prefix());
    let tables = tables_at(variable("CLICKHOUSE_URL"), variable("CLICKHOUSE_PASSWORD"));
    println!("{}", identifiers::in_tables(&tables, &database).await);
    let client = clickhouse::Client::default()
        .with_url(variable("CLICKHOUSE_URL"))
        .with_user(variable("CLICKHOUSE_USER"))
        .with_password(variable("CLICKHOUSE_PASSWORD"));
    client.query_raw(&format!("DROP DATABASE `{database}`")).execute().await.unwrap();
}

#[tokio::test]
async fn hostile_values_of_settings_are_kept_exactly_or_refused_by_kafka() {
    let topics = topics_at(variable("KAFKA"), &[]);
    println!("{}", identifiers::in_topics(&topics, &format!("{}.hostile", prefix())).await);
}

#[tokio::test]
async fn a_kafka_that_is_away_is_unreachable_within_the_time_limit() {
    let topics = topics_at("127.0.0.1:1".into(), &[]);
    let error = topics.describe(&["a".to_owned()]).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::KafkaUnreachable, true), "{error}");
}

#[tokio::test]
async fn a_property_that_librdkafka_does_not_know_is_named() {
    let topics = topics_at("127.0.0.1:1".into(), &[("sasl.pasword", "hunter2")]);
    let error = topics.describe(&["a".to_owned()]).await.unwrap_err();
    let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
    assert_eq!(error.reason(), Reason::KafkaRejected);
    assert!(text.contains("sasl.pasword") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_wrong_kafka_password_is_refused_and_the_right_one_heals() {
    const PASSWORD: &str = "sasl.password";
    let host = variable("KAFKA").rsplit_once(':').map(|(host, _)| host.to_owned()).unwrap();
    let password = Arc::new(Mutex::new("wrong".to_owned()));
    let properties: BTreeMap<String, String> = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "tributary"),
        (PASSWORD, ""),
    ]
    .map(|(key, value)| (key.into(), value.into()))
    .into();
    let current = Arc::clone(&password);
    let topics = AdminTopics::new(Box::new(move || {
        let mut properties = properties.clone();
        properties.insert(PASSWORD.into(), current.lock().unwrap().clone());
        Ok(KafkaConnection { bootstrap: format!("{host}:9094"), properties })
    }));
    let error = topics.describe(&["a".to_owned()]).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::KafkaAuthFailed, false), "{error}");
    *password.lock().unwrap() = "tributary-development".into();
    assert_eq!(topics.describe(&["a".to_owned()]).await.unwrap(), []);
}

#[tokio::test]
async fn a_clickhouse_that_is_away_is_unreachable_and_a_wrong_password_is_refused() {
    let name = TableName { database: "system".into(), table: "one".into() };
    let error = tables_at("http://127.0.0.1:1".into(), String::new()).describe(&name).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseUnreachable, true), "{error}");
    let error = tables_at(variable("CLICKHOUSE_URL"), "wrong".into()).describe(&name).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseAuthFailed, false), "{error}");
}
