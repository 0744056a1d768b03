//! What the protocol leans on in the real client, with librdkafka's own broker in place of Kafka.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crds::conditions::Reason;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::flow::chain;
use crate::record::Position;
use crate::sink::Originals as _;
use crate::source::kafka::KafkaSource;
use crate::source::kafka::originals::KafkaOriginals;
use crate::source::kafka::properties::Connection;
use crate::source::{Change, Commit, Message, Reader, Source as _};

/// A broker with one topic of one partition.
pub(super) struct Broker(pub(crate) MockCluster<'static, DefaultProducerContext>);

impl Broker {
    pub(super) fn start(n_records: usize) -> Self {
        let cluster = MockCluster::new(1).expect("a broker");
        cluster.create_topic("shop.ios", 1, 1).expect("a topic");
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .expect("a producer");
        for number in 0..n_records {
            let (key, payload) = (format!("key {number}"), format!("record {number}"));
            let record = BaseRecord::to("shop.ios").partition(0).key(&key).payload(&payload);
            producer.send(record).expect("it is queued");
        }
        producer.flush(Duration::from_secs(20)).expect("it is written");
        Self(cluster)
    }

    pub(super) fn connection(&self) -> Connection {
        let nothing = std::collections::BTreeMap::new();
        Connection::new(&self.0.bootstrap_servers(), &nothing, &nothing)
    }
}

/// Counts what it is given.
#[derive(Default)]
struct Counter {
    n_records: usize,
    n_ends: usize,
    changes: Vec<Change>,
}

impl Reader for Counter {
    fn record(&mut self, _message: &Message<'_>) {
        self.n_records += 1;
    }

    fn end(&mut self, _partition: i32) {
        self.n_ends += 1;
    }

    fn change(&mut self, change: Change) {
        self.changes.push(change);
    }
}

/// Polls until it is so, and fails when it never is.
fn poll_until(source: &mut KafkaSource, counter: &mut Counter, is_so: impl Fn(&Counter) -> bool) {
    let begun = Instant::now();
    while !is_so(counter) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} records", counter.n_records);
        source.poll(Duration::from_millis(50), counter).expect("the broker is there");
    }
}

#[test]
fn the_end_is_met_once_more_by_the_fetch_that_follows_a_pause_and_no_record_is_given_twice() {
    let broker = Broker::start(5);
    let (mut source, mut counter) = (
        KafkaSource::join(&broker.connection(), "group", "shop.ios").expect("a consumer"),
        Counter::default(),
    );
    poll_until(&mut source, &mut counter, |counter| !counter.changes.is_empty());
    assert_eq!(counter.changes, [Change::Assigned(vec![0])]);
    // In the middle, at the end, and where nothing was read yet.
    source.start(&[(0, 2)]).expect("it is ours");
    source.pause(&[0]).expect("it is ours");
    source.resume(&[0]).expect("it is ours");
    poll_until(&mut source, &mut counter, |counter| counter.n_ends == 1);
    assert_eq!(counter.n_records, 3);
    for n_ends in 2..4 {
        source.pause(&[0]).expect("it is ours");
        source.resume(&[0]).expect("it is ours");
        poll_until(&mut source, &mut counter, |counter| counter.n_ends == n_ends);
        assert_eq!(counter.n_records, 3);
    }
}

#[test]
fn a_commit_that_the_group_refuses_for_a_rebalance_says_so() {
    for code in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
    ] {
        let broker = Broker::start(1);
        let (mut source, mut counter) = (
            KafkaSource::join(&broker.connection(), "group", "shop.ios").expect("a consumer"),
            Counter::default(),
        );
        poll_until(&mut source, &mut counter, |counter| !counter.changes.is_empty());
        source.start(&[(0, 0)]).expect("it is ours");
        broker.0.request_errors(RDKafkaApiKey::OffsetCommit, &[code; 8]);
        let commit = Commit { partition: 0, offset: 1, metadata: String::new() };
        let error = source.commit(&[commit]).expect_err("it is refused");
        assert!(error.rebalance && !error.fatal, "{error:?}");
    }
}

/// Listens as a broker of long ago, which answers no question before it knows the user, and hangs up on everybody.
fn refuses_every_password() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("this machine has ports");
    let address = listener.local_addr().expect("it listens").to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let read = connection.and_then(|mut connection| connection.read(&mut [0; 64]));
            drop(read);
        }
    });
    address
}

#[test]
fn a_broker_that_lets_nobody_in_stays_the_reason_whatever_else_the_client_says() {
    let address = refuses_every_password();
    let theirs = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "processor"),
        ("sasl.password", "of yesterday"),
        ("api.version.request", "false"),
        ("broker.version.fallback", "0.9.0"),
        ("reconnect.backoff.ms", "10"),
    ];
    let theirs = theirs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let connection = Connection::new(&address, &theirs, &std::collections::BTreeMap::new());
    let mut source = KafkaSource::join(&connection, "group", "shop.ios").expect("a consumer");
    let (mut told, begun) = (Vec::new(), Instant::now());
    while told.len() < 12 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{told:?}");
        let polled = source.poll(Duration::from_millis(50), &mut Counter::default());
        let asked = if told.len() % 4 == 3 { source.ends(0).map(drop) } else { Ok(()) };
        told.extend(
            [polled, asked].into_iter().filter_map(Result::err).map(|error| (error.reason, chain(&error))),
        );
    }
    let refused = told.iter().position(|(reason, _)| *reason == Reason::KafkaAuthFailed).expect("it is told");
    assert!(told[refused..].iter().all(|one| *one == told[refused]), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn originals_are_read_again_in_order_and_those_that_are_gone_are_missing() {
    let broker = Broker::start(40);
    let originals = KafkaOriginals::new(broker.connection(), "group", "shop.ios");
    let found = originals.fetch(0, vec![3, 4, 17, 39, 40, 99]).await.expect("the broker is there");
    let texts: Vec<_> =
        found.iter().map(|record| String::from_utf8_lossy(record.payload.as_deref().unwrap())).collect();
    assert_eq!(texts, ["record 3", "record 4", "record 17", "record 39"]);
    assert_eq!(found[2].position, Position { partition: 0, offset: 17 });
    assert_eq!(found[2].key.as_deref(), Some(b"key 17".as_slice()));
    assert_eq!(originals.fetch(0, Vec::new()).await.expect("nothing is asked"), []);
}
