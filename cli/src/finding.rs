//! Finding: one thing that is wrong, with where it stands, why, and what to do.
//!
//! In: what the apiserver's judge or the operator's checks say of a document. Out: [`Finding`]s; the reason is the word that
//! would stand in the object's condition.
//! Faults of the operator name the field within their message, in backticks; that is where the line comes from.

use std::fmt;

use crds::admission::judge::Refusal;
use crds::conditions::Reason;
use operator::fault::Fault;
use serde::Serialize;

use crate::documents::places::Places;
use crate::documents::{Broken, Document};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// File, or `-`.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// `EventSchema shop/purchase`; empty where the text holds no object.
    pub object: String,
    /// Path of the field; empty where the whole object is meant.
    pub field: String,
    /// The reason of the condition.
    pub reason: Reason,
    /// What is wrong and what to do.
    pub message: String,
    /// What to do for this reason in general.
    pub remedy: &'static str,
}

impl Finding {
    /// Tells what is wrong at a path of a document.
    #[must_use]
    pub fn new(document: &Document, object: &str, path: &str, (reason, message): (Reason, String)) -> Self {
        Self {
            file: document.file.clone(),
            line: document.places.line_of(path),
            object: object.to_owned(),
            field: path.to_owned(),
            reason,
            message,
            remedy: reason.remedy(),
        }
    }

    /// Tells what the apiserver refuses.
    #[must_use]
    pub fn of_refusal(document: &Document, object: &str, refusal: Refusal) -> Self {
        let Refusal { path, message } = refusal;
        Self::new(document, object, &path, (Reason::SpecInvalid, message))
    }

    /// Tells what the operator finds.
    #[must_use]
    pub fn of_fault(document: &Document, object: &str, fault: &Fault) -> Self {
        let path = place(&document.places, &fault.message);
        Self::new(document, object, &path, (fault.reason, fault.message.clone()))
    }

    /// Tells what is wrong with a text.
    #[must_use]
    pub fn of_broken(broken: Broken) -> Self {
        let Broken { file, line, message } = broken;
        let reason = Reason::Unreadable;
        let (object, field) = (String::new(), String::new());
        Self { file, line, object, field, reason, message, remedy: reason.remedy() }
    }
}

impl Finding {
    /// Returns the message, behind the field where it does not name it itself.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { field, message, .. } = self;
        let last = field.rsplit('.').next().unwrap_or_default();
        let names_field =
            message.starts_with('`') || message.contains(field) || message.contains(&format!("`{last}`"));
        if field.is_empty() || names_field { message.clone() } else { format!("`{field}`: {message}") }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, object, reason, .. } = self;
        write!(formatter, "{file}:{line}: ")?;
        if !object.is_empty() {
            write!(formatter, "{object}: ")?;
        }
        write!(formatter, "{reason}: {}", self.told())
    }
}

/// Returns the path that a message speaks of: the first of its quoted words that stands in the document.
fn place(places: &Places, message: &str) -> String {
    message.split('`').skip(1).step_by(2).find_map(|word| path_of(places, word)).unwrap_or_default()
}

fn path_of(places: &Places, word: &str) -> Option<String> {
    let below = format!("spec.{word}");
    if word.starts_with("spec.") || word.starts_with("metadata.") {
        Some(word.to_owned())
    } else if places.has(&below) {
        Some(below)
    } else {
        places.find(word).map(|path| path.trim_end_matches(".name").to_owned())
    }
}
