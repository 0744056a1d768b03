//! Plan: a schema compiled for the line: where each key goes, what it must be, which column keeps it.
//!
//! In: a [`Schema`], the envelope, the columns of the table. Out: [`Plan`], one a schema, and one for events without a schema.
//! Slots are the fields in the schema's order, then the paths of the envelope: type, id, time.
//! Not here: events.

use std::ops::Range;

use crds::analytics_pipeline::Envelope;
use crds::columns::{Column, ScalarType};
use crds::event_schema::{Privacy, UnknownFields};
use crds::schema::field::{Bound, Constraints, Field, FieldType};
use crds::schema::literal::{self, Literal};
use crds::schema::problems::{Problem, Problems};
use crds::schema::{Rule, Schema};

use super::convert::Target;
use super::fault::Found;
use super::rules::Rules;
use super::value::Value;
use crate::decode::time::Moment;
use crate::decode::trie::Trie;
use crate::map::shape::Shape;

/// How many values of an enum a message lists.
const LISTED: usize = 10;

/// What stands in for a field that an event lacks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Default {
    /// Nothing.
    None,
    /// A value.
    Value(Value),
    /// Text.
    Text(String),
}

/// A field, compiled.
#[derive(Debug)]
pub(crate) struct FieldPlan {
    /// Path with dots.
    pub(crate) name: String,
    /// Keys from the root of the event to the value.
    pub(crate) path: Vec<String>,
    aliases: Vec<String>,
    /// Type.
    pub(crate) field_type: FieldType,
    /// How the value, or an element of the array, is converted.
    pub(crate) target: Target,
    /// Whether an event without it is rejected.
    pub(crate) required: bool,
    coerce: bool,
    /// What stands in for it.
    pub(crate) default: Default,
    /// Constraints, compiled.
    pub(crate) rules: Rules,
    /// Constraints, as the schema has them.
    pub(crate) constraints: Constraints,
    /// How it goes on.
    pub(crate) privacy: Privacy,
    /// Index of its column.
    pub(crate) column: Option<usize>,
}

/// A schema, compiled.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `name@version`; empty for events without a schema.
    pub(crate) name: String,
    /// Value of the event type; none for events without a schema, which keep their own.
    pub(crate) event: Option<String>,
    /// Known keys.
    pub(crate) trie: Trie,
    /// Names of the slots.
    pub(crate) slots: Vec<String>,
    /// Fields; a field's index is its slot.
    pub(crate) fields: Vec<FieldPlan>,
    /// Slots of the fields that do not go on as they are.
    pub(crate) personal: Vec<usize>,
    /// Slots of the event id, best first.
    pub(crate) id_slots: Range<u16>,
    /// Slots of the event time, best first.
    pub(crate) time_slots: Range<u16>,
    /// Slots of the event type, best first.
    pub(crate) event_slots: Range<u16>,
    /// What happens to other keys.
    pub(crate) unknown: UnknownFields,
    /// Rules between fields.
    pub(crate) rules: Vec<Rule>,
    /// The canonical event.
    pub(crate) shape: Shape,
}

impl Plan {
    /// Compiles a schema for a table of these columns.
    ///
    /// # Errors
    /// When a pattern does not compile, which an accepted schema's always does.
    pub(crate) fn new(schema: Schema, envelope: &Envelope, columns: &[Column]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut fields = Vec::new();
        let mut paths: Vec<(Vec<String>, u16, bool)> = Vec::new();
        for (slot, field) in schema.fields.into_iter().enumerate() {
            let is_json = field.field_type == FieldType::Json;
            for path in std::iter::once(&field.path).chain(&field.aliases) {
                paths.push((path.clone(), slot as u16, is_json));
            }
            match FieldPlan::new(field, columns) {
                Ok(field) => fields.push(field),
                Err(problem) => problems.0.push(problem),
            }
        }
        let name = format!("{}@{}", schema.name, schema.version);
        let fields = problems.or(fields)?;
        Ok(Self::build(
            Head { name, event: Some(schema.event), unknown: schema.unknown_fields, rules: schema.rules },
            fields,
            paths,
            envelope,
        ))
    }

