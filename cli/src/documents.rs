//! Documents: the objects in a text, each with the lines on which its values stand.
//!
//! In: a [`Source`]. Out: [`Document`]s, and what is wrong with the text itself: a place that is no YAML, a key that stands twice.
//! A `List`, as `kubectl get -o yaml` prints it, is taken apart.
//! Not here: kinds.

pub mod places;

use serde::Deserialize;
use serde_json::Value;

use crate::files::Source;
use places::Places;

/// An object as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Name of the source.
    pub file: String,
    /// Where its values stand.
    pub places: Places,
    /// The object.
    pub value: Value,
}

/// Something that is wrong with a text before anybody looks at kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Name of the source.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads the documents of a text. What stands behind a place that is no YAML is not looked at.
#[must_use]
pub fn parse(source: &Source) -> (Vec<Document>, Vec<Broken>) {
    let file = || source.name.clone();
    let mut places = places::of(&source.text).into_iter();
    let (mut documents, mut broken) = (Vec::new(), Vec::new());
    for document in serde_yaml::Deserializer::from_str(&source.text) {
        let places = places.next().unwrap_or_default();
        match Value::deserialize(document) {
            Ok(mut value) => {
                as_kubectl_reads("", &mut value, &places);
                broken.extend(places.duplicates().map(|(path, line)| Broken {
                    file: file(),
                    line,
                    message: format!("`{path}` stands twice; remove one of the two"),
                }));
                take_apart(Document { file: file(), places, value }, &mut documents);
            }
            Err(error) => {
                let line = error.location().map_or(places.line(), |location| location.line());
                broken.push(Broken { file: file(), line, message: format!("this is no YAML: {error}") });
                break;
            }
        }
    }
    (documents, broken)
}

/// `no` without quotes is false for kubectl, and text for the newer YAML that serde reads.
fn as_kubectl_reads(path: &str, value: &mut Value, places: &Places) {
    match value {
        Value::String(text) => {
            if let Some(switch) = places.switch(path, text) {
                *value = Value::Bool(switch);
            }
        }
        Value::Array(list) => {
            let elements = list.iter_mut().enumerate();
            elements.for_each(|(index, item)| as_kubectl_reads(&format!("{path}[{index}]"), item, places));
        }
        Value::Object(object) => {
            let members = object.iter_mut();
            members.for_each(|(key, item)| as_kubectl_reads(&places::joined(path, key), item, places));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn take_apart(document: Document, documents: &mut Vec<Document>) {
    let is_list = document.value["apiVersion"] == "v1" && document.value["kind"] == "List";
    match document.value.get("items").and_then(Value::as_array) {
        Some(items) if is_list => {
            for (index, item) in items.iter().enumerate() {
                let places = document.places.within(&format!("items[{index}]"));
                documents.push(Document { file: document.file.clone(), places, value: item.clone() });
            }
        }
        _ if document.value.is_null() => {}
        _ => documents.push(document),
    }
}
