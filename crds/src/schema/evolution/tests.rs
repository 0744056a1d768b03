//! Evolution: one table of changes, judged under every mode.

use super::*;
use crate::event_schema::EventSchemaSpec;

const BASE: &str = "
event: purchase
eventAliases: [sale]
fields:
- {name: id, type: String, required: true, minLength: 1, maxLength: 64, aliases: [order]}
- {name: amount, type: 'Decimal(9, 2)', minimum: 0, maximum: 100}
- {name: count, type: Int32}
- {name: currency, type: String, enum: [USD, EUR]}
- {name: code, type: String, pattern: ^a}
- {name: note, type: String}
- {name: vip, type: Bool}
- {name: device.os, type: String}
rules:
- {rule: \"event.code != ''\", message: code}
";

fn schema(text: &str) -> Schema {
    let spec: EventSchemaSpec = serde_yaml::from_str(text).unwrap();
    Schema::parse("purchase", 1, &spec).unwrap()
}

fn refused(old: &str, new: &str, compatibility: Compatibility) -> Option<String> {
    judge(compatibility, &compare(&schema(old), &schema(new))).err().map(|problems| problems.to_string())
}

/// The modes, as letters: those that refuse a change.
fn refusing(old: &str, new: &str) -> String {
    let modes = [
        ('N', Compatibility::None),
        ('B', Compatibility::Backward),
        ('F', Compatibility::Forward),
        ('U', Compatibility::Full),
    ];
    modes
        .into_iter()
        .filter(|(_, mode)| refused(old, new, *mode).is_some())
        .map(|(letter, _)| letter)
        .collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_change_is_judged_under_every_mode() {
    let field = |line: &str| format!("- {{{line}}}\nrules:");
    let cases: Vec<(&str, String, &str)> = vec![
        // from, to, modes that refuse: None, Backward, Forward, fUll
        ("rules:", field("name: new, type: String"), ""),
        ("rules:", field("name: new, type: String, default: a"), ""),
        ("rules:", field("name: new, type: String, required: true"), "BU"),
        ("- {name: note, type: String}\n", String::new(), ""),
        (
            "- {name: id, type: String, required: true, minLength: 1, maxLength: 64, aliases: [order]}\n",
            String::new(),
            "FU",
        ),
        ("type: Int32", "type: Int64".into(), "FU"),
        ("type: Int32", "type: Int16".into(), "BU"),
        ("type: Int32", "type: String".into(), "NBFU"),
        ("type: Int32", "type: UInt32".into(), "NBFU"),
        ("type: Int32", "type: Array(Int32)".into(), "NBFU"),
        ("'Decimal(9, 2)'", "'Decimal(18, 2)'".into(), "FU"),
        ("'Decimal(9, 2)'", "'Decimal(18, 1)'".into(), "NBFU"),
        ("required: true, ", String::new(), "FU"),
        ("name: note, type: String", "name: note, type: String, required: true".into(), "BU"),
        ("name: note, type: String", "name: note, type: String, default: a".into(), ""),
        ("name: note, type: String", "name: note, type: String, description: a note".into(), ""),
        ("name: note, type: String", "name: note, type: String, coerce: true".into(), "FU"),
        ("name: note, type: String", "name: note, type: String, privacy: Hash".into(), ""),
        ("name: note, type: String", "name: note, type: String, privacy: Drop".into(), ""),
        ("name: note, type: String", "name: note, type: String, aliases: [remark]".into(), ""),
        ("name: note, type: String", "name: note, type: String, maxLength: 5".into(), "BU"),
        ("aliases: [order]", "aliases: [order, order_no]".into(), "FU"),
        (", aliases: [order]", String::new(), "BU"),
        ("minimum: 0", "minimum: 1".into(), "BU"),
        ("minimum: 0", "minimum: -1".into(), "FU"),
        ("minimum: 0, ", String::new(), "FU"),
        ("maximum: 100", "maximum: 99".into(), "BU"),
        ("maximum: 100", "maximum: 101".into(), "FU"),
        ("minLength: 1", "minLength: 2".into(), "BU"),
        ("maxLength: 64", "maxLength: 65".into(), "FU"),
        ("[USD, EUR]", "[USD, EUR, CHF]".into(), "FU"),
        ("[USD, EUR]", "[USD]".into(), "BU"),
        ("[USD, EUR]", "[USD, CHF]".into(), "BFU"),
        (", enum: [USD, EUR]", String::new(), "FU"),
        ("pattern: ^a", "pattern: ^b".into(), "BFU"),
        (", pattern: ^a", String::new(), "FU"),
        ("event.code != ''", "event.code != 'a'".into(), "BFU"),
        ("rules:\n", "rules:\n- {rule: event.vip, message: vip}\n".into(), "BU"),
        ("message: code", "message: code is there".into(), ""),
        ("[sale]", "[sale, order]".into(), "FU"),
        ("[sale]", "[]".into(), "BU"),
        ("event: purchase\neventAliases: [sale]", "event: sale\neventAliases: [purchase]".into(), ""),
        ("fields:", "unknownFields: Reject\nfields:".into(), "BU"),
        ("fields:", "unknownFields: Drop\nfields:".into(), ""),
        ("name: device.os, type: String", "name: device_os, type: Int32".into(), "NBFU"),
        ("name: device.os, type: String", "name: device_os, type: String".into(), ""),
    ];
    let mut wrong = Vec::new();
    for (from, to, modes) in cases {
        assert!(BASE.contains(from), "{from}");
        let found = refusing(BASE, &BASE.replacen(from, &to, 1));
        if found != modes {
            wrong.push(format!("`{from}` to `{to}`: refused by `{found}`, wanted `{modes}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refusing(BASE, BASE), "", "no change");
    assert!(compare(&schema(BASE), &schema(BASE)).is_empty());
}

#[test]
fn a_strict_schema_makes_additions_and_removals_matter() {
    let strict = BASE.replace("fields:", "unknownFields: Reject\nfields:");
    assert_eq!(refusing(&strict, &strict.replace("rules:", "- {name: new, type: String}\nrules:")), "FU");
    assert_eq!(refusing(&strict, &strict.replace("- {name: note, type: String}\n", "")), "BU");
}

#[test]
fn a_refusal_names_the_field_the_reason_and_the_remedy() {
    let new = BASE.replace("rules:", "- {name: new, type: String, required: true}\nrules:");
    let message = refused(BASE, &new, Compatibility::Backward).unwrap();
    for words in ["`new`", "a required field is added", "Backward", "required: false", "default"] {
        assert!(message.contains(words), "{message}");
    }
    let message = refused(BASE, &BASE.replace("Int32", "String"), Compatibility::None).unwrap();
    for words in ["`count`", "Int32 to String", "the table cannot follow", "add a new field"] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn every_refused_change_is_told_at_once() {
    let new = BASE.replace("Int32", "String").replace("minimum: 0", "minimum: 5").replace("!= ''", "!= 'a'");
    let problems = judge(Compatibility::Backward, &compare(&schema(BASE), &schema(&new))).unwrap_err();
    assert_eq!(
        problems.0.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(),
        ["amount", "count", "rules"]
    );
}
