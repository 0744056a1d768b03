//! Golden statements (`golden/*.sql`, rewritten by `UPDATE=1 cargo test`), and names that want out of their quotes.

use std::collections::BTreeSet;

use crds::analytics_pipeline::PartitionBy;
use crds::columns::{Column, ColumnType, ScalarType};

use super::*;
use crate::clickhouse::mark::Mark;

fn column(name: &str, column_type: ColumnType, comment: &str) -> Column {
    Column { name: name.into(), column_type, comment: comment.into() }
}

fn table() -> Table {
    Table {
        database: "shop".into(),
        name: "ios".into(),
        columns: vec![
            column("event", ColumnType::LowCardinality, "type of the event"),
            column(
                "event_time",
                ColumnType::Plain(ScalarType::DateTime64 { precision: 3 }),
                "it's when it happened",
            ),
            column(
                "amount",
                ColumnType::Nullable(ScalarType::Decimal { precision: 18, scale: 2 }),
                r"in \ money",
            ),
            column("tags", ColumnType::Array(ScalarType::String), ""),
            column("extra", ColumnType::Json, ""),
        ],
        partition_by: PartitionBy::Month,
        order_by: vec!["event".into(), "event_time".into()],
        ttl_seconds: Some(86_400),
        mark: Mark {
            pipeline: "shop/ios".into(),
            id: "7f0c".into(),
            epoch: 1,
            topic: "shop.ios".into(),
            topic_id: None,
            cluster: None,
            namespace: None,
            tenant: None,
        },
        adopts: false,
    }
}

fn check(golden: &str, change: &TableChange) {
    let path = crate::testing::repository().join("operator/src/clickhouse/ddl/golden").join(golden);
    let actual = format!("{}\n", statement(change));
    #[expect(clippy::disallowed_methods, reason = "UPDATE is the tests' own switch")]
    let is_update = std::env::var("UPDATE").is_ok();
    if is_update {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{golden}: UPDATE=1 cargo test rewrites it");
}

#[test]
fn creates_databases_and_tables() {
    check("create_database.sql", &TableChange::CreateDatabase { database: "shop".into() });
    check("create_table.sql", &TableChange::CreateTable(Box::new(table())));
    let plain = Table { partition_by: PartitionBy::None, ttl_seconds: None, ..table() };
    check("create_table_plain.sql", &TableChange::CreateTable(Box::new(plain)));
}

#[test]
fn alters_columns() {
    let (table, amount) = (table().full_name(), table().columns[2].clone());
    let after = Some("event_time".to_owned());
    check("add_column.sql", &TableChange::AddColumn { table: table.clone(), column: amount.clone(), after });
    let from = "Decimal(9, 2)".to_owned();
    check(
        "modify_column.sql",
        &TableChange::ModifyColumn { table: table.clone(), column: amount.clone(), from },
    );
    check("comment_column.sql", &TableChange::CommentColumn { table, column: amount });
}

#[test]
fn alters_the_rest_of_a_table() {
    let name = || table().full_name();
    check("modify_ttl.sql", &TableChange::ModifyTtl { table: name(), ttl: table().ttl() });
    check("remove_ttl.sql", &TableChange::ModifyTtl { table: name(), ttl: None });
    let (setting, value) = ("non_replicated_deduplication_window".to_owned(), "100000".to_owned());
    check("modify_setting.sql", &TableChange::ModifySetting { table: name(), name: setting, value });
    check("modify_comment.sql", &TableChange::ModifyComment { table: name(), mark: table().mark });
    check("drop_table.sql", &TableChange::DropTable { table: name() });
}

const HOSTILE: [&str; 12] = [
    "a",
    "a`",
    "`a",
    "a``b",
    r"a\`",
    r"a\",
    r"a\\",
    "a' ; DROP TABLE x; --",
    "a`; DROP TABLE x; --",
    "a\nb",
    "a\0b",
    "é`",
];

/// Returns what a quoted text stands for, and what is left behind its closing quote, as ClickHouse reads it.
fn unquoted(text: &str, quote: char) -> (String, String) {
    let mut characters = text.chars();
    assert_eq!(characters.next(), Some(quote));
    let mut value = String::new();
    while let Some(character) = characters.next() {
        if character == quote {
            break;
        }
        match (character, character == '\\') {
            (_, true) => value
                .push(characters.next().map(|escaped| if escaped == '0' { '\0' } else { escaped }).unwrap()),
            (plain, false) => value.push(plain),
        }
    }
    (value, characters.collect())
}

#[test]
fn hostile_names_stay_names() {
    for name in HOSTILE {
        assert_eq!(unquoted(&identifier(name), '`'), (name.to_owned(), String::new()), "{name}");
        assert_eq!(unquoted(&string(name), '\''), (name.to_owned(), String::new()), "{name}");
    }
}

#[test]
fn two_names_never_make_one_text() {
    let quoted: BTreeSet<_> = HOSTILE.iter().map(|name| identifier(name)).collect();
    assert_eq!(quoted.len(), HOSTILE.len());
    let pairs = HOSTILE.iter().flat_map(|database| HOSTILE.iter().map(move |table| (database, table)));
    let names: BTreeSet<_> = pairs
        .map(|(database, table)| {
            full_name(&TableName { database: (*database).into(), table: (*table).into() })
        })
        .collect();
    assert_eq!(names.len(), HOSTILE.len() * HOSTILE.len());
}
