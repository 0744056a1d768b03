//! ProcessorReport: it comes back as it was sent, also between releases.

use super::*;

fn full() -> ProcessorReport {
    ProcessorReport {
        ready: false,
        reason: Some(Reason::ClickHouseUnreachable),
        message: "ClickHouse at http://clickhouse:8123 does not answer".into(),
        counters: Counters { read: 10, stored: 6, dead_lettered: 2, filtered: 1, deduplicated: 1 },
        rejected: [("WrongType".to_owned(), 2)].into(),
        lag: 7,
        partitions: vec![0, 1],
        rules: vec![RuleReport {
            name: "big-spenders".into(),
            generation: 4,
            reason: Some(Reason::DestinationUnreachable),
            message: "hooks.example.com does not answer".into(),
            matched: 3,
            sent: 1,
            dead_lettered: 1,
            lag: 1,
        }],
    }
}

#[test]
fn a_report_comes_back_as_it_was_sent() {
    let text = serde_json::to_string(&full()).unwrap();
    assert_eq!(serde_json::from_str::<ProcessorReport>(&text).unwrap(), full());
    for key in ["\"deadLettered\":2", "\"reason\":\"ClickHouseUnreachable\"", "\"lag\":7"] {
        assert!(text.contains(key), "{text}");
    }
}

#[test]
fn a_report_of_another_release_is_read_as_far_as_it_goes() {
    let read: ProcessorReport = serde_json::from_str(r#"{"ready": true, "news": 5}"#).unwrap();
    assert_eq!(read, ProcessorReport { ready: true, ..ProcessorReport::default() });
}
