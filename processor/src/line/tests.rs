//! The line as a whole: pure, never in panic, and a rejected record leaves no trace.

use crds::expression::Expression;
use crds::schema::Schema;

use crate::cases::{config, line, record};
use crate::columns::read::{Block, unpacked};
use crate::decode::tests::Random;
use crate::line::Line;
use crate::record::Outcome;

const STREAM: &str = r#"
schemas:
- name: purchase
  eventAliases: [order]
  fields:
  - {name: order_id, type: String, required: true, maxLength: 64}
  - {name: amount, type: "Decimal(18, 2)", required: true, minimum: 0, coerce: true}
  - {name: currency, type: String, enum: [USD, EUR], default: USD}
  - {name: user.id, type: String, aliases: [uid], privacy: Mask}
  - {name: bought_at, type: DateTime64(3), coerce: true}
  - {name: items, type: Array(Int32)}
  - {name: session, type: UUID}
  - {name: score, type: Float64}
  - {name: props, type: Json}
  - {name: first, type: Bool}
- name: view
  unknownFields: Reject
  fields:
  - {name: url, type: String, pattern: "^/"}
  - {name: count, type: UInt8, maximum: 200}
unknownEvents: Store
"#;

const EVENTS: [&str; 6] = [
    r#"{"event":"purchase","event_id":"e-1","event_time":"2026-01-31T10:00:00.5Z","order_id":"o-1","amount":12.50,"currency":"EUR","user":{"id":"user-77","plan":"pro"},"bought_at":1769860800123,"items":[1,2,-3],"session":"01234567-89ab-cdef-0123-456789abcdef","score":1.5e-3,"props":{"a":{"b":[1,{"c":null}]}},"first":true,"more":[{"x":1.25},"y"]}"#,
    r#"{ "order_id" : "o\n\"2\"" , "amount" : "3" , "event" : "order" , "uid":"u", "props":{}, "extra\u0031":{"deep":{"er":true}} }"#,
    r#"{"event":"view","url":"/home","count":200}"#,
    r#"{"event":"view","url":"no","count":201,"what":1}"#,
    r#"{"event":"click","x":1,"y":{"z":"é😀"},"n":null}"#,
    r#"{"amount":1e2,"event":"purchase","order_id":"Grüße","first":false,"items":[]}"#,
];

#[test]
fn never_panics_and_keeps_rows_whole_whatever_bytes_come() {
    let seed = 0x7e57_5eed;
    let mut random = Random(seed);
    let mut line = line(STREAM);
    let mut rows = line.rows();
    let (mut n_stored, mut n_rejected) = (0, 0);
    for round in 0..20_000 {
        let mut bytes = EVENTS[random.below(EVENTS.len())].as_bytes().to_vec();
        for _ in 0..random.below(4) {
            mutate(&mut bytes, &mut random);
        }
        match line.take(&record(round, Some(&bytes)), &mut rows) {
            Outcome::Stored => {
                n_stored += 1;
                assert_eq!(rows.offset_of(n_stored - 1), round as i64);
            }
            Outcome::Rejected(rejected) => {
                n_rejected += 1;
                assert!(rejected.message.contains("; "), "{}", rejected.message);
            }
            Outcome::Filtered => panic!("seed {seed:#x}, round {round}: nothing is filtered here"),
        }
        assert_eq!(rows.n_rows(), n_stored, "seed {seed:#x}, round {round}");
    }
    assert_eq!(Block::of(&rows, 0..n_stored).n_rows, n_stored);
    assert!(n_stored > 5_000 && n_rejected > 5_000, "{n_stored} stored, {n_rejected} rejected");
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const FAVOURITES: &[u8] = b"{}[]\",:\\0-9eE.+ntf \x00\x1f\x7f\xc3\xff";
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => bytes[at] = random.next() as u8,
        1 => bytes[at] = FAVOURITES[random.below(FAVOURITES.len())],
        2 => bytes.insert(at, FAVOURITES[random.below(FAVOURITES.len())]),
        3 => {
            bytes.remove(at);
        }
        4 => bytes.truncate(at),
        _ => {
            let to = at + random.below(bytes.len() - at);
            let copy = bytes[at..to].to_vec();
            bytes.splice(at..at, copy);
        }
    }
}

