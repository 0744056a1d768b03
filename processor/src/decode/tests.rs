//! The scanner against serde_json, times against jiff, decimals against integers.

use super::number::{self, NumberFault};
use super::scanner::{Cell, Halt, Scanner, Stop};
use super::time::{Moment, TimeFault};

/// Random numbers from a seed that failures print (xorshift).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

fn is_json(text: &str) -> Result<(), Halt> {
    let mut arena = String::new();
    let mut scanner = Scanner::new(text, &mut arena);
    let walked = scanner.cell(None).and_then(|_| scanner.end());
    walked.map_err(|Stop| scanner.halt())
}

#[test]
fn a_string_ends_at_the_first_character_that_ends_it_wherever_that_stands() {
    for length in 0..70 {
        let plain = "x~\u{7f}é ".chars().cycle().take(length).collect::<String>();
        for more in ["", "more", "more than sixteen bytes, so that a whole chunk follows"] {
            let text = format!("\"{plain}\"{more}");
            let mut arena = String::new();
            let mut scanner = Scanner::new(&text, &mut arena);
            assert!(matches!(scanner.cell(None), Ok(Cell::Text(_))), "{text}");
            assert_eq!(scanner.at(), plain.len() + 2, "{text}");
            for control in ["\0", "\n", "\u{1f}"] {
                let text = format!("\"{plain}{control}{more}\"");
                let at = plain.len() as u32 + 1;
                let expected = "no control character in a string";
                assert_eq!(is_json(&text), Err(Halt::Broken { at, expected }), "{text:?}");
            }
        }
    }
}

#[test]
fn takes_and_refuses_what_serde_json_takes_and_refuses() {
    const PARTS: [&str; 40] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"\"",
        "\"\\n\"",
        "\"\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\udc00\"",
        "\"\\u12\"",
        "\"\\x\"",
        "\"é\"",
        "\"",
        "1",
        "-1",
        "0",
        "01",
        "-",
        "1.5",
        "1.",
        ".5",
        "1e5",
        "1E-5",
        "1e",
        "1e+",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\u{1}",
        "\"\u{1}\"",
        "\"eight characters\"",
        "1e999",
    ];
    let mut random = Random(0x5eed);
    let mut n_taken = 0;
    for round in 0..300_000 {
        let mut text = String::new();
        for _ in 0..=random.below(9) {
            text.push_str(PARTS[random.below(PARTS.len())]);
        }
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if theirs.as_ref().is_err_and(|error| error.to_string().contains("number out of range")) {
            continue;
        }
        n_taken += usize::from(theirs.is_ok());
        assert_eq!(is_json(&text).is_ok(), theirs.is_ok(), "round {round}: {text}");
    }
    assert!(n_taken > 10_000, "{n_taken} documents were JSON");
}

#[test]
fn takes_every_document_that_serde_json_writes() {
    let mut random = Random(0xd0c);
    for round in 0..5_000 {
        let value = document(&mut random, 4);
        let text =
            if round % 2 == 0 { value.to_string() } else { serde_json::to_string_pretty(&value).unwrap() };
        assert_eq!(is_json(&text), Ok(()), "{text}");
        let cut = (1..text.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let is_cut_json = serde_json::from_str::<serde_json::Value>(&text[..cut]).is_ok();
        assert_eq!(is_json(&text[..cut]).is_ok(), is_cut_json, "{text}");
    }
}

fn document(random: &mut Random, depth: usize) -> serde_json::Value {
    use serde_json::{Value, json};
    match random.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.next().is_multiple_of(2)),
        2 => json!(random.next() as i64),
        3 => json!(f64::from_bits(random.next())),
        4 => {
            let text: String =
                (0..random.below(20)).filter_map(|_| char::from_u32(random.below(0x500) as u32)).collect();
            json!(text)
        }
        5 => Value::Array((0..random.below(4)).map(|_| document(random, depth - 1)).collect()),
        _ => Value::Object(
            (0..random.below(4)).map(|index| (format!("k{index}\""), document(random, depth - 1))).collect(),
        ),
    }
}

