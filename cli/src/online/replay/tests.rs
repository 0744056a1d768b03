//! A replay on the real client, with librdkafka's own broker in place of Kafka: records, notes and transactions are the real ones.
//! Not here: two replays at once, as that broker shuts nobody out; `e2e/tests/it/kubectl.rs` has them.

use std::collections::BTreeMap;

use crds::stream_config::StreamConfig;
use processor::batch::Original;
use processor::source::kafka::properties::Connection;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::decide::{Choice, Fate};
use super::{Work, transactional_id};
use crate::online::kafka::write::{Outgoing, Sender};
use crate::online::kafka::{Kafka, whole};
use crate::online::letters::{REPLAY_OF, header};

const STREAM: &str = include_str!("../../../cases/online/stream.yaml");

/// A broker, and the stream `shop.ios` on it.
struct Stream {
    _cluster: MockCluster<'static, DefaultProducerContext>,
    kafka: Kafka,
    config: StreamConfig,
}

impl Stream {
    fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let config: StreamConfig = serde_yaml::from_str(STREAM).unwrap();
        for topic in [&config.kafka.topic, &config.kafka.dead_letter_topic] {
            cluster.create_topic(topic, 3, 1).unwrap();
        }
        let bootstrap = cluster.bootstrap_servers();
        let connection = Connection::new(&bootstrap, &BTreeMap::new(), &BTreeMap::new());
        Self { kafka: Kafka::new(connection, &bootstrap), _cluster: cluster, config }
    }

    /// Sets purchases aside that lacked something, as a processor does.
    fn set_aside(&self, currencies: &[&str]) {
        let letters: Vec<Outgoing> =
            currencies.iter().enumerate().map(|(n, currency)| letter(n, currency)).collect();
        Sender::new(&self.kafka).unwrap().send(&self.config.kafka.dead_letter_topic, &letters).unwrap();
    }

    fn replay(&self, sender: Option<Sender>) -> (BTreeMap<Fate, u64>, Vec<String>) {
        let mut work = Work::begin(&self.kafka, &self.config, sender).unwrap();
        work.go(Choice::default()).unwrap();
        (work.fates, work.sent.into_iter().map(|(letter, _)| letter).collect())
    }

    fn sender(&self) -> Sender {
        Sender::of_transactions(&self.kafka, &transactional_id(&self.config)).unwrap()
    }

    fn records(&self) -> Vec<Original> {
        let topic = &self.config.kafka.topic;
        let mut records = Vec::new();
        self.kafka
            .read(topic, &whole(&self.kafka.ends(topic).unwrap()), &mut |lent| {
                records.push(lent.kept());
                Ok(())
            })
            .unwrap();
        records.sort_by_key(|record| record.position);
        records
    }
}

fn letter(number: usize, currency: &str) -> Outgoing {
    let event =
        format!(r#"{{"event":"purchase","order_id":"o-{number}","amount":1,"currency":"{currency}"}}"#);
    let headers = [
        ("trace", format!("trace-{number}")),
        ("tributary-reason", "NotInEnum".to_owned()),
        ("tributary-field", "currency".to_owned()),
        ("tributary-position", format!("shop.ios:{}:{number}", number % 3)),
    ];
    Outgoing {
        partition: None,
        milliseconds: Some(1_795_600_000_000),
        key: Some(format!("user-{number}").into_bytes()),
        payload: Some(event.into_bytes()),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value.into_bytes())))
            .collect(),
    }
}

#[test]
fn a_letter_is_sent_once_to_the_partition_that_it_came_from() {
    let stream = Stream::start();
    stream.set_aside(&["EUR", "GBP", "USD", "EUR"]);
    let (fates, sent) = stream.replay(None);
    assert_eq!((fates[&Fate::Sent], sent.len()), (3, 0), "a dry run sends nothing");
    assert_eq!(stream.records().len(), 0);

    let (fates, mut sent) = stream.replay(Some(stream.sender()));
    sent.sort();
    assert_eq!((fates[&Fate::Sent], sent), (3, ["0:0", "0:3", "2:2"].map(str::to_owned).to_vec()));
    let (fates, sent) = stream.replay(Some(stream.sender()));
    assert_eq!((fates[&Fate::AlreadySent], fates.contains_key(&Fate::Sent), sent.len()), (3, false, 0));

    let records = stream.records();
    assert_eq!(records.iter().map(|record| record.position.partition).collect::<Vec<_>>(), [0, 0, 2]);
    let last = &records[2];
    assert_eq!(last.key.as_deref(), Some(&b"user-2"[..]));
    assert_eq!(last.timestamp_milliseconds, 1_795_600_000_000);
    assert_eq!(header(&last.headers, REPLAY_OF).as_deref(), Some("shop.ios:2:2"));
    assert_eq!(header(&last.headers, "trace").as_deref(), Some("trace-2"));
    assert_eq!(header(&last.headers, "tributary-reason"), None, "it is no letter any more");
}
