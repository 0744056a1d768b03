//! Quantities: durations and sizes as people write them.
//!
//! In: text of a spec, whose shape the CRD's pattern has checked. Out: [`Duration`] and bytes.
//! Not here: which lengths make sense for a field; CEL and the plan say that.

use std::time::Duration;

/// A text that is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text has not the shape of a duration.
    #[error(
        "`{0}` is not a duration; write a number and a unit (ms, s, m, h, d), such as 500ms, 30s, 72h or 1h30m"
    )]
    NotADuration(String),
    /// The text has not the shape of a size.
    #[error(
        "`{0}` is not a number of bytes; write a number with an optional unit (Ki, Mi, Gi, Ti, k, M, G, T), such as 16Mi"
    )]
    NotBytes(String),
    /// The number is larger than can be counted.
    #[error("`{0}` is too large; write a smaller quantity")]
    TooLarge(String),
}

/// Reads a duration: `500ms`, `30s`, `5m`, `72h`, `365d`, or a sum such as `1h30m`.
///
/// # Errors
/// When the text has another shape, or the sum does not fit into 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let shape = || QuantityError::NotADuration(text.to_owned());
    let too_large = || QuantityError::TooLarge(text.to_owned());
    let mut rest = text;
    let mut milliseconds: u64 = 0;
    if rest.is_empty() {
        return Err(shape());
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(shape)?;
        let number = number.ok_or_else(too_large)?;
        let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_length);
        let factor: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(shape()),
        };
        let part = number.checked_mul(factor).ok_or_else(too_large)?;
        milliseconds = milliseconds.checked_add(part).ok_or_else(too_large)?;
        rest = next;
    }
    Ok(Duration::from_millis(milliseconds))
}

/// Reads a number of bytes: `64Ki`, `16Mi`, `1Gi`, `500M`, or plain bytes.
///
/// # Errors
/// When the text has another shape, or the number does not fit into 64 bits.
pub fn parse_bytes(text: &str) -> Result<u64, QuantityError> {
    let shape = || QuantityError::NotBytes(text.to_owned());
    let too_large = || QuantityError::TooLarge(text.to_owned());
    let (number, unit) = leading_number(text).ok_or_else(shape)?;
    let factor: u64 = match unit {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err(shape()),
    };
    number.and_then(|number| number.checked_mul(factor)).ok_or_else(too_large)
}

/// Splits digits off the front; the inner `None` is a number of more than 64 bits.
fn leading_number(text: &str) -> Option<(Option<u64>, &str)> {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(length);
    (!digits.is_empty()).then(|| (digits.parse().ok(), rest))
}

#[cfg(test)]
mod tests;
