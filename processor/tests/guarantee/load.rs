//! Load: records of all kinds, the same for the same seed.
//!
//! In: a ground, how many, how fast. Out: records in the topic, and what must become of each.
//! Not here: when it is enough; the test says so.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};

use super::ground::Ground;

/// Records that are sent at a time.
const BLOCK: u64 = 500;

/// A small generator; the same seed gives the same records and the same moments.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What was produced, by what must become of it.
#[derive(Default)]
pub(super) struct Produced {
    pub(super) rows: u64,
    pub(super) letters: BTreeSet<String>,
}

/// Sends a block of records at each tick, `n` records in all, and more for as long as they are wanted.
pub(super) async fn produce(
    ground: &Ground,
    n: u64,
    seed: u64,
    tick: Duration,
    is_wanted: &AtomicBool,
) -> Produced {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &ground.kafka)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .create()
        .unwrap();
    let (topic, mut chance, mut produced) = (ground.topic(), Chance(seed | 1), Produced::default());
    let (mut ticks, mut number) = (tokio::time::interval(tick), 0);
    while number < n || is_wanted.load(Ordering::Relaxed) {
        ticks.tick().await;
        let mut under_way = Vec::new();
        for _ in 0..BLOCK {
            number += 1;
            let (month, kind) = (1 + chance.below(3), chance.below(100));
            let payload = match kind {
                0 => r#"{"event":"purchase","amount":"12.50"}"#.to_owned(),
                1 => "not json".to_owned(),
                2 => r#"{"event":"seen"}"#.to_owned(),
                _ => format!(
                    r#"{{"event":"purchase","event_id":"{number}","event_time":"2026-{month:02}-11T10:00:00Z","order_id":"o-{number}","amount":{}.25,"quantity":{}}}"#,
                    chance.below(1000),
                    chance.below(9)
                ),
            };
            let key = number.to_string();
            let headers = rdkafka::message::OwnedHeaders::new()
                .insert(rdkafka::message::Header { key: "app", value: Some("ios") });
            let record = FutureRecord::to(&topic).payload(&payload).key(&key).headers(headers);
            under_way.push((kind, producer.send_result(record).map_err(|(error, _)| error).unwrap()));
        }
        for (kind, delivery) in under_way {
            let delivered = delivery.await.unwrap().map_err(|(error, _)| error).unwrap();
            match kind {
                0 | 1 => {
                    produced.letters.insert(format!("{topic}:{}:{}", delivered.partition, delivered.offset));
                }
                2 => {}
                _ => produced.rows += 1,
            }
        }
    }
    producer.flush(Duration::from_secs(10)).unwrap();
    produced
}
