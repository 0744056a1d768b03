//! Schemas: one valid object, one thing spoilt, one problem that names field, rule and remedy; and all problems at once.

use super::*;

const PURCHASE: &str = "
event: purchase
eventAliases: [sale]
fields:
- {name: order_id, type: String, required: true, maxLength: 64}
- {name: amount, type: 'Decimal(18, 2)', required: true, minimum: 0}
- {name: currency, type: String, enum: [USD, EUR], default: USD}
- {name: user_id, type: String, aliases: [uid, userId], privacy: Hash}
- {name: device.os, type: String}
- {name: tags, type: Array(String), maxLength: 5}
rules:
- {rule: \"event.amount < 100000.0 || event.currency == 'USD'\", message: large purchases are in USD}
";

fn spec(text: &str) -> EventSchemaSpec {
    serde_yaml::from_str(text).unwrap()
}

fn parse(text: &str) -> Result<Schema, Problems> {
    Schema::parse("purchase", 1, &spec(text))
}

/// The valid schema with one more field.
fn with_field(field: &str) -> Result<Schema, Problems> {
    parse(&PURCHASE.replace("rules:", &format!("- {{{field}}}\nrules:")))
}

#[test]
fn understands_a_schema() {
    let schema = parse(PURCHASE).unwrap();
    assert_eq!((schema.name.as_str(), schema.version, schema.event.as_str()), ("purchase", 1, "purchase"));
    assert_eq!(schema.event_aliases, ["sale"]);
    assert_eq!(schema.fields.len(), 6);
    assert_eq!(schema.fields[4].path, ["device", "os"]);
    assert_eq!(schema.fields[4].column, "device_os");
    assert_eq!(schema.rules[0].expression.references(), [["amount"], ["currency"]]);
}

#[test]
fn takes_the_event_type_from_the_name_of_the_object() {
    let schema = Schema::parse("page-view", 3, &spec("fields: [{name: url, type: String}]")).unwrap();
    assert_eq!(schema.event, "page-view");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn refuses_a_field_with_its_name_the_rule_and_the_remedy() {
    let cases = [
        // names
        ("name: orderId, type: String", "orderId", "list what the sources send in `aliases`"),
        ("name: 1st, type: String", "1st", "each key starting with a letter"),
        ("name: device..model, type: String", "device..model", "with dots between nested keys"),
        ("name: _offset, type: Int64", "_offset", "belong to the table itself"),
        ("name: event_time, type: DateTime", "event_time", "belongs to every table"),
        ("name: event.id, type: String", "event.id", "the column `event_id` belongs to every table"),
        ("name: extra, type: Json", "extra", "belongs to every table"),
        (
            "name: a123456789.b123456789.c123456789.d123456789.e123456789.f123456789, type: String",
            "a123456789.b123456789.c123456789.d123456789.e123456789.f123456789",
            "longer than 63 characters",
        ),
        ("name: x, type: String, aliases: [the x]", "x", "alias `the x` is not a path"),
        // types
        ("name: x, type: Text", "x", "use one of String, Bool"),
        ("name: x, type: Nullable(String)", "x", "use one of String, Bool"),
        ("name: x, type: 'Decimal(39, 2)'", "x", "1 to 38"),
        ("name: x, type: 'Decimal(4, 5)'", "x", "0 to P"),
        ("name: x, type: 'Decimal(18)'", "x", "Decimal(P, S)"),
        ("name: x, type: DateTime64(10)", "x", "0 to 9"),
        ("name: x, type: Array(Array(String))", "x", "use Json for nested arrays"),
        ("name: x, type: Array(Text)", "x", "use one of String, Bool"),
        // numbers
        ("name: x, type: String, minimum: 5", "x", "`minimum` is for numbers"),
        ("name: x, type: Array(Int32), maximum: 5", "x", "use `minLength` and `maxLength`"),
        ("name: x, type: Int8, maximum: 128", "x", "a whole number from -128 to 127"),
        ("name: x, type: UInt8, minimum: -1", "x", "a whole number from 0 to 255"),
        ("name: x, type: Int32, minimum: 0.5", "x", "a whole number"),
        (
            "name: x, type: 'Decimal(4, 2)', maximum: 100",
            "x",
            "at most 2 digits before and 2 after the point",
        ),
        ("name: x, type: 'Decimal(4, 2)', minimum: 0.001", "x", "at most 2 digits before"),
        ("name: x, type: Float32, maximum: 1e39", "x", "a number of 32 bits"),
        ("name: x, type: Int32, minimum: 6, maximum: 5", "x", "minimum is above maximum"),
        // lengths
        ("name: x, type: Int32, minLength: 1", "x", "use `minimum` and `maximum`"),
        ("name: x, type: Json, maxLength: 1", "x", "`maxLength` is for type String and arrays"),
        ("name: x, type: String, minLength: 6, maxLength: 5", "x", "minLength 6 is above maxLength 5"),
        // texts
        ("name: x, type: Int32, pattern: ^1", "x", "`pattern` is for type String"),
        ("name: x, type: Int32, enum: ['1']", "x", "`enum` is for type String"),
        ("name: x, type: String, pattern: '('", "x", "is not a regular expression"),
        (
            "name: x, type: String, pattern: 'a(?=b)'",
            "x",
            "look-around or a backreference, which the engine leaves out",
        ),
        ("name: x, type: String, pattern: '(a)\\1'", "x", "so that no event can make a check slow"),
        ("name: x, type: String, pattern: '((a{1000}){1000}){1000}'", "x", "larger than 1 MiB"),
        (
            "name: x, type: String, enum: [USD, usd], pattern: '^[A-Z]+$'",
            "x",
            "enum lists `usd`, which the pattern refuses",
        ),
        ("name: x, type: String, enum: [USD, USD]", "x", "enum lists `USD` twice"),
        ("name: x, type: String, enum: [USD, EURO], maxLength: 3", "x", "enum lists `EURO`, whose length"),
        // defaults
        ("name: x, type: Int32, required: true, default: '5'", "x", "a required field needs no default"),
        ("name: x, type: Array(String), default: '[]'", "x", "a missing array or object is empty"),
        ("name: x, type: Json, default: '{}'", "x", "a default is for single values"),
        ("name: x, type: Int32, default: five", "x", "default `five` is not an Int32"),
        ("name: x, type: DateTime, default: today", "x", "write a time from 1970 to 2106"),
        ("name: x, type: Int32, default: '5', maximum: 4", "x", "default `5` is above the maximum"),
        (
            "name: x, type: 'Decimal(9, 2)', default: '0.01', minimum: 1",
            "x",
            "default `0.01` is below the minimum",
        ),
        ("name: x, type: String, default: CHF, enum: [USD]", "x", "default `CHF` is not in the enum (USD)"),
        ("name: x, type: String, default: abc, maxLength: 2", "x", "is longer than maxLength"),
        ("name: x, type: String, default: abc, minLength: 4", "x", "is shorter than minLength"),
        ("name: x, type: String, default: abc, pattern: ^b", "x", "does not match the pattern"),
        // privacy
        ("name: x, type: Int64, privacy: Hash", "x", "privacy Hash needs type String"),
        ("name: x, type: Array(String), privacy: Mask", "x", "privacy Mask needs type String"),
        // between fields
        ("name: amount, type: Int32", "amount", "two fields have this name"),
        ("name: device_os, type: String", "device_os", "also the one of field `device.os`"),
        ("name: x, type: String, aliases: [uid]", "x", "the path `uid` already belongs to field `user_id`"),
        (
            "name: x, type: String, aliases: [amount]",
            "x",
            "the path `amount` already belongs to field `amount`",
        ),
        ("name: x, type: String, aliases: [x]", "x", "already the field's name or another alias"),
        ("name: device, type: Json", "device", "contains `device.os` of field `device.os`"),
        ("name: amount.net, type: Int32", "amount.net", "lies inside `amount` of field `amount`"),
    ];
    for (field, name, words) in cases {
        let problems = with_field(field).unwrap_err();
        let found = problems.0.iter().any(|problem| problem.field == name && problem.message.contains(words));
        assert!(found, "{field}: `{words}` is not in {problems}");
        assert_eq!(problems.0.len(), 1, "{field}: {problems}");
    }
}

#[test]
fn refuses_what_is_wrong_beside_the_fields() {
    let cases = [
        ("event: purchase", "event: ''", "event", "an event type is not empty"),
        ("[sale]", "[sale, purchase]", "eventAliases", "`purchase` is named twice"),
        ("event.currency ==", "event.currncy ==", "rules[0]", "did you mean `event.currency`"),
        ("event.amount <", "event.amount <<", "rules[0]", "is not CEL"),
    ];
    for (from, to, field, words) in cases {
        let problems = parse(&PURCHASE.replacen(from, to, 1)).unwrap_err();
        let found =
            problems.0.iter().any(|problem| problem.field == field && problem.message.contains(words));
        assert!(found && problems.0.len() == 1, "{to}: `{words}` is not in {problems}");
    }
    assert_eq!(parse("fields: []").unwrap_err().0[0].field, "fields");
}

#[test]
fn finds_all_problems_at_once() {
    let problems = parse(
        "
event: ''
fields:
- {name: orderId, type: Text}
- {name: amount, type: Int32, minimum: 6, maximum: 5, pattern: x, default: many}
- {name: amount, type: Int64, privacy: Hash}
",
    )
    .unwrap_err();
    let words = [
        "not empty",
        "lower-case",
        "`Text` is not a type",
        "minimum is above",
        "`pattern` is for",
        "`many` is not an Int32",
        "privacy Hash",
        "two fields",
    ];
    let text = problems.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert_eq!(problems.0.len(), words.len(), "{text}");
}

#[test]
fn a_rule_over_a_field_of_unknown_type_is_not_blamed() {
    let problems = parse(&PURCHASE.replace("'Decimal(18, 2)'", "Money")).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
}