    /// Compiles the plan of events that no schema describes: everything but the envelope is unknown.
    pub(crate) fn without_schema(envelope: &Envelope, unknown: UnknownFields) -> Self {
        let head = Head { name: String::new(), event: None, unknown, rules: Vec::new() };
        Self::build(head, Vec::new(), Vec::new(), envelope)
    }

    fn build(
        head: Head,
        fields: Vec<FieldPlan>,
        mut paths: Vec<(Vec<String>, u16, bool)>,
        envelope: &Envelope,
    ) -> Self {
        let mut slots: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
        let mut places = |names: &[String]| {
            let first = slots.len() as u16;
            for name in names {
                paths.push((name.split('.').map(str::to_owned).collect(), slots.len() as u16, false));
                slots.push(name.clone());
            }
            first..slots.len() as u16
        };
        let event_slots = places(&envelope.event);
        let id_slots = places(&envelope.event_id);
        let time_slots = places(&envelope.event_time);
        let trie = Trie::new(paths.iter().map(|(path, slot, is_json)| (path.as_slice(), *slot, *is_json)));
        let shape = Shape::new(&trie, &fields);
        let Head { name, event, unknown, rules } = head;
        let is_personal = |slot: &usize| fields[*slot].privacy != Privacy::Plain;
        let personal = (0..fields.len()).filter(is_personal).collect();
        Self {
            name,
            event,
            trie,
            slots,
            fields,
            personal,
            id_slots,
            time_slots,
            event_slots,
            unknown,
            rules,
            shape,
        }
    }

    /// Path of an object with dots.
    pub(crate) fn path(&self, node: u16) -> String {
        self.trie.nodes.get(usize::from(node)).map(|node| node.path.clone()).unwrap_or_default()
    }

    /// The first path of the event type.
    pub(crate) fn event_path(&self) -> &str {
        self.slots.get(usize::from(self.event_slots.start)).map_or("", String::as_str)
    }

    /// All paths of the event type, for a message.
    pub(crate) fn event_paths(&self) -> String {
        let names = &self.slots[usize::from(self.event_slots.start)..usize::from(self.event_slots.end)];
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
    }
}

/// What a plan says of its schema as a whole.
struct Head {
    name: String,
    event: Option<String>,
    unknown: UnknownFields,
    rules: Vec<Rule>,
}

impl FieldPlan {
    fn new(field: Field, columns: &[Column]) -> Result<Self, Problem> {
        let name = field.name();
        let rules = Rules::new(&field.constraints).map_err(|error| {
            Problem::new(&name, format!("its pattern does not compile ({error}); mend the schema"))
        })?;
        let scalar = match field.field_type {
            FieldType::Scalar(scalar) | FieldType::Array(scalar) => scalar,
            FieldType::Json => ScalarType::String,
        };
        let default = match &field.default {
            None => Default::None,
            Some(text) => literal::parse(scalar, text)
                .map(default_of)
                .map_err(|message| Problem::new(&name, message))?,
        };
        let is_kept = field.privacy != Privacy::Drop;
        let column = columns.iter().position(|column| is_kept && column.name == field.column);
        Ok(Self {
            name,
            aliases: field.aliases.iter().map(|alias| alias.join(".")).collect(),
            path: field.path,
            field_type: field.field_type,
            target: Target::new(scalar, field.coerce),
            required: field.required,
            coerce: field.coerce,
            default,
            rules,
            constraints: field.constraints,
            privacy: field.privacy,
            column,
        })
    }

    /// What the type wants to see, for a message.
    pub(crate) fn wanted(&self) -> String {
        let (scalar, array) = match self.field_type {
            FieldType::Json => return "an object".to_owned(),
            FieldType::Scalar(scalar) => (scalar, ""),
            FieldType::Array(scalar) => (scalar, "an array of values, each "),
        };
        let form = match scalar {
            ScalarType::String => "a string",
            ScalarType::Bool => "true or false",
            ScalarType::Float32 | ScalarType::Float64 | ScalarType::Decimal { .. } => "a number",
            ScalarType::Date => "a day such as \"2026-01-31\"",
            ScalarType::DateTime | ScalarType::DateTime64 { .. } => {
                "a time with a zone such as \"2026-01-31T12:00:00Z\""
            }
            ScalarType::Uuid => "a UUID such as \"01234567-89ab-cdef-0123-456789abcdef\"",
            ScalarType::Int8
            | ScalarType::Int16
            | ScalarType::Int32
            | ScalarType::Int64
            | ScalarType::UInt8
            | ScalarType::UInt16
            | ScalarType::UInt32
            | ScalarType::UInt64 => "a whole number",
        };
        format!("{array}{form} ({})", self.field_type)
    }

