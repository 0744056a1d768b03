//! Tables as values: what is wanted, what is there, and the changes between the two. Pure.
//!
//! In: the plan's [`Table`], the engine's [`ActualTable`]. Out: [`TableChange`]s ([`super::diff`] finds them).
//! The texts that a table reads back with (`partition_key`, `ttl` …) are ClickHouse's own normal form, found by
//! experiment on 26.7; the wanted table is written in that form, so that a settled one compares equal.
//! Not here: SQL statements (`ddl.rs`) and bytes of rows (the processor).

use std::collections::BTreeMap;
use std::fmt;

use crds::analytics_pipeline::PartitionBy;
use crds::columns::Column;

use super::mark::Mark;

/// The column of the event's time: partitions and TTL count from it.
pub const TIME_COLUMN: &str = "event_time";

/// Insert tokens that a table remembers. Every batch takes one for each partition of the table that it touches, so this
/// is how many batches may pass between a batch's first try and its repetition. It costs about 6 MB of log, and no time.
pub const DEDUPLICATION_WINDOW: u64 = 100_000;

/// How long a replicated table remembers a token, seconds: a week, so that only the number of tokens limits.
pub const DEDUPLICATION_WINDOW_SECONDS: u64 = 604_800;

/// Full name of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.database, self.table)
    }
}

/// A table as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Database.
    pub database: String,
    /// Name.
    pub name: String,
    /// Columns, in order.
    pub columns: Vec<Column>,
    /// How it is cut into parts on disk.
    pub partition_by: PartitionBy,
    /// Columns by which rows are sorted.
    pub order_by: Vec<String>,
    /// How long rows stay, counted from [`TIME_COLUMN`]; none: for ever.
    pub ttl_seconds: Option<u64>,
    /// Who owns it.
    pub mark: Mark,
    /// Whether a table without any mark is taken over.
    pub adopts: bool,
}

impl Table {
    /// Returns the full name.
    pub fn full_name(&self) -> TableName {
        TableName { database: self.database.clone(), table: self.name.clone() }
    }

    /// Returns the partition key in ClickHouse's normal form; empty for none.
    pub fn partition_key(&self) -> String {
        let function = match self.partition_by {
            PartitionBy::None => return String::new(),
            PartitionBy::Day => "toYYYYMMDD",
            PartitionBy::Month => "toYYYYMM",
            PartitionBy::Year => "toYear",
        };
        format!("{function}({TIME_COLUMN})")
    }

    /// Returns the TTL in ClickHouse's normal form.
    ///
    /// It is counted in the column's own type: `toDateTime(event_time)` would wrap around for events after 2106 and delete them
    /// at once.
    pub fn ttl(&self) -> Option<String> {
        self.ttl_seconds.map(|seconds| format!("{TIME_COLUMN} + toIntervalSecond({seconds})"))
    }
}

/// Returns whether rows go under a TTL that would have stayed under the one before. Of one that Tributary did not write it is not known
/// how long rows stay, so that another one may always let some go.
pub fn deletes_rows(before: Option<&str>, after: Option<&str>) -> bool {
    let seconds = |ttl: &str| -> Option<u64> {
        let counted = ttl.strip_prefix(TIME_COLUMN)?.strip_prefix(" + toIntervalSecond(")?;
        counted.strip_suffix(')')?.parse().ok()
    };
    match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => match (seconds(before), seconds(after)) {
            (Some(before), Some(after)) => after < before,
            _ => before != after,
        },
    }
}

/// Returns the settings of a table that are ours, by the engine that it has.
pub fn owned_settings(engine: &str) -> BTreeMap<String, String> {
    let pairs: &[(&str, u64)] = match engine {
        "MergeTree" => &[("non_replicated_deduplication_window", DEDUPLICATION_WINDOW)],
        _ => &[
            ("replicated_deduplication_window", DEDUPLICATION_WINDOW),
            ("replicated_deduplication_window_seconds", DEDUPLICATION_WINDOW_SECONDS),
        ],
    };
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect()
}

