//! The table of a stream as columns: what the operator creates and the processor fills, decided in one place.
//!
//! In: the schemas of a pipeline. Out: [`Column`]s in a fixed order: envelope, fields by schema order, `extra`.
//! Not here: SQL text of statements and quoting (operator `clickhouse/ddl.rs`), bytes (processor `columns/`).

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
