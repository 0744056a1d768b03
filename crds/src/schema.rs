//! Schema: an EventSchema that has been understood.
//!
//! In: an [`EventSchemaSpec`]. Out: [`Schema`], complete and checked, or *all* of its [`Problems`] at once.
//! Not here: events. The processor's `check` applies what stands here.
//!
//! The apiserver has checked shapes and sizes by the CRD before; everything is checked again here, as an accepted
//! version may be older than the CRD, and a library has no apiserver before it.

mod constraints;
pub mod evolution;
pub mod field;
mod field_type;
pub mod literal;
pub mod problems;

use crate::event_schema::{EventSchemaSpec, FieldSpec, UnknownFields};
use crate::expression::Expression;
use field::Field;
use problems::Problems;

/// An EventSchema that has been understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Name of the EventSchema.
    pub name: String,
    /// Its accepted version, from 1.
    pub version: i32,
    /// Value of the event-type field.
    pub event: String,
    /// Other values of the event-type field that mean the same event.
    pub event_aliases: Vec<String>,
    /// What happens to fields that the schema does not name.
    pub unknown_fields: UnknownFields,
    /// The fields, in the order of the spec.
    pub fields: Vec<Field>,
    /// The rules between fields.
    pub rules: Vec<Rule>,
}

/// A rule between fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What must be true.
    pub expression: Expression,
    /// What to tell the sender of an event that breaks it.
    pub message: String,
}

impl Schema {
    /// Understands a spec.
    ///
    /// # Errors
    /// With everything that is wrong, each naming the field, the rule and the remedy.
    pub fn parse(name: &str, version: i32, spec: &EventSchemaSpec) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let event = spec.event.clone().unwrap_or_else(|| name.to_owned());
        check_event_names(&event, &spec.event_aliases, &mut problems);
        if spec.fields.is_empty() {
            problems.add("fields", "a schema has at least one field; add one");
        }
        let fields: Vec<Field> =
            spec.fields.iter().filter_map(|field| Field::parse(field, &mut problems)).collect();
        check_between_fields(spec, &mut problems);

        // A rule that names a field whose type is unknown would be reported twice, under a misleading name.
        let complete = fields.len() == spec.fields.len();
        let known: Vec<&Field> = fields.iter().collect();
        let mut rules = Vec::new();
        for (index, rule) in spec.rules.iter().enumerate() {
            match Expression::parse(&rule.rule, &known) {
                Ok(expression) => rules.push(Rule { expression, message: rule.message.clone() }),
                Err(problem) if complete => problems.add(format!("rules[{index}]"), problem.message),
                Err(_) => {}
            }
        }
        problems.or(Self {
            name: name.to_owned(),
            version,
            event,
            event_aliases: spec.event_aliases.clone(),
            unknown_fields: spec.unknown_fields,
            fields,
            rules,
        })
    }
}

fn check_event_names(event: &str, aliases: &[String], problems: &mut Problems) {
    if event.is_empty() {
        problems.add(
            "event",
            "an event type is not empty; write one, or leave `event` out to use the object's name",
        );
    }
    for (index, alias) in aliases.iter().enumerate() {
        if alias == event || aliases[..index].contains(alias) {
            problems
                .add("eventAliases", format!("the event type `{alias}` is named twice; remove one of them"));
        }
    }
}

/// Finds what two fields do to each other: one path or column for both, or one inside the other.
fn check_between_fields(spec: &EventSchemaSpec, problems: &mut Problems) {
    let mut paths: Vec<Path<'_>> =
        spec.fields.iter().enumerate().flat_map(|(index, field)| Path::of(index, field)).collect();
    // A name has the older claim on a path than any alias, so that the alias is blamed.
    paths.sort_by_key(|path| path.alias);
    for (index, path) in paths.iter().enumerate() {
        for message in paths[..index].iter().filter_map(|earlier| path.clash(earlier)) {
            problems.add(path.field, message);
        }
    }
    for (index, field) in spec.fields.iter().enumerate() {
        let column = field.name.replace('.', "_");
        let earlier = spec.fields[..index].iter().find(|earlier| earlier.name.replace('.', "_") == column);
        if let Some(earlier) = earlier.filter(|earlier| earlier.name != field.name) {
            problems.add(
                &field.name,
                format!("the column `{column}` is also the one of field `{}`; rename one of them and use `aliases`", earlier.name),
            );
        }
    }
}

/// A place in the event that belongs to a field.
struct Path<'a> {
    text: &'a str,
    alias: bool,
    /// Which field of the spec, and its name.
    index: usize,
    field: &'a str,
}

impl<'a> Path<'a> {
    fn of(index: usize, field: &'a FieldSpec) -> impl Iterator<Item = Self> {
        let path = move |text: &'a str, alias| Self { text, alias, index, field: &field.name };
        [path(&field.name, false)].into_iter().chain(field.aliases.iter().map(move |alias| path(alias, true)))
    }

    /// Says why this path cannot stand beside an earlier one.
    fn clash(&self, earlier: &Self) -> Option<String> {
        let (path, other) = (self.text, earlier.text);
        let same_field = self.index == earlier.index;
        if path == other {
            return Some(if same_field {
                format!("the alias `{path}` is already the field's name or another alias; remove it")
            } else if self.alias || earlier.alias {
                format!(
                    "the path `{path}` already belongs to field `{}`; remove it from one of the two",
                    earlier.field
                )
            } else {
                "two fields have this name; remove or rename one of them".to_owned()
            });
        }
        let inside =
            |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        let word = if inside(path, other) {
            "lies inside"
        } else if inside(other, path) {
            "contains"
        } else {
            return None;
        };
        (!same_field).then(|| {
            let field = earlier.field;
            format!("the path `{path}` {word} `{other}` of field `{field}`; remove one of them: a value has one column")
        })
    }
}

#[cfg(test)]
mod tests;
