//! What one event costs on the line, in nanoseconds: `cargo bench -p processor --bench line`.
//!
//! In: 500-byte events of 15 fields, accepted and rejected ones, from a seeded generator. Out: one printed line a workload.
//! The least of several rounds is printed: other work on the machine only ever adds. Not here: Kafka, compression, ClickHouse.

use std::fmt::Write as _;
use std::time::Instant;

use crds::stream_config::StreamConfig;
use processor::line::Line;
use processor::record::{Outcome, Position, Record};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events of one batch.
const N_EVENTS: usize = 50_000;

/// How often each workload runs.
const N_ROUNDS: usize = 12;

const STREAM: &str = r#"
version: 1
stream: {namespace: shop, name: ios, id: id, epoch: 1}
kafka: {bootstrap: "kafka:9092", topic: shop.ios, deadLetterTopic: d, group: g}
clickhouse: {url: "http://clickhouse:8123", database: shop, table: ios}
envelope: {event: [event], eventId: [event_id], eventTime: [event_time]}
unknownEvents: DeadLetter
batch: {maxRows: 50000, maxBytes: 16777216, maxAgeMilliseconds: 1000}
schemas:
- name: purchase
  version: 1
  spec:
    fields:
    - {name: user_id, type: String, required: true, maxLength: 64}
    - {name: session_id, type: UUID, required: true}
    - {name: order_id, type: String, required: true, maxLength: 64}
    - {name: amount, type: "Decimal(18, 2)", required: true, minimum: 0}
    - {name: currency, type: String, enum: [USD, EUR, GBP], default: USD}
    - {name: quantity, type: UInt16, required: true, minimum: 1}
    - {name: platform, type: String, enum: [ios, android, web], required: true}
    - {name: app_version, type: String, maxLength: 32}
    - {name: device.model, type: String}
    - {name: device.os, type: String}
    - {name: url, type: String, maxLength: 2048}
    - {name: score, type: Float64}
    - {name: sent_at, type: "DateTime64(3)", coerce: true}
    - {name: is_gift, type: Bool}
    - {name: items, type: Array(Int32)}
"#;

fn main() {
    let accepted = events("");
    let bytes: usize = accepted.iter().map(String::len).sum();
    report(&format!("accepted ({} bytes)", bytes / N_EVENTS), &accepted, true);
    report(
        "rejected: last field of the wrong type",
        &replaced(&accepted, "\"items\":[", "\"items\":[null,"),
        false,
    );
    report("rejected: amount out of range", &replaced(&accepted, "\"amount\":", "\"amount\":-"), false);
    report("rejected: unknown event type", &replaced(&accepted, "\"purchase\"", "\"purchased\""), false);
    report("rejected: broken at the end", &replaced(&accepted, "]}", "]"), false);
    report(
        "accepted, with three captured fields",
        &events(",\"a\":1,\"b\":\"text\",\"c\":{\"d\":[1,2]}"),
        true,
    );
}

fn events(more: &str) -> Vec<String> {
    let mut random = 0x5eed_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    (0..N_EVENTS)
        .map(|index| {
            let mut event = String::new();
            let (one, two, cents) = (next(), next(), next() % 1_000_000);
            let written = write!(
                event,
                "{{\"event\":\"purchase\",\"event_id\":\"{one:016x}{two:016x}\",\"event_time\":\"2026-01-31T10:{:02}:{:02}.{:03}Z\",\
                 \"user_id\":\"user-{}\",\"session_id\":\"01234567-89ab-cdef-{:04x}-{:012x}\",\"order_id\":\"order-{index:012}\",\
                 \"amount\":{}.{:02},\"currency\":\"{}\",\"quantity\":{},\"platform\":\"{}\",\"app_version\":\"7.{}.1\",\
                 \"device\":{{\"model\":\"iPhone17,{}\",\"os\":\"iOS 26.{}\"}},\"url\":\"https://shop.example.com/p/{one:x}?ref=home\",\
                 \"score\":0.{},\"sent_at\":{},\"is_gift\":{},\"items\":[{},{},{}]{more}}}",
                one % 60, two % 60, one % 1000, two % 100_000, one % 65_536, two % (1 << 48), cents / 100, cents % 100,
                ["USD", "EUR", "GBP"][(one % 3) as usize], 1 + one % 9, ["ios", "android", "web"][(two % 3) as usize],
                one % 30, two % 6, one % 5, two % 1_000_000, 1_769_860_800_000 + one % 100_000, two % 2 == 0,
                one % 1000, two % 1000, one % 7
            );
            assert!(written.is_ok());
            event
        })
        .collect()
}

fn replaced(events: &[String], from: &str, to: &str) -> Vec<String> {
    events.iter().map(|event| event.replacen(from, to, 1)).collect()
}

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn report(name: &str, events: &[String], is_accepted: bool) {
    let config: StreamConfig = serde_yaml::from_str(STREAM).expect("the stream above is a StreamConfig");
    let mut line = Line::new(&config, None).expect("the stream above is right");
    let mut rows = line.rows();
    let mut block = Vec::new();
    let (mut best, mut best_encoded) = (u128::MAX, u128::MAX);
    for _ in 0..N_ROUNDS {
        rows.clear();
        block.clear();
        let start = Instant::now();
        for (offset, event) in events.iter().enumerate() {
            let position = Position { partition: 0, offset: offset as i64 };
            let payload = Some(event.as_bytes());
            let outcome = line
                .take(&Record { position, timestamp_milliseconds: 1_769_860_800_000, payload }, &mut rows);
            assert_eq!(matches!(outcome, Outcome::Stored), is_accepted, "{outcome:?}");
        }
        let taken = start.elapsed().as_nanos();
        rows.encode(&mut block);
        best = best.min(taken);
        best_encoded = best_encoded.min(start.elapsed().as_nanos());
    }
    let n_events = events.len() as u128;
    println!("{name:45} {:5} ns an event, {:5} with the block", best / n_events, best_encoded / n_events);
}
