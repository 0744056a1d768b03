//! Column types as text: ClickHouse's own normal form, as `system.columns` shows it, out and in.
//!
//! In: a [`ColumnType`] or the server's text. Out: the other of the two.
//! Not here: what a user writes in a schema (`schema/field_type.rs`), where `DateTime` needs no time zone.

use std::fmt;
use std::str::FromStr;

use super::{ColumnType, ScalarType};

/// A type of a column that Tributary does not make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a column type that Tributary makes")]
pub struct UnknownColumnType(pub String);

impl fmt::Display for ScalarType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(plain_name(*self))?;
        if let Self::Decimal { precision, scale } = self {
            write!(formatter, "({precision}, {scale})")
        } else if let Self::DateTime64 { precision } = self {
            write!(formatter, "({precision}, 'UTC')")
        } else if *self == Self::DateTime {
            formatter.write_str("('UTC')")
        } else {
            Ok(())
        }
    }
}

/// Name of a type without parameters; the ones with parameters are their bare name.
pub(crate) fn plain_name(scalar: ScalarType) -> &'static str {
    match scalar {
        ScalarType::String => "String",
        ScalarType::Bool => "Bool",
        ScalarType::Int8 => "Int8",
        ScalarType::Int16 => "Int16",
        ScalarType::Int32 => "Int32",
        ScalarType::Int64 => "Int64",
        ScalarType::UInt8 => "UInt8",
        ScalarType::UInt16 => "UInt16",
        ScalarType::UInt32 => "UInt32",
        ScalarType::UInt64 => "UInt64",
        ScalarType::Float32 => "Float32",
        ScalarType::Float64 => "Float64",
        ScalarType::Decimal { .. } => "Decimal",
        ScalarType::Date => "Date",
        ScalarType::DateTime => "DateTime",
        ScalarType::DateTime64 { .. } => "DateTime64",
        ScalarType::Uuid => "UUID",
    }
}

/// Reads a type without parameters; `DateTime` is not among them, as the column names its time zone.
pub(crate) fn plain_scalar(name: &str) -> Option<ScalarType> {
    Some(match name {
        "String" => ScalarType::String,
        "Bool" => ScalarType::Bool,
        "Int8" => ScalarType::Int8,
        "Int16" => ScalarType::Int16,
        "Int32" => ScalarType::Int32,
        "Int64" => ScalarType::Int64,
        "UInt8" => ScalarType::UInt8,
        "UInt16" => ScalarType::UInt16,
        "UInt32" => ScalarType::UInt32,
        "UInt64" => ScalarType::UInt64,
        "Float32" => ScalarType::Float32,
        "Float64" => ScalarType::Float64,
        "Date" => ScalarType::Date,
        "UUID" => ScalarType::Uuid,
        _ => return None,
    })
}

/// Returns what stands between `name(` and `)`.
pub(crate) fn inside<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')
}

/// Reads `P, S` within the bounds of a Decimal.
pub(crate) fn decimal(parameters: &str) -> Option<ScalarType> {
    let (precision, scale) = parameters.split_once(',')?;
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: u8 = scale.trim().parse().ok()?;
    ((1..=38).contains(&precision) && scale <= precision).then_some(ScalarType::Decimal { precision, scale })
}

impl FromStr for ScalarType {
    type Err = UnknownColumnType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let with_parameters = || {
            if text == "DateTime('UTC')" {
                return Some(Self::DateTime);
            }
            if let Some(parameters) = inside(text, "Decimal") {
                return decimal(parameters);
            }
            let (precision, zone) = inside(text, "DateTime64")?.split_once(',')?;
            let precision: u8 = precision.trim().parse().ok()?;
            (precision <= 9 && zone.trim() == "'UTC'").then_some(Self::DateTime64 { precision })
        };
        plain_scalar(text).or_else(with_parameters).ok_or_else(|| UnknownColumnType(text.to_owned()))
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(scalar) => write!(formatter, "{scalar}"),
            Self::Nullable(scalar) => write!(formatter, "Nullable({scalar})"),
            Self::LowCardinality => formatter.write_str("LowCardinality(String)"),
            Self::LowCardinalityNullable => formatter.write_str("LowCardinality(Nullable(String))"),
            Self::Array(scalar) => write!(formatter, "Array({scalar})"),
            Self::Json => formatter.write_str("JSON"),
        }
    }
}

impl FromStr for ColumnType {
    type Err = UnknownColumnType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "LowCardinality(String)" => return Ok(Self::LowCardinality),
            "LowCardinality(Nullable(String))" => return Ok(Self::LowCardinalityNullable),
            "JSON" => return Ok(Self::Json),
            _ => {}
        }
        let unknown = |_| UnknownColumnType(text.to_owned());
        if let Some(scalar) = inside(text, "Nullable") {
            return scalar.parse().map(Self::Nullable).map_err(unknown);
        }
        if let Some(scalar) = inside(text, "Array") {
            return scalar.parse().map(Self::Array).map_err(unknown);
        }
        text.parse().map(Self::Plain)
    }
}
