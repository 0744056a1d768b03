//! One record becomes a JSON tree, and that a row of RowBinary, if every field is as the schema says.
//!
//! In: the schema, a record. Out: bytes at the end of a buffer, which stays as it was when the record is rejected; or the reason.
//! Not here: fields that the schema does not name, aliases, conversions, rules; the benchmark's schema has none.

use crds::columns::{ColumnType, ScalarType};
use crds::rejection::RejectionReason;
use crds::schema::Schema;
use crds::schema::field::{Bound, Field, FieldType};
use rdkafka::message::Message;
use serde_json::Value;
use uuid::Uuid;

/// Appends the row of a record.
pub(super) fn write(
    schema: &Schema,
    message: &impl Message,
    out: &mut Vec<u8>,
) -> Result<(), RejectionReason> {
    let begun = out.len();
    let written = try_write(schema, message, out);
    if written.is_err() {
        out.truncate(begun);
    }
    written
}

fn try_write(schema: &Schema, message: &impl Message, out: &mut Vec<u8>) -> Result<(), RejectionReason> {
    let payload = message.payload().ok_or(RejectionReason::EmptyRecord)?;
    let event: Value = serde_json::from_slice(payload).map_err(|_| RejectionReason::BrokenJson)?;
    let text = |name: &str| event[name].as_str();
    let kind = text("event").ok_or(RejectionReason::EventTypeMissing)?;
    if kind != schema.event {
        return Err(RejectionReason::UnknownEventType);
    }
    let received = message.timestamp().to_millis().unwrap_or_default();
    string(kind, out);
    string(text("event_id").unwrap_or_default(), out);
    match text("event_time") {
        Some(time) => out.extend(moment(time)?.to_le_bytes()),
        None => out.extend(received.to_le_bytes()),
    }
    out.extend(received.to_le_bytes());
    string(message.topic(), out);
    out.extend(message.partition().to_le_bytes());
    out.extend(message.offset().to_le_bytes());
    schema.fields.iter().try_for_each(|field| write_field(field, &event, out))
}

fn write_field(field: &Field, event: &Value, out: &mut Vec<u8>) -> Result<(), RejectionReason> {
    let value = field.path.iter().fold(event, |object, key| &object[key.as_str()]);
    let is_nullable =
        field.column().is_some_and(|column| matches!(column.column_type, ColumnType::Nullable(_)));
    if value.is_null() {
        match (&field.default, field.required, field.field_type) {
            (Some(default), ..) => string(default, out),
            (None, true, _) => return Err(RejectionReason::FieldMissing),
            (None, false, FieldType::Array(_)) => length(0, out),
            (None, false, _) => out.push(1),
        }
        return Ok(());
    }
    if is_nullable {
        out.push(0);
    }
    match field.field_type {
        FieldType::Array(scalar) => {
            let elements = value.as_array().ok_or(RejectionReason::WrongType)?;
            length(elements.len(), out);
            elements.iter().try_for_each(|element| write_scalar(scalar, field, element, out))
        }
        FieldType::Scalar(scalar) => write_scalar(scalar, field, value, out),
        FieldType::Json => Err(RejectionReason::WrongType),
    }
}

