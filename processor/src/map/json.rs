//! JSON out of values: the column `extra`, and the canonical event that is forwarded.
//!
//! In: checked values and captured spans. Out: one compact object, appended to bytes that the caller keeps.
//! Captured values are copied as they were written, without white space: the decoder has judged every byte of them.
//! Not here: which fields go on; privacy has been applied before.

use std::io::Write as _;

use crds::columns::ScalarType;
use crds::schema::field::FieldType;

use crate::check::plan::{FieldPlan, moment_of};
use crate::check::value::Value;
use crate::decode::Captured;
use crate::decode::number::power_of_ten;
use crate::decode::text::Texts;
use crate::decode::time::write_day;

use super::shape::Shape;

/// What one event is written from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The fields of its schema.
    pub(crate) fields: &'a [FieldPlan],
    /// A value a field; empty to write what was captured and nothing else.
    pub(crate) values: &'a [Value],
    /// Elements of arrays.
    pub(crate) elements: &'a [Value],
    /// What the schema does not know, by node.
    pub(crate) captured: &'a [Captured],
    /// Where the text of all of it stands.
    pub(crate) texts: Texts<'a>,
    /// Captured keys of the event itself that are not written.
    pub(crate) reserved: &'a [&'a str],
}

/// Appends the members of an event without the braces around them, each after a comma if there is something before it.
pub(crate) fn write_members(shape: &Shape, source: &Source<'_>, out: &mut Vec<u8>) {
    for (key, index) in &shape.fields {
        let value = source.values.get(*index).copied().unwrap_or(Value::Missing);
        if value != Value::Missing {
            separate(out);
            out.extend_from_slice(key);
            write_value(source, source.fields[*index].field_type, value, out);
        }
    }
    let from = source.captured.partition_point(|captured| captured.node < shape.node);
    for captured in source.captured[from..].iter().take_while(|captured| captured.node == shape.node) {
        let key = source.texts.get(captured.key);
        if shape.node == 0 && source.reserved.contains(&key) {
            continue;
        }
        separate(out);
        write_text(key, out);
        out.push(b':');
        write_compact(source.texts.get(captured.value), out);
    }
    for (key, object) in &shape.objects {
        let before = out.len();
        separate(out);
        out.extend_from_slice(key);
        out.push(b'{');
        let empty = out.len();
        write_members(object, source, out);
        if out.len() == empty {
            out.truncate(before);
        } else {
            out.push(b'}');
        }
    }
}

fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), Some(b'{') | None) {
        out.push(b',');
    }
}

fn write_value(source: &Source<'_>, field_type: FieldType, value: Value, out: &mut Vec<u8>) {
    match (field_type, value) {
        (FieldType::Array(scalar), Value::List(from, to)) => {
            out.push(b'[');
            for (index, element) in source.elements[from as usize..to as usize].iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_scalar(scalar, *element, source.texts, out);
            }
            out.push(b']');
        }
        (FieldType::Scalar(scalar), value) => write_scalar(scalar, value, source.texts, out),
        (FieldType::Json | FieldType::Array(_), value) => {
            write_scalar(ScalarType::String, value, source.texts, out)
        }
    }
}

fn write_scalar(scalar: ScalarType, value: Value, texts: Texts<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::Integer(number) => write_display(number, out),
        Value::Float(number) if scalar == ScalarType::Float32 => write_float(number as f32, out),
        Value::Float(number) => write_float(number, out),
        Value::Decimal(number) => {
            let scale = if let ScalarType::Decimal { scale, .. } = scalar { scale } else { 0 };
            write_decimal(number, scale, out);
        }
        Value::Day(day) => {
            out.push(b'"');
            write_day(i64::from(day), out);
            out.push(b'"');
        }
        Value::Time(ticks) => {
            let (moment, precision) = moment_of(ticks, scalar);
            out.push(b'"');
            moment.write(precision, out);
            out.push(b'"');
        }
        Value::Uuid(number) => {
            out.push(b'"');
            write_uuid(number, out);
            out.push(b'"');
        }
        Value::Text(span) => write_text(texts.get(span), out),
        Value::Json(span) => write_compact(texts.get(span), out),
        Value::Missing | Value::List(..) => out.extend_from_slice(b"null"),
    }
}

fn write_display(number: impl std::fmt::Display, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let written = write!(out, "{number}");
    debug_assert!(written.is_ok());
}

/// Appends the shortest text that means the same float.
fn write_float(number: impl serde::Serialize, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, &number);
    debug_assert!(written.is_ok());
}

/// Appends JSON without the white space between its tokens: an event is one line, whatever the app sent.
pub(crate) fn write_compact(json: &str, out: &mut Vec<u8>) {
    if !json.contains([' ', '\n', '\r', '\t']) {
        out.extend_from_slice(json.as_bytes());
        return;
    }
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_string || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.push(byte);
        }
        if byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && byte == b'\\' && !escaped;
    }
}

/// Appends a scaled decimal with its point.
pub(crate) fn write_decimal(number: i128, scale: u8, out: &mut Vec<u8>) {
    if scale == 0 {
        return write_display(number, out);
    }
    let unit = power_of_ten(scale).unsigned_abs();
    let magnitude = number.unsigned_abs();
    let sign = if number < 0 { "-" } else { "" };
    let width = usize::from(scale);
    let written = write!(out, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit);
    debug_assert!(written.is_ok());
}

/// Appends the 36 characters of a UUID.
pub(crate) fn write_uuid(number: u128, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in number.to_be_bytes().iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Appends a JSON string.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => &b"\\\""[..],
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x20.. => continue,
            _ => b"\\u00",
        };
        out.extend_from_slice(&text.as_bytes()[plain..at]);
        out.extend_from_slice(escape);
        if escape == b"\\u00" {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
