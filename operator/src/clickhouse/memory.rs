//! ClickHouse's twin for tests: tables in memory, which can be told to fail.
//!
//! In: [`TableChange`]s, interpreted. Out: what ClickHouse would answer, as far as the contract test in `tests/it` holds both to it.
//! Not here: rows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use crds::columns::Column;

use super::mark::Mark;
use super::table::{ActualColumn, ActualTable, Table, TableChange, TableName, owned_settings};
use super::{ClickHouseError, Tables};

/// ClickHouse in memory.
#[derive(Debug, Default)]
pub struct MemoryTables {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    databases: BTreeSet<String>,
    tables: BTreeMap<TableName, ActualTable>,
    faults: VecDeque<ClickHouseError>,
    applied: Vec<TableChange>,
}

impl MemoryTables {
    /// Starts without databases.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the next call fail; several wait in line.
    pub fn fail_next(&self, error: ClickHouseError) {
        self.state().faults.push_back(error);
    }

    /// Puts a table there, as somebody else would; one of the same name is replaced.
    pub fn insert(&self, name: TableName, table: ActualTable) {
        let mut state = self.state();
        state.databases.insert(name.database.clone());
        state.tables.insert(name, table);
    }

    /// Returns the table, if it is there.
    pub fn get(&self, name: &TableName) -> Option<ActualTable> {
        self.state().tables.get(name).cloned()
    }

    /// Returns all tables, by name.
    pub fn all(&self) -> Vec<(TableName, ActualTable)> {
        self.state().tables.iter().map(|(name, table)| (name.clone(), table.clone())).collect()
    }

    /// Takes a table away, as somebody else would.
    pub fn remove(&self, name: &TableName) {
        self.state().tables.remove(name);
    }

    /// Returns the changes that were made, in order, and forgets them.
    pub fn take_applied(&self) -> Vec<TableChange> {
        std::mem::take(&mut self.state().applied)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Tables for MemoryTables {
    async fn describe(&self, name: &TableName) -> Result<Option<ActualTable>, ClickHouseError> {
        let mut state = self.state();
        match state.faults.pop_front() {
            Some(fault) => Err(fault),
            None => Ok(state.tables.get(name).cloned()),
        }
    }

    async fn marks(&self) -> Result<Vec<Mark>, ClickHouseError> {
        let mut state = self.state();
        match state.faults.pop_front() {
            Some(fault) => Err(fault),
            None => Ok(state.tables.values().filter_map(|table| Mark::parse(&table.comment)).collect()),
        }
    }

    async fn apply(&self, change: &TableChange) -> Result<(), ClickHouseError> {
        let mut state = self.state();
        if let Some(fault) = state.faults.pop_front() {
            return Err(fault);
        }
        state.apply(change)?;
        state.applied.push(change.clone());
        Ok(())
    }
}

impl State {
    fn apply(&mut self, change: &TableChange) -> Result<(), ClickHouseError> {
        match change {
            TableChange::CreateDatabase { database } => {
                self.databases.insert(database.clone());
            }
            TableChange::CreateTable(table) => {
                if !self.databases.contains(&table.database) {
                    return Err(not_there(change));
                }
                self.tables.entry(table.full_name()).or_insert_with(|| created(table));
            }
            TableChange::AddColumn { table, column, after } => {
                let columns = &mut self.table(table, change)?.columns;
                if columns.iter().any(|there| there.name == column.name) {
                    return Ok(());
                }
                let behind = |after: &String| columns.iter().position(|there| there.name == *after);
                let at = match after {
                    Some(after) => {
                        behind(after).ok_or_else(|| refused(change, "there is no column to stand behind"))?
                            + 1
                    }
                    None => columns.len(),
                };
                columns.insert(at, described(column));
            }
            TableChange::ModifyColumn { table, column, .. } => {
                let table = self.table(table, change)?;
                if table.sorting_key.contains(&column.name) {
                    return Err(refused(change, "rows are sorted by the column"));
                }
                *column_of(table, &column.name, change)? = described(column);
            }
            TableChange::CommentColumn { table, column } => {
                let table = self.table(table, change)?;
                column_of(table, &column.name, change)?.comment.clone_from(&column.comment);
            }
            TableChange::ModifyTtl { table, ttl } => self.table(table, change)?.ttl.clone_from(ttl),
            TableChange::ModifySetting { table, name, value } => {
                self.table(table, change)?.settings.insert(name.clone(), value.clone());
            }
            TableChange::ModifyComment { table, mark } => self.table(table, change)?.comment = mark.comment(),
            TableChange::DropTable { table } => {
                self.tables.remove(table);
            }
        }
        Ok(())
    }

    fn table(&mut self, name: &TableName, change: &TableChange) -> Result<&mut ActualTable, ClickHouseError> {
        self.tables.get_mut(name).ok_or_else(|| not_there(change))
    }
}

/// Returns a table as ClickHouse describes it once it has been created.
pub fn created(table: &Table) -> ActualTable {
    ActualTable {
        engine: "MergeTree".into(),
        partition_key: table.partition_key(),
        sorting_key: table.order_by.clone(),
        ttl: table.ttl(),
        settings: owned_settings("MergeTree"),
        comment: table.mark.comment(),
        columns: table.columns.iter().map(described).collect(),
    }
}

fn described(column: &Column) -> ActualColumn {
    ActualColumn {
        name: column.name.clone(),
        column_type: column.column_type.to_string(),
        comment: column.comment.clone(),
    }
}

fn column_of<'a>(
    table: &'a mut ActualTable,
    name: &str,
    change: &TableChange,
) -> Result<&'a mut ActualColumn, ClickHouseError> {
    table
        .columns
        .iter_mut()
        .find(|there| there.name == name)
        .ok_or_else(|| refused(change, "there is no such column"))
}

fn not_there(change: &TableChange) -> ClickHouseError {
    ClickHouseError::NotYet {
        action: change.action(),
        source: "the table or its database does not exist".into(),
    }
}

fn refused(change: &TableChange, why: &str) -> ClickHouseError {
    ClickHouseError::Rejected {
        action: change.action(),
        remedy: "check spec.clickhouse and the schemas against what the server says",
        source: why.into(),
    }
}
