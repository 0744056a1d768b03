//! In force: the schemas of a pipeline, as they are accepted. Pure.
//!
//! In: what the look-ups by name found. Out: the schemas in force, or what keeps each of the others away.
//! Not here: the spec that is not accepted; nobody but its own status looks at that.

use crds::EventSchema;
use crds::conditions::{ConditionType, Reason};
use crds::schema::Schema;
use crds::stream_config::SchemaVersion;

use crate::fault::Fault;
use crate::objects::{Found, Stores};
use crate::status::find;

/// The schemas of a pipeline, by the names it gives.
pub type Named = Vec<(String, Found<EventSchema>)>;

/// Looks up the schemas of a pipeline.
pub fn look_up(stores: &Stores, namespace: &str, names: &[crds::shared::ObjectReference]) -> Named {
    names
        .iter()
        .map(|reference| (reference.name.clone(), stores.schema(namespace, &reference.name)))
        .collect()
}

/// A schema in force: as it was accepted, and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce {
    /// As it was accepted.
    pub version: SchemaVersion,
    /// What it means.
    pub schema: Schema,
}

/// Understands the accepted versions.
pub fn in_force(named: &Named) -> Result<Vec<InForce>, Vec<Fault>> {
    let (mut schemas, mut faults) = (Vec::new(), Vec::new());
    for (name, found) in named {
        match one(name, found) {
            Ok(schema) => schemas.push(schema),
            Err(mut more) => faults.append(&mut more),
        }
    }
    if faults.is_empty() { Ok(schemas) } else { Err(faults) }
}

fn one(name: &str, found: &Found<EventSchema>) -> Result<InForce, Vec<Fault>> {
    let waits = |message: String| vec![Fault::dependency(Reason::DependencyNotReady, message)];
    let object = match found {
        Found::Missing => {
            return Err(waits(format!("EventSchema `{name}` does not exist in this namespace; apply it")));
        }
        Found::Unreadable => {
            return Err(waits(format!("EventSchema `{name}` cannot be read; see its status")));
        }
        Found::Object(object) => object,
    };
    let Some(accepted) = object.status.as_ref().and_then(|status| status.accepted.as_ref()) else {
        return Err(waits(not_accepted(name, object)));
    };
    let schema = Schema::parse(name, accepted.version, &accepted.spec)
        .map_err(|problems| Fault::of_problems(&problems))?;
    let version = SchemaVersion { name: name.into(), version: accepted.version, spec: accepted.spec.clone() };
    Ok(InForce { version, schema })
}

fn not_accepted(name: &str, object: &EventSchema) -> String {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    match find(conditions, ConditionType::Ready).filter(|ready| ready.status == "False") {
        Some(ready) => format!("EventSchema `{name}` is not accepted ({}): {}", ready.reason, ready.message),
        None => format!("EventSchema `{name}` is not accepted yet"),
    }
}
