//! Status: conditions that follow kstatus, built the same way for the three kinds. Pure.
//!
//! In: the conditions before, and what the steps found. Out: the conditions after, in a fixed order.
//! `Ready` is always there; `Reconciling` and `Stalled` only when True, and never both. A transition time moves only when
//! the status does. A condition that this look could not judge is kept as it was.

use crds::conditions::{ConditionType, Reason};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::fault::{self, Cure, Fault};

/// Longest message that the apiserver takes, in bytes.
const MESSAGE_LIMIT: usize = 32_768;

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It was not looked at yet.
    Unknown,
}

impl Truth {
    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// How an object stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Faults keep it from being ready.
    Faulty(&'a [Fault]),
    /// Work is under way; the text says what is waited for.
    Progressing(&'a str),
    /// All is as it should be.
    Settled(Reason, &'a str),
}

/// Conditions in the making.
#[derive(Debug, Clone)]
pub struct Conditions<'a> {
    before: &'a [Condition],
    generation: Option<i64>,
    now: Timestamp,
    after: Vec<(ConditionType, Condition)>,
}

impl<'a> Conditions<'a> {
    /// Begins with the conditions as they were.
    pub fn new(before: &'a [Condition], generation: Option<i64>, now: Timestamp) -> Self {
        Self { before, generation, now, after: Vec::new() }
    }

    /// Says how one condition is.
    pub fn say(&mut self, kind: ConditionType, truth: Truth, reason: Reason, message: &str) {
        let type_ = kind.to_string();
        let since =
            self.before.iter().find(|before| before.type_ == type_ && before.status == truth.as_str());
        let condition = Condition {
            type_,
            status: truth.as_str().into(),
            reason: reason.as_str().into(),
            message: shortened(message, MESSAGE_LIMIT),
            observed_generation: self.generation,
            last_transition_time: since.map_or(Time(self.now), |since| since.last_transition_time.clone()),
        };
        self.after.push((kind, condition));
    }

    /// Keeps a condition that this look could not judge; one that never was is Unknown, for the reason given.
    pub fn keep(&mut self, kind: ConditionType, reason: Reason, message: &str) {
        match self.before.iter().find(|before| before.type_ == kind.to_string()) {
            Some(before) => self.after.push((kind, before.clone())),
            None => self.say(kind, Truth::Unknown, reason, message),
        }
    }

    /// Says a condition that one step decides: False for the faults about it, else what `otherwise` says.
    pub fn step(&mut self, kind: ConditionType, faults: &[Fault], otherwise: impl FnOnce(&mut Self)) {
        let about: Vec<Fault> = faults.iter().filter(|fault| fault.about == kind).cloned().collect();
        match fault::gravest(&about) {
            Some(gravest) => self.say(kind, Truth::False, gravest.reason, &joined(&about)),
            None => otherwise(self),
        }
    }

    /// Says `Ready`, and `Reconciling` or `Stalled` where they apply.
    pub fn stand(&mut self, standing: &Standing<'_>) {
        match *standing {
            Standing::Faulty(faults) => {
                let Some(gravest) = fault::gravest(faults) else { return };
                let message = joined(faults);
                self.say(ConditionType::Ready, Truth::False, gravest.reason, &message);
                let kind = match gravest.cure {
                    Cure::Change => ConditionType::Stalled,
                    Cure::Dependency | Cure::Retry => ConditionType::Reconciling,
                };
                self.say(kind, Truth::True, gravest.reason, &message);
            }
            Standing::Progressing(message) => {
                self.say(ConditionType::Ready, Truth::False, Reason::Progressing, message);
                self.say(ConditionType::Reconciling, Truth::True, Reason::Progressing, message);
            }
            Standing::Settled(reason, message) => {
                self.say(ConditionType::Ready, Truth::True, reason, message)
            }
        }
    }

    /// Returns the conditions, in a fixed order.
    pub fn finish(mut self) -> Vec<Condition> {
        self.after.sort_by_key(|(kind, _)| *kind);
        self.after.into_iter().map(|(_, condition)| condition).collect()
    }
}

/// Finds a condition by type.
pub fn find(conditions: &[Condition], kind: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == kind.to_string())
}

/// Cuts a text to a number of bytes, at a character's end.
pub fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit - '…'.len_utf8()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", text.get(..end).unwrap_or_default())
}

fn joined(faults: &[Fault]) -> String {
    let mut messages: Vec<&str> = Vec::new();
    for fault in faults {
        if !messages.contains(&fault.message.as_str()) {
            messages.push(&fault.message);
        }
    }
    messages.join("; ")
}

#[cfg(test)]
mod kstatus;
#[cfg(test)]
mod tests;
