//! Hostile names and values on the real Kafka and the real ClickHouse: each is refused, or kept exactly, and changes nothing else.
//!
//! In: the gateways. Out: counts. A canary table and a canary setting stand by, and are as they were in the end.

use std::collections::BTreeMap;

use crds::admission::TOPIC_SETTINGS;
use crds::analytics_pipeline::PartitionBy;
use crds::columns::{Column, ColumnType, ScalarType};
use operator::clickhouse::Tables;
use operator::clickhouse::mark::Mark;
use operator::clickhouse::table::{Table, TableChange};
use operator::kafka::Topics;
use operator::kafka::topic::{ConfigChange, Topic, TopicChange};

use super::hostile;

fn column(name: &str, comment: &str) -> Column {
    let column_type = ColumnType::Plain(ScalarType::DateTime64 { precision: 3 });
    Column { name: name.into(), column_type, comment: comment.into() }
}

fn table(database: &str, name: &str) -> Table {
    let mark = Mark {
        pipeline: "a/b".into(),
        id: "i".into(),
        epoch: 1,
        topic: name.into(),
        topic_id: None,
        cluster: None,
        namespace: None,
        tenant: None,
    };
    Table {
        database: database.into(),
        name: name.into(),
        columns: vec![column("event_time", name)],
        partition_by: PartitionBy::None,
        order_by: vec!["event_time".into()],
        ttl_seconds: None,
        mark,
        adopts: false,
    }
}

/// Sends every text as the name of a table, a column, a comment and a topic of a mark.
pub(crate) async fn in_tables(tables: &dyn Tables, database: &str) -> String {
    let (mut n_exact, mut n_refused) = (0, 0);
    let canary = table(database, "canary");
    tables.apply(&TableChange::CreateDatabase { database: database.into() }).await.unwrap();
    tables.apply(&TableChange::CreateTable(Box::new(canary.clone()))).await.unwrap();
    let before = tables.describe(&canary.full_name()).await.unwrap();
    for text in hostile::texts() {
        let mut wanted = table(database, &text);
        wanted.columns.push(column(&text, &text));
        let name = wanted.full_name();
        if tables.apply(&TableChange::CreateTable(Box::new(wanted.clone()))).await.is_err() {
            assert_eq!(tables.describe(&name).await.unwrap(), None, "{text:?} was refused, and is there");
            n_refused += 1;
            continue;
        }
        let there = tables.describe(&name).await.unwrap().unwrap_or_else(|| panic!("{text:?} is elsewhere"));
        let columns: Vec<_> =
            there.columns.iter().map(|it| (it.name.as_str(), it.comment.as_str())).collect();
        assert_eq!(columns, [("event_time", text.as_str()), (&text, &text)]);
        assert_eq!(Mark::parse(&there.comment), Some(wanted.mark), "{text:?}");
        assert_eq!(there.engine, "MergeTree", "{text:?}");
        tables.apply(&TableChange::DropTable { table: name.clone() }).await.unwrap();
        assert_eq!(tables.describe(&name).await.unwrap(), None, "{text:?}");
        n_exact += 4;
    }
    assert_eq!(tables.describe(&canary.full_name()).await.unwrap(), before, "the canary");
    tables.apply(&TableChange::DropTable { table: canary.full_name() }).await.unwrap();
    assert!(n_exact + n_refused >= 500);
    format!("ClickHouse: {n_exact} hostile names and values kept exactly, {n_refused} tables refused")
}

/// Sends texts as the value of every setting that a team may choose, and of the topic's first settings.
pub(crate) async fn in_topics(topics: &dyn Topics, name: &str) -> String {
    let mut n_refused = 0;
    let config = BTreeMap::from([("cleanup.policy".to_owned(), "delete".to_owned())]);
    let topic = Topic { name: name.into(), partitions: 1, replicas: 1, config };
    for (key, text) in values() {
        let mut hostile = topic.clone();
        hostile.config.insert(key, text.clone());
        assert!(topics.apply(&TopicChange::Create(hostile)).await.is_err(), "{text:?}");
        n_refused += 1;
    }
    assert_eq!(topics.describe(&[name.to_owned()]).await.unwrap(), [], "one was refused, and is there");
    topics.apply(&TopicChange::Create(topic.clone())).await.unwrap();
    // One that is refused is looked for a second long, so only some are tried.
    for (key, text) in values().into_iter().step_by(40) {
        let change = ConfigChange { key, from: None, to: text.clone() };
        let alter = TopicChange::AlterConfig { name: name.into(), changes: vec![change] };
        topics.apply(&alter).await.unwrap_err();
        let there = topics.describe(&[name.to_owned()]).await.unwrap();
        assert_eq!(there.first().map(|there| &there.config), Some(&topic.config), "{text:?}");
        n_refused += 1;
    }
    topics.apply(&TopicChange::Delete { name: name.into() }).await.unwrap();
    assert!(n_refused >= 500);
    format!("Kafka: {n_refused} hostile values of settings refused, none kept")
}

/// Every setting with every fifth text, another fifth for each: all texts are sent.
fn values() -> Vec<(String, String)> {
    let of = |(index, key): (usize, &&str)| {
        let texts = hostile::texts().into_iter().skip(index % 5).step_by(5);
        texts.map(|text| ((*key).to_owned(), text)).collect::<Vec<_>>()
    };
    TOPIC_SETTINGS.iter().enumerate().flat_map(of).collect()
}
