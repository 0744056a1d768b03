//! Tests of [`super`].

use std::collections::BTreeMap;

use crds::stream_config::StreamConfig;

use super::{Flags, parse_properties};

const STREAM: &str = include_str!("../../../cases/online/stream.yaml");

fn secret() -> BTreeMap<String, String> {
    [
        ("clickhouse-user", "writer"),
        ("clickhouse-password", "of the Secret"),
        ("kafka.sasl.password", "of the Secret"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

#[test]
fn without_flags_a_stream_is_reached_as_its_processors_reach_it() {
    let config: StreamConfig = serde_yaml::from_str(STREAM).unwrap();
    let addresses = Flags::default().join(&config, &secret());
    assert_eq!((addresses.kafka, addresses.clickhouse_url), (config.kafka.bootstrap, config.clickhouse.url));
    assert_eq!(addresses.clickhouse_user, "writer");
    assert_eq!(addresses.kafka_properties["sasl.password"], "of the Secret");
}

#[test]
fn flags_win() {
    let config: StreamConfig = serde_yaml::from_str(STREAM).unwrap();
    let flags = Flags {
        kafka: Some("localhost:9092".into()),
        kafka_properties: parse_properties("# mine\nsasl.password = a=b\n\n").unwrap(),
        clickhouse_url: Some("http://localhost:8123".into()),
        clickhouse_user: Some("reader".into()),
        clickhouse_password: Some("mine".into()),
    };
    let addresses = flags.join(&config, &secret());
    assert_eq!(
        (addresses.kafka.as_str(), addresses.kafka_properties["sasl.password"].as_str()),
        ("localhost:9092", "a=b")
    );
    assert_eq!(addresses.clickhouse_url, "http://localhost:8123");
    assert_eq!(
        (addresses.clickhouse_user.as_str(), addresses.clickhouse_password.as_str()),
        ("reader", "mine")
    );
}

#[test]
fn a_line_that_is_no_property_is_told_by_its_number() {
    let error = parse_properties("security.protocol=ssl\nhello").unwrap_err();
    assert!(error.to_string().starts_with("line 2 "), "{error}");
}
