//! Places: on which line each value of a document stands.
//!
//! In: the text. Out: [`Places`] of each document, by path (`spec.fields[0].name`), and keys that stand twice.
//! serde forgets lines, so the text is parsed a second time, for the lines alone.
//! Not here: values; an alias (`*name`) stands where it is written.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, Span};

/// Words that kubectl, which reads YAML of the first version, takes for true and for false where they stand without quotes.
const YES: [&str; 8] = ["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"];
const NO: [&str; 8] = ["n", "N", "no", "No", "NO", "off", "Off", "OFF"];

/// On which line each value of a document stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    line: usize,
    lines: BTreeMap<String, usize>,
    /// Single values in their order: path and text.
    texts: Vec<(String, String)>,
    duplicates: Vec<(String, usize)>,
    /// Values that stand without quotes.
    plain: BTreeSet<String>,
}

impl Places {
    /// Returns what kubectl reads where this text stands at a path, if that is no text.
    #[must_use]
    pub fn switch(&self, path: &str, text: &str) -> Option<bool> {
        let is_yes = YES.contains(&text);
        ((is_yes || NO.contains(&text)) && self.plain.contains(path)).then_some(is_yes)
    }

    /// Returns the line on which the document begins, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line.max(1)
    }

    /// Returns whether something stands at a path.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.lines.contains_key(path)
    }

    /// Returns the line of a path, or of the nearest one around it that is there.
    #[must_use]
    pub fn line_of(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']).and_then(|end| path.get(..end)) {
                Some(around) => path = around,
                None => return self.line(),
            }
        }
    }

    /// Returns the path of the first single value below `spec` with this text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&str> {
        let mut below = self.texts.iter().filter(|(path, _)| path.starts_with("spec."));
        below.find(|(_, known)| known == text).map(|(path, _)| path.as_str())
    }

    /// Returns the keys that stand twice, with their lines.
    pub fn duplicates(&self) -> impl Iterator<Item = (&str, usize)> {
        self.duplicates.iter().map(|(path, line)| (path.as_str(), *line))
    }

    /// Returns the places of a part, as if it were a document of its own.
    #[must_use]
    pub fn within(&self, part: &str) -> Self {
        let inner = |path: &String| Some(path.strip_prefix(part)?.strip_prefix('.')?.to_owned());
        Self {
            line: self.line_of(part),
            lines: self.lines.iter().filter_map(|(path, line)| Some((inner(path)?, *line))).collect(),
            texts: self.texts.iter().filter_map(|(path, text)| Some((inner(path)?, text.clone()))).collect(),
            duplicates: Vec::new(),
            plain: self.plain.iter().filter_map(inner).collect(),
        }
    }
}

/// A mapping or a sequence that is open.
enum Open {
    /// The path of the mapping, and the key whose value comes next.
    Mapping { path: String, key: Option<String> },
    /// The path of the sequence, and how many elements it had.
    Sequence { path: String, n: usize },
}

/// Returns the places of every document; where the text is no YAML, of those before.
#[must_use]
pub fn of(text: &str) -> Vec<Places> {
    let (mut documents, mut open): (Vec<Places>, Vec<Open>) = (Vec::new(), Vec::new());
    for next in Parser::new_from_str(text) {
        let Ok((event, span)) = next else { break };
        if matches!(event, Event::DocumentStart(..)) {
            documents.push(Places::default());
            open.clear();
        } else if matches!(event, Event::MappingEnd | Event::SequenceEnd) {
            open.pop();
        } else if let Some(places) = documents.last_mut() {
            node(event, &span, places, &mut open);
        }
    }
    documents
}

fn node(event: Event<'_>, span: &Span, places: &mut Places, open: &mut Vec<Open>) {
    let line = span.start.line();
    if let Event::Scalar(text, style, ..) = event {
        if let Some(Open::Mapping { path, key: key @ None }) = open.last_mut() {
            let full = joined(path, &text);
            if places.lines.insert(full.clone(), line).is_some() {
                places.duplicates.push((full, line));
            }
            *key = Some(text.into_owned());
        } else {
            let path = value(open, places, line);
            if style == ScalarStyle::Plain {
                places.plain.insert(path.clone());
            }
            places.texts.push((path, text.into_owned()));
        }
    } else if matches!(event, Event::MappingStart(..)) {
        let path = value(open, places, line);
        open.push(Open::Mapping { path, key: None });
    } else if matches!(event, Event::SequenceStart(..)) {
        let path = value(open, places, line);
        open.push(Open::Sequence { path, n: 0 });
    } else if matches!(event, Event::Alias(..)) {
        value(open, places, line);
    }
}

/// Notes a value, and returns its path.
fn value(open: &mut [Open], places: &mut Places, line: usize) -> String {
    match open.last_mut() {
        None => {
            places.line = line;
            String::new()
        }
        Some(Open::Mapping { path, key }) => joined(path, &key.take().unwrap_or_default()),
        Some(Open::Sequence { path, n }) => {
            let element = format!("{path}[{n}]");
            *n += 1;
            places.lines.insert(element.clone(), line);
            element
        }
    }
}

/// Returns the path of a key.
pub(super) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
