//! Fields: the column of every combination, and bounds in the units of the type.

use super::*;
use crate::event_schema::EventSchemaSpec;
use crate::schema::Schema;

fn field(text: &str) -> Field {
    let spec: EventSchemaSpec = serde_yaml::from_str(&format!("fields: [{{name: x, {text}}}]")).unwrap();
    Schema::parse("s", 1, &spec).unwrap().fields.remove(0)
}

#[test]
fn every_field_has_its_column() {
    let cases = [
        ("type: String", "Nullable(String)"),
        ("type: String, required: true", "String"),
        ("type: String, default: a", "String"),
        ("type: String, enum: [a, b]", "LowCardinality(Nullable(String))"),
        ("type: String, enum: [a, b], required: true", "LowCardinality(String)"),
        ("type: String, enum: [a, b], default: a", "LowCardinality(String)"),
        ("type: String, privacy: Hash", "Nullable(String)"),
        ("type: String, privacy: Hash, required: true", "String"),
        ("type: String, privacy: Mask, enum: [a, b], required: true", "String"),
        ("type: Bool, required: true", "Bool"),
        ("type: 'Decimal(18,2)'", "Nullable(Decimal(18, 2))"),
        ("type: DateTime, required: true", "DateTime('UTC')"),
        ("type: DateTime64(3)", "Nullable(DateTime64(3, 'UTC'))"),
        ("type: UUID, required: true", "UUID"),
        ("type: Array(Int32)", "Array(Int32)"),
        ("type: Array(DateTime), required: true", "Array(DateTime('UTC'))"),
        ("type: Json", "JSON"),
    ];
    for (text, column) in cases {
        assert_eq!(field(text).column().unwrap().column_type.to_string(), column, "{text}");
    }
    assert_eq!(field("type: Json, privacy: Drop").column(), None);
}

#[test]
fn the_description_becomes_the_comment() {
    assert_eq!(
        field("type: Bool, description: whether it rained").column().unwrap().comment,
        "whether it rained"
    );
}

#[test]
fn bounds_are_in_the_units_of_the_type() {
    let cases = [
        ("type: Int32, minimum: -5", Bound::Integer(-5)),
        ("type: UInt64, minimum: 18446744073709551615", Bound::Integer(18_446_744_073_709_551_615)),
        ("type: Int64, minimum: 9223372036854775807", Bound::Integer(9_223_372_036_854_775_807)),
        ("type: Int64, minimum: -9223372036854775808", Bound::Integer(-9_223_372_036_854_775_808)),
        ("type: 'Decimal(18, 2)', minimum: 0.1", Bound::Decimal(10)),
        ("type: 'Decimal(18, 2)', minimum: -3", Bound::Decimal(-300)),
        ("type: Float64, minimum: 0.1", Bound::Float(0.1)),
    ];
    for (text, bound) in cases {
        assert_eq!(field(text).constraints.minimum, Some(bound), "{text}");
    }
}

#[test]
fn a_type_is_shown_as_it_is_written() {
    for text in [
        "String",
        "Decimal(18, 2)",
        "DateTime",
        "DateTime64(3)",
        "Array(UUID)",
        "Array(DateTime64(9))",
        "Json",
    ] {
        assert_eq!(text.parse::<FieldType>().unwrap().to_string(), text);
    }
}
