//! Observe: what samples hold at each path, without yet saying what type it is.
//!
//! In: the texts of events. Out: a tree of [`Node`]s. Numbers are kept as they are written, so that decimals stay exact.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// So many different texts are told apart.
pub(super) const MOST_TEXTS: usize = 10;

/// What was seen at one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// Values that are not null.
    pub(super) n: usize,
    /// Booleans.
    pub(super) n_bools: usize,
    /// Numbers.
    pub(super) numbers: Numbers,
    /// Texts.
    pub(super) texts: Texts,
    /// Arrays.
    pub(super) arrays: Arrays,
    /// Objects.
    pub(super) n_objects: usize,
    /// What stood in the objects, in the order in which it came first.
    pub(super) members: Vec<(String, Self)>,
}

/// Numbers that were seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    /// All.
    pub(super) n: usize,
    /// Those without fraction and exponent, with at most 38 digits.
    pub(super) n_whole: usize,
    /// The least of those.
    pub(super) least: i128,
    /// The greatest of those.
    pub(super) greatest: i128,
    /// Those with an exponent.
    pub(super) n_exponents: usize,
    /// Most digits before the point.
    pub(super) most_digits: usize,
    /// Most digits behind it.
    pub(super) most_places: usize,
}

/// Texts that were seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// All.
    pub(super) n: usize,
    /// Most characters of one.
    pub(super) longest: usize,
    /// How often each was seen, up to [`MOST_TEXTS`] different ones and one more.
    pub(super) distinct: BTreeMap<String, usize>,
    /// The first ones, to guess by.
    pub(super) n_dates: usize,
    /// Those that look like a time.
    pub(super) n_times: usize,
    /// Most digits of a second.
    pub(super) most_places: usize,
    /// Those that look like a UUID.
    pub(super) n_uuids: usize,
}

/// Arrays that were seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrays {
    /// All.
    pub(super) n: usize,
    /// Most elements of one.
    pub(super) longest: usize,
    /// Elements that are null.
    pub(super) n_nulls: usize,
    /// All elements of all.
    pub(super) elements: Option<Box<Node>>,
}

/// Members of an object in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

impl Node {
    /// Looks at a value, given as JSON; a text that is none is passed over, for the line tells it.
    pub(super) fn see(&mut self, text: &str) {
        let text = text.trim();
        match text.as_bytes().first() {
            None | Some(b'n') => return,
            Some(b'{') => {
                let Ok(Members(members)) = serde_json::from_str(text) else { return };
                self.n_objects += 1;
                for (key, value) in members {
                    self.member(key).see(value.get());
                }
            }
            Some(b'[') => {
                let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else { return };
                self.arrays.see(&elements);
            }
            Some(b'"') => {
                let Ok(text) = serde_json::from_str::<String>(text) else { return };
                self.texts.see(text);
            }
            Some(b't' | b'f') => self.n_bools += 1,
            Some(_) => self.numbers.see(text),
        }
        self.n += 1;
    }

    fn member(&mut self, key: String) -> &mut Self {
        let index = self.members.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.members.push((key, Self::default()));
            self.members.len() - 1
        });
        &mut self.members[index].1
    }
}

impl Numbers {
    fn see(&mut self, text: &str) {
        let digits = text.trim_start_matches('-');
        let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
        self.n += 1;
        if digits.contains(['e', 'E']) {
            self.n_exponents += 1;
            return;
        }
        self.most_digits = self.most_digits.max(before.len());
        self.most_places = self.most_places.max(behind.len());
        if let (true, Ok(number)) = (behind.is_empty() && before.len() <= 38, text.parse::<i128>()) {
            self.least = if self.n_whole == 0 { number } else { self.least.min(number) };
            self.greatest = if self.n_whole == 0 { number } else { self.greatest.max(number) };
            self.n_whole += 1;
        }
    }
}

impl Texts {
    fn see(&mut self, text: String) {
        self.n += 1;
        self.longest = self.longest.max(text.chars().count());
        let shape: String =
            text.chars().take(40).map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
        self.n_dates += usize::from(shape == "0000-00-00");
        if shape.starts_with("0000-00-00T00:00:00") || shape.starts_with("0000-00-00 00:00:00") {
            self.n_times += 1;
            let places = shape.get(19..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
            self.most_places = self.most_places.max(places.bytes().take_while(|it| *it == b'0').count());
        }
        self.n_uuids += usize::from(is_uuid(&text));
        if self.distinct.len() <= MOST_TEXTS || self.distinct.contains_key(&text) {
            *self.distinct.entry(text).or_default() += 1;
        }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl Arrays {
    fn see(&mut self, elements: &[&RawValue]) {
        self.n += 1;
        self.longest = self.longest.max(elements.len());
        let node = self.elements.get_or_insert_default();
        for element in elements {
            self.n_nulls += usize::from(element.get().trim() == "null");
            node.see(element.get());
        }
    }
}
