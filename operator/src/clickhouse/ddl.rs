//! SQL of the changes: the only place that quotes identifiers and strings. Pure.
//!
//! In: [`TableChange`]s. Out: one statement each.
//! Names are bounded by the CRDs already; here every name is quoted all the same, so that a name that slipped through
//! stays a name. Quoting is injective: two names never make one text, and no text ends its quotes before its end.
//! Not here: which change is needed.

use crds::columns::Column;

use super::table::{Table, TableChange, TableName, owned_settings};

/// Returns the statement that makes a change.
pub fn statement(change: &TableChange) -> String {
    match change {
        TableChange::CreateDatabase { database } => {
            format!("CREATE DATABASE IF NOT EXISTS {}", identifier(database))
        }
        TableChange::CreateTable(table) => create_table(table),
        TableChange::AddColumn { table, column, after } => {
            let place =
                after.as_ref().map(|after| format!(" AFTER {}", identifier(after))).unwrap_or_default();
            alter(table, &format!("ADD COLUMN IF NOT EXISTS {}{place}", declaration(column)))
        }
        TableChange::ModifyColumn { table, column, .. } => {
            alter(table, &format!("MODIFY COLUMN {}", declaration(column)))
        }
        TableChange::CommentColumn { table, column } => {
            alter(table, &format!("COMMENT COLUMN {} {}", identifier(&column.name), string(&column.comment)))
        }
        TableChange::ModifyTtl { table, ttl: Some(ttl) } => alter(table, &format!("MODIFY TTL {ttl}")),
        TableChange::ModifyTtl { table, ttl: None } => alter(table, "REMOVE TTL"),
        TableChange::ModifySetting { table, name, value } => {
            alter(table, &format!("MODIFY SETTING {name} = {value}"))
        }
        TableChange::ModifyComment { table, mark } => {
            alter(table, &format!("MODIFY COMMENT {}", string(&mark.comment())))
        }
        // SYNC: the name is free at once, for a pipeline that is made anew.
        TableChange::DropTable { table } => format!("DROP TABLE IF EXISTS {} SYNC", full_name(table)),
    }
}

fn create_table(table: &Table) -> String {
    let columns: Vec<_> = table.columns.iter().map(|column| format!("    {}", declaration(column))).collect();
    let order_by: Vec<_> = table.order_by.iter().map(|column| identifier(column)).collect();
    let settings: Vec<_> =
        owned_settings("MergeTree").into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let mut clauses = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {}\n(\n{}\n)",
            full_name(&table.full_name()),
            columns.join(",\n")
        ),
        "ENGINE = MergeTree".to_owned(),
    ];
    let partition_key = table.partition_key();
    if !partition_key.is_empty() {
        clauses.push(format!("PARTITION BY {partition_key}"));
    }
    clauses.push(format!("ORDER BY ({})", order_by.join(", ")));
    clauses.extend(table.ttl().map(|ttl| format!("TTL {ttl}")));
    clauses.push(format!("SETTINGS {}", settings.join(", ")));
    clauses.push(format!("COMMENT {}", string(&table.mark.comment())));
    clauses.join("\n")
}

fn alter(table: &TableName, command: &str) -> String {
    format!("ALTER TABLE {} {command}", full_name(table))
}

fn declaration(column: &Column) -> String {
    format!("{} {} COMMENT {}", identifier(&column.name), column.column_type, string(&column.comment))
}

/// Returns the whole name of a table, quoted.
pub fn full_name(name: &TableName) -> String {
    format!("{}.{}", identifier(&name.database), identifier(&name.table))
}

/// Quotes a name.
fn identifier(name: &str) -> String {
    quote(name, '`')
}

/// Quotes a text.
fn string(text: &str) -> String {
    quote(text, '\'')
}

fn quote(text: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        if character == quote || character == '\\' {
            quoted.push('\\');
        }
        match character {
            // A statement with a zero byte is refused; the escape is the same character.
            '\0' => quoted.push_str("\\0"),
            other => quoted.push(other),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests;
