//! A value written in a schema as text, understood as the field's type.
//!
//! In: `fields[].default`. Out: [`Literal`], exactly as a column holds it.
//! Not here: values of events; the processor reads those from JSON, without this detour.

use jiff::civil::Date;
use jiff::{Timestamp, Unit};

use crate::columns::ScalarType;

/// A value of a scalar type.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Text.
    Text(String),
    /// `true` or `false`.
    Boolean(bool),
    /// An integer within the bounds of its type.
    Integer(i128),
    /// A decimal, times ten to the power of its scale.
    Decimal(i128),
    /// A floating-point number.
    Float(f64),
    /// Days since 1970-01-01.
    Day(u16),
    /// A time in units of its type since 1970: seconds for `DateTime`, 10^-P seconds for `DateTime64(P)`.
    Time(i64),
    /// A UUID as a number, its first digit the most significant.
    Uuid(u128),
}

/// Least and greatest value of an integer type.
#[must_use]
pub fn integer_bounds(scalar: ScalarType) -> Option<(i128, i128)> {
    let (signed, bits) = scalar.integer()?;
    Some(if signed {
        (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
    } else {
        (0, (1_i128 << bits) - 1)
    })
}

/// Reads text as a value of the type.
///
/// # Errors
/// With a sentence that says what the type wants to see.
pub fn parse(scalar: ScalarType, text: &str) -> Result<Literal, String> {
    match scalar {
        ScalarType::String => Ok(Literal::Text(text.to_owned())),
        ScalarType::Bool => match text {
            "true" => Ok(Literal::Boolean(true)),
            "false" => Ok(Literal::Boolean(false)),
            _ => Err(format!("`{text}` is not a Bool; write true or false")),
        },
        ScalarType::Float32 | ScalarType::Float64 => float(scalar, text),
        ScalarType::Decimal { precision, scale } => decimal(text, precision, scale)
            .map(Literal::Decimal)
            .ok_or_else(|| {
                format!("`{text}` is not a {scalar}; write a number with at most {} digits before and {scale} after the point", precision - scale)
            }),
        ScalarType::Date => day(text),
        ScalarType::DateTime => time(text, 0)
            .filter(|seconds| (0..=i64::from(u32::MAX)).contains(seconds))
            .map(Literal::Time)
            .ok_or_else(|| format!("`{text}` is not a DateTime; write a time from 1970 to 2106 such as 2026-01-31T12:00:00Z")),
        ScalarType::DateTime64 { precision } => time64(text, precision),
        ScalarType::Uuid => uuid(text)
            .map(Literal::Uuid)
            .ok_or_else(|| format!("`{text}` is not a UUID; write it as 01234567-89ab-cdef-0123-456789abcdef")),
        ScalarType::Int8
        | ScalarType::Int16
        | ScalarType::Int32
        | ScalarType::Int64
        | ScalarType::UInt8
        | ScalarType::UInt16
        | ScalarType::UInt32
        | ScalarType::UInt64 => integer(scalar, text),
    }
}

fn integer(scalar: ScalarType, text: &str) -> Result<Literal, String> {
    let (least, greatest) = integer_bounds(scalar).unwrap_or_default();
    let number = text.parse::<i128>().ok().filter(|number| (least..=greatest).contains(number));
    number.map(Literal::Integer).ok_or_else(|| {
        format!("`{text}` is not an {scalar}; write a whole number from {least} to {greatest}")
    })
}

fn float(scalar: ScalarType, text: &str) -> Result<Literal, String> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let fits = |number: &f64| scalar == ScalarType::Float64 || number.abs() <= f64::from(f32::MAX);
    number
        .filter(fits)
        .map(Literal::Float)
        .ok_or_else(|| format!("`{text}` is not a {scalar}; write a finite number such as 1.5"))
}

/// Reads a decimal as an integer scaled by ten to the power of `scale`; none when it has more digits than the type.
#[must_use]
pub fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !only_digits(whole)
        || !only_digits(fraction)
        || fraction.len() > usize::from(scale)
    {
        return None;
    }
    let padded = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
    let number: i128 = padded.parse().ok()?;
    (number < 10_i128.pow(u32::from(precision))).then_some(if negative { -number } else { number })
}

fn day(text: &str) -> Result<Literal, String> {
    let days = text.parse::<Date>().ok().and_then(|date| {
        let span = Date::constant(1970, 1, 1).until((Unit::Day, date)).ok()?;
        u16::try_from(span.get_days()).ok()
    });
    days.map(Literal::Day)
        .ok_or_else(|| format!("`{text}` is not a Date; write a day from 1970-01-01 to 2149-06-06"))
}

fn time64(text: &str, precision: u8) -> Result<Literal, String> {
    // The range of ClickHouse: 1900 to 2299, and to 2262 where nanoseconds fill 64 bits.
    let least = Timestamp::constant(-2_208_988_800, 0);
    let greatest = if precision == 9 {
        Timestamp::constant(9_223_372_036, 0)
    } else {
        Timestamp::constant(10_413_791_999, 0)
    };
    let inside = text.parse::<Timestamp>().is_ok_and(|time| (least..=greatest).contains(&time));
    inside.then(|| time(text, precision)).flatten().map(Literal::Time).ok_or_else(|| {
        let year = if precision == 9 { 2262 } else { 2299 };
        format!("`{text}` is not a DateTime64({precision}); write a time from 1900 to {year} such as 2026-01-31T12:00:00.5Z")
    })
}

/// Reads RFC 3339 as units of 10^-precision seconds since 1970; finer digits are cut off.
fn time(text: &str, precision: u8) -> Option<i64> {
    let nanoseconds = text.parse::<Timestamp>().ok()?.as_nanosecond();
    let unit = 10_i128.pow(u32::from(9_u8.checked_sub(precision)?));
    i64::try_from(nanoseconds.div_euclid(unit)).ok()
}

fn uuid(text: &str) -> Option<u128> {
    let bytes = text.as_bytes();
    let hyphens = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-');
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let hexadecimal = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hyphens && hexadecimal).then(|| u128::from_str_radix(&digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests;
