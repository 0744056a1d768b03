//! One settled pair of tables; spoil one thing, expect one change or one problem.

use crds::analytics_pipeline::PartitionBy;
use crds::columns::ScalarType;

use super::*;
use crate::clickhouse::table::TableName;

fn column(name: &str, column_type: ColumnType) -> Column {
    Column { name: name.into(), column_type, comment: format!("about {name}") }
}

fn wanted() -> Table {
    Table {
        database: "shop".into(),
        name: "ios".into(),
        columns: vec![
            column("event", ColumnType::LowCardinality),
            column("event_time", ColumnType::Plain(ScalarType::DateTime64 { precision: 3 })),
            column("amount", ColumnType::Plain(ScalarType::Int32)),
            column("extra", ColumnType::Json),
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

fn actual() -> ActualTable {
    let settings = [("non_replicated_deduplication_window", "100000"), ("index_granularity", "8192")];
    let column = |column: Column| ActualColumn {
        column_type: column.column_type.to_string(),
        name: column.name,
        comment: column.comment,
    };
    ActualTable {
        engine: "MergeTree".into(),
        partition_key: "toYYYYMM(event_time)".into(),
        sorting_key: vec!["event".into(), "event_time".into()],
        ttl: Some("event_time + toIntervalSecond(86400)".into()),
        settings: settings.map(|(name, value)| (name.into(), value.into())).into(),
        comment: wanted().mark.comment(),
        columns: wanted().columns.into_iter().map(column).collect(),
    }
}

fn name() -> TableName {
    wanted().full_name()
}

#[test]
fn a_settled_table_needs_no_change() {
    assert_eq!(diff(&wanted(), Some(&actual())), Ok(vec![]));
}

#[test]
fn a_missing_table_is_created_with_its_database() {
    let changes = vec![
        TableChange::CreateDatabase { database: "shop".into() },
        TableChange::CreateTable(Box::new(wanted())),
    ];
    assert_eq!(diff(&wanted(), None), Ok(changes));
}

#[test]
fn a_new_field_becomes_a_column_behind_its_neighbour() {
    let mut table = wanted();
    let coupon = column("coupon", ColumnType::Nullable(ScalarType::String));
    table.columns.insert(3, coupon.clone());
    let change = TableChange::AddColumn { table: name(), column: coupon, after: Some("amount".into()) };
    assert_eq!(diff(&table, Some(&actual())), Ok(vec![change]));
}

#[test]
fn a_wider_type_widens_the_column() {
    for wider in [ColumnType::Plain(ScalarType::Int64), ColumnType::Nullable(ScalarType::Int32)] {
        let mut table = wanted();
        table.columns[2].column_type = wider;
        let change = TableChange::ModifyColumn {
            table: name(),
            column: table.columns[2].clone(),
            from: "Int32".into(),
        };
        assert_eq!(diff(&table, Some(&actual())), Ok(vec![change]));
    }
}

#[test]
fn a_column_that_is_wider_than_wanted_stays() {
    for wider in ["Int64", "Nullable(Int32)", "Float64"] {
        let mut table = actual();
        table.columns[2].column_type = wider.into();
        assert_eq!(diff(&wanted(), Some(&table)), Ok(vec![]), "{wider}");
    }
}

#[test]
fn a_column_that_no_schema_wants_stays() {
    let mut table = actual();
    let foreign =
        ActualColumn { name: "mine".into(), column_type: "Enum8('a' = 1)".into(), comment: String::new() };
    table.columns.push(foreign);
    assert_eq!(diff(&wanted(), Some(&table)), Ok(vec![]));
}

#[test]
fn types_that_do_not_fit_are_named_all_at_once() {
    let mut table = actual();
    table.columns[0].column_type = "Enum8('a' = 1)".into();
    table.columns[2].column_type = "String".into();
    let problem = diff(&wanted(), Some(&table)).unwrap_err();
    assert_eq!(problem.reason(), Reason::TableColumnTypeConflict);
    assert_eq!(
        problem.to_string(),
        "column `event` of table `shop.ios` is Enum8('a' = 1) and the schemas need LowCardinality(String); the type of a \
         column in spec.clickhouse.orderBy cannot change: set the field's type back to Enum8('a' = 1), or give the new field \
         another name; column `amount` of table `shop.ios` is String and the schemas need Int32; set the field's type back \
         to String, or give the new field another name"
    );
}

#[test]
fn a_column_that_rows_are_sorted_by_is_never_modified() {
    let (mut table, mut there) = (wanted(), actual());
    table.order_by.push("amount".into());
    there.sorting_key.push("amount".into());
    assert_eq!(diff(&table, Some(&there)), Ok(vec![]));
    table.columns[2].column_type = ColumnType::Plain(ScalarType::Int64);
    assert_eq!(diff(&table, Some(&there)).unwrap_err().reason(), Reason::TableColumnTypeConflict);
}

#[test]
fn a_changed_description_changes_the_comment() {
    let mut table = wanted();
    table.columns[2].comment = "in cents".into();
    let change = TableChange::CommentColumn { table: name(), column: table.columns[2].clone() };
    assert_eq!(diff(&table, Some(&actual())), Ok(vec![change]));
}

#[test]
fn a_drifted_ttl_is_put_back_or_removed() {
    let ttl = wanted().ttl();
    for there in [None, Some("event_time + toIntervalDay(1)".to_owned())] {
        let table = ActualTable { ttl: there, ..actual() };
        let change = TableChange::ModifyTtl { table: name(), ttl: ttl.clone() };
        assert_eq!(diff(&wanted(), Some(&table)), Ok(vec![change]));
    }
    let forever = Table { ttl_seconds: None, ..wanted() };
    let change = TableChange::ModifyTtl { table: name(), ttl: None };
    assert_eq!(diff(&forever, Some(&actual())), Ok(vec![change]));
}

#[test]
fn a_drifted_window_is_put_back_and_a_foreign_setting_is_left() {
    let mut table = actual();
    table.settings.insert("non_replicated_deduplication_window".into(), "0".into());
    table.settings.insert("merge_max_block_size".into(), "1".into());
    let (setting, value) = ("non_replicated_deduplication_window".to_owned(), "100000".to_owned());
    let change = TableChange::ModifySetting { table: name(), name: setting, value };
    assert_eq!(diff(&wanted(), Some(&table)), Ok(vec![change]));
}

#[test]
fn a_replicated_table_has_a_window_of_its_own() {
    let table = ActualTable { engine: "ReplicatedMergeTree".into(), ..actual() };
    let setting = |setting: &str, value: &str| TableChange::ModifySetting {
        table: name(),
        name: setting.into(),
        value: value.into(),
    };
    let changes = vec![
        setting("replicated_deduplication_window", "100000"),
        setting("replicated_deduplication_window_seconds", "604800"),
    ];
    assert_eq!(diff(&wanted(), Some(&table)), Ok(changes));
}

#[test]
fn a_new_epoch_changes_the_mark() {
    let mut table = wanted();
    table.mark.epoch = 2;
    let change = TableChange::ModifyComment { table: name(), mark: table.mark.clone() };
    assert_eq!(diff(&table, Some(&actual())), Ok(vec![change]));
}

#[test]
fn a_table_without_our_mark_is_not_touched() {
    let table = ActualTable { comment: "orders".into(), columns: vec![], ..actual() };
    assert_eq!(diff(&wanted(), Some(&table)).unwrap_err().reason(), Reason::OwnershipMismatch);
}

#[test]
fn a_table_of_another_pipeline_is_a_conflict_that_does_not_name_it() {
    let mark = Mark { pipeline: "secret-team/android".into(), ..wanted().mark };
    let problem = diff(&wanted(), Some(&ActualTable { comment: mark.comment(), ..actual() })).unwrap_err();
    assert_eq!(problem.reason(), Reason::ResourceConflict);
    assert!(!problem.to_string().contains("secret-team"), "{problem}");
}

#[test]
fn what_a_table_was_made_with_cannot_change() {
    let spoiled = [
        ActualTable { engine: "ReplacingMergeTree".into(), ..actual() },
        ActualTable { partition_key: String::new(), ..actual() },
        ActualTable { sorting_key: vec!["event_time".into()], ..actual() },
    ];
    let expected = ["engine `ReplacingMergeTree`", "partition key ``", "sorting key `event_time`"];
    for (table, expected) in spoiled.iter().zip(expected) {
        let problem = diff(&wanted(), Some(table)).unwrap_err();
        assert_eq!(problem.reason(), Reason::SpecInvalid);
        assert!(problem.to_string().contains(expected), "{problem}");
    }
}

#[test]
fn rows_cannot_be_sorted_by_every_column() {
    let mut table = wanted();
    table.columns.push(column("coupon", ColumnType::Nullable(ScalarType::String)));
    for name in ["nowhere", "extra", "coupon"] {
        table.order_by = vec![name.into()];
        let problem = diff(&table, None).unwrap_err();
        assert_eq!(problem.reason(), Reason::SpecInvalid);
        assert!(problem.to_string().contains(name), "{problem}");
    }
}
