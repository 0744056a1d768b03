//! Expressions: what is understood, what is refused before any event, and what one event makes of it.

use std::collections::BTreeMap;

use super::*;
use crate::event_schema::EventSchemaSpec;
use crate::schema::Schema;

const FIELDS: &str = "
fields:
- {name: amount, type: 'Decimal(18, 2)'}
- {name: count, type: Int32}
- {name: size, type: UInt64}
- {name: currency, type: String}
- {name: vip, type: Bool}
- {name: bought_at, type: DateTime}
- {name: device.os, type: String}
- {name: device.model.name, type: String}
- {name: tags, type: Array(String)}
- {name: payload, type: Json}
";

fn schema() -> Schema {
    let spec: EventSchemaSpec = serde_yaml::from_str(FIELDS).unwrap();
    Schema::parse("s", 1, &spec).unwrap()
}

fn parse(source: &str) -> Result<Expression, Problem> {
    Expression::parse(source, &schema().fields.iter().collect::<Vec<_>>())
}

fn text(value: &str) -> Value {
    Value::String(Arc::new(value.to_owned()))
}

/// Evaluates over an event of these values.
fn evaluate(source: &str, event: &[(&str, Value)]) -> Result<bool, EvaluationError> {
    let event: BTreeMap<&str, &Value> = event.iter().map(|(path, value)| (*path, value)).collect();
    let expression = parse(source).ok().ok_or(EvaluationError::NotBoolean)?;
    expression.evaluate(&|path| event.get(path.join(".").as_str()).map(|value| (*value).clone()))
}

#[test]
fn understands_what_people_write() {
    for source in [
        "event.amount < 100000.0 || event.currency == 'USD'",
        "event.amount > 100",
        "event.count + 1 > 2 && event.size <= 10",
        "event.currency in ['USD', 'EUR']",
        "event.currency.startsWith('U') && event.currency.matches('^[A-Z]{3}$')",
        "!has(event.amount) || event.amount >= 0.0",
        "has(event.device.os) ? event.device.os != '' : true",
        "event['device']['os'] == 'ios'",
        "event.tags.all(tag, tag.size() < 20)",
        "event.tags.exists(event, event == 'sale')",
        "size(event.tags) > 0 && event.tags[0] == 'sale'",
        "event.payload.campaign.name == 'spring'",
        "event.bought_at > timestamp('2026-01-01T00:00:00Z')",
        "event.bought_at.getFullYear() >= 2020",
        "event.vip",
        "event.amount * 2.0 > double(event.count)",
        "event.currency == null || event.vip",
        "true",
    ] {
        assert_eq!(parse(source).err(), None, "{source}");
    }
}

#[test]
fn knows_the_fields_it_reads_each_once() {
    let expression =
        parse("event.amount > 1.0 && event.amount < 9.0 && has(event.device.os) && event.payload.a.b == 1")
            .unwrap();
    assert_eq!(expression.references(), [vec!["amount"], vec!["device", "os"], vec!["payload"]]);
}

