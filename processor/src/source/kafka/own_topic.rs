//! A topic of a test's own on the real Kafka, which goes with the test.
//!
//! In: a name, partitions, and KAFKA of the environment. Out: the test, run with a connection and the topic's whole name.
//! Not here: what is tested; the contracts of the source and of the dead letters do that.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::properties::Connection;

/// The broker under test.
pub(crate) fn client() -> ClientConfig {
    #[expect(clippy::disallowed_methods, reason = "the address of the broker under test")]
    let bootstrap = std::env::var("KAFKA").expect("KAFKA names the broker");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    config
}

/// Makes the topic, runs the test, deletes the topic.
pub(crate) fn with_topic(name: &str, partitions: i32, test: impl FnOnce(Connection, &str)) {
    let (config, nothing) = (client(), BTreeMap::new());
    let bootstrap = config.get("bootstrap.servers").expect("it was set");
    let topic = format!("contract.{name}.{}", std::process::id());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let admin: AdminClient<DefaultClientContext> = config.create().expect("an administrator");
    let (new, options) = (NewTopic::new(&topic, partitions, TopicReplication::Fixed(1)), AdminOptions::new());
    let made = runtime.block_on(admin.create_topics([&new], &options)).expect("the broker answers");
    made.into_iter().for_each(|made| drop(made.expect("the topic is made")));
    test(Connection::new(bootstrap, &nothing, &nothing), &topic);
    let gone = runtime.block_on(admin.delete_topics(&[&topic], &options)).expect("the broker answers");
    gone.into_iter().for_each(|gone| drop(gone.expect("the topic is deleted")));
}
