//! Propose: fields for what was seen, each with the types that it may have, the tightest first.
//!
//! In: the tree of what was seen. Out: a [`Proposal`]. What no field can name is left to `unknownFields: Capture`.
//! Pure; whether the samples pass is asked later.

use crds::event_schema::{FieldSpec, UnknownFields};

use super::names;
use super::observe::{Arrays, MOST_TEXTS, Node, Numbers, Texts};

/// Most fields of a schema.
const MOST_FIELDS: usize = 200;
/// An object with more different keys is a map, not a structure.
const MOST_KEYS: usize = 60;
/// Objects nested deeper are kept whole.
const MOST_LEVELS: usize = 8;
/// Longest name of a field.
const LONGEST_NAME: usize = 63;
/// So many values must have been seen before few different ones are taken for all there are.
const ENOUGH_FOR_ENUM: usize = 50;
/// How often each of them must have been seen.
const OFTEN: usize = 3;
/// Lengths that people choose.
const LENGTHS: [usize; 8] = [64, 128, 256, 512, 1024, 4096, 65_536, 1_048_576];
/// From 2001 on, in seconds and in milliseconds since 1970.
const SECONDS: std::ops::Range<i128> = 1_000_000_000..4_000_000_000;
const MILLISECONDS: std::ops::Range<i128> = 1_000_000_000_000..4_000_000_000_000;

/// A field that may be.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Path as it is sent.
    pub(super) sent: String,
    /// The field as it is, and as it may be loosened to, the loosest first.
    pub(super) options: Vec<FieldSpec>,
}

/// A schema that may be.
#[derive(Debug, Clone)]
pub(super) struct Proposal {
    /// The fields, in the order in which they came first.
    pub(super) candidates: Vec<Candidate>,
    /// What happens to all else.
    pub(super) unknown_fields: UnknownFields,
}

impl Proposal {
    /// Returns the fields as they are now. A schema has at least one, even where no sample has one that could be named.
    pub(super) fn fields(&self) -> Vec<FieldSpec> {
        if self.candidates.is_empty() {
            return vec![FieldSpec { name: "no_field_was_found".to_owned(), ..of_type("String") }];
        }
        self.candidates.iter().filter_map(|candidate| candidate.options.last().cloned()).collect()
    }
}

/// Proposes a schema for the events below a root.
pub(super) fn propose(root: &Node, event_path: &str) -> Proposal {
    let mut leaves = Vec::new();
    for (key, node) in &root.members {
        // Where a pipeline finds type, id and time unless it says otherwise.
        if !["event", "event_id", "event_time"].contains(&key.as_str()) {
            collect(&mut vec![key], node, &mut leaves);
        }
    }
    leaves.retain(|leaf| leaf.sent != event_path);
    let names = named(&leaves);
    let candidates = leaves.iter().zip(names).filter_map(|(leaf, name)| candidate(leaf, &name?, root.n));
    Proposal { candidates: candidates.take(MOST_FIELDS).collect(), unknown_fields: UnknownFields::Capture }
}

/// A path with values of its own.
struct Leaf<'a> {
    keys: Vec<&'a str>,
    sent: String,
    node: &'a Node,
}

fn collect<'a>(keys: &mut Vec<&'a str>, node: &'a Node, leaves: &mut Vec<Leaf<'a>>) {
    let is_structure = node.n_objects == node.n && (1..=MOST_KEYS).contains(&node.members.len());
    if is_structure && keys.len() < MOST_LEVELS {
        for (key, member) in &node.members {
            keys.push(key);
            collect(keys, member, leaves);
            keys.pop();
        }
    } else {
        leaves.push(Leaf { keys: keys.clone(), sent: keys.join("."), node });
    }
}

