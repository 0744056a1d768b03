//! Objects: which kind a document is, what it is called, and what the apiserver would keep of it.
//!
//! In: a document's value. Out: [`Asked`], and typed objects with the metadata that the apiserver gives.
//! UIDs are made from the names, and an object is as old as its place among the documents: the same files give the same.

use std::fmt;
use std::rc::Rc;

use crds::admission::judge::Refusal;
use crds::{AnalyticsPipeline, EventSchema, ForwardingRule};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::documents::Document;

const GROUP: &str = "tributary.dev/";
const VERSION: &str = "v1alpha1";
/// Group and version of our kinds.
pub const API_VERSION: &str = "tributary.dev/v1alpha1";

/// Our three kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// EventSchema.
    EventSchema,
    /// AnalyticsPipeline.
    AnalyticsPipeline,
    /// ForwardingRule.
    ForwardingRule,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EventSchema, Self::AnalyticsPipeline, Self::ForwardingRule];

    /// Finds a kind by its word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

/// Names an object of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// What a document says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Kind.
    pub kind: Kind,
    /// Name.
    pub name: Name,
}

impl Header {
    /// Returns kind and name, for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// What a document asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// An object of ours.
    Ours(Header),
    /// A Secret.
    Secret(Name),
    /// Something else.
    Other,
    /// No object that a cluster could take.
    Broken {
        /// What it is called, as far as it says.
        object: String,
        /// Path of the mistake.
        path: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// An object as it would stand in the cluster.
#[derive(Debug, Clone)]
pub struct Held<K> {
    /// The object; none when it cannot be read as its kind.
    pub object: Option<K>,
    /// As the apiserver keeps it.
    pub value: Value,
    /// Where it was written last.
    pub document: Rc<Document>,
    /// Which document brought it first.
    pub age: usize,
    /// Which document brought it last.
    pub written: usize,
    /// The apiserver refuses what was written last.
    pub is_refused: bool,
}

impl<K> Held<K> {
    /// An object of which nothing is known.
    #[must_use]
    pub fn nothing(document: Rc<Document>) -> Self {
        Self { object: None, value: Value::Null, document, age: 0, written: 0, is_refused: true }
    }
}

/// An object of ours whose metadata can be filled in.
pub trait Object: DeserializeOwned {
    /// Returns the metadata.
    fn metadata(&mut self) -> &mut ObjectMeta;
}

impl Object for EventSchema {
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Object for AnalyticsPipeline {
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Object for ForwardingRule {
    fn metadata(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Finds out what a document asks for.
pub(crate) fn ask(value: &Value, default_namespace: &str) -> Asked {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let broken = |path, message| Asked::Broken {
        object: format!("{kind} {name}").trim_end().to_owned(),
        path,
        message,
    };
    if api_version.is_empty() || kind.is_empty() {
        let message = "an object has `apiVersion`, `kind` and `metadata.name`; add them".to_owned();
        return Asked::Broken { object: String::new(), path: "", message };
    }
    let namespace = match text("/metadata/namespace") {
        "" => default_namespace.to_owned(),
        namespace => namespace.to_owned(),
    };
    let full = Name { namespace, name: name.to_owned() };
    let Some(version) = api_version.strip_prefix(GROUP) else {
        return if api_version == "v1" && kind == "Secret" { Asked::Secret(full) } else { Asked::Other };
    };
    match Kind::of(kind).filter(|_| version == VERSION) {
        None if version == VERSION => {
            let known = Kind::ALL.map(|kind| format!("`{kind}`")).join(", ");
            broken("kind", format!("there is no kind `{kind}` in {api_version}; there are {known}"))
        }
        None => broken(
            "apiVersion",
            format!("there is no version `{version}`; set `apiVersion: {GROUP}{VERSION}`"),
        ),
        Some(_) if name.is_empty() => {
            broken("metadata", "`metadata.name` is missing; give the object a name".to_owned())
        }
        Some(kind) => Asked::Ours(Header { kind, name: full }),
    }
}

/// Checks a name as the apiserver does for every kind; what ours ask beyond that is a rule of theirs.
pub(super) fn check_name(name: &str) -> Option<Refusal> {
    let inner = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(inner)
            && label.ends_with(inner)
            && label.chars().all(|letter| inner(letter) || letter == '-')
    };
    let is_sound = name.len() <= 253 && name.split('.').all(is_label);
    (!is_sound).then(|| Refusal {
        path: "metadata.name".to_owned(),
        message: format!(
            "`{name}` is no name: lower-case letters, digits and `-`, beginning and ending with a letter or digit; rename it"
        ),
    })
}

/// Leaves out what an author does not decide: the status.
pub(crate) fn as_applied(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    value
}

/// Reads an object as its kind, with the metadata that the apiserver gives.
pub(super) fn read<K: Object>(value: &Value, header: &Header, age: usize) -> Result<K, String> {
    let mut object: K = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let Header { kind, name } = header;
    let seconds = i64::try_from(age).unwrap_or(i64::MAX);
    *object.metadata() = ObjectMeta {
        name: Some(name.name.clone()),
        namespace: Some(name.namespace.clone()),
        uid: Some(format!("uid-of-{}-{}-{}", kind.to_string().to_lowercase(), name.namespace, name.name)),
        generation: Some(1),
        creation_timestamp: Timestamp::from_second(seconds).ok().map(Time),
        ..ObjectMeta::default()
    };
    Ok(object)
}
