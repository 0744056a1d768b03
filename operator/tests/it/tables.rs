//! What every gateway to ClickHouse keeps, real or twin: one story of one table, from creation to dropping.
//!
//! The heart of it: after every change, the table diffs to nothing.

use crds::analytics_pipeline::PartitionBy;
use crds::columns::{Column, ColumnType, ScalarType};
use crds::conditions::Reason;
use operator::clickhouse::Tables;
use operator::clickhouse::diff::diff;
use operator::clickhouse::mark::Mark;
use operator::clickhouse::table::{ActualTable, Table, TableChange};

fn column(name: &str, column_type: ColumnType) -> Column {
    Column { name: name.into(), column_type, comment: format!("it's `{name}` \\ \"quoted\"\nand more") }
}

/// A table with every type of column, and names that are words of SQL.
fn table(database: &str) -> Table {
    use ScalarType as S;
    let scalars = [
        S::String,
        S::Bool,
        S::Int8,
        S::Int16,
        S::Int32,
        S::Int64,
        S::UInt8,
        S::UInt16,
        S::UInt32,
        S::UInt64,
        S::Float32,
        S::Float64,
        S::Decimal { precision: 9, scale: 0 },
        S::Decimal { precision: 38, scale: 38 },
        S::Date,
        S::DateTime,
        S::DateTime64 { precision: 0 },
        S::DateTime64 { precision: 9 },
        S::Uuid,
    ];
    let mut columns = vec![
        column("event", ColumnType::LowCardinality),
        column("event_time", ColumnType::Plain(S::DateTime64 { precision: 3 })),
        column("select", ColumnType::Plain(S::Int32)),
        column("order", ColumnType::LowCardinalityNullable),
    ];
    for (index, scalar) in scalars.into_iter().enumerate() {
        columns.push(column(&format!("plain_{index}"), ColumnType::Plain(scalar)));
        columns.push(column(&format!("nullable_{index}"), ColumnType::Nullable(scalar)));
        columns.push(column(&format!("array_{index}"), ColumnType::Array(scalar)));
    }
    columns.push(column("extra", ColumnType::Json));
    Table {
        database: database.into(),
        name: "ios".into(),
        columns,
        partition_by: PartitionBy::Month,
        order_by: vec!["event".into(), "select".into(), "event_time".into()],
        ttl_seconds: Some(31_536_000),
        mark: Mark {
            pipeline: "it's/\"ios\"".into(),
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

/// Runs the story in a database of that name, which may stay behind empty.
pub(crate) async fn contract(tables: &dyn Tables, database: &str) {
    let mut wanted = table(database);
    assert_eq!(tables.describe(&wanted.full_name()).await.unwrap(), None);
    assert_eq!(settle(tables, &wanted).await, 2);
    creating_again_leaves_what_is_there(tables, &wanted).await;
    assert!(
        tables.marks().await.unwrap().contains(&wanted.mark),
        "the mark is found without its table's name"
    );
    adopts(tables, &wanted).await;

    wanted.columns.insert(3, column("coupon", ColumnType::Nullable(ScalarType::String)));
    assert_eq!(settle(tables, &wanted).await, 1, "a column is added");
    let names: Vec<_> = actual(tables, &wanted).await.columns.into_iter().map(|column| column.name).collect();
    assert_eq!(names, wanted.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>());

    widens(tables, &mut wanted).await;
    drifts(tables, &mut wanted).await;
    refuses(tables, &wanted).await;
    every_cut(tables, database).await;
    drops(tables, &wanted).await;
}

async fn actual(tables: &dyn Tables, wanted: &Table) -> ActualTable {
    tables.describe(&wanted.full_name()).await.unwrap().expect("the table was created")
}

/// Makes all changes, and checks that none is left; returns how many they were.
async fn settle(tables: &dyn Tables, wanted: &Table) -> usize {
    let before = tables.describe(&wanted.full_name()).await.unwrap();
    let changes = diff(wanted, before.as_ref()).unwrap();
    for change in &changes {
        tables
            .apply(change)
            .await
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
    }
    assert_eq!(
        diff(wanted, Some(&actual(tables, wanted).await)),
        Ok(vec![]),
        "a settled table needs no change"
    );
    changes.len()
}

/// A table whose comment is no mark is taken over as it is, and only then.
async fn adopts(tables: &dyn Tables, wanted: &Table) {
    let mut stray = Table { name: "stray".into(), ..wanted.clone() };
    stray.mark.pipeline = "another/one".into();
    tables.apply(&TableChange::CreateTable(Box::new(stray.clone()))).await.unwrap();
    let mut there = actual(tables, &stray).await;
    there.comment = "made by hand".into();
    let own = Table { name: "stray".into(), adopts: true, ..wanted.clone() };
    let changes = diff(&own, Some(&there)).unwrap();
    assert!(matches!(changes.as_slice(), [TableChange::ModifyComment { .. }]), "{changes:?}");
    assert!(diff(&own, Some(&actual(tables, &stray).await)).is_err(), "another's mark is not taken over");
    tables.apply(&changes[0]).await.unwrap();
    assert_eq!(actual(tables, &own).await.comment, own.mark.comment());
    drops(tables, &own).await;
}

async fn creating_again_leaves_what_is_there(tables: &dyn Tables, wanted: &Table) {
    let before = actual(tables, wanted).await;
    let other = Table { ttl_seconds: None, order_by: vec!["event".into()], ..wanted.clone() };
    tables.apply(&TableChange::CreateDatabase { database: wanted.database.clone() }).await.unwrap();
    tables.apply(&TableChange::CreateTable(Box::new(other))).await.unwrap();
    assert_eq!(actual(tables, wanted).await, before);
    let coupon = wanted.columns[3].clone();
    let add = TableChange::AddColumn { table: wanted.full_name(), column: coupon, after: None };
    tables.apply(&add).await.expect("adding what is there is no error");
    assert_eq!(actual(tables, wanted).await, before);
}

async fn widens(tables: &dyn Tables, wanted: &mut Table) {
    use ScalarType as S;
    let steps = [
        (ColumnType::Plain(S::Int8), ColumnType::Plain(S::Int64)),
        (ColumnType::Plain(S::Float32), ColumnType::Nullable(S::Float64)),
        (ColumnType::Nullable(S::UInt16), ColumnType::Nullable(S::UInt32)),
        (ColumnType::Array(S::Int32), ColumnType::Array(S::Int64)),
        (ColumnType::Plain(S::DateTime), ColumnType::Plain(S::DateTime64 { precision: 3 })),
        (
            ColumnType::Plain(S::Decimal { precision: 9, scale: 0 }),
            ColumnType::Nullable(S::Decimal { precision: 18, scale: 2 }),
        ),
        (ColumnType::Plain(S::Uuid), ColumnType::Nullable(S::Uuid)),
    ];
    for (from, to) in &steps {
        let column =
            wanted.columns.iter_mut().find(|column| column.column_type == *from && column.name != "select");
        let column = column.expect("the table has every type");
        assert!(from.widens_to(to));
        column.column_type = to.clone();
    }
    assert_eq!(settle(tables, wanted).await, steps.len(), "columns are widened");
}

async fn drifts(tables: &dyn Tables, wanted: &mut Table) {
    wanted.columns[2].comment = String::new();
    wanted.ttl_seconds = Some(86_400);
    wanted.mark.epoch = 2;
    assert_eq!(settle(tables, wanted).await, 3, "comment of a column, TTL and mark");
    wanted.ttl_seconds = None;
    assert_eq!(settle(tables, wanted).await, 1, "the TTL is removed");
    wanted.ttl_seconds = Some(3_600);
    assert_eq!(settle(tables, wanted).await, 1, "the TTL is there again");
    let window = "non_replicated_deduplication_window".to_owned();
    let shrink = TableChange::ModifySetting { table: wanted.full_name(), name: window, value: "10".into() };
    tables.apply(&shrink).await.unwrap();
    assert_eq!(settle(tables, wanted).await, 1, "the window is put back");
}

async fn refuses(tables: &dyn Tables, wanted: &Table) {
    let mut key = wanted.columns[2].clone();
    key.column_type = ColumnType::Plain(ScalarType::Int64);
    let modify = TableChange::ModifyColumn { table: wanted.full_name(), column: key, from: "Int32".into() };
    let error = tables.apply(&modify).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseRejected, false));
    let nowhere = Table { database: format!("{}_nowhere", wanted.database), ..wanted.clone() };
    let error = tables.apply(&TableChange::CreateTable(Box::new(nowhere))).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseRejected, true));
    let gone = Table { name: "gone".into(), ..wanted.clone() }.full_name();
    let error = tables.apply(&TableChange::ModifyTtl { table: gone, ttl: wanted.ttl() }).await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), (Reason::ClickHouseRejected, true));
}

async fn every_cut(tables: &dyn Tables, database: &str) {
    for partition_by in [PartitionBy::None, PartitionBy::Day, PartitionBy::Year] {
        let mut cut = Table {
            name: "cut`; DROP TABLE ios; --\\".into(),
            partition_by,
            ttl_seconds: None,
            ..table(database)
        };
        cut.order_by = vec!["select".into()];
        assert_eq!(settle(tables, &cut).await, 2, "{partition_by:?}");
        drops(tables, &cut).await;
    }
}

async fn drops(tables: &dyn Tables, wanted: &Table) {
    let drop = TableChange::DropTable { table: wanted.full_name() };
    tables.apply(&drop).await.unwrap();
    assert_eq!(tables.describe(&wanted.full_name()).await.unwrap(), None);
    tables.apply(&drop).await.expect("dropping what is gone is no error");
}
