//! The diff of a table: what has to change, or why nothing can. Pure.
//!
//! In: the wanted table and the actual one. Out: [`TableChange`]s in an order that works, or a [`TableProblem`].
//! A table only grows: columns are added and widened, never dropped or narrowed; a column that no schema wants stays, and
//! a column that is wider than wanted stays too. A table without our mark is altered only where it is to be adopted, and
//! only when all of it fits.
//! Not here: reading and writing tables.

use std::fmt;

use crds::columns::{Column, ColumnType};
use crds::conditions::Reason;

use super::mark::Mark;
use super::table::{ActualColumn, ActualTable, Table, TableChange, owned_settings};

/// A difference that no change can mend; nothing is altered then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableProblem {
    /// Columns have types that do not take the wanted values.
    #[error("{}", join(.0))]
    ColumnTypes(Vec<ColumnConflict>),
    /// Rows cannot be sorted by a column.
    #[error(
        "table `{table}` cannot be sorted by column `{column}`: {why}; make the field required, or name other columns in \
         spec.clickhouse.orderBy (it cannot be changed: delete the pipeline - Retain keeps the data - and apply it anew)"
    )]
    SortColumn {
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// Why.
        why: &'static str,
    },
    /// The table was made with another engine or key.
    #[error(
        "table `{table}` has {what} `{actual}` and spec.clickhouse asks for `{wanted}`; a table keeps the one it was made with: \
         delete the pipeline (Retain keeps the data) and apply it with the table's own, or under another name; or drop the table, which loses its rows"
    )]
    MadeOtherwise {
        /// Table.
        table: String,
        /// What differs: `partition key`.
        what: &'static str,
        /// What is there.
        actual: String,
        /// What is wanted.
        wanted: String,
    },
    /// The table is not Tributary's.
    #[error(
        "table `{table}` exists and does not carry the mark of this pipeline; Tributary does not touch it: rename or drop the \
         table, or take another name for the pipeline"
    )]
    NotOurs {
        /// Table.
        table: String,
    },
    /// The table is another pipeline's.
    #[error(
        "table `{table}` belongs to another pipeline, which has the older claim; take another name for the pipeline"
    )]
    OtherPipeline {
        /// Table.
        table: String,
    },
}

/// A column whose type does not take the wanted values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnConflict {
    /// Table.
    pub table: String,
    /// Column.
    pub column: String,
    /// Type there.
    pub actual: String,
    /// Type wanted.
    pub wanted: ColumnType,
    /// Whether rows are sorted by it.
    pub is_sorted_by: bool,
}

impl fmt::Display for ColumnConflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, actual, wanted, is_sorted_by } = self;
        write!(
            formatter,
            "column `{column}` of table `{table}` is {actual} and the schemas need {wanted}; "
        )?;
        if *is_sorted_by {
            write!(formatter, "the type of a column in spec.clickhouse.orderBy cannot change: ")?;
        }
        write!(formatter, "set the field's type back to {actual}, or give the new field another name")
    }
}

fn join(conflicts: &[ColumnConflict]) -> String {
    conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl TableProblem {
    /// Returns the reason for condition, Event and metric.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ColumnTypes(_) => Reason::TableColumnTypeConflict,
            Self::SortColumn { .. } | Self::MadeOtherwise { .. } => Reason::SpecInvalid,
            Self::NotOurs { .. } => Reason::OwnershipMismatch,
            Self::OtherPipeline { .. } => Reason::ResourceConflict,
        }
    }
}

/// Compares a wanted table with the actual one.
///
/// # Errors
/// When the table is not this pipeline's, was made otherwise, or has columns of types that do not take the wanted values.
pub fn diff(wanted: &Table, actual: Option<&ActualTable>) -> Result<Vec<TableChange>, TableProblem> {
    check_sort_columns(wanted)?;
    let Some(actual) = actual else {
        return Ok(vec![
            TableChange::CreateDatabase { database: wanted.database.clone() },
            TableChange::CreateTable(Box::new(wanted.clone())),
        ]);
    };
    let mark = check_owner(wanted, actual)?;
    check_keys(wanted, actual)?;
    let mut changes = column_changes(wanted, actual)?;
    let table = || wanted.full_name();
    if wanted.ttl() != actual.ttl {
        changes.push(TableChange::ModifyTtl { table: table(), ttl: wanted.ttl() });
    }
    for (name, value) in owned_settings(&actual.engine) {
        if actual.settings.get(&name) != Some(&value) {
            changes.push(TableChange::ModifySetting { table: table(), name, value });
        }
    }
    if mark.as_ref() != Some(&wanted.mark) {
        changes.push(TableChange::ModifyComment { table: table(), mark: wanted.mark.clone() });
    }
    Ok(changes)
}