    /// What the type holds, for a message.
    pub(crate) fn range(&self) -> String {
        let scalar = match self.field_type {
            FieldType::Scalar(scalar) | FieldType::Array(scalar) => scalar,
            FieldType::Json => return String::new(),
        };
        match scalar {
            ScalarType::Float32 => "at most 3.4e38".to_owned(),
            ScalarType::Float64 => "at most 1.7e308".to_owned(),
            ScalarType::Decimal { precision, scale } => {
                format!("{} digits before the point", precision - scale)
            }
            ScalarType::Date => "1970-01-01 to 2149-06-06".to_owned(),
            ScalarType::DateTime => "1970-01-01T00:00:00Z to 2106-02-07T06:28:15Z".to_owned(),
            ScalarType::DateTime64 { precision: 9 } => "1900 to 2262-04-11T23:47:16Z".to_owned(),
            ScalarType::DateTime64 { .. } => "1900 to 2299".to_owned(),
            ScalarType::String | ScalarType::Bool | ScalarType::Uuid => String::new(),
            ScalarType::Int8
            | ScalarType::Int16
            | ScalarType::Int32
            | ScalarType::Int64
            | ScalarType::UInt8
            | ScalarType::UInt16
            | ScalarType::UInt32
            | ScalarType::UInt64 => {
                let (least, greatest) = literal::integer_bounds(scalar).unwrap_or_default();
                format!("{least} to {greatest}")
            }
        }
    }

    /// The remedy that only single values of fields without `coerce` have.
    pub(crate) fn coerce_remedy(&self, found: Found) -> &'static str {
        let is_single = !matches!(found, Found::Null | Found::Array | Found::Object);
        if self.coerce || !is_single || self.field_type == FieldType::Json {
            ""
        } else {
            ", or set `coerce: true` where that loses nothing"
        }
    }

    /// The values of the enum, for a message.
    pub(crate) fn allowed(&self) -> String {
        let listed =
            self.constraints.allowed.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let rest = self.constraints.allowed.len().saturating_sub(LISTED);
        if rest == 0 { listed } else { format!("{listed} and {rest} more") }
    }

    /// The aliases, for a message.
    pub(crate) fn alias_list(&self) -> String {
        if self.aliases.is_empty() {
            String::new()
        } else {
            format!(", by its name or an alias ({})", self.aliases.join(", "))
        }
    }

    /// A bound as the schema writes it, for a message.
    pub(crate) fn bound(&self, bound: Option<Bound>) -> String {
        match (bound, self.field_type) {
            (Some(Bound::Integer(number)), _) => number.to_string(),
            (Some(Bound::Float(number)), _) => number.to_string(),
            (Some(Bound::Decimal(number)), FieldType::Scalar(ScalarType::Decimal { scale, .. })) => {
                let mut text = Vec::new();
                crate::map::json::write_decimal(number, scale, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
            (Some(Bound::Decimal(_)) | None, _) => String::new(),
        }
    }
}

fn default_of(literal: Literal) -> Default {
    Default::Value(match literal {
        Literal::Text(text) => return Default::Text(text),
        Literal::Boolean(value) => Value::Bool(value),
        Literal::Integer(number) => Value::Integer(number),
        Literal::Decimal(number) => Value::Decimal(number),
        Literal::Float(number) => Value::Float(number),
        Literal::Day(day) => Value::Day(day),
        Literal::Time(ticks) => Value::Time(ticks),
        Literal::Uuid(number) => Value::Uuid(number),
    })
}

/// The moment of ticks of a type of times.
pub(crate) fn moment_of(ticks: i64, scalar: ScalarType) -> (Moment, u8) {
    let precision = if let ScalarType::DateTime64 { precision } = scalar { precision } else { 0 };
    (Moment::of_ticks(ticks, precision), precision)
}
