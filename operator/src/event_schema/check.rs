//! Check: whether a spec is understood, and whether it may follow the version accepted before. Pure.
//!
//! In: the spec and the accepted version. Out: the version in force after it, and all that is wrong.
//! A spec that differs from the accepted one in anything at all is a new version; one that is refused leaves the accepted
//! one in force. Not here: columns of other schemas; pipelines look at those.

use crds::EventSchemaSpec;
use crds::conditions::{ConditionType, Reason};
use crds::event_schema::AcceptedVersion;
use crds::schema::problems::Problems;
use crds::schema::{Schema, evolution};

use crate::fault::{Cure, Fault};

/// What was found of a spec.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The version in force.
    pub accepted: Option<AcceptedVersion>,
    /// Why the spec is not it; empty when it is.
    pub faults: Vec<Fault>,
}

/// Judges a spec.
pub fn check(name: &str, spec: &EventSchemaSpec, before: Option<&AcceptedVersion>) -> Judged {
    let before_differs = before.filter(|before| before.spec != *spec);
    let version = match (before, before_differs) {
        (None, _) => 1,
        (Some(before), None) => before.version,
        (Some(before), Some(_)) => before.version.saturating_add(1),
    };
    let new = match Schema::parse(name, version, spec) {
        Ok(new) => new,
        Err(problems) => return refused(Reason::SpecInvalid, &problems, before),
    };
    // An accepted version that this build does not understand any more is used by nobody, and binds nobody.
    let old = before_differs.and_then(|before| Schema::parse(name, before.version, &before.spec).ok());
    if let Some(old) = old
        && let Err(problems) = evolution::judge(spec.compatibility, &evolution::compare(&old, &new))
    {
        return refused(Reason::SchemaIncompatible, &problems, before);
    }
    Judged { accepted: Some(AcceptedVersion { version, spec: spec.clone() }), faults: Vec::new() }
}

fn refused(reason: Reason, problems: &Problems, before: Option<&AcceptedVersion>) -> Judged {
    let fault = |message| Fault::new(ConditionType::SchemaAccepted, reason, Cure::Change, message);
    let mut faults: Vec<Fault> = problems.0.iter().map(|problem| fault(problem.to_string())).collect();
    if let (Some(before), Some(last)) = (before, faults.last_mut()) {
        last.message = format!("{}; version {} stays in force", last.message, before.version);
    }
    Judged { accepted: before.cloned(), faults }
}

#[cfg(test)]
mod tests;
