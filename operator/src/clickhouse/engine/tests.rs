//! Texts as ClickHouse 26.7 gives them.

use super::*;

#[test]
fn reads_ttl_and_settings() {
    let clauses = parse_engine(
        "MergeTree PARTITION BY toYYYYMM(event_time) ORDER BY (event, event_time) TTL event_time + toIntervalSecond(86400) \
         SETTINGS index_granularity = 8192, non_replicated_deduplication_window = 100000, storage_policy = 'hot, cold'",
    );
    assert_eq!(clauses.ttl.as_deref(), Some("event_time + toIntervalSecond(86400)"));
    let settings = [
        ("index_granularity", "8192"),
        ("non_replicated_deduplication_window", "100000"),
        ("storage_policy", "hot, cold"),
    ];
    assert_eq!(clauses.settings, settings.map(|(name, value)| (name.into(), value.into())).into());
}

#[test]
fn a_table_without_clauses_has_none() {
    assert_eq!(parse_engine("MergeTree ORDER BY tuple()"), EngineClauses::default());
    assert_eq!(parse_engine(""), EngineClauses::default());
}

#[test]
fn keywords_inside_quotes_and_brackets_are_text() {
    let clauses = parse_engine(
        r"MergeTree ORDER BY (`a TTL b`, if(x = ' SETTINGS \' ', 1, 2)) TTL d + f(' SETTINGS ') SETTINGS c = 1",
    );
    assert_eq!(clauses.ttl.as_deref(), Some("d + f(' SETTINGS ')"));
    assert_eq!(clauses.settings, BTreeMap::from([("c".to_owned(), "1".to_owned())]));
}

#[test]
fn reads_the_columns_of_a_sorting_key() {
    for (text, columns) in [
        ("", vec![]),
        ("event", vec!["event"]),
        ("event, event_time", vec!["event", "event_time"]),
        ("`all`, order, `null`", vec!["all", "order", "null"]),
        ("(`select`)", vec!["select"]),
        ("cityHash64(a, b), c", vec!["cityHash64(a, b)", "c"]),
        ("(a + 1), (b)", vec!["(a + 1)", "(b)"]),
    ] {
        assert_eq!(parse_sorting_key(text), columns, "{text}");
    }
}
