//! One settled pair of topics; spoil one thing, expect one change.

use super::*;

fn topic() -> Topic {
    let config = [("retention.ms", "259200000"), ("cleanup.policy", "delete")];
    Topic {
        name: "shop.ios".into(),
        partitions: 6,
        replicas: 1,
        config: config.map(|(key, value)| (key.into(), value.into())).into(),
    }
}

#[test]
fn a_settled_topic_needs_no_change() {
    assert_eq!(diff(&[topic()], &[topic()]), Ok(vec![]));
}

#[test]
fn a_missing_topic_is_created() {
    assert_eq!(diff(&[topic()], &[]), Ok(vec![TopicChange::Create(topic())]));
}

#[test]
fn a_topic_that_nobody_wants_is_left() {
    assert_eq!(diff(&[], &[topic()]), Ok(vec![]));
}

#[test]
fn partitions_are_added() {
    let wanted = Topic { partitions: 9, ..topic() };
    let change = TopicChange::AddPartitions { name: "shop.ios".into(), from: 6, to: 9 };
    assert_eq!(diff(&[wanted], &[topic()]), Ok(vec![change]));
}

#[test]
fn fewer_partitions_are_a_problem_that_names_the_remedy() {
    let problem = diff(&[Topic { partitions: 3, ..topic() }], &[topic()]).unwrap_err();
    assert_eq!(problem.reason(), Reason::TopicPartitionsDecreaseNotSupported);
    assert_eq!(
        problem.to_string(),
        "topic `shop.ios` has 6 partitions and spec.kafka.partitions asks for 3; partitions can only be added: \
         set spec.kafka.partitions to 6 or more"
    );
}

#[test]
fn other_replicas_are_a_problem_that_names_the_remedy() {
    let problem = diff(&[Topic { replicas: 3, ..topic() }], &[topic()]).unwrap_err();
    assert_eq!(problem.reason(), Reason::SpecInvalid);
    assert!(problem.to_string().contains("reassign them with Kafka"), "{problem}");
}

#[test]
fn a_drifted_setting_is_put_back_and_a_foreign_one_is_left() {
    let mut actual = topic();
    actual.config.insert("retention.ms".into(), "1000".into());
    actual.config.insert("max.message.bytes".into(), "2000000".into());
    actual.config.remove("cleanup.policy");
    let changes = vec![
        ConfigChange { key: "cleanup.policy".into(), from: None, to: "delete".into() },
        ConfigChange { key: "retention.ms".into(), from: Some("1000".into()), to: "259200000".into() },
    ];
    assert_eq!(
        diff(&[topic()], &[actual]),
        Ok(vec![TopicChange::AlterConfig { name: "shop.ios".into(), changes }])
    );
}

#[test]
fn each_change_names_its_subject() {
    let name = || "shop.ios".to_owned();
    let changes = [
        TopicChange::Create(topic()),
        TopicChange::AddPartitions { name: name(), from: 1, to: 2 },
        TopicChange::AlterConfig { name: name(), changes: vec![] },
        TopicChange::Delete { name: name() },
        TopicChange::DeleteGroups { group: name() },
    ];
    assert!(changes.iter().all(|change| change.subject() == "shop.ios"));
}

#[test]
fn records_go_when_they_are_kept_for_less_long() {
    let goes = |key: &str, from: Option<&str>, to: &str| {
        ConfigChange { key: key.into(), from: from.map(str::to_owned), to: to.into() }.deletes_records()
    };
    assert!(goes("retention.ms", Some("2000"), "1000"));
    assert!(goes("retention.ms", Some("-1"), "1000"), "-1 is for ever");
    assert!(goes("retention.bytes", Some("2000"), "1000"));
    assert!(goes("cleanup.policy", Some("compact"), "compact,delete"));
    assert!(!goes("retention.ms", Some("1000"), "2000"));
    assert!(!goes("retention.ms", Some("1000"), "-1"));
    assert!(!goes("retention.ms", None, "1000"), "nobody knows what the brokers' default was");
    assert!(!goes("max.message.bytes", Some("2000"), "1000"));
}