fn write_scalar(
    scalar: ScalarType,
    field: &Field,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), RejectionReason> {
    let text = || value.as_str().ok_or(RejectionReason::WrongType);
    let whole = || value.as_i64().ok_or(RejectionReason::WrongType);
    let fits = |fits: bool| if fits { Ok(()) } else { Err(RejectionReason::OutOfRange) };
    if let Some(number) = value.as_f64() {
        fits(field.constraints.minimum.is_none_or(|bound| number >= plain(bound)))?;
        fits(field.constraints.maximum.is_none_or(|bound| number <= plain(bound)))?;
    }
    match scalar {
        ScalarType::String => {
            let text = text()?;
            let constraints = &field.constraints;
            if constraints.max_length.is_some_and(|most| text.chars().count() > most as usize) {
                return Err(RejectionReason::TooLong);
            }
            if !constraints.allowed.is_empty() && !constraints.allowed.iter().any(|allowed| allowed == text) {
                return Err(RejectionReason::NotInEnum);
            }
            string(text, out);
        }
        ScalarType::Uuid => {
            let (high, low) = Uuid::parse_str(text()?).map_err(|_| RejectionReason::WrongType)?.as_u64_pair();
            out.extend(high.to_le_bytes());
            out.extend(low.to_le_bytes());
        }
        ScalarType::DateTime64 { precision: 3 } => out.extend(moment(text()?)?.to_le_bytes()),
        ScalarType::Bool => out.push(u8::from(value.as_bool().ok_or(RejectionReason::WrongType)?)),
        ScalarType::Float64 => out.extend(value.as_f64().ok_or(RejectionReason::WrongType)?.to_le_bytes()),
        ScalarType::Decimal { precision: 10..=18, scale } => {
            let number = value.as_f64().ok_or(RejectionReason::WrongType)?;
            out.extend(((number * 10_f64.powi(scale.into())).round() as i64).to_le_bytes());
        }
        ScalarType::UInt8 => out.push(u8::try_from(whole()?).map_err(|_| RejectionReason::OutOfRange)?),
        ScalarType::UInt16 => out.extend(narrow::<u16>(whole()?)?.to_le_bytes()),
        ScalarType::UInt32 => out.extend(narrow::<u32>(whole()?)?.to_le_bytes()),
        ScalarType::Int32 => out.extend(narrow::<i32>(whole()?)?.to_le_bytes()),
        // Types that the benchmark's schema does not have.
        ScalarType::Int8
        | ScalarType::Int16
        | ScalarType::Int64
        | ScalarType::UInt64
        | ScalarType::Float32
        | ScalarType::Decimal { .. }
        | ScalarType::Date
        | ScalarType::DateTime
        | ScalarType::DateTime64 { .. } => return Err(RejectionReason::WrongType),
    }
    Ok(())
}

fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, RejectionReason> {
    T::try_from(number).map_err(|_| RejectionReason::OutOfRange)
}

fn moment(text: &str) -> Result<i64, RejectionReason> {
    let moment: jiff::Timestamp = text.parse().map_err(|_| RejectionReason::WrongType)?;
    Ok(moment.as_millisecond())
}

fn plain(bound: Bound) -> f64 {
    match bound {
        Bound::Integer(number) => number as f64,
        // Of two places, as all decimals of the benchmark's schema.
        Bound::Decimal(number) => number as f64 / 100.0,
        Bound::Float(number) => number,
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    length(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a length in seven bits a byte.
fn length(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::OwnedMessage;

    use super::write;
    use crate::bench::workload::generator::{Fate, Flaw, Generator};
    use crate::bench::workload::{Shape, Size, Workload};
    use crds::rejection::RejectionReason;

    #[test]
    fn each_event_meets_its_fate() {
        for (size, shape) in [(Size::Small, Shape::Flat), (Size::Large, Shape::Nested)] {
            let workload = Workload { size, shape, rejected: 30, ..Workload::MAIN };
            let schema = workload.understood().unwrap();
            let mut generator = Generator::new(&workload, 5).unwrap();
            let (mut event, mut rows) = (String::new(), Vec::new());
            for _ in 0..500 {
                let fate = generator.next(&mut event).unwrap();
                let payload = Some(event.clone().into_bytes());
                let time = Timestamp::CreateTime(0);
                let message = OwnedMessage::new(payload, None, "t".to_owned(), time, 0, 0, None);
                let before = rows.len();
                let wanted = match fate {
                    Fate::Stored { .. } => Ok(()),
                    Fate::Rejected(Flaw::BrokenJson) => Err(RejectionReason::BrokenJson),
                    Fate::Rejected(Flaw::WrongType) => Err(RejectionReason::WrongType),
                    Fate::Rejected(Flaw::FieldMissing) => Err(RejectionReason::FieldMissing),
                    Fate::Rejected(Flaw::OutOfRange) => Err(RejectionReason::OutOfRange),
                };
                assert_eq!(write(&schema, &message, &mut rows), wanted, "{event}");
                assert_eq!(rows.len() > before, wanted.is_ok());
            }
        }
    }
}
