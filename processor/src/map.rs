//! Map: an accepted event becomes a row.
//!
//! In: checked values. Out: one row in the buffers of [`Rows`]. It cannot fail: check has refused what no column holds.
//! Columns of other schemas are not touched.

pub(crate) mod json;
pub(crate) mod shape;

use crds::columns::ScalarType;
use crds::schema::field::FieldType;

use crate::check::value::Value;
use crate::columns::buffer::Buffer;
use crate::columns::{Rows, envelope};
use crate::decode::text::Texts;
use crate::line::Accepted;
use json::{Source, write_compact, write_members};

/// Adds the row of an accepted event.
#[inline(never)]
pub(crate) fn append(accepted: &Accepted<'_>, rows: &mut Rows) {
    let mut n_bytes = append_envelope(accepted, rows);
    let source = accepted.source();
    let mut scratch = std::mem::take(&mut rows.scratch);
    for (field, value) in source.fields.iter().zip(source.values) {
        if let (Some(column), false) = (field.column, matches!(value, Value::Missing)) {
            let buffer = rows.column(column);
            n_bytes += match (field.field_type, value) {
                (FieldType::Array(scalar), Value::List(from, to)) => {
                    push_list(buffer, scalar, &source.elements[*from as usize..*to as usize], source.texts)
                }
                (FieldType::Scalar(scalar), value) => push(buffer, scalar, value, source.texts),
                (FieldType::Json, Value::Json(span)) => {
                    scratch.clear();
                    write_compact(source.texts.get(*span), &mut scratch);
                    buffer.push_text(&scratch);
                    scratch.len()
                }
                (FieldType::Json | FieldType::Array(_), _) => 0,
            };
        }
    }
    if !source.captured.is_empty() {
        scratch.clear();
        scratch.push(b'{');
        write_members(accepted.shape(), &Source { values: &[], ..source }, &mut scratch);
        scratch.push(b'}');
        let last = rows.n_columns() - 1;
        rows.column(last).push_text(&scratch);
        n_bytes += scratch.len();
    }
    rows.scratch = scratch;
    rows.end_row(n_bytes);
}

/// Adds the envelope; returns the bytes of its texts.
fn append_envelope(accepted: &Accepted<'_>, rows: &mut Rows) -> usize {
    let position = accepted.position();
    let event_id = accepted.event_id().as_bytes();
    rows.column(envelope::EVENT).push_text(accepted.event().as_bytes());
    rows.column(envelope::EVENT_ID).push_text(event_id);
    rows.column(envelope::EVENT_TIME).push_fixed(accepted.event_time_milliseconds().to_le_bytes());
    rows.column(envelope::RECEIVED_AT).push_fixed(accepted.received_at_milliseconds().to_le_bytes());
    rows.column(envelope::TOPIC).push_text(accepted.topic().as_bytes());
    rows.column(envelope::PARTITION).push_fixed(position.partition.to_le_bytes());
    rows.column(envelope::OFFSET).push_fixed(position.offset.to_le_bytes());
    event_id.len()
}

/// Adds a value; returns the bytes of its text.
#[inline]
fn push(buffer: &mut Buffer, scalar: ScalarType, value: &Value, texts: Texts<'_>) -> usize {
    match Wire::of(scalar, value) {
        Wire::One(bytes) => buffer.push_fixed(bytes),
        Wire::Two(bytes) => buffer.push_fixed(bytes),
        Wire::Four(bytes) => buffer.push_fixed(bytes),
        Wire::Eight(bytes) => buffer.push_fixed(bytes),
        Wire::Sixteen(bytes) => buffer.push_fixed(bytes),
        Wire::Text(span) => {
            buffer.push_text(texts.bytes(span));
            return span.len();
        }
    }
    0
}

/// Adds an array; returns the bytes of its elements.
fn push_list(buffer: &mut Buffer, scalar: ScalarType, elements: &[Value], texts: Texts<'_>) -> usize {
    let mut n_bytes = 0;
    for element in elements {
        // None is wider.
        n_bytes += 16;
        match Wire::of(scalar, element) {
            Wire::One(bytes) => buffer.push_element_fixed(bytes),
            Wire::Two(bytes) => buffer.push_element_fixed(bytes),
            Wire::Four(bytes) => buffer.push_element_fixed(bytes),
            Wire::Eight(bytes) => buffer.push_element_fixed(bytes),
            Wire::Sixteen(bytes) => buffer.push_element_fixed(bytes),
            Wire::Text(span) => {
                n_bytes += span.len();
                buffer.push_element_text(texts.bytes(span));
            }
        }
    }
    buffer.end_list(elements.len());
    n_bytes
}

/// A value as its bytes in a column.
enum Wire {
    One([u8; 1]),
    Two([u8; 2]),
    Four([u8; 4]),
    Eight([u8; 8]),
    Sixteen([u8; 16]),
    Text(crate::decode::text::Span),
}

impl Wire {
    /// Check has made sure that numbers fit: nothing is cut here.
    #[inline]
    fn of(scalar: ScalarType, value: &Value) -> Self {
        match *value {
            Value::Bool(value) => Self::One([u8::from(value)]),
            Value::Integer(number) => Self::of_integer(scalar, number),
            Value::Float(number) if scalar == ScalarType::Float32 => {
                Self::Four((number as f32).to_le_bytes())
            }
            Value::Float(number) => Self::Eight(number.to_le_bytes()),
            Value::Decimal(number) => Self::of_decimal(scalar, number),
            Value::Day(day) => Self::Two(day.to_le_bytes()),
            Value::Time(ticks) if scalar == ScalarType::DateTime => Self::Four((ticks as u32).to_le_bytes()),
            Value::Time(ticks) => Self::Eight(ticks.to_le_bytes()),
            Value::Uuid(number) => {
                // The upper half first, each half with its last byte first.
                Self::Sixteen(number.rotate_right(64).to_le_bytes())
            }
            Value::Text(span) | Value::Json(span) => Self::Text(span),
            Value::Missing | Value::List(..) => Self::Text(crate::decode::text::Span::EMPTY),
        }
    }

    #[inline]
    fn of_decimal(scalar: ScalarType, number: i128) -> Self {
        let precision = if let ScalarType::Decimal { precision, .. } = scalar { precision } else { u8::MAX };
        match precision {
            0..=9 => Self::Four((number as i32).to_le_bytes()),
            10..=18 => Self::Eight((number as i64).to_le_bytes()),
            19.. => Self::Sixteen(number.to_le_bytes()),
        }
    }

    #[inline]
    fn of_integer(scalar: ScalarType, number: i128) -> Self {
        match scalar {
            ScalarType::Int8 | ScalarType::UInt8 => Self::One([number as u8]),
            ScalarType::Int16 | ScalarType::UInt16 => Self::Two((number as u16).to_le_bytes()),
            ScalarType::Int32 | ScalarType::UInt32 => Self::Four((number as u32).to_le_bytes()),
            ScalarType::Int64
            | ScalarType::UInt64
            | ScalarType::String
            | ScalarType::Bool
            | ScalarType::Float32
            | ScalarType::Float64
            | ScalarType::Decimal { .. }
            | ScalarType::Date
            | ScalarType::DateTime
            | ScalarType::DateTime64 { .. }
            | ScalarType::Uuid => Self::Eight((number as u64).to_le_bytes()),
        }
    }
}
