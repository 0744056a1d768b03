//! Rules on the real client, with librdkafka's own broker in place of Kafka: groups, commits and producers are the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::*;
use crate::forward::kafka::KafkaClients;
use crate::settings::Secrets;

const N_EVENTS: usize = 300;

/// A broker, and rules at work on it.
struct Mock {
    cluster: MockCluster<'static, DefaultProducerContext>,
    config: Arc<StreamConfig>,
}

impl Mock {
    fn start(rules: &[String]) -> Self {
        let cluster = MockCluster::new(1).expect("a broker");
        for topic in ["shop.ios", "shop.copy"] {
            cluster.create_topic(topic, 3, 1).expect("a topic");
        }
        let text = format!("{CONFIG}{}", rules.concat()).replace("none:1", &cluster.bootstrap_servers());
        Self { cluster, config: Arc::new(serde_yaml::from_str(&text).expect("it is a config")) }
    }

    fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.cluster.bootstrap_servers());
        client
    }

    fn produce(&self, n_events: usize) {
        let producer: BaseProducer = self.client().create().expect("a producer");
        for number in 0..n_events {
            let (payload, key) = (purchase(number, number as f64), format!("key {number}"));
            let record =
                BaseRecord::to("shop.ios").partition((number % 3) as i32).key(&key).payload(&payload);
            producer.send(record).expect("it is queued");
        }
        producer.flush(Duration::from_secs(20)).expect("it is written");
    }

    fn forward(&self) -> (Forwarding, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        let surroundings = Surroundings {
            secrets: PathBuf::from("/nowhere"),
            hash_key: None,
            pace: Pace::default(),
            clock: Timestamp::now,
            stop: stopped,
        };
        // The secrets do not change, but somebody must hold them.
        let (sender, secrets) = watch::channel(Secrets::default());
        let clients = KafkaClients::new(&self.config.kafka, secrets);
        drop(sender);
        (Forwarding::start(&self.config, &clients, &surroundings, &Metrics::default()), stop)
    }

    /// Returns what a group holds of each partition, without the time beside it.
    fn committed(&self, group: &str) -> Vec<(Offset, String)> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range("shop.ios", 0, 2);
        let committed = consumer.committed_offsets(partitions, Duration::from_secs(20)).expect("an answer");
        let without_time = |metadata: &str| {
            let epoch = metadata.rsplit_once(':').map(|(_, epoch)| epoch.to_owned());
            epoch.unwrap_or_else(|| metadata.to_owned())
        };
        committed
            .elements()
            .iter()
            .map(|element| (element.offset(), without_time(element.metadata())))
            .collect()
    }

    /// Reads the copies until there are so many; returns keys, events and positions by event id.
    fn copies(&self, n_copies: usize) -> BTreeMap<String, (String, serde_json::Value, String)> {
        let mut client = self.client();
        client.set("group.id", "nobody").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = client.create().expect("a consumer");
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_range("shop.copy", 0, 2);
        partitions.set_all_offsets(Offset::Beginning).expect("offsets");
        consumer.assign(&partitions).expect("partitions");
        let mut copies = BTreeMap::new();
        let until = Instant::now() + Duration::from_secs(40);
        while copies.len() < n_copies && Instant::now() < until {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
            let header = |name: &str| {
                let headers = message.headers().expect("headers");
                let value = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
                String::from_utf8(value.expect(name).to_vec()).expect("text")
            };
            let key = String::from_utf8(message.key().expect("a key").to_vec()).expect("text");
            let event = serde_json::from_slice(message.payload().expect("a value")).expect("JSON");
            copies.insert(header("tributary-event-id"), (key, event, header("tributary-position")));
        }
        copies
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_copies_events_to_another_topic_and_commits_what_is_settled() {
    let rule = "- {name: copy, uid: uid-of-copy, start: Earliest, type: Kafka, topic: shop.copy, events: [purchase], when: \"event.amount >= 100.0\"}\n";
    let mock = Mock::start(&[rule.to_owned()]);
    mock.produce(N_EVENTS);
    let (forwarding, stop) = mock.forward();
    let copies = tokio::task::block_in_place(|| mock.copies(N_EVENTS - 100));
    assert_eq!(copies.len(), N_EVENTS - 100, "{:?}", forwarding.reports());
    let positions: BTreeSet<_> = copies.values().map(|(_, _, position)| position).collect();
    assert_eq!(positions.len(), copies.len());
    let (key, event, position) = &copies["e101"];
    assert_eq!(key, "key 101");
    assert_eq!((&event["event"], &event["amount"]), (&"purchase".into(), &101.0.into()));
    assert_eq!(position, "shop.ios:2:33");
    stop.send_replace(true);
    tokio::task::block_in_place(|| forwarding.wait());

    let committed = mock.committed("tributary.shop.ios.copy");
    let settled = ["e1"; 3].map(|metadata| (Offset::Offset(100), metadata.to_owned()));
    assert_eq!(committed, settled, "a successor goes on where this one stopped");
}
