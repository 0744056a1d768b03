//! Values written as text: one line a type, good and bad.

use super::*;
use crate::schema::field_type::FieldType;

fn scalar(type_name: &str) -> ScalarType {
    type_name.parse::<FieldType>().unwrap().scalar().unwrap()
}

#[test]
fn reads_a_value_of_every_type() {
    let cases = [
        ("String", "", Literal::Text(String::new())),
        ("Bool", "true", Literal::Boolean(true)),
        ("Int8", "-128", Literal::Integer(-128)),
        ("UInt64", "18446744073709551615", Literal::Integer(18_446_744_073_709_551_615)),
        ("Float64", "1.5e3", Literal::Float(1500.0)),
        ("Decimal(18, 2)", "12.5", Literal::Decimal(1250)),
        ("Decimal(18, 2)", "-0.01", Literal::Decimal(-1)),
        ("Decimal(38, 0)", "99999999999999999999999999999999999999", Literal::Decimal(10_i128.pow(38) - 1)),
        ("Date", "1970-01-02", Literal::Day(1)),
        ("Date", "2149-06-06", Literal::Day(65535)),
        ("DateTime", "1970-01-01T00:01:00Z", Literal::Time(60)),
        ("DateTime", "1970-01-01T01:00:00+01:00", Literal::Time(0)),
        ("DateTime64(3)", "1970-01-01T00:00:01.5Z", Literal::Time(1500)),
        ("DateTime64(3)", "1900-01-01T00:00:00Z", Literal::Time(-2_208_988_800_000)),
        ("UUID", "00000000-0000-0000-0000-00000000000f", Literal::Uuid(15)),
    ];
    for (type_name, text, literal) in cases {
        assert_eq!(parse(scalar(type_name), text), Ok(literal), "{type_name} {text}");
    }
}

#[test]
fn refuses_what_the_type_cannot_hold() {
    let cases = [
        ("Bool", "yes"),
        ("Int8", "128"),
        ("Int32", "1.5"),
        ("UInt8", "-1"),
        ("Float32", "1e39"),
        ("Float64", "NaN"),
        ("Decimal(4, 2)", "100"),
        ("Decimal(4, 2)", "1.234"),
        ("Decimal(4, 2)", ".5"),
        ("Decimal(4, 2)", "1e1"),
        ("Date", "1969-12-31"),
        ("Date", "2149-06-07"),
        ("DateTime", "2107-01-01T00:00:00Z"),
        ("DateTime", "yesterday"),
        ("DateTime64(9)", "2270-01-01T00:00:00Z"),
        ("DateTime64(3)", "1899-12-31T23:59:59Z"),
        ("UUID", "0000000000000000000000000000000f"),
    ];
    for (type_name, text) in cases {
        let message = parse(scalar(type_name), text).unwrap_err();
        assert!(message.contains(&format!("`{text}`")) && message.contains("write"), "{message}");
    }
}
