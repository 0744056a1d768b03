//! One test a breach that the golden cases do not tell apart: what a message says, and what it never says.

use crate::cases::{line, record};
use crate::record::{Outcome, Rejected};

const STREAM: &str = r#"
schemas:
- name: purchase
  fields:
  - {name: text, type: String, maxLength: 8, pattern: "^[a-z]*$"}
  - {name: amount, type: "Decimal(9, 2)", maximum: 100}
  - {name: at, type: DateTime}
  - {name: kind, type: String, enum: [a, b]}
  - {name: tags, type: Array(UUID)}
  rules:
  - {rule: "!has(event.kind) || event.kind == 'a'", message: kind is a}
"#;

fn reject(members: &str) -> Rejected {
    let mut line = line(STREAM);
    let mut rows = line.rows(0);
    let payload = format!("{{\"event\":\"purchase\",{members}}}");
    let outcome = line.take(&record(0, Some(payload.as_bytes())), &mut rows);
    assert!(rows.is_empty(), "{payload}");
    let Outcome::Rejected(rejected) = outcome else { unreachable!("{payload} ends as {outcome:?}") };
    rejected
}

#[test]
fn messages_never_hold_the_value() {
    for members in [
        r#""text":"SECRET""#,
        r#""text":"secretsecret""#,
        r#""text":["SECRET"]"#,
        r#""amount":424242"#,
        r#""amount":42.4242"#,
        r#""amount":"SECRET""#,
        r#""at":"SECRET""#,
        r#""at":"4242-42-42T42:42:42Z""#,
        r#""kind":"SECRET""#,
        r#""tags":["SECRET"]"#,
        r#""other":{"a":4242424242424242424242}"#,
        r#""kind":"b""#,
        r#""text":"SECRET"#,
    ] {
        let rejected = reject(members);
        let told = format!("{} {}", rejected.field, rejected.message);
        assert!(!told.to_lowercase().contains("secret") && !told.contains("42"), "{told}");
        assert!(told.contains("; "), "the message has a remedy: {told}");
    }
}

#[test]
fn the_field_and_the_schema_version_stand_beside_the_message() {
    let rejected = reject(r#""amount":1000"#);
    assert_eq!((rejected.field.as_str(), rejected.schema.as_str()), ("amount", "purchase@1"));
}

#[test]
fn every_digit_of_a_uuid_is_hexadecimal() {
    let mut line = line(STREAM);
    let mut rows = line.rows(0);
    let uuid = "01234567-89ab-cdef-FEDC-ba9876543210";
    for at in 0..uuid.len() {
        for byte in (b' '..=b'~').filter(|byte| !b"\"\\".contains(byte)) {
            let mut spoiled = uuid.as_bytes().to_vec();
            spoiled[at] = byte;
            let spoiled = String::from_utf8(spoiled).unwrap();
            let event = format!(r#"{{"event":"purchase","tags":["{spoiled}"]}}"#);
            let outcome = line.take(&record(0, Some(event.as_bytes())), &mut rows);
            let right = if uuid.as_bytes()[at] == b'-' { byte == b'-' } else { byte.is_ascii_hexdigit() };
            assert_eq!(outcome == Outcome::Stored, right, "{spoiled}");
        }
    }
}
