//! Evolution: what changed between two versions of a schema, and whether that may be.
//!
//! In: the accepted version and the new one. Out: [`Change`]s, and the [`Problems`] of those that the compatibility refuses.
//! Not here: the table. A column is only ever added or widened; a field that goes leaves its column behind.
//!
//! Backward: the new version accepts every event that the old one accepted. Forward: the old version accepts every event
//! that the new one accepts. Full: both. None: neither is asked, but what the table cannot take is refused all the same.

mod constraints;

use super::Schema;
use super::field::{Field, FieldType};
use super::problems::Problems;
use crate::event_schema::{Compatibility, UnknownFields};

/// One difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Name of the field; a field of the spec such as `rules` when no field is meant.
    pub field: String,
    /// What changed.
    pub what: String,
    /// What to do instead, when the new version refuses events that the old one accepted.
    pub breaks_backward: Option<&'static str>,
    /// What to do instead, when the old version refuses events that the new one accepts.
    pub breaks_forward: Option<&'static str>,
    /// What to do instead, when the table cannot follow.
    pub breaks_table: Option<&'static str>,
}

impl Change {
    pub(crate) fn new(field: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            what: what.into(),
            breaks_backward: None,
            breaks_forward: None,
            breaks_table: None,
        }
    }

    pub(crate) fn tightens(mut self, remedy: &'static str) -> Self {
        self.breaks_backward = Some(remedy);
        self
    }

    pub(crate) fn loosens(mut self, remedy: &'static str) -> Self {
        self.breaks_forward = Some(remedy);
        self
    }
}

/// Lists every difference, in the order of the new version, removed fields last.
#[must_use]
pub fn compare(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut changes = Vec::new();
    event_types(old, new, &mut changes);
    unknown_fields(old, new, &mut changes);
    for field in &new.fields {
        match old.fields.iter().find(|known| known.path == field.path) {
            Some(known) => compare_field(known, field, &mut changes),
            None => changes.push(added(old, field)),
        }
        let column = |other: &&Field| other.path != field.path && other.column == field.column;
        if let Some(former) = old.fields.iter().find(column) {
            changes.extend(column_conflict(former, field));
        }
    }
    for field in &old.fields {
        if !new.fields.iter().any(|kept| kept.path == field.path) {
            changes.push(removed(new, field));
        }
    }
    rules(old, new, &mut changes);
    changes
}

/// Judges the changes: nothing else than what the compatibility allows and the table can take.
///
/// # Errors
/// With every change that is refused, why, and what to do instead.
pub fn judge(compatibility: Compatibility, changes: &[Change]) -> Result<(), Problems> {
    let backward = matches!(compatibility, Compatibility::Backward | Compatibility::Full);
    let forward = matches!(compatibility, Compatibility::Forward | Compatibility::Full);
    let mut problems = Problems::default();
    for change in changes {
        let refusal = if let Some(remedy) = change.breaks_table {
            Some(("the table cannot follow", remedy))
        } else if let Some(remedy) = change.breaks_backward.filter(|_| backward) {
            Some(("events that were accepted would be rejected (Backward)", remedy))
        } else {
            change.breaks_forward.filter(|_| forward).map(|remedy| {
                ("the version before would reject events that are accepted now (Forward)", remedy)
            })
        };
        if let Some((why, remedy)) = refusal {
            problems.add(&change.field, format!("{}, but {why}; {remedy}", change.what));
        }
    }
    problems.or(())
}

fn event_types(old: &Schema, new: &Schema, changes: &mut Vec<Change>) {
    let names = |schema: &Schema| -> Vec<String> {
        [&schema.event].into_iter().chain(&schema.event_aliases).cloned().collect()
    };
    let (before, after) = (names(old), names(new));
    for name in before.iter().filter(|name| !after.contains(name)) {
        changes.push(
            Change::new("event", format!("event type `{name}` goes"))
                .tightens("keep it in `eventAliases`, or make a new EventSchema"),
        );
    }
    for name in after.iter().filter(|name| !before.contains(name)) {
        changes.push(
            Change::new("event", format!("event type `{name}` is added"))
                .loosens("make a new EventSchema for it"),
        );
    }
}

fn unknown_fields(old: &Schema, new: &Schema, changes: &mut Vec<Change>) {
    if old.unknown_fields == new.unknown_fields {
        return;
    }
    let change = Change::new(
        "unknownFields",
        format!("unknownFields goes from {:?} to {:?}", old.unknown_fields, new.unknown_fields),
    );
    changes.push(match (old.unknown_fields, new.unknown_fields) {
        (_, UnknownFields::Reject) => change.tightens("keep Capture or Drop, or make a new EventSchema"),
        (UnknownFields::Reject, _) => change.loosens("keep Reject, or make a new EventSchema"),
        (UnknownFields::Capture | UnknownFields::Drop, _) => change,
    });
}

