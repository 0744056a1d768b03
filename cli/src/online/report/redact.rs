//! Redact: takes out of a report what nobody else may read.
//!
//! In: values as they were found, and the secrets that are known. Out: the same without secrets and without values of properties. Pure.
//! What a schema lists as values (`enum`, `default`, texts within rules and selections, patterns) counts as such, wherever it stands again,
//! in a message for one. Of an address, host and port stay: path and query may hold a key.

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Stands for what was taken out.
const GONE: &str = "(taken out)";
/// A shorter secret is not looked for within other words.
const LONG: usize = 4;

/// What must not be in a report.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    secrets: BTreeSet<String>,
    values: BTreeSet<String>,
}

impl Hidden {
    /// Begins with the secrets that are known.
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Self { secrets, values: BTreeSet::new() }
    }

    /// Takes out of a report what must not be in it.
    pub(crate) fn redact(mut self, mut report: Value) -> Value {
        self.open(&mut report);
        self.cover(&mut report);
        report
    }

    /// Takes out what stands under names that hold values, and remembers it.
    fn open(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove("managedFields");
                    metadata.remove("annotations");
                }
                for (name, member) in members.iter_mut() {
                    match name.as_str() {
                        "enum" | "default" | "pattern" => self.hide(member),
                        "rule" | "when" => self.hide_texts(member),
                        "url" => shorten(member),
                        _ => self.open(member),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.open(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn hide(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::String(text) => {
                self.values.insert(std::mem::replace(text, GONE.to_owned()));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => *value = json!(GONE),
        }
    }

    /// Takes the quoted texts out of an expression.
    fn hide_texts(&mut self, value: &mut Value) {
        let Value::String(expression) = value else { return self.open(value) };
        let mut shown = String::new();
        let mut rest = expression.as_str();
        while let Some(start) = rest.find(['"', '\'']) {
            let (before, quoted) = rest.split_at(start);
            shown.push_str(before);
            let mut letters = quoted.char_indices();
            let quote = letters.next().map(|(_, quote)| quote);
            let mut escaped = false;
            let end = letters.find(|(_, letter)| {
                let is_end = !escaped && Some(*letter) == quote;
                escaped = !escaped && *letter == '\\';
                is_end
            });
            // A text that never ends is hidden to the last letter.
            let end = end.map_or(quoted.len(), |(end, _)| end + 1);
            let (text, after) = quoted.split_at(end);
            self.values.insert(text.trim_matches(['"', '\'']).to_owned());
            shown.push_str(&format!("\"{GONE}\""));
            rest = after;
        }
        shown.push_str(rest);
        *expression = shown;
    }

    /// Takes out what was remembered, wherever it stands.
    fn cover(&self, value: &mut Value) {
        match value {
            Value::Object(members) => members.values_mut().for_each(|member| self.cover(member)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.cover(item)),
            Value::String(text) => self.cover_text(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn cover_text(&self, text: &mut String) {
        for secret in &self.secrets {
            if secret.len() >= LONG {
                *text = text.replace(secret, GONE);
            } else {
                *text = replace_word(text, secret);
            }
        }
        for hidden in self.values.iter().filter(|hidden| !hidden.is_empty() && *hidden != GONE) {
            *text = replace_word(text, hidden);
        }
    }
}

/// Replaces a text where it stands quoted, as messages name values.
fn replace_word(text: &str, word: &str) -> String {
    let mut shown = text.to_owned();
    for quote in ['`', '"', '\''] {
        shown = shown.replace(&format!("{quote}{word}{quote}"), &format!("{quote}{GONE}{quote}"));
    }
    if shown == word { GONE.to_owned() } else { shown }
}

/// Leaves scheme, host and port of an address.
fn shorten(value: &mut Value) {
    let Value::String(url) = value else { return };
    let Some((scheme, rest)) = url.split_once("://") else {
        *url = GONE.to_owned();
        return;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_whole = host == rest.trim_end_matches('/');
    *url = if is_whole { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{GONE}") };
}

#[cfg(test)]
mod tests;
