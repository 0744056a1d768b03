//! Answer: values as CEL sees them, for rules between fields and for forwarding.
//!
//! In: a [`Value`]. Out: `cel::Value`: integers are ints, decimals and floats doubles, times timestamps, the rest strings.
//! Only fields that an expression names come here; the others cost nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crds::columns::ScalarType;
use crds::expression::timestamp;
use crds::schema::field::FieldType;

use super::plan::{FieldPlan, moment_of};
use super::value::Value;
use crate::decode::number::power_of_ten;
use crate::decode::text::Texts;

/// Builds CEL's value of a field; none when the event has none.
pub(crate) fn of_field(
    field: &FieldPlan,
    value: Value,
    elements: &[Value],
    texts: Texts<'_>,
) -> Option<cel::Value> {
    match (field.field_type, value) {
        (FieldType::Array(scalar), Value::List(from, to)) => {
            let elements = elements.get(from as usize..to as usize).unwrap_or_default();
            let list = elements.iter().filter_map(|element| of_scalar(scalar, *element, texts)).collect();
            Some(cel::Value::List(Arc::new(list)))
        }
        (FieldType::Json, Value::Json(span)) => serde_json::from_str(texts.get(span)).ok().map(of_json),
        (FieldType::Scalar(scalar), value) => of_scalar(scalar, value, texts),
        (FieldType::Array(_) | FieldType::Json, _) => None,
    }
}

fn of_scalar(scalar: ScalarType, value: Value, texts: Texts<'_>) -> Option<cel::Value> {
    Some(match value {
        Value::Bool(value) => cel::Value::Bool(value),
        // CEL's int has 64 bits with a sign; greater UInt64 stand as the greatest.
        Value::Integer(number) => cel::Value::Int(i64::try_from(number).unwrap_or(i64::MAX)),
        Value::Float(number) => cel::Value::Float(number),
        Value::Decimal(number) => {
            let scale = if let ScalarType::Decimal { scale, .. } = scalar { scale } else { 0 };
            cel::Value::Float(number as f64 / power_of_ten(scale) as f64)
        }
        Value::Day(day) => return timestamp(i128::from(day) * 86_400_000_000_000),
        Value::Time(ticks) => {
            let (moment, _) = moment_of(ticks, scalar);
            return timestamp(i128::from(moment.seconds) * 1_000_000_000 + i128::from(moment.nanoseconds));
        }
        Value::Uuid(number) => {
            let mut text = Vec::new();
            crate::map::json::write_uuid(number, &mut text);
            cel::Value::String(Arc::new(String::from_utf8_lossy(&text).into_owned()))
        }
        Value::Text(span) => text_value(texts.get(span)),
        Value::Missing | Value::List(..) | Value::Json(_) => return None,
    })
}

/// A text as CEL sees it.
pub(crate) fn text_value(text: &str) -> cel::Value {
    cel::Value::String(Arc::new(text.to_owned()))
}

fn of_json(json: serde_json::Value) -> cel::Value {
    match json {
        serde_json::Value::Null => cel::Value::Null,
        serde_json::Value::Bool(value) => cel::Value::Bool(value),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => cel::Value::Int(number),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::MAX)),
        },
        serde_json::Value::String(text) => cel::Value::String(Arc::new(text)),
        serde_json::Value::Array(elements) => {
            cel::Value::List(Arc::new(elements.into_iter().map(of_json).collect()))
        }
        serde_json::Value::Object(members) => {
            let map: HashMap<cel::objects::Key, cel::Value> = members
                .into_iter()
                .map(|(key, value)| (cel::objects::Key::String(Arc::new(key)), of_json(value)))
                .collect();
            cel::Value::Map(map.into())
        }
    }
}
