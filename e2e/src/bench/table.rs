//! The table of a run, as the operator makes it: the same columns, order, partitions and deduplication window.
//!
//! In: a name and columns. Out: SQL. A test holds it against the operator's own golden statement, as the two crates do not know
//! each other. Not here: quoting of names that users write; the benchmark's own are plain words.

use std::fmt;

use crds::columns::Column;

use super::server::DATABASE;

/// A table of the benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(pub String);

impl fmt::Display for TableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{DATABASE}.{}", self.0)
    }
}

/// The statement that makes a table.
#[must_use]
pub fn create(table: &str, columns: &[Column]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| {
            let comment = column.comment.replace('\\', "\\\\").replace('\'', "\\'");
            format!("    `{}` {} COMMENT '{comment}'", column.name, column.column_type)
        })
        .collect();
    format!(
        "CREATE TABLE IF NOT EXISTS {table}\n(\n{}\n)\nENGINE = MergeTree\nPARTITION BY toYYYYMM(event_time)\n\
         ORDER BY (`event`, `event_time`)\nSETTINGS non_replicated_deduplication_window = 100000",
        columns.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use crds::columns::table_columns;
    use crds::schema::Schema;

    use super::create;

    /// The operator's golden case of a pipeline with one optional field.
    const GOLDEN: &str = include_str!("../../../operator/cases/suspended/out/tables.sql");

    #[test]
    fn the_table_is_the_operators() {
        let spec = serde_yaml::from_str("{fields: [{name: amount, type: Int32}]}").unwrap();
        let columns = table_columns(&[Schema::parse("purchase", 1, &spec).unwrap()]).unwrap();
        let statement = create("`shop`.`ios`", &columns);
        assert!(GOLDEN.contains(&format!("{statement}\nCOMMENT ")), "{statement}\n\nis not in\n\n{GOLDEN}");
    }
}
