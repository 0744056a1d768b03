//! Asked: what the files ask for, and what of it the apiserver and the operator take.
//!
//! In: documents, the objects that are there. Out: the objects as they would be, with the schema versions that would be in force, and what is
//! refused. What the apiserver could not be asked about stays as it is there, and that is said.
//! Not here: what follows for pipelines.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::Result;
use crds::EventSchema;
use jiff::Timestamp;
use kube::Client;
use operator::event_schema::{check, status};
use serde_json::{Value, json};

use super::dry_run::{self, Answer, Mode};
use super::objects::Objects;
use crate::documents::Document;
use crate::finding::Finding;
use crate::world::object::{API_VERSION, Asked, Header, Kind, Name, ask};

/// What the files ask for.
#[derive(Default)]
pub(super) struct Files {
    /// Objects of ours, in order.
    pub(super) objects: Vec<(Header, Rc<Document>)>,
    /// Secrets.
    pub(super) secrets: BTreeMap<Name, Value>,
    /// Documents that are no objects.
    pub(super) broken: Vec<Finding>,
}

impl Files {
    /// Sorts documents.
    pub(super) fn sort(documents: Vec<Document>, namespace: &str) -> Self {
        let mut files = Self::default();
        for document in documents {
            match ask(&document.value, namespace) {
                Asked::Ours(header) => files.objects.push((header, Rc::new(document))),
                Asked::Secret(name) => drop(files.secrets.insert(name, document.value)),
                Asked::Other => {}
                Asked::Broken { object, path, message } => {
                    let reason = (crds::conditions::Reason::Unreadable, message);
                    files.broken.push(Finding::new(&document, &object, path, reason));
                }
            }
        }
        files
    }

    /// Takes those away that nobody could be asked about.
    pub(super) fn leave(&mut self, unasked: &BTreeMap<(Kind, Name), String>) -> Self {
        let is_left = |(header, _): &mut (Header, Rc<Document>)| {
            unasked.contains_key(&(header.kind, header.name.clone()))
        };
        Self { objects: self.objects.extract_if(.., is_left).collect(), ..Self::default() }
    }

    /// Returns the namespaces of our objects.
    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.objects.iter().map(|(header, _)| header.name.namespace.clone()).collect()
    }

    /// Returns the document of an object; a blank one where no file shows it.
    pub(super) fn document(&self, kind: Kind, name: &Name) -> Rc<Document> {
        let is_it = |header: &Header| header.kind == kind && header.name == *name;
        let found = self.objects.iter().rev().find(|(header, _)| is_it(header));
        let blank = || Document {
            file: "(cluster)".to_owned(),
            places: crate::documents::places::Places::default(),
            value: Value::Null,
        };
        found.map_or_else(|| Rc::new(blank()), |(_, document)| Rc::clone(document))
    }

    /// Returns whether a file shows an object.
    pub(super) fn show(&self, kind: Kind, name: &Name) -> bool {
        self.objects.iter().any(|(header, _)| header.kind == kind && header.name == *name)
    }
}

/// The objects as they would be, and what is refused.
pub(super) struct After {
    /// The objects.
    pub(super) objects: Objects,
    /// What is refused.
    pub(super) refused: Vec<Finding>,
    /// Objects of the files that the apiserver could not be asked about, each with why.
    pub(super) unasked: BTreeMap<(Kind, Name), String>,
}

/// Applies the files to what is there, in the apiserver's own words.
pub(super) async fn apply(
    client: &Client,
    (files, before): (&Files, &Objects),
    mode: &Mode,
) -> Result<After> {
    let mut after = After { objects: before.clone(), refused: Vec::new(), unasked: BTreeMap::new() };
    for (header, document) in &files.objects {
        let Header { kind, name } = header;
        let live = before.get(*kind, name);
        match dry_run::ask(client, header, mode, (&document.value, live)).await? {
            Answer::Taken(object) => after.objects.put(*kind, completed(object, header, live)),
            Answer::Refused(refusals) => {
                let finding = |refusal| Finding::of_refusal(document, &header.label(), refusal);
                after.refused.extend(refusals.into_iter().map(finding));
            }
            Answer::Unasked(why) => drop(after.unasked.insert((*kind, name.clone()), why)),
        }
    }
    accept(files, &mut after)?;
    Ok(after)
}

/// Gives an object the metadata that it would have; a UID that the apiserver has not given yet stands under its name.
fn completed(mut object: Value, header: &Header, live: Option<&Value>) -> Value {
    let Header { kind, name: Name { namespace, name } } = header;
    object["apiVersion"] = json!(API_VERSION);
    object["kind"] = json!(kind.to_string());
    let metadata = &mut object["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["name"] = json!(name);
    if live.is_none() {
        metadata["uid"] = json!(format!("uid-of-{}-{namespace}-{name}", kind.to_string().to_lowercase()));
        metadata["generation"] = json!(1);
        metadata["creationTimestamp"] = json!(Timestamp::now().to_string());
    }
    object
}

/// Finds the version of each schema that would be in force, by the operator's own check.
fn accept(files: &Files, after: &mut After) -> Result<()> {
    let schemas = after.objects.typed::<EventSchema>(Kind::EventSchema);
    for (name, schema) in schemas {
        let Some(mut schema) = schema else { continue };
        let accepted = schema.status.as_ref().and_then(|status| status.accepted.as_ref());
        let judged = check::check(&name.name, &schema.spec, accepted);
        let is_asked = !after.unasked.contains_key(&(Kind::EventSchema, name.clone()));
        if is_asked && files.show(Kind::EventSchema, &name) {
            let (document, label) = (files.document(Kind::EventSchema, &name), format!("EventSchema {name}"));
            let findings = judged.faults.iter().map(|fault| Finding::of_fault(&document, &label, fault));
            after.refused.extend(findings);
        }
        schema.status = Some(status::status(&schema, &judged, 0, Timestamp::now()));
        after.objects.put(Kind::EventSchema, serde_json::to_value(&schema)?);
    }
    Ok(())
}