fn added(old: &Schema, field: &Field) -> Change {
    let name = field.name();
    let mut change = if field.required {
        Change::new(name, "a required field is added")
            .tightens("make it optional (`required: false`), or give it a `default` instead")
    } else {
        Change::new(name, "an optional field is added")
    };
    if old.unknown_fields == UnknownFields::Reject {
        change = change.loosens("set `unknownFields: Capture` in a change of its own first");
    }
    change
}

fn removed(new: &Schema, field: &Field) -> Change {
    let mut change = Change::new(
        field.name(),
        if field.required { "a required field goes" } else { "an optional field goes" },
    );
    if field.required {
        change =
            change.loosens("make it optional first (`required: false`) under Backward or None, or keep it");
    }
    if new.unknown_fields == UnknownFields::Reject {
        change = change.tightens("keep the field, or set `unknownFields: Capture`");
    }
    change
}

fn compare_field(old: &Field, new: &Field, changes: &mut Vec<Change>) {
    let name = new.name();
    if old.field_type != new.field_type {
        changes.push(type_change(old, new));
    }
    if !old.required && new.required {
        changes.push(Change::new(&name, "the field becomes required").tightens(
            "leave it optional, or give it a `default`; a rule with has() can ask for it under conditions",
        ));
    }
    if old.required && !new.required {
        changes.push(Change::new(&name, "the field becomes optional").loosens("leave it required"));
    }
    if old.coerce != new.coerce {
        let change = Change::new(&name, format!("coerce becomes {}", new.coerce));
        changes.push(if new.coerce {
            change.loosens("leave coerce as it is")
        } else {
            change.tightens("leave coerce as it is")
        });
    }
    if old.privacy != new.privacy {
        // Never refused: nobody may be kept from protecting a value.
        changes.push(Change::new(&name, format!("privacy goes from {:?} to {:?}", old.privacy, new.privacy)));
    }
    aliases(old, new, changes);
    constraints::compare(old, new, changes);
}

/// Judges a type by the table first: it takes a wider type, and it keeps a type that is wider than asked.
fn type_change(old: &Field, new: &Field) -> Change {
    let change =
        Change::new(new.name(), format!("the type goes from {} to {}", old.field_type, new.field_type));
    match (old.field_type, new.field_type) {
        (FieldType::Scalar(from), FieldType::Scalar(to)) | (FieldType::Array(from), FieldType::Array(to))
            if from.widens_to(to) =>
        {
            change.loosens("keep the type, or add a new field with the wider type")
        }
        (FieldType::Scalar(from), FieldType::Scalar(to)) | (FieldType::Array(from), FieldType::Array(to))
            if to.widens_to(from) =>
        {
            change.tightens("keep the type: it takes every value of the narrower one")
        }
        _ => Change { breaks_table: Some(NEW_FIELD), ..change },
    }
}

const NEW_FIELD: &str = "keep the type, and add a new field with the new type under another name";

/// Two fields of different paths share a column over time, as `device.os` and `device_os` do.
fn column_conflict(former: &Field, field: &Field) -> Option<Change> {
    let (before, after) = (former.column()?.column_type, field.column()?.column_type);
    let fits = before.widens_to(&after) || after.widens_to(&before);
    (!fits).then(|| Change {
        breaks_table: Some("give the new field another name"),
        ..Change::new(
            field.name(),
            format!(
                "the column `{}` was {before} for field `{}` and would be {after}",
                field.column,
                former.name()
            ),
        )
    })
}

fn aliases(old: &Field, new: &Field, changes: &mut Vec<Change>) {
    for alias in old.aliases.iter().filter(|alias| !new.aliases.contains(alias)) {
        let change = Change::new(new.name(), format!("the alias `{}` goes", alias.join(".")));
        // Without the alias, an optional field is merely missing, and the value is an unknown field.
        changes.push(if new.required {
            change.tightens("keep the alias, or make the field optional")
        } else {
            change
        });
    }
    for alias in new.aliases.iter().filter(|alias| !old.aliases.contains(alias)) {
        let change = Change::new(new.name(), format!("the alias `{}` is added", alias.join(".")));
        changes.push(if old.required {
            change.loosens("have the sources send the field's name")
        } else {
            change
        });
    }
}

fn rules(old: &Schema, new: &Schema, changes: &mut Vec<Change>) {
    let has =
        |schema: &Schema, source: &str| schema.rules.iter().any(|rule| rule.expression.source() == source);
    for rule in new.rules.iter().filter(|rule| !has(old, rule.expression.source())) {
        changes.push(
            Change::new("rules", format!("the rule `{}` is added", rule.expression.source()))
                .tightens("leave the rule out, or add it with `compatibility: Forward` or `None`"),
        );
    }
    for rule in old.rules.iter().filter(|rule| !has(new, rule.expression.source())) {
        changes.push(
            Change::new("rules", format!("the rule `{}` goes", rule.expression.source()))
                .loosens("keep the rule"),
        );
    }
}

#[cfg(test)]
mod tests;
