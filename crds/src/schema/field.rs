//! One field of a schema that has been understood: where it is found, what it may hold, which column keeps it.
//!
//! In: a [`FieldSpec`]. Out: [`Field`], or *all* of its problems at once.
//! Not here: what concerns several fields (`schema.rs`), and values of events (processor `check/`).

use crate::columns::{Column, ColumnType, ScalarType};
use crate::event_schema::{FieldSpec, Privacy};
use crate::schema::constraints;
use crate::schema::literal;
use crate::schema::problems::Problems;

pub use crate::schema::constraints::{Bound, Constraints, compile_pattern};
pub use crate::schema::field_type::{FieldType, FieldTypeError};

/// Greatest length of a column's name.
pub const COLUMN_NAME_LENGTH: usize = 63;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Keys from the root of the event to the value.
    pub path: Vec<String>,
    /// Name of the column: the path with `_` between its keys.
    pub column: String,
    /// Other paths under which sources send the value.
    pub aliases: Vec<Vec<String>>,
    /// Type.
    pub field_type: FieldType,
    /// Whether an event without the field is rejected.
    pub required: bool,
    /// Value for an event without the field; it parses as the type (see [`literal::parse`]) and keeps the constraints.
    pub default: Option<String>,
    /// Whether a value of another JSON type is converted when that loses nothing.
    pub coerce: bool,
    /// How the value is stored and forwarded.
    pub privacy: Privacy,
    /// What a value must keep.
    pub constraints: Constraints,
    /// What the field means; may be empty.
    pub description: String,
}

impl Field {
    /// Name of the field as the spec calls it: the path with dots.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.join(".")
    }

    /// Builds the column that keeps the field; none for `privacy: Drop`.
    #[must_use]
    pub fn column(&self) -> Option<Column> {
        let always = self.required || self.default.is_some();
        let low = !self.constraints.allowed.is_empty();
        let column_type = match (self.privacy, self.field_type) {
            (Privacy::Drop, _) => return None,
            (Privacy::Plain, FieldType::Scalar(ScalarType::String)) if low && always => {
                ColumnType::LowCardinality
            }
            (Privacy::Plain, FieldType::Scalar(ScalarType::String)) if low => {
                ColumnType::LowCardinalityNullable
            }
            (_, FieldType::Scalar(scalar)) if always => ColumnType::Plain(scalar),
            (_, FieldType::Scalar(scalar)) => ColumnType::Nullable(scalar),
            (_, FieldType::Array(scalar)) => ColumnType::Array(scalar),
            (_, FieldType::Json) => ColumnType::Json,
        };
        Some(Column { name: self.column.clone(), column_type, comment: self.description.clone() })
    }

    /// Understands one field; `None` when its type is unknown, as then nothing else about it can be said.
    pub(crate) fn parse(spec: &FieldSpec, problems: &mut Problems) -> Option<Self> {
        let path = path(&spec.name);
        let column = path.join("_");
        check_name(spec, &column, problems);
        for alias in &spec.aliases {
            if !is_path(alias, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$')) {
                problems.add(
                    &spec.name,
                    format!("alias `{alias}` is not a path; write keys of letters, digits, `_`, `-` or `$`, with dots between them"),
                );
            }
        }
        let field_type = match spec.type_name.parse::<FieldType>() {
            Ok(field_type) => field_type,
            Err(error) => {
                problems.add(&spec.name, error.to_string());
                return None;
            }
        };
        let constraints = constraints::parse(spec, field_type, problems);
        check_privacy(spec, field_type, problems);
        check_default(spec, field_type, &constraints, problems);
        Some(Self {
            path,
            column,
            aliases: spec.aliases.iter().map(|alias| self::path(alias)).collect(),
            field_type,
            required: spec.required,
            default: spec.default.clone(),
            coerce: spec.coerce,
            privacy: spec.privacy,
            constraints,
            description: spec.description.clone().unwrap_or_default(),
        })
    }
}

/// Splits a name into the keys from the root of the event.
fn path(name: &str) -> Vec<String> {
    name.split('.').map(str::to_owned).collect()
}

fn is_path(name: &str, allowed: fn(char) -> bool) -> bool {
    name.split('.').all(|key| !key.is_empty() && key.chars().all(allowed))
}

fn check_name(spec: &FieldSpec, column: &str, problems: &mut Problems) {
    let shape = is_path(&spec.name, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let starts = spec.name.split('.').all(|key| key.starts_with(|c: char| c.is_ascii_lowercase()));
    if column.starts_with('_') {
        problems.add(&spec.name, "names that start with `_` belong to the table itself; rename the field and list this name in `aliases`");
    } else if !shape || !starts {
        problems.add(
            &spec.name,
            "a name is made of lower-case letters, digits and `_`, each key starting with a letter, with dots between nested keys; \
             rename the field and list what the sources send in `aliases`",
        );
    }
    if column.len() > COLUMN_NAME_LENGTH {
        problems.add(
            &spec.name,
            format!("the column `{column}` is longer than {COLUMN_NAME_LENGTH} characters; rename the field and list this name in `aliases`"),
        );
    }
    let reserved = !column.starts_with('_') && crate::columns::ENVELOPE.contains(&column);
    if reserved || column == crate::columns::EXTRA {
        problems.add(
            &spec.name,
            format!("the column `{column}` belongs to every table; rename the field and list this name in `aliases`, or leave the field out"),
        );
    }
}

fn check_privacy(spec: &FieldSpec, field_type: FieldType, problems: &mut Problems) {
    let text = field_type == FieldType::Scalar(ScalarType::String);
    if matches!(spec.privacy, Privacy::Hash | Privacy::Mask) && !text {
        problems.add(
            &spec.name,
            format!(
                "privacy {:?} needs type String, the field has {field_type}; use type String, or privacy Drop",
                spec.privacy
            ),
        );
    }
}

fn check_default(
    spec: &FieldSpec,
    field_type: FieldType,
    constraints: &Constraints,
    problems: &mut Problems,
) {
    let Some(default) = &spec.default else { return };
    if spec.required {
        problems
            .add(&spec.name, "a required field needs no default; remove `default`, or set `required: false`");
    }
    let FieldType::Scalar(scalar) = field_type else {
        problems.add(
            &spec.name,
            format!("a default is for single values, the field has type {field_type}; remove `default`: a missing array or object is empty"),
        );
        return;
    };
    match literal::parse(scalar, default) {
        Err(message) => problems.add(&spec.name, format!("default {message}")),
        Ok(value) => {
            if let Some(message) = constraints.refusal(&value) {
                problems.add(
                    &spec.name,
                    format!("default `{default}` {message}; change the default or the constraint"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