#[test]
fn the_same_record_gives_the_same_row_whatever_came_before() {
    let row_of = |line: &mut Line, event: &str| {
        let mut rows = line.rows();
        let outcome = line.take(&record(7, Some(event.as_bytes())), &mut rows);
        (outcome, unpacked(&rows, 0..1))
    };
    let mut used = line(STREAM);
    let mut random = Random(0x0ade);
    for _ in 0..500 {
        let event = EVENTS[random.below(EVENTS.len())];
        assert_eq!(row_of(&mut used, event), row_of(&mut line(STREAM), event), "{event}");
    }
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let members =
        [r#""event":"purchase""#, r#""order_id":"o""#, r#""amount":1"#, r#""uid":"u""#, r#""first":true"#];
    let mut line = line(STREAM);
    let mut blocks = Vec::new();
    for turn in 0..members.len() {
        let mut turned = members;
        turned.rotate_left(turn);
        let event = format!("{{{}}}", turned.join(","));
        let mut rows = line.rows();
        assert_eq!(line.take(&record(0, Some(event.as_bytes())), &mut rows), Outcome::Stored);
        blocks.push(unpacked(&rows, 0..1));
    }
    blocks.dedup();
    assert_eq!(blocks.len(), 1);
}

#[test]
fn answers_the_expression_of_a_rule_from_the_accepted_event() {
    let text = "{name: purchase, fields: [{name: amount, type: Float64}, {name: user.id, type: String, privacy: Mask}, \
                {name: tags, type: Array(String)}, {name: props, type: Json}, {name: at, type: DateTime}, {name: n, type: UInt64}, \
                {name: id, type: UUID}, {name: day, type: Date}]}";
    let schema: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    let config = config(
        &[schema],
        crds::analytics_pipeline::Envelope::default(),
        crds::analytics_pipeline::UnknownEvents::Store,
    );
    let parsed = Schema::parse("purchase", 1, &config.schemas[0].spec).unwrap();
    let known: Vec<_> = parsed.fields.iter().collect();
    let mut line = Line::new(&config, None).unwrap();
    let event = r#"{"event":"purchase","amount":12.5,"user":{"id":"user-1234"},"tags":["a","b"],"props":{"x":{"y":3}},"at":"2026-01-31T00:00:00Z","n":5,"id":"01234567-89ab-cdef-0123-456789abcdef","day":"2026-01-31"}"#;
    let accepted = line.accept(&record(0, Some(event.as_bytes()))).unwrap().unwrap();
    for (source, expected) in [
        ("event.amount > 12.0", true),
        ("event.amount > 13.0", false),
        ("event.user.id == '*****1234'", true),
        ("event.tags.exists(tag, tag == 'b')", true),
        ("event.props.x.y == 3", true),
        ("event.at < timestamp('2026-02-01T00:00:00Z')", true),
        ("event.day == timestamp('2026-01-31T00:00:00Z')", true),
        ("event.n % 2 == 1", true),
        ("event.id.startsWith('0123')", true),
        ("has(event.amount) && !has(event.user.id)", false),
    ] {
        let expression = Expression::parse(source, &known).unwrap();
        assert_eq!(accepted.matches(&expression), Ok(expected), "{source}");
    }
    let accepted = line.accept(&record(0, Some(br#"{"event":"purchase"}"#))).unwrap().unwrap();
    let expression = Expression::parse("event.amount > 12.0", &known).unwrap();
    assert!(accepted.matches(&expression).is_err());
}

#[test]
fn a_line_is_refused_with_all_that_is_wrong() {
    let schemas: Vec<serde_yaml::Value> = [
        "{name: a, event: same, fields: [{name: x, type: String, privacy: Hash}]}",
        "{name: b, event: same, fields: [{name: x, type: String}]}",
    ]
    .iter()
    .map(|text| serde_yaml::from_str(text).unwrap())
    .collect();
    let config = config(
        &schemas,
        crds::analytics_pipeline::Envelope::default(),
        crds::analytics_pipeline::UnknownEvents::Store,
    );
    let problems = Line::new(&config, None).unwrap_err().to_string();
    assert!(problems.contains("two EventSchemas") && problems.contains("hashKey"), "{problems}");
}

#[test]
fn the_rows_count_the_bytes_of_their_block() {
    let mut line = line(STREAM);
    let mut rows = line.rows();
    for (offset, event) in EVENTS.iter().cycle().take(1000).enumerate() {
        line.take(&record(offset, Some(event.as_bytes())), &mut rows);
    }
    let block = unpacked(&rows, 0..1000);
    let share = rows.n_bytes() as f64 / block.len() as f64;
    assert!((0.9..1.5).contains(&share), "{} of {}", rows.n_bytes(), block.len());
}

#[test]
fn values_that_are_missing_count_too() {
    let fields = |prefix: &str, n_fields: usize| {
        (0..n_fields)
            .map(|number| format!("{{name: {prefix}{number}, type: \"Decimal(38, 2)\"}}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let stream = format!(
        "schemas:\n- {{name: narrow, fields: [{}]}}\n- {{name: wide, fields: [{}]}}\n",
        fields("a", 1),
        fields("b", 150)
    );
    let mut line = line(&stream);
    let mut rows = line.rows();
    for offset in 0..1000 {
        line.take(&record(offset, Some(br#"{"event":"narrow","a0":1}"#)), &mut rows);
    }
    let block = unpacked(&rows, 0..1000);
    assert!(block.len() > 2_000_000, "{}", block.len());
    assert!(rows.n_bytes() * 10 > block.len() * 9, "{} of {}", rows.n_bytes(), block.len());
}