#[test]
fn refuses_nesting_beyond_the_limit_without_recursion_beyond_it() {
    assert_eq!(is_json(&"[".repeat(1_000_000)), Err(Halt::TooDeep));
    assert_eq!(is_json(&"{\"a\":".repeat(1_000_000)), Err(Halt::TooDeep));
    assert_eq!(is_json(&format!("{}{}", "[".repeat(32), "]".repeat(32))), Ok(()));
}

#[test]
fn reads_and_writes_times_as_jiff_does() {
    let mut random = Random(0x71e5);
    for _ in 0..20_000 {
        let seconds = -2_208_988_800 + (random.next() % 12_622_780_800) as i64;
        let nanoseconds = (random.next() % 1_000_000_000) as u32;
        let moment = Moment { seconds, nanoseconds };
        let mut ours = Vec::new();
        moment.write(9, &mut ours);
        let ours = String::from_utf8(ours).unwrap();
        let theirs: jiff::Timestamp = ours.parse().unwrap();
        let theirs_nanoseconds = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        assert_eq!(theirs.as_nanosecond(), theirs_nanoseconds, "{ours}");
        assert_eq!(Moment::parse(&ours, true), Ok(moment), "{ours}");
        assert_eq!(Moment::of_ticks(moment.ticks(6).unwrap(), 6).seconds, seconds);
    }
}

#[test]
fn knows_which_days_there_are() {
    for (text, exists) in [
        ("2024-02-29T00:00:00Z", true),
        ("2023-02-29T00:00:00Z", false),
        ("1900-02-29T00:00:00Z", false),
        ("2000-02-29T00:00:00Z", true),
        ("2026-04-31T00:00:00Z", false),
        ("2026-00-01T00:00:00Z", false),
        ("2026-01-00T00:00:00Z", false),
    ] {
        let expected = if exists { None } else { Some(TimeFault::NoSuchTime) };
        assert_eq!(Moment::parse(text, true).err(), expected, "{text}");
    }
}

#[test]
fn scales_decimals_without_a_float() {
    let cases: [(&str, u8, Result<i128, NumberFault>); 14] = [
        ("0", 2, Ok(0)),
        ("-0.0", 2, Ok(0)),
        ("1", 2, Ok(100)),
        ("-1.5", 2, Ok(-150)),
        ("1.50", 1, Ok(15)),
        ("1.51", 1, Err(NumberFault::TooFine)),
        ("100e-2", 0, Ok(1)),
        ("120e-1", 0, Ok(12)),
        ("1e2", 0, Ok(100)),
        ("0.001e3", 0, Ok(1)),
        ("1e38", 0, Ok(100_000_000_000_000_000_000_000_000_000_000_000_000)),
        ("1e40", 0, Err(NumberFault::TooLarge)),
        ("0.0000000000000000000000000000000000000000001", 2, Err(NumberFault::TooFine)),
        ("0e99999999999999999999999999", 2, Ok(0)),
    ];
    for (text, scale, expected) in cases {
        assert_eq!(number::decimal(text, scale), expected, "{text} at scale {scale}");
    }
    assert_eq!(number::decimal_cut("-1.999", 2), Ok(-199));
    assert_eq!(number::decimal_cut("1e-50", 2), Ok(0));
}

#[test]
fn scales_random_decimals_as_integers_do() {
    let mut random = Random(0xdec);
    for _ in 0..50_000 {
        let number = random.next() as i64 >> random.below(60);
        let scale = random.below(12) as u8;
        let mut text = Vec::new();
        crate::map::json::write_decimal(i128::from(number), scale, &mut text);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(number::decimal(&text, scale), Ok(i128::from(number)), "{text} at scale {scale}");
        let moved = format!("{number}e-{scale}");
        assert_eq!(number::decimal(&moved, scale), Ok(i128::from(number)), "{moved} at scale {scale}");
    }
}
