//! The text of an inferred EventSchema: a line a field, as people write it.
//!
//! In: a proposal. Out: YAML. Texts that could be read as something else are quoted.

use crds::event_schema::{FieldSpec, UnknownFields};

use super::propose::Proposal;
use crate::lint::human::{counted, push};

/// Words that YAML takes for something else than text, in its first version or in its second.
const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

/// What stands above the fields.
pub(super) struct Head<'a> {
    /// Name of the object.
    pub(super) name: &'a str,
    /// Its namespace.
    pub(super) namespace: Option<&'a str>,
    /// The event type.
    pub(super) event: &'a str,
    /// How many samples there were.
    pub(super) n_samples: usize,
}

/// Writes an EventSchema.
pub(super) fn yaml(head: &Head<'_>, proposal: &Proposal) -> String {
    let Head { name, namespace, event, n_samples } = head;
    let mut text = format!(
        "# Inferred from {}. Look at every line: which fields are personal\n",
        counted(*n_samples, "sample")
    );
    text.push_str("# (`privacy`), which may be missing (`required`), and what they mean (`description`).\n");
    text.push_str("apiVersion: tributary.dev/v1alpha1\nkind: EventSchema\n");
    let namespace =
        namespace.map(|namespace| format!(", namespace: {}", quoted(namespace))).unwrap_or_default();
    push(&mut text, format_args!("metadata: {{name: {}{namespace}}}\nspec:\n", quoted(name)));
    if event != name {
        push(&mut text, format_args!("  event: {}\n", quoted(event)));
    }
    if proposal.unknown_fields == UnknownFields::Drop {
        text.push_str("  unknownFields: Drop # a column of JSON cannot keep all that the samples hold\n");
    }
    text.push_str("  fields:\n");
    for field in proposal.fields() {
        push(&mut text, format_args!("  - {{{}}}\n", members(&field).join(", ")));
    }
    text
}

fn members(field: &FieldSpec) -> Vec<String> {
    let list = |values: &[String]| values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", ");
    let mut members =
        vec![format!("name: {}", quoted(&field.name)), format!("type: {}", quoted(&field.type_name))];
    if field.required {
        members.push("required: true".to_owned());
    }
    if !field.aliases.is_empty() {
        members.push(format!("aliases: [{}]", list(&field.aliases)));
    }
    if field.coerce {
        members.push("coerce: true".to_owned());
    }
    members.extend(field.max_length.map(|length| format!("maxLength: {length}")));
    if !field.allowed.is_empty() {
        members.push(format!("enum: [{}]", list(&field.allowed)));
    }
    members
}

/// Writes a text so that YAML reads it as that text.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.()".contains(letter))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .chars()
        .map(
            |letter| {
                if is_printable(letter) { letter.to_string() } else { format!("\\u{:04x}", letter as u32) }
            },
        )
        .collect()
}

/// Returns whether YAML takes a letter as it is; what is not, is below 65,536.
fn is_printable(letter: char) -> bool {
    !matches!(letter, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