/// Names the leaves. Who is sent under a sound name keeps it; the others get one that meets no name and no path of another.
fn named(leaves: &[Leaf<'_>]) -> Vec<Option<String>> {
    let wanted: Vec<Option<String>> = leaves.iter().map(|leaf| names::field(&leaf.keys)).collect();
    let keeps = |(leaf, name): (&Leaf<'_>, &Option<String>)| name.clone().filter(|name| *name == leaf.sent);
    let mut names: Vec<Option<String>> = leaves.iter().zip(&wanted).map(keeps).collect();
    for (index, name) in wanted.into_iter().enumerate() {
        let Some(mut name) = name.filter(|_| names.get(index).is_some_and(Option::is_none)) else { continue };
        let is_free = |name: &str| {
            let sent = leaves.iter().enumerate().filter(|(other, _)| *other != index);
            let taken = names.iter().flatten();
            !sent.map(|(_, leaf)| &leaf.sent).chain(taken.clone()).any(|other| meet(name, other))
                && !taken.clone().any(|other| other.replace('.', "_") == name.replace('.', "_"))
        };
        while !is_free(&name) && name.len() <= LONGEST_NAME {
            name.push_str("_2");
        }
        names[index] = Some(name).filter(|name| name.len() <= LONGEST_NAME);
    }
    // Two sound names may still share a column: `a.b` and `a_b`.
    for index in 0..names.len() {
        let column = |name: &Option<String>| name.as_ref().map(|name| name.replace('.', "_"));
        let is_second = names[..index]
            .iter()
            .any(|earlier| earlier.is_some() && column(earlier) == column(&names[index]));
        if is_second {
            names[index] = None;
        }
    }
    names
}

/// Returns whether two paths are one, or one lies inside the other.
fn meet(left: &str, right: &str) -> bool {
    let inside =
        |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    left == right || inside(left, right) || inside(right, left)
}

fn candidate(leaf: &Leaf<'_>, name: &str, n_events: usize) -> Option<Candidate> {
    let mut options = options(leaf.node, leaf.keys.last().copied().unwrap_or_default());
    for option in &mut options {
        name.clone_into(&mut option.name);
        option.required = leaf.node.n == n_events;
        option.aliases = if name == leaf.sent { Vec::new() } else { vec![leaf.sent.clone()] };
    }
    (!options.is_empty()).then(|| Candidate { sent: leaf.sent.clone(), options })
}

fn of_type(type_name: impl Into<String>) -> FieldSpec {
    FieldSpec { type_name: type_name.into(), ..FieldSpec::default() }
}

/// Returns what a field may be, the loosest first; nothing where nothing is known of it.
fn options(node: &Node, key: &str) -> Vec<FieldSpec> {
    let n = node.n;
    if n == 0 {
        Vec::new()
    } else if node.n_bools == n {
        vec![of_type("Bool")]
    } else if node.numbers.n == n {
        of_numbers(&node.numbers, key)
    } else if node.texts.n == n {
        of_texts(&node.texts)
    } else if node.arrays.n == n {
        of_arrays(&node.arrays)
    } else if node.n_objects == n {
        vec![of_type("Json")]
    } else {
        Vec::new()
    }
}

fn of_numbers(numbers: &Numbers, key: &str) -> Vec<FieldSpec> {
    let Numbers { n, n_whole, least, greatest, n_exponents, most_digits, most_places } = *numbers;
    let mut options = vec![of_type("Float64")];
    if n_exponents > 0 || most_places > 9 {
        return options;
    }
    if most_digits + most_places <= 38 {
        options.push(of_type(format!("Decimal(38, {most_places})")));
    }
    if n_whole < n {
        // Room for numbers a thousand times as large.
        if most_digits + most_places + 3 <= 18 {
            options.push(of_type(format!("Decimal(18, {most_places})")));
        }
        return options;
    }
    if u64::try_from(least).is_ok() && u64::try_from(greatest).is_ok() {
        options.push(of_type("UInt64"));
    }
    if i64::try_from(least).is_ok() && i64::try_from(greatest).is_ok() {
        options.push(of_type("Int64"));
    }
    let within = |range: &std::ops::Range<i128>| range.contains(&least) && range.contains(&greatest);
    if is_named_like_a_time(key) && (within(&SECONDS) || within(&MILLISECONDS)) {
        options.push(FieldSpec { coerce: true, ..of_type("DateTime64(3)") });
    }
    options
}

fn is_named_like_a_time(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["ts", "time", "timestamp", "date"].iter().any(|word| key.ends_with(word))
        || key.ends_with("_at")
        || (key.ends_with("at") && key.len() > 6)
}

fn of_texts(texts: &Texts) -> Vec<FieldSpec> {
    let mut text = of_type("String");
    if texts.is_closed() {
        text.allowed = texts.distinct.keys().cloned().collect();
    }
    let mut options = vec![of_type("String")];
    let length = length(texts.longest);
    options.extend(length.map(|length| FieldSpec { max_length: Some(length), ..of_type("String") }));
    if !text.allowed.is_empty() {
        options.push(text);
    }
    let all = |seen: usize| seen == texts.n;
    if all(texts.n_dates) {
        options.push(of_type("Date"));
    } else if all(texts.n_times) {
        options.push(of_type(format!("DateTime64({})", texts.most_places.clamp(3, 9))));
    } else if all(texts.n_uuids) {
        options.push(of_type("UUID"));
    }
    options
}

impl Texts {
    /// Returns whether the few different texts are likely all that there are.
    fn is_closed(&self) -> bool {
        let is_word = |text: &String| {
            !text.is_empty()
                && text.len() <= 64
                && text.chars().all(|it| it.is_alphanumeric() || " _-./:".contains(it))
        };
        self.n >= ENOUGH_FOR_ENUM
            && self.distinct.len() <= MOST_TEXTS
            && self.distinct.iter().all(|(text, n)| *n >= OFTEN && is_word(text))
    }
}

fn of_arrays(arrays: &Arrays) -> Vec<FieldSpec> {
    let Some(elements) = arrays.elements.as_deref().filter(|_| arrays.n_nulls == 0) else {
        return Vec::new();
    };
    let is_scalar = elements.n_bools + elements.numbers.n + elements.texts.n == elements.n;
    if !is_scalar || elements.n == 0 {
        return Vec::new();
    }
    let array = |element: FieldSpec| FieldSpec {
        max_length: length(arrays.longest),
        ..of_type(format!("Array({})", element.type_name))
    };
    let mut options: Vec<FieldSpec> = options(elements, "").into_iter().map(array).collect();
    options.dedup();
    options
}

/// Returns the least usual length that is at least twice as long as what was seen.
fn length(longest: usize) -> Option<u32> {
    let length = LENGTHS.into_iter().find(|length| *length >= longest * 2)?;
    u32::try_from(length).ok()
}
