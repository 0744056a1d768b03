//! StreamConfig: a golden file that both sides read, in the version that this build knows.

use std::path::Path;

use super::*;

fn golden() -> std::path::PathBuf {
    Path::new(env!("TRIBUTARY_REPOSITORY")).join("crds/cases/stream-config/v1.yaml")
}

#[expect(clippy::too_many_lines, reason = "one value with every field set")]
fn full() -> StreamConfig {
    let spec: EventSchemaSpec = serde_yaml::from_str(
        "
event: purchase
fields:
- {name: order_id, type: String, required: true, maxLength: 64}
- {name: amount, type: 'Decimal(18, 2)', minimum: 0}
- {name: user_id, type: String, aliases: [uid], privacy: Hash}
rules:
- {rule: event.amount < 100000.0, message: amounts stay below 100000}
",
    )
    .unwrap();
    StreamConfig {
        version: STREAM_CONFIG_VERSION,
        stream: StreamIdentity {
            namespace: "shop".into(),
            name: "ios".into(),
            id: "2f2af491-d349-4700-812a-e21e6ef06a41".into(),
            epoch: 1,
        },
        kafka: KafkaConfig {
            bootstrap: "kafka:9092".into(),
            topic: "shop.ios".into(),
            dead_letter_topic: "shop.ios.dead-letters".into(),
            group: "tributary.shop.ios".into(),
            properties: [("security.protocol".to_owned(), "SASL_SSL".to_owned())].into(),
        },
        clickhouse: ClickHouseConfig {
            url: "http://clickhouse:8123".into(),
            database: "shop".into(),
            table: "ios".into(),
        },
        schemas: vec![SchemaVersion { name: "purchase".into(), version: 3, spec }],
        envelope: Envelope::default(),
        unknown_events: UnknownEvents::Store,
        batch: BatchConfig { max_rows: 50_000, max_bytes: 16 << 20, max_age_milliseconds: 1000 },
        deduplication_window_seconds: Some(86_400),
        has_hash_key: true,
        rules: vec![
            RuleConfig {
                name: "big-spenders".into(),
                uid: "7d3a".into(),
                generation: 4,
                events: vec!["purchase".into()],
                when: Some("event.amount > 100.0".into()),
                start: StartPosition::Earliest,
                kind: DestinationType::Webhook,
                webhook: Some(WebhookConfig {
                    url: "https://hooks.example.com/tributary".into(),
                    timeout_milliseconds: 15_000,
                    max_in_flight: 8,
                }),
                topic: None,
            },
            RuleConfig {
                name: "copy".into(),
                uid: "7d3b".into(),
                generation: 1,
                events: Vec::new(),
                when: None,
                start: StartPosition::Latest,
                kind: DestinationType::Kafka,
                webhook: None,
                topic: Some("shop.copy".into()),
            },
        ],
        egress: EgressConfig { allow_http: true, allowed_networks: vec!["10.20.0.0/16".into()] },
    }
}

#[test]
fn the_file_is_as_it_was() {
    let text = serde_yaml::to_string(&full()).unwrap();
    let written = std::fs::read_to_string(golden()).unwrap_or_default();
    if written != text {
        // A changed file means a changed contract: processors of the release before read it too.
        std::fs::create_dir_all(golden().parent().unwrap()).unwrap();
        std::fs::write(golden(), &text).unwrap();
    }
    assert_eq!(
        written, text,
        "the golden file is written anew; look at the difference, and raise the version if old processors cannot read it"
    );
}

#[test]
fn the_file_is_read_as_it_was_written() {
    let text = std::fs::read_to_string(golden()).unwrap();
    let read: StreamConfig = serde_yaml::from_str(&text).unwrap();
    assert_eq!(read, full());
    assert_eq!(read.version, STREAM_CONFIG_VERSION);
}

#[test]
fn what_is_left_out_has_its_default() {
    let mut value = serde_yaml::to_value(full()).unwrap();
    let mapping = value.as_mapping_mut().unwrap();
    for key in ["deduplicationWindowSeconds", "hasHashKey", "rules", "egress"] {
        assert!(mapping.remove(key).is_some(), "{key}");
    }
    let read: StreamConfig = serde_yaml::from_value(value).unwrap();
    assert_eq!((read.deduplication_window_seconds, read.has_hash_key), (None, false));
    assert_eq!((read.rules.len(), read.egress), (0, EgressConfig::default()));
}

#[test]
fn equal_streams_have_equal_text() {
    // The text's hash stands in the pod template: an unstable order would restart processors.
    assert_eq!(serde_yaml::to_string(&full()).unwrap(), serde_yaml::to_string(&full().clone()).unwrap());
}
