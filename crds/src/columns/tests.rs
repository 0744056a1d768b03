//! Columns: ClickHouse's normal form out and in, the union of schemas, and what widens to what.

use super::*;
use crate::event_schema::EventSchemaSpec;

fn schema(name: &str, fields: &str) -> Schema {
    let spec: EventSchemaSpec = serde_yaml::from_str(&format!("fields:\n{fields}")).unwrap();
    Schema::parse(name, 1, &spec).unwrap()
}

fn fields_of(columns: &[Column]) -> Vec<String> {
    let inner = &columns[ENVELOPE.len()..columns.len() - 1];
    inner.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect()
}

const TYPES: [&str; 26] = [
    "String",
    "Bool",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Float32",
    "Float64",
    "Decimal(18, 2)",
    "Date",
    "DateTime('UTC')",
    "DateTime64(3, 'UTC')",
    "UUID",
    "Nullable(Int64)",
    "Nullable(Decimal(38, 0))",
    "Nullable(DateTime('UTC'))",
    "LowCardinality(String)",
    "LowCardinality(Nullable(String))",
    "Array(String)",
    "Array(Decimal(9, 4))",
    "Array(DateTime64(9, 'UTC'))",
    "JSON",
];

#[test]
fn types_are_written_and_read_in_the_normal_form_of_clickhouse() {
    for text in TYPES {
        assert_eq!(text.parse::<ColumnType>().unwrap().to_string(), text);
    }
}

#[test]
fn types_that_tributary_does_not_make_are_refused() {
    for text in [
        "",
        "Text",
        "DateTime",
        "DateTime('Europe/Berlin')",
        "DateTime64(3)",
        "DateTime64(10, 'UTC')",
        "Decimal(39, 2)",
        "Decimal(4, 5)",
        "Nullable(Nullable(String))",
        "Nullable(JSON)",
        "Array(Nullable(String))",
        "Array(JSON)",
        "LowCardinality(Int32)",
        "Map(String, String)",
        "FixedString(3)",
        "Nullable(String",
    ] {
        assert_eq!(text.parse::<ColumnType>(), Err(UnknownColumnType(text.to_owned())));
    }
}

#[test]
fn a_table_has_envelope_fields_and_extra_in_this_order() {
    let columns =
        table_columns(&[schema("s", "- {name: b, type: Int32, required: true}\n- {name: a, type: String}")])
            .unwrap();
    let text: Vec<String> =
        columns.iter().map(|column| format!("{} {}", column.name, column.column_type)).collect();
    assert_eq!(
        text,
        [
            "event LowCardinality(String)",
            "event_id String",
            "event_time DateTime64(3, 'UTC')",
            "received_at DateTime64(3, 'UTC')",
            "_topic LowCardinality(String)",
            "_partition Int32",
            "_offset Int64",
            "b Int32",
            "a Nullable(String)",
            "extra JSON",
        ]
    );
}

#[test]
fn a_field_that_not_every_schema_has_is_nullable() {
    let purchase = schema(
        "purchase",
        "- {name: user, type: String, required: true}\n- {name: amount, type: Int32, required: true}\n- {name: currency, type: String, enum: [USD], required: true}\n- {name: tags, type: Array(String)}",
    );
    let view = schema(
        "view",
        "- {name: user, type: String, required: true}\n- {name: url, type: String, required: true}",
    );
    let columns = table_columns(&[purchase, view]).unwrap();
    assert_eq!(
        fields_of(&columns),
        [
            "user String",
            "amount Nullable(Int32)",
            "currency LowCardinality(Nullable(String))",
            "tags Array(String)",
            "url Nullable(String)",
        ]
    );
}

#[test]
fn a_union_takes_the_values_of_every_schema() {
    let one = schema(
        "one",
        "- {name: a, type: String, enum: [x], required: true}\n- {name: b, type: String, enum: [x]}\n- {name: c, type: Int8, required: true}",
    );
    let two = schema(
        "two",
        "- {name: a, type: String, required: true}\n- {name: b, type: String, enum: [y], default: y}\n- {name: c, type: Int8}",
    );
    assert_eq!(
        fields_of(&table_columns(&[one, two]).unwrap()),
        ["a String", "b LowCardinality(Nullable(String))", "c Nullable(Int8)"]
    );
}

#[test]
fn two_types_for_one_column_name_both_schemas_and_both_types() {
    let one = schema("one", "- {name: a, type: Int32}\n- {name: b, type: Json}\n- {name: c, type: String}");
    let two = schema(
        "two",
        "- {name: a, type: Int64}\n- {name: b, type: String}\n- {name: c, type: Array(String)}",
    );
    let problems = table_columns(&[one, two]).unwrap_err();
    assert_eq!(problems.0.len(), 3, "{problems}");
    let text = problems.0[0].to_string();
    for word in ["`a`", "`one`", "`two`", "Int32", "Int64", "rename"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn widening_loses_nothing() {
    let widens = [
        ("Int32", "Int64"),
        ("UInt8", "UInt64"),
        ("UInt32", "Int64"),
        ("Int16", "Float32"),
        ("Int32", "Float64"),
        ("Float32", "Float64"),
        ("Decimal(9, 2)", "Decimal(18, 2)"),
        ("Decimal(9, 2)", "Decimal(12, 4)"),
        ("DateTime('UTC')", "DateTime64(3, 'UTC')"),
        ("DateTime64(3, 'UTC')", "DateTime64(6, 'UTC')"),
        ("String", "Nullable(String)"),
        ("Int32", "Nullable(Int64)"),
        ("String", "LowCardinality(String)"),
        ("LowCardinality(String)", "String"),
        ("LowCardinality(String)", "LowCardinality(Nullable(String))"),
        ("Array(Int32)", "Array(Int64)"),
        ("JSON", "JSON"),
    ];
    for (from, to) in widens {
        assert!(parsed(from).widens_to(&parsed(to)), "{from} -> {to}");
    }
    let loses = [
        ("Int64", "Int32"),
        ("Int32", "UInt64"),
        ("UInt64", "Int64"),
        ("Int64", "Float64"),
        ("Float64", "Float32"),
        ("Decimal(9, 2)", "Decimal(9, 4)"),
        ("Decimal(9, 4)", "Decimal(18, 2)"),
        ("Int32", "String"),
        ("DateTime64(3, 'UTC')", "DateTime('UTC')"),
        ("DateTime64(3, 'UTC')", "DateTime64(9, 'UTC')"),
        ("Date", "DateTime('UTC')"),
        ("Nullable(String)", "String"),
        ("Array(Int32)", "Int32"),
        ("String", "JSON"),
        ("JSON", "String"),
        ("String", "UUID"),
        ("Bool", "UInt8"),
    ];
    for (from, to) in loses {
        assert!(!parsed(from).widens_to(&parsed(to)), "{from} -> {to}");
    }
}

fn parsed(text: &str) -> ColumnType {
    text.parse().unwrap()
}
