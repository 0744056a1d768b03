//! Fault: one thing that keeps an object from being ready, and what mends it.
//!
//! In: what a step found. Out: the condition it belongs to, one reason, one message that names field, rule and remedy.
//! Not here: what is done about it; `status.rs` turns faults into conditions and `controllers.rs` into waiting times.

use crds::conditions::{ConditionType, Reason};
use crds::schema::problems::Problems;

/// What mends a fault, and so when the object is looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cure {
    /// The fault goes by itself, or when a service comes back: it is tried again with growing distance.
    Retry,
    /// Another object must come or change: a watch tells, or a look every few seconds where nothing may be watched.
    Dependency,
    /// Somebody must change the object: nothing happens until then.
    Change,
}

/// One thing that keeps an object from being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The condition that it makes False.
    pub about: ConditionType,
    /// Why, in one word.
    pub reason: Reason,
    /// What mends it.
    pub cure: Cure,
    /// What is wrong and what to do.
    pub message: String,
}

impl Fault {
    /// Makes a fault of the spec: a rule that the apiserver cannot check.
    pub fn spec(message: impl Into<String>) -> Self {
        Self::new(ConditionType::Ready, Reason::SpecInvalid, Cure::Change, message)
    }

    /// Makes a fault that another object must mend.
    pub fn dependency(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ConditionType::Ready, reason, Cure::Dependency, message)
    }

    /// Makes a fault.
    pub fn new(about: ConditionType, reason: Reason, cure: Cure, message: impl Into<String>) -> Self {
        Self { about, reason, cure, message: message.into() }
    }

    /// Makes one fault of the spec for each problem.
    pub fn of_problems(problems: &Problems) -> Vec<Self> {
        problems.0.iter().map(|problem| Self::spec(problem.to_string())).collect()
    }
}

/// Returns the fault that speaks for all: the one that is hardest to mend, the first of those.
pub fn gravest(faults: &[Fault]) -> Option<&Fault> {
    let gravest = faults.iter().map(|fault| fault.cure).max()?;
    faults.iter().find(|fault| fault.cure == gravest)
}
