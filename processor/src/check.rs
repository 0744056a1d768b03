//! Check: cells of a decoded event become values in their types, or the event has a fault.
//!
//! In: an [`Event`] and the [`Plan`] of its schema. Out: [`Checked`] values, defaults and privacy applied.
//! The order decides which fault is told: fields in the schema's order, then what the walk noted (unknown, twice), then rules.
//! Pure: no clock, no position; the same bytes and schema version give the same values for ever.

pub(crate) mod answer;
pub(crate) mod convert;
pub(crate) mod fault;
pub(crate) mod plan;
pub(crate) mod privacy;
pub(crate) mod rules;
pub(crate) mod value;

use std::ops::Range;

use crds::columns::ScalarType;
use crds::event_schema::Privacy;
use crds::schema::field::FieldType;

use crate::decode::Event;
use crate::decode::scanner::{Cell, Scanner};
use crate::decode::text::{Span, Texts, keep};
use convert::{Target, wrong_type};
use fault::{Breach, Fault};
use plan::{Default as Stand, FieldPlan, Plan};
use privacy::HashKey;
use value::Value;

/// The values of a checked event. One serves every record of a line.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// One value a field.
    pub(crate) values: Vec<Value>,
    /// Elements of arrays.
    pub(crate) elements: Vec<Value>,
    /// Milliseconds since 1970 of the event time, when the event has one.
    pub(crate) event_time: Option<i64>,
    /// The event id, when the event has one.
    pub(crate) event_id: Option<Span>,
    /// A hash or mask on its way to the arena.
    masked: String,
}

/// Checks a decoded event.
///
/// # Errors
/// With the first fault.
#[inline(never)]
pub(crate) fn check(
    plan: &Plan,
    hash_key: Option<&HashKey>,
    payload: &str,
    event: &mut Event,
    checked: &mut Checked,
) -> Result<(), Fault> {
    checked.elements.clear();
    // Each is written below; what the event before left is never read.
    checked.values.resize(plan.fields.len(), Value::Missing);
    let Event { cells, arena, noted, .. } = event;
    let mut desk = Desk { payload, arena, elements: &mut checked.elements };
    let places = plan.fields.iter().zip(cells.iter()).zip(&mut checked.values);
    for (slot, ((field, cell), value)) in places.enumerate() {
        desk.check(field, *cell, value).map_err(|breach| match (breach, *noted) {
            // Fields below something that is no object are missing because of it.
            (Breach::Missing, Some(fault @ Fault::ObjectExpected { .. })) => fault,
            (breach, _) => Fault::Field { slot: slot as u16, breach },
        })?;
    }
    checked.event_id = event_id(plan, payload, event)?;
    checked.event_time = event_time(plan, payload, event)?;
    if let Some(fault) = event.noted {
        return Err(fault);
    }
    if !plan.rules.is_empty() {
        check_rules(plan, event.texts(payload), checked)?;
    }
    for slot in plan.personal.iter().copied() {
        let privacy = plan.fields[slot].privacy;
        conceal(privacy, hash_key, payload, event, (&mut checked.values[slot], &mut checked.masked));
    }
    Ok(())
}

/// Where the fields of one event are checked.
struct Desk<'a> {
    payload: &'a str,
    arena: &'a mut String,
    elements: &'a mut Vec<Value>,
}

