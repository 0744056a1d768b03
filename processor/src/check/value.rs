//! Value: a field's value in its type, ready for its column.
//!
//! In: a checked cell. Out: what the column, the rules and the forwarded event are made of.
//! A value is small and borrows nothing; its text stands in the event's texts, its elements beside the values.

use crate::decode::text::Span;

/// A value in the type of its field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    /// The event has none.
    Missing,
    /// `true` or `false`.
    Bool(bool),
    /// An integer within the bounds of its type.
    Integer(i128),
    /// A floating-point number, finite.
    Float(f64),
    /// A decimal, times ten to the power of its scale.
    Decimal(i128),
    /// Days since 1970-01-01.
    Day(u16),
    /// Units of the type since 1970.
    Time(i64),
    /// A UUID as a number, its first digit the most significant.
    Uuid(u128),
    /// Text.
    Text(Span),
    /// Elements from the first to before the second index.
    List(u32, u32),
    /// A JSON object as it is written.
    Json(Span),
}
