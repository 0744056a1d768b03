//! Samples of all shapes, made from seeds: what is inferred lints clean, and accepts every sample that was given.

use std::fmt::Write as _;

use clap::Parser;
use crds::EventSchema;
use serde::Deserialize;

use super::accept::{Samples, rejected_by};
use crate::arguments::Arguments;
use crate::exit::Exit;

const N_ROUNDS: u64 = 60;

/// Keys as apps send them; some that no field can have.
const KEYS: [&str; 24] = [
    "a",
    "A",
    "a_b",
    "aB",
    "user_id",
    "userId",
    "user-id",
    "UserID",
    "extra",
    "_topic",
    "received_at",
    "amount",
    "$os",
    "9lives",
    "with space",
    "ümlaut",
    "dotted.key",
    "ts",
    "createdAt",
    "items",
    "event_id_2",
    "x",
    "deep",
    "ALLCAPS",
];

/// Numbers from a seed, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.roll(texts.len() as u64) as usize]
    }
}

/// What stands at a key, in most samples.
enum Shape {
    Values(u64),
    Object(Vec<(&'static str, u64, Self)>),
}

fn object(dice: &mut Dice, depth: u64) -> Vec<(&'static str, u64, Shape)> {
    let mut members: Vec<(&'static str, u64, Shape)> = Vec::new();
    for _ in 0..=dice.roll(9) {
        let key = dice.of(&KEYS);
        if members.iter().any(|(known, ..)| *known == key) {
            continue;
        }
        let is_object = depth < 3 && dice.roll(5) == 0;
        let shape =
            if is_object { Shape::Object(object(dice, depth + 1)) } else { Shape::Values(dice.roll(16)) };
        members.push((key, dice.roll(4), shape));
    }
    members
}

fn value(dice: &mut Dice, kind: u64) -> String {
    match kind {
        0 => dice.of(&["true", "false"]).to_owned(),
        1 => dice.roll(1000).to_string(),
        2 => format!("-{}", dice.roll(1 << 40)),
        3 => {
            dice.of(&["18446744073709551615", "0", "99999999999999999999999999999999999999", "7"]).to_owned()
        }
        4 => format!("{}.{:02}", dice.roll(100_000), dice.roll(100)),
        5 => dice
            .of(&["0.1", "0.30000000000000004", "1e300", "-2.5E-7", "12345678901234567890.123456789"])
            .to_owned(),
        6 => format!("\"{}\"", dice.of(&["ios", "android", "web"])),
        7 => format!("\"{}\"", "ä".repeat(dice.roll(90) as usize)),
        8 => format!("\"2026-0{}-1{}\"", 1 + dice.roll(9), dice.roll(10)),
        9 => format!("\"2026-01-02T03:04:0{}.{}Z\"", dice.roll(10), dice.roll(1_000_000)),
        10 => format!("\"{:08x}-0000-4000-8000-{:012x}\"", dice.roll(1 << 32), dice.roll(1 << 48)),
        11 => (1_700_000_000 + dice.roll(1_000_000)).to_string(),
        12 => array(dice),
        13 => dice.of(&["null", "[]", "{}", "\"\"", "0", "[null]", "[[1]]", "[{\"a\":1}]"]).to_owned(),
        14 => dice
            .of(&["\"2026-13-45\"", "\"2026-01-01\"", "\"yes\"", "\"\\u0007\\u007f\"", "\"null\""])
            .to_owned(),
        _ => {
            let kind = dice.roll(15);
            value(dice, kind)
        }
    }
}

fn array(dice: &mut Dice) -> String {
    let kind = dice.roll(12);
    let elements: Vec<String> = (0..dice.roll(5)).map(|_| value(dice, kind)).collect();
    format!("[{}]", elements.join(","))
}

fn sample(dice: &mut Dice, members: &[(&'static str, u64, Shape)], text: &mut String) {
    for (key, rarity, shape) in members {
        // Three of four keys are missing now and then.
        if *rarity > 0 && dice.roll(10 * rarity) == 0 {
            continue;
        }
        text.push_str(if text.ends_with('{') { "" } else { "," });
        write!(text, "\"{key}\":").unwrap();
        match shape {
            Shape::Object(members) if dice.roll(30) > 0 => {
                text.push('{');
                sample(dice, members, text);
                text.push('}');
            }
            Shape::Object(_) => text.push_str("null"),
            Shape::Values(kind) => text.push_str(&value(dice, *kind)),
        }
    }
}

fn samples(seed: u64) -> String {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let members = object(&mut dice, 0);
    let mut text = String::new();
    for _ in 0..=dice.roll(120) {
        let mut line = format!("{{\"event\":\"round {seed}\"");
        sample(&mut dice, &members, &mut line);
        writeln!(text, "{line}}}").unwrap();
    }
    text
}

fn run(words: &str, input: &str) -> (Exit, String) {
    let arguments =
        Arguments::try_parse_from(["kubectl-tributary"].into_iter().chain(words.split(' '))).unwrap();
    let mut out = Vec::new();
    let exit = crate::run(&arguments, &mut input.as_bytes(), &mut out).unwrap();
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn what_is_inferred_lints_clean_and_accepts_its_samples() {
    let mut schemas = String::new();
    for seed in 1..=N_ROUNDS {
        let samples = samples(seed);
        let (exit, yaml) = run(&format!("schema infer - --name round-{seed}"), &samples);
        assert_eq!(exit, Exit::Clean, "seed {seed}\n{yaml}\n{samples}");
        let schema = EventSchema::deserialize(serde_yaml::Deserializer::from_str(&yaml)).unwrap();
        let lines: Vec<_> = samples.lines().enumerate().collect();
        let event = format!("round {seed}");
        let samples = Samples { event: &event, event_path: "event", lines: &lines };
        assert_eq!(rejected_by(schema.spec, &samples), Vec::new(), "seed {seed}\n{yaml}");
        writeln!(schemas, "---\n{yaml}").unwrap();
    }
    let (exit, findings) = run("lint -f -", &schemas);
    assert_eq!(exit, Exit::Clean, "{findings}");
}
