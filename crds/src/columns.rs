//! The table of a stream as columns: what the operator creates and the processor fills, decided in one place.
//!
//! In: the schemas of a pipeline. Out: [`Column`]s in a fixed order: envelope, fields by schema order, `extra`.
//! Not here: SQL text of statements and quoting (operator `clickhouse/ddl.rs`), bytes (processor `columns/`).

pub(crate) mod text;
mod widening;

use crate::schema::Schema;
use crate::schema::problems::Problems;
pub use text::UnknownColumnType;

/// Names of the columns before the fields; no field may have one of them.
pub const ENVELOPE: [&str; 7] =
    ["event", "event_id", "event_time", "received_at", "_topic", "_partition", "_offset"];

/// Name of the column after the fields: what the schema does not name.
pub const EXTRA: &str = "extra";

/// One column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name, checked: `[a-z_][a-z0-9_]*`, at most 63 characters.
    pub name: String,
    /// Type.
    pub column_type: ColumnType,
    /// Comment, for the people who query it; may be empty.
    pub comment: String,
}

/// Type of a column. `Display` gives ClickHouse's own normal form, as `system.columns` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// `T`: always a value.
    Plain(ScalarType),
    /// `Nullable(T)`.
    Nullable(ScalarType),
    /// `LowCardinality(String)`: strings of few distinct values.
    LowCardinality,
    /// `LowCardinality(Nullable(String))`.
    LowCardinalityNullable,
    /// `Array(T)`; a missing array is the empty array.
    Array(ScalarType),
    /// `JSON`; a missing value is the empty object.
    Json,
}

/// Type of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScalarType {
    /// UTF-8 text.
    String,
    /// `true` or `false`.
    Bool,
    /// Signed, 8 bits.
    Int8,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 64 bits.
    Int64,
    /// Unsigned, 8 bits.
    UInt8,
    /// Unsigned, 16 bits.
    UInt16,
    /// Unsigned, 32 bits.
    UInt32,
    /// Unsigned, 64 bits.
    UInt64,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// Exact decimal of `precision` digits (1 to 38), `scale` of them after the point (at most `precision`).
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// A day, 1970-01-01 to 2149-06-06.
    Date,
    /// A second, 1970 to 2106, UTC.
    DateTime,
    /// A fraction of a second, `precision` digits (0 to 9), 1900 to 2299 (to 2262 at 9), UTC.
    DateTime64 {
        /// Digits after the second.
        precision: u8,
    },
    /// A UUID.
    Uuid,
}

/// Builds the columns of the table: envelope, the union of the schemas' fields in order of first appearance, `extra`.
///
/// With several schemas, a field that is not in all of them is Nullable, as the other events have no value for it.
///
/// # Errors
/// When two schemas give one column two types; the problems name both schemas and both types.
pub fn table_columns(schemas: &[Schema]) -> Result<Vec<Column>, Problems> {
    let mut problems = Problems::default();
    let mut fields: Vec<SharedColumn> = Vec::new();
    for schema in schemas {
        for column in schema.fields.iter().filter_map(|field| field.column()) {
            match fields.iter_mut().find(|known| known.column.name == column.name) {
                None => {
                    fields.push(SharedColumn { column, schema: &schema.name, schemas: 1 });
                }
                Some(known) => match union(&known.column.column_type, &column.column_type) {
                    Some(column_type) => {
                        known.column.column_type = column_type;
                        known.schemas += 1;
                    }
                    None => problems.add(
                        &column.name,
                        format!(
                            "EventSchema `{}` gives the column type {}, EventSchema `{}` gives it type {}; \
                             one table has one type for it: use one type in both, or rename the field in one of them",
                            known.schema, known.column.column_type, schema.name, column.column_type
                        ),
                    ),
                },
            }
        }
    }
    let fields = fields.into_iter().map(|shared| shared.in_table_of(schemas.len()));
    let columns = envelope().into_iter().chain(fields).chain([extra()]).collect();
    problems.or(columns)
}

/// A column of the union, while it grows.
struct SharedColumn<'a> {
    column: Column,
    /// The schema that named it first.
    schema: &'a str,
    /// How many schemas have it.
    schemas: usize,
}

impl SharedColumn<'_> {
    fn in_table_of(mut self, schemas: usize) -> Column {
        if self.schemas < schemas {
            self.column.column_type = nullable(self.column.column_type);
        }
        self.column
    }
}

fn nullable(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::Plain(scalar) => ColumnType::Nullable(scalar),
        ColumnType::LowCardinality => ColumnType::LowCardinalityNullable,
        same @ (ColumnType::Nullable(_)
        | ColumnType::LowCardinalityNullable
        | ColumnType::Array(_)
        | ColumnType::Json) => same,
    }
}

/// Returns the type that takes the values of both; none when their scalar types or shapes differ.
fn union(one: &ColumnType, other: &ColumnType) -> Option<ColumnType> {
    if one == other {
        return Some(one.clone());
    }
    let shape = |column: &ColumnType| matches!(column, ColumnType::Array(_));
    if one.scalar()? != other.scalar()? || shape(one) != shape(other) {
        return None;
    }
    let low = |column: &ColumnType| {
        matches!(column, ColumnType::LowCardinality | ColumnType::LowCardinalityNullable)
    };
    let base =
        if low(one) && low(other) { ColumnType::LowCardinality } else { ColumnType::Plain(one.scalar()?) };
    Some(if one.is_nullable() || other.is_nullable() { nullable(base) } else { base })
}

fn envelope() -> Vec<Column> {
    let time = || ColumnType::Plain(ScalarType::DateTime64 { precision: 3 });
    let types = [
        (ColumnType::LowCardinality, "type of the event"),
        (ColumnType::Plain(ScalarType::String), "id of the event, or topic:partition:offset of its record"),
        (
            time(),
            "when the event happened, as the app says; without a word from it, when Kafka got the record",
        ),
        (time(), "when Kafka got the record"),
        (ColumnType::LowCardinality, "topic of the record"),
        (ColumnType::Plain(ScalarType::Int32), "partition of the record"),
        (ColumnType::Plain(ScalarType::Int64), "offset of the record in its partition"),
    ];
    ENVELOPE
        .iter()
        .zip(types)
        .map(|(name, (column_type, comment))| Column {
            name: (*name).to_owned(),
            column_type,
            comment: comment.to_owned(),
        })
        .collect()
}

fn extra() -> Column {
    Column {
        name: EXTRA.to_owned(),
        column_type: ColumnType::Json,
        comment: "fields that the schema does not name".to_owned(),
    }
}

#[cfg(test)]
mod tests;