/// A table as the engine describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualTable {
    /// Engine: `MergeTree`.
    pub engine: String,
    /// Partition key; empty for none.
    pub partition_key: String,
    /// Columns by which rows are sorted, without quotes.
    pub sorting_key: Vec<String>,
    /// TTL expression of the table.
    pub ttl: Option<String>,
    /// Settings that stand on the table, values without quotes.
    pub settings: BTreeMap<String, String>,
    /// Comment.
    pub comment: String,
    /// Columns, in order.
    pub columns: Vec<ActualColumn>,
}

/// A column as the engine describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualColumn {
    /// Name.
    pub name: String,
    /// Type, as the engine writes it; it may be one that Tributary does not make.
    pub column_type: String,
    /// Comment.
    pub comment: String,
}

/// One step from what is there to what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// Creates the database unless it is there.
    CreateDatabase {
        /// Database.
        database: String,
    },
    /// Creates the table unless one of that name is there; whether it is ours, the next description shows.
    CreateTable(Box<Table>),
    /// Adds a column.
    AddColumn {
        /// Table.
        table: TableName,
        /// Column.
        column: Column,
        /// Column that it stands behind.
        after: Option<String>,
    },
    /// Widens the type of a column.
    ModifyColumn {
        /// Table.
        table: TableName,
        /// Column as it will be.
        column: Column,
        /// Type before.
        from: String,
    },
    /// Changes the comment of a column.
    CommentColumn {
        /// Table.
        table: TableName,
        /// Column as it will be.
        column: Column,
    },
    /// Changes or removes the TTL.
    ModifyTtl {
        /// Table.
        table: TableName,
        /// TTL after; none removes it.
        ttl: Option<String>,
    },
    /// Changes a setting.
    ModifySetting {
        /// Table.
        table: TableName,
        /// Name of the setting.
        name: String,
        /// Value after.
        value: String,
    },
    /// Changes the mark.
    ModifyComment {
        /// Table.
        table: TableName,
        /// Mark after.
        mark: Mark,
    },
    /// Drops the table with all its rows.
    DropTable {
        /// Table.
        table: TableName,
    },
}

impl TableChange {
    /// Returns the name of the table, or of the database that is created.
    pub fn subject(&self) -> String {
        match self {
            Self::CreateDatabase { database } => database.clone(),
            Self::CreateTable(table) => table.full_name().to_string(),
            Self::AddColumn { table, .. }
            | Self::ModifyColumn { table, .. }
            | Self::CommentColumn { table, .. }
            | Self::ModifyTtl { table, .. }
            | Self::ModifySetting { table, .. }
            | Self::ModifyComment { table, .. }
            | Self::DropTable { table } => table.to_string(),
        }
    }

    /// Returns what the change does, in words for messages: `add column `a` to table `b.c``.
    pub fn action(&self) -> String {
        let subject = self.subject();
        match self {
            Self::CreateDatabase { .. } => format!("create database `{subject}`"),
            Self::CreateTable(_) => format!("create table `{subject}`"),
            Self::AddColumn { column, .. } => format!("add column `{}` to table `{subject}`", column.name),
            Self::ModifyColumn { column, .. } => {
                format!("widen column `{}` of table `{subject}`", column.name)
            }
            Self::CommentColumn { column, .. } => {
                format!("change the comment of column `{}` of table `{subject}`", column.name)
            }
            Self::ModifyTtl { .. } => format!("change the TTL of table `{subject}`"),
            Self::ModifySetting { name, .. } => format!("change setting `{name}` of table `{subject}`"),
            Self::ModifyComment { .. } => format!("change the mark of table `{subject}`"),
            Self::DropTable { .. } => format!("drop table `{subject}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::deletes_rows;

    #[test]
    fn rows_go_under_a_shorter_ttl() {
        let (day, week) = ("event_time + toIntervalSecond(86400)", "event_time + toIntervalSecond(604800)");
        assert!(deletes_rows(Some(week), Some(day)));
        assert!(deletes_rows(None, Some(week)));
        assert!(deletes_rows(Some("received_at + toIntervalYear(1)"), Some(week)), "it may be longer or not");
        assert!(!deletes_rows(Some(day), Some(week)));
        assert!(!deletes_rows(Some(day), Some(day)));
        assert!(!deletes_rows(Some(day), None));
    }
}
