//! What the real Kafka makes of dead letters. There is no twin of the client's own work: the flow's twin in memory takes letters whole.
//!
//! In: KAFKA. Out: a failed assertion where a letter is missing, is cut although it fits, or is gone from the list undelivered.
//! `cargo test -p processor --features real --lib contract` runs it.

use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Headers as _;
use rdkafka::{Offset, TopicPartitionList};

use super::tests::letter;
use super::{AT_ONCE, CUT, DeadLetterProducer};
use crate::batch::Letter;
use crate::sink::{DeadLetters as _, SinkError};
use crate::source::kafka::own_topic::{client, with_topic};
use crate::source::kafka::properties::Connection;

const PATIENCE: Duration = Duration::from_secs(60);

/// So many bytes of no pattern (xorshift): what lz4 makes small fits any topic.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[4]
    };
    std::iter::repeat_with(byte).take(length).collect()
}

fn deliver(topic: &str, connection: &Connection, letters: &mut Vec<Letter>) -> Result<(), SinkError> {
    let Ok(runtime) = tokio::runtime::Runtime::new() else { unreachable!("a runtime starts") };
    runtime.block_on(DeadLetterProducer::new(connection, "clicks", topic).deliver(letters))
}

/// Reads so many letters: the position that each tells, its bytes, and how long the record was if it was cut.
fn read(topic: &str, n_letters: usize) -> Vec<(String, usize, Option<String>)> {
    let consumer: BaseConsumer = client().set("group.id", topic).create().expect("a consumer");
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning).expect("a place");
    consumer.assign(&from).expect("it is taken up");
    let read = || {
        let message = consumer.poll(PATIENCE).expect("a letter is there").expect("it is read");
        let headers = message.headers().expect("it has headers");
        let header = |name| {
            let value = headers.iter().find(|header| header.key == name)?.value?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        assert_eq!((header("trace").as_deref(), message.key()), (Some("one"), Some(&b"key"[..])));
        (header("tributary-position").expect("a position"), message.payload_len(), header("tributary-cut"))
    };
    std::iter::repeat_with(read).take(n_letters).collect()
}

#[test]
fn letters_of_several_rounds_arrive_and_only_what_fits_no_message_is_cut() {
    with_topic("letters", 1, |connection, topic| {
        let long = CUT * 4;
        let length = |place: usize| if place == AT_ONCE + 7 { long } else { 100 };
        let n_letters = 2 * AT_ONCE + 3;
        let mut letters: Vec<_> =
            (0..n_letters).map(|place| letter(place as i64, bytes(length(place)))).collect();
        deliver(topic, &connection, &mut letters).expect("all are delivered");
        assert!(letters.is_empty());
        let mut found = read(topic, n_letters);
        found.sort_by_key(|(position, ..)| {
            position.rsplit(':').next().and_then(|offset| offset.parse::<i64>().ok())
        });
        for (place, found) in found.into_iter().enumerate() {
            let (left, cut) = if length(place) == long { (CUT, Some(long.to_string())) } else { (100, None) };
            assert_eq!(found, (format!("clicks:0:{place}"), left, cut));
        }
    });
}

#[test]
fn letters_for_a_topic_that_is_not_there_stay_in_the_list() {
    with_topic("no-letters", 1, |connection, topic| {
        let mut letters: Vec<_> = (0..3).map(|offset| letter(offset, bytes(100))).collect();
        let whole = letters.clone();
        let error =
            deliver(&format!("{topic}.missing"), &connection, &mut letters).expect_err("nobody takes them");
        assert_eq!(letters, whole);
        assert!(error.message.contains("create the topic"), "{error}");
    });
}
