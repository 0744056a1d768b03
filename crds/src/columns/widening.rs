//! Widening: which column types take every value of another, so that a table can follow its schema without loss.
//!
//! In: two [`ColumnType`]s. Out: yes or no.
//! Not here: whether a schema may change so; `schema/evolution.rs` judges that with these same functions.

use super::{ColumnType, ScalarType};

impl ColumnType {
    /// Whether a column of this type can be modified to the other without loss of any value.
    ///
    /// A table whose column is already wider than the schema asks stays as it is: ask `wanted.widens_to(actual)` first.
    #[must_use]
    pub fn widens_to(&self, other: &Self) -> bool {
        match (self.scalar(), other.scalar()) {
            (Some(from), Some(to)) => {
                let shape = matches!(self, Self::Array(_)) == matches!(other, Self::Array(_));
                let nulls = !self.is_nullable() || other.is_nullable();
                shape && nulls && from.widens_to(to)
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// Whether the column knows a missing value.
    #[must_use]
    pub fn is_nullable(&self) -> bool {
        match self {
            Self::Nullable(_) | Self::LowCardinalityNullable => true,
            Self::Plain(_) | Self::LowCardinality | Self::Array(_) | Self::Json => false,
        }
    }

    /// Returns the type of the value or of the array's elements; none for JSON.
    #[must_use]
    pub fn scalar(&self) -> Option<ScalarType> {
        match self {
            Self::Plain(scalar) | Self::Nullable(scalar) | Self::Array(scalar) => Some(*scalar),
            Self::LowCardinality | Self::LowCardinalityNullable => Some(ScalarType::String),
            Self::Json => None,
        }
    }
}

impl ScalarType {
    /// Whether every value of this type is a value of the other.
    #[must_use]
    pub fn widens_to(self, other: Self) -> bool {
        if self == other {
            return true;
        }
        match (self, other) {
            (Self::Float32, Self::Float64) | (Self::DateTime, Self::DateTime64 { precision: 0..=8 }) => true,
            (
                Self::Decimal { precision, scale },
                Self::Decimal { precision: wider_precision, scale: wider_scale },
            ) => wider_scale >= scale && wider_precision - wider_scale >= precision - scale,
            // At nine digits the range ends in 2262 instead of 2299.
            (Self::DateTime64 { precision }, Self::DateTime64 { precision: finer }) => {
                finer > precision && finer < 9
            }
            (from, Self::Float32) => from.integer().is_some_and(|(_, bits)| bits <= 16),
            (from, Self::Float64) => from.integer().is_some_and(|(_, bits)| bits <= 32),
            (from, to) => match (from.integer(), to.integer()) {
                (Some((false, bits)), Some((true, wider))) => wider > bits,
                (Some((signed, bits)), Some((wider_signed, wider))) => signed == wider_signed && wider > bits,
                (None, _) | (_, None) => false,
            },
        }
    }

    /// Returns signedness and bits of an integer type.
    #[must_use]
    pub fn integer(self) -> Option<(bool, u32)> {
        match self {
            Self::Int8 => Some((true, 8)),
            Self::Int16 => Some((true, 16)),
            Self::Int32 => Some((true, 32)),
            Self::Int64 => Some((true, 64)),
            Self::UInt8 => Some((false, 8)),
            Self::UInt16 => Some((false, 16)),
            Self::UInt32 => Some((false, 32)),
            Self::UInt64 => Some((false, 64)),
            Self::String
            | Self::Bool
            | Self::Float32
            | Self::Float64
            | Self::Decimal { .. }
            | Self::Date
            | Self::DateTime
            | Self::DateTime64 { .. }
            | Self::Uuid => None,
        }
    }
}