impl Desk<'_> {
    /// Writes the value into its place: handing it through calls would copy it twice, for every field of every event.
    #[inline(always)]
    fn check(&mut self, field: &FieldPlan, cell: Cell, value: &mut Value) -> Result<(), Breach> {
        match (field.field_type, cell) {
            (_, Cell::Missing) => {
                *value = self.missing(field)?;
                return Ok(());
            }
            (FieldType::Scalar(_), cell) => field.target.convert(cell, self.texts(), value)?,
            (FieldType::Array(_), Cell::Array(span)) => *value = self.list(&field.target, span)?,
            (FieldType::Json, Cell::Object(span)) => *value = Value::Json(span),
            (FieldType::Array(_) | FieldType::Json, cell) => return Err(wrong_type(cell)),
        }
        field.rules.check(value, self.texts())
    }

    fn texts(&self) -> Texts<'_> {
        Texts { payload: self.payload, arena: self.arena }
    }

    /// What stands in for a field that the event lacks. Defaults keep the constraints: the schema was refused otherwise.
    fn missing(&mut self, field: &FieldPlan) -> Result<Value, Breach> {
        match &field.default {
            _ if field.required => Err(Breach::Missing),
            Stand::None => Ok(Value::Missing),
            Stand::Value(value) => Ok(*value),
            Stand::Text(text) => Ok(Value::Text(keep(self.arena, text))),
        }
    }

    /// Steps over the text of an array again, which is known to be JSON, and converts its elements.
    fn list(&mut self, target: &Target, array: Span) -> Result<Value, Breach> {
        let first = self.elements.len();
        let mut scanner = Scanner::new(self.payload, self.arena);
        scanner.go_to(array.start() + 1);
        while scanner.peek() != b']' {
            // The array was stepped over once, so nothing ends the scan here.
            let Ok(cell) = scanner.cell(None) else { break };
            self.elements.push(Value::Missing);
            if let Some(element) = self.elements.last_mut() {
                target.convert(cell, scanner.texts(), element).map_err(Breach::of_element)?;
            }
            if scanner.peek() == b',' {
                scanner.step();
            }
        }
        Ok(Value::List(first as u32, self.elements.len() as u32))
    }
}

/// The first of the envelope's places that holds a value.
pub(crate) fn first_cell(slots: &Range<u16>, event: &Event) -> Option<(u16, Cell)> {
    slots.clone().map(|slot| (slot, event.cells[usize::from(slot)])).find(|(_, cell)| *cell != Cell::Missing)
}

/// An empty id identifies nothing: it counts as none.
fn event_id(plan: &Plan, payload: &str, event: &Event) -> Result<Option<Span>, Fault> {
    let Some((slot, cell)) = first_cell(&plan.id_slots, event) else { return Ok(None) };
    match cell {
        Cell::Text(span) | Cell::Whole(span) | Cell::Fraction(span) => {
            Ok(Some(span).filter(|span| !event.texts(payload).get(*span).is_empty()))
        }
        Cell::Missing | Cell::True(_) | Cell::False(_) | Cell::Array(_) | Cell::Object(_) => {
            Err(Fault::Field { slot, breach: wrong_type(cell) })
        }
    }
}

fn event_time(plan: &Plan, payload: &str, event: &Event) -> Result<Option<i64>, Fault> {
    let Some((slot, cell)) = first_cell(&plan.time_slots, event) else { return Ok(None) };
    let target = Target::new(ScalarType::DateTime64 { precision: 3 }, true);
    let mut value = Value::Missing;
    target.convert(cell, event.texts(payload), &mut value).map_err(|breach| Fault::Field { slot, breach })?;
    let Value::Time(milliseconds) = value else {
        return Err(Fault::Field { slot, breach: wrong_type(cell) });
    };
    Ok(Some(milliseconds))
}

fn check_rules(plan: &Plan, texts: Texts<'_>, checked: &Checked) -> Result<(), Fault> {
    let value_of = |path: &[String]| {
        let slot = plan.fields.iter().position(|field| field.path == path)?;
        answer::of_field(&plan.fields[slot], checked.values[slot], &checked.elements, texts)
    };
    for (index, rule) in plan.rules.iter().enumerate() {
        let answer = rule.expression.evaluate(&value_of);
        if answer != Ok(true) {
            return Err(Fault::Rule { index: index as u16, answered: answer.is_ok() });
        }
    }
    Ok(())
}

/// Replaces a personal value by what may go on.
fn conceal(
    privacy: Privacy,
    hash_key: Option<&HashKey>,
    payload: &str,
    event: &mut Event,
    (value, masked): (&mut Value, &mut String),
) {
    let (Privacy::Hash | Privacy::Mask, Value::Text(span)) = (privacy, *value) else {
        // Dropped, or not there.
        *value = Value::Missing;
        return;
    };
    masked.clear();
    let text = event.texts(payload).get(span);
    match (privacy, hash_key) {
        (Privacy::Hash, Some(key)) => key.hash(text, masked),
        (Privacy::Mask, _) => privacy::mask(text, masked),
        // A line without a key is not built for a schema that hashes.
        (Privacy::Hash | Privacy::Plain | Privacy::Drop, _) => {}
    }
    *value = Value::Text(keep(&mut event.arena, masked));
}

#[cfg(test)]
mod tests;
