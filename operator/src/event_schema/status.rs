//! Status of an EventSchema. Pure.
//!
//! In: what the check found. Out: `Ready`, `SchemaAccepted`, the version in force, the number of users.

use crds::EventSchema;
use crds::conditions::{ConditionType, Reason};
use crds::event_schema::EventSchemaStatus;
use jiff::Timestamp;

use crate::event_schema::check::Judged;
use crate::status::{Conditions, Standing, Truth};

/// Builds the status.
pub fn status(schema: &EventSchema, judged: &Judged, used_by: i32, now: Timestamp) -> EventSchemaStatus {
    let generation = schema.metadata.generation;
    let before = schema.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let mut conditions = Conditions::new(before, generation, now);
    let version = judged.accepted.as_ref().map_or(0, |accepted| accepted.version);
    let message = format!("version {version} is in force");
    conditions.step(ConditionType::SchemaAccepted, &judged.faults, |conditions| {
        conditions.say(ConditionType::SchemaAccepted, Truth::True, Reason::Succeeded, &message);
    });
    conditions.stand(&match judged.faults.as_slice() {
        [] => Standing::Settled(Reason::Succeeded, &message),
        faults => Standing::Faulty(faults),
    });
    EventSchemaStatus {
        observed_generation: generation,
        conditions: conditions.finish(),
        accepted: judged.accepted.clone(),
        used_by,
    }
}