fn check_sort_columns(wanted: &Table) -> Result<(), TableProblem> {
    for name in &wanted.order_by {
        let why =
            match wanted.columns.iter().find(|column| column.name == *name).map(|column| &column.column_type)
            {
                None => "no schema has it",
                Some(ColumnType::Json) => "JSON has no order",
                Some(column_type) if column_type.is_nullable() => "some events have no value for it",
                Some(_) => continue,
            };
        return Err(TableProblem::SortColumn {
            table: wanted.full_name().to_string(),
            column: name.clone(),
            why,
        });
    }
    Ok(())
}

/// Returns the table's mark; none where it has none and may be taken over.
fn check_owner(wanted: &Table, actual: &ActualTable) -> Result<Option<Mark>, TableProblem> {
    let table = wanted.full_name().to_string();
    match Mark::parse(&actual.comment) {
        None if wanted.adopts && !Mark::is_there(&actual.comment) => Ok(None),
        None => Err(TableProblem::NotOurs { table }),
        Some(mark) if mark.pipeline != wanted.mark.pipeline => Err(TableProblem::OtherPipeline { table }),
        Some(mark) => Ok(Some(mark)),
    }
}

fn check_keys(wanted: &Table, actual: &ActualTable) -> Result<(), TableProblem> {
    // A server may make a replicated or shared table of a plain one; rows are stored and recognised alike.
    let family = ["Replicated", "Shared"].iter().find_map(|prefix| actual.engine.strip_prefix(prefix));
    let pairs = [
        ("engine", "MergeTree".to_owned(), family.unwrap_or(&actual.engine).to_owned()),
        ("partition key", wanted.partition_key(), actual.partition_key.clone()),
        ("sorting key", wanted.order_by.join(", "), actual.sorting_key.join(", ")),
    ];
    match pairs.into_iter().find(|(_, wanted, actual)| wanted != actual) {
        None => Ok(()),
        Some((what, wanted_key, actual)) => {
            let table = wanted.full_name().to_string();
            Err(TableProblem::MadeOtherwise { table, what, actual, wanted: wanted_key })
        }
    }
}

fn column_changes(wanted: &Table, actual: &ActualTable) -> Result<Vec<TableChange>, TableProblem> {
    let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    for column in &wanted.columns {
        match actual.columns.iter().find(|there| there.name == column.name) {
            None => changes.push(TableChange::AddColumn {
                table: wanted.full_name(),
                column: column.clone(),
                after: after.clone(),
            }),
            Some(there) => match column_change(wanted, column, there) {
                Ok(change) => changes.extend(change),
                Err(conflict) => conflicts.push(conflict),
            },
        }
        after = Some(column.name.clone());
    }
    if conflicts.is_empty() { Ok(changes) } else { Err(TableProblem::ColumnTypes(conflicts)) }
}

fn column_change(
    wanted: &Table,
    column: &Column,
    there: &ActualColumn,
) -> Result<Option<TableChange>, ColumnConflict> {
    let table = wanted.full_name();
    let is_sorted_by = wanted.order_by.contains(&column.name);
    let known: Option<ColumnType> = there.column_type.parse().ok();
    let takes_all = known.as_ref().is_some_and(|known| column.column_type.widens_to(known));
    let widens = known.as_ref().is_some_and(|known| known.widens_to(&column.column_type));
    if takes_all {
        let is_described = column.comment == there.comment;
        Ok((!is_described).then(|| TableChange::CommentColumn { table, column: column.clone() }))
    } else if widens && !is_sorted_by {
        Ok(Some(TableChange::ModifyColumn { table, column: column.clone(), from: there.column_type.clone() }))
    } else {
        Err(ColumnConflict {
            table: table.to_string(),
            column: column.name.clone(),
            actual: there.column_type.clone(),
            wanted: column.column_type.clone(),
            is_sorted_by,
        })
    }
}

#[cfg(test)]
mod tests;
