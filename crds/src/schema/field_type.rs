//! The type of a field, as a user writes it: `String`, `Decimal(18, 2)`, `Array(String)`, `Json`.
//!
//! In: the text of `fields[].type`. Out: [`FieldType`], or the list of what there is.
//! Not here: ClickHouse's own spelling (`columns/text.rs`), where times name their zone.

use std::fmt;
use std::str::FromStr;

use crate::columns::ScalarType;
use crate::columns::text::{decimal, inside, plain_name, plain_scalar};

/// Every type that a field can have, for messages.
const FIELD_TYPES: &str = "String, Bool, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64, \
     Decimal(P, S), Date, DateTime, DateTime64(P), UUID, Json, Array(T)";

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// One value.
    Scalar(ScalarType),
    /// Several values of one type.
    Array(ScalarType),
    /// Any JSON object.
    Json,
}

/// A text that names no type, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldTypeError {
    /// No type of that name.
    #[error("`{0}` is not a type; use one of {FIELD_TYPES}")]
    Unknown(String),
    /// A decimal outside of what there is.
    #[error(
        "`{0}` is not a decimal; write Decimal(P, S) with P digits in all, 1 to 38, and S of them after the point, 0 to P"
    )]
    Decimal(String),
    /// A time outside of what there is.
    #[error(
        "`{0}` is not a time; write DateTime64(P) with P digits after the second, 0 to 9, or DateTime for whole seconds"
    )]
    Time(String),
    /// An array of something that is not one value.
    #[error("`{0}` is an array of something else than single values; use Json for nested arrays and objects")]
    Nested(String),
}

impl FieldType {
    /// Returns the type of the value or of the array's elements; none for Json.
    #[must_use]
    pub fn scalar(&self) -> Option<ScalarType> {
        match self {
            Self::Scalar(scalar) | Self::Array(scalar) => Some(*scalar),
            Self::Json => None,
        }
    }
}

impl FromStr for FieldType {
    type Err = FieldTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "Json" {
            return Ok(Self::Json);
        }
        if let Some(element) = inside(text, "Array") {
            let element = element.trim();
            if element == "Json" || element.starts_with("Array") {
                return Err(FieldTypeError::Nested(text.to_owned()));
            }
            return scalar(element).map(Self::Array);
        }
        scalar(text).map(Self::Scalar)
    }
}

fn scalar(text: &str) -> Result<ScalarType, FieldTypeError> {
    if text == "DateTime" {
        return Ok(ScalarType::DateTime);
    }
    if text.starts_with("Decimal") {
        let parsed = inside(text, "Decimal").and_then(decimal);
        return parsed.ok_or_else(|| FieldTypeError::Decimal(text.to_owned()));
    }
    if text.starts_with("DateTime64") {
        let precision = inside(text, "DateTime64").and_then(|digits| digits.trim().parse::<u8>().ok());
        return match precision {
            Some(precision) if precision <= 9 => Ok(ScalarType::DateTime64 { precision }),
            Some(_) | None => Err(FieldTypeError::Time(text.to_owned())),
        };
    }
    plain_scalar(text).ok_or_else(|| FieldTypeError::Unknown(text.to_owned()))
}

impl fmt::Display for FieldType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(scalar) => formatter.write_str(&as_written(*scalar)),
            Self::Array(scalar) => write!(formatter, "Array({})", as_written(*scalar)),
            Self::Json => formatter.write_str("Json"),
        }
    }
}

fn as_written(scalar: ScalarType) -> String {
    if let ScalarType::DateTime64 { precision } = scalar {
        return format!("DateTime64({precision})");
    }
    if let ScalarType::Decimal { .. } = scalar {
        return scalar.to_string();
    }
    plain_name(scalar).to_owned()
}