#[test]
fn refuses_before_any_event_what_cannot_be_right() {
    let cases = [
        ("", "is not CEL"),
        ("event.amount >", "is not CEL"),
        ("event.amount = 5", "is not CEL"),
        ("event.?amount == 5", "is not CEL"),
        ("amount > 5.0", "the fields stand in `event`, such as `event.amount`"),
        ("self.amount > 5.0", "`self` is not a variable"),
        ("event == 5", "name a field of it"),
        ("event[event.currency] == 5", "name a field of it"),
        ("event.amuont > 5.0", "did you mean `event.amount`"),
        ("has(event.curency)", "did you mean `event.currency`"),
        ("event.device == 'ios'", "name a field in it, such as `event.device.os`"),
        ("has(event.device)", "name a field in it"),
        ("event.amount.value > 5.0", "has type Decimal(18, 2), so there is no `amount.value`"),
        ("event.amount == '5'", "never equal"),
        ("event.currency != 5", "never equal"),
        ("event.amount > '5'", "write 100.0"),
        ("event.vip || event.currency == 5", "never equal"),
        ("event.amount + 1 > 5.0", "write 100.0"),
        ("event.count + 1.5 > 5.0", "integer fields are ints"),
        ("event.bought_at > '2026-01-01'", "write timestamp("),
        ("event.currency && event.vip", "takes true or false, not string"),
        ("!event.count", "takes true or false, not int"),
        ("event.count ? true : false", "not true or false"),
        ("event.amount", "it is of type float, not true or false"),
        ("event.currency + 'x'", "not true or false"),
        ("event.currency.beginsWith('U')", "there is no function `beginsWith`"),
        ("lower(event.currency) == 'usd'", "there is no function `lower`"),
        ("event.tags.all(tag, tga != '')", "`tga` is not a variable"),
        ("event.tags.all(tag, tag > 5)", "`>` does not take string and int"),
    ];
    let mut wrong = Vec::new();
    for (source, words) in cases {
        match parse(source) {
            Ok(_) => wrong.push(format!("{source}: accepted")),
            Err(problem) if problem.message.contains(words) => {}
            Err(problem) => wrong.push(format!("{source}: `{words}` is not in {problem}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_problem_tells_all_that_is_wrong() {
    let message = parse("event.a1 > 5 && event.b2 < 3 && c3").unwrap_err().message;
    assert!(message.contains("`a1`") && message.contains("`b2`") && message.contains("`c3`"), "{message}");
}

#[test]
fn evaluates_one_event() {
    let event = [
        ("amount", Value::Float(120.5)),
        ("count", Value::Int(3)),
        ("currency", text("EUR")),
        ("device.os", text("ios")),
        ("bought_at", timestamp(1_767_225_600_000_000_000).unwrap()),
        ("tags", Value::List(Arc::new(vec![text("sale")]))),
    ];
    let cases = [
        ("event.amount < 100.0 || event.currency == 'EUR'", true),
        ("event.amount < 100", false),
        ("event.count == 3", true),
        ("event.device.os == 'ios'", true),
        ("event.bought_at == timestamp('2026-01-01T00:00:00Z')", true),
        ("event.tags.exists(tag, tag == 'sale')", true),
        ("has(event.vip)", false),
        ("has(event.device.model.name)", false),
        ("!has(event.vip) || event.vip", true),
    ];
    for (source, answer) in cases {
        assert_eq!(evaluate(source, &event), Ok(answer), "{source}");
    }
}

#[test]
fn an_event_that_gives_no_answer_says_why_without_its_values() {
    let secret =
        [("currency", text("secret")), ("count", Value::Int(0)), ("tags", Value::List(Arc::new(vec![])))];
    let cases = [
        ("event.amount > 5.0", EvaluationError::Missing("amount".into())),
        ("event.device.os == 'ios'", EvaluationError::Missing("os".into())),
        ("5 / event.count > 1", EvaluationError::Arithmetic),
        ("event.tags[0] == 'a'", EvaluationError::Argument),
        ("int(event.currency) > 5", EvaluationError::Argument),
    ];
    for (source, error) in cases {
        let found = evaluate(source, &secret).unwrap_err();
        assert_eq!(found, error, "{source}");
        assert!(!found.to_string().contains("secret"), "{found}");
    }
}

#[test]
fn no_text_ends_the_process() {
    let deep = format!("{}event.vip{}", "(".repeat(500), ")".repeat(500));
    let long = "!".repeat(1023) + "event.vip";
    for source in [
        deep.as_str(),
        long.as_str(),
        "'",
        "\"\\",
        "\u{0}",
        "ö.ä",
        "event.",
        "[[[[[[",
        "{",
        "1e999 > 1.0",
        "event.vip //",
    ] {
        // Refused or not: it comes back.
        let _answer = parse(source).is_ok();
    }
}

#[test]
fn an_expression_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>(_: &T) {}
    shared(&parse("event.vip").unwrap());
}
