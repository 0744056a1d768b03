//! One case of what the apiserver accepts or rejects: YAML as a user writes it, with the expected words in a comment.
//!
//! In: the text of a file below `cases/admission/`. Out: [`Case`].
//! Not here: who judges; `cargo test` does it offline, the end-to-end tests on the real apiserver. `cases/README.md` has the format.

use serde::Deserialize;
use serde_json::Value;

/// A manifest, perhaps its predecessor, and what must come of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What the refusal must contain; none when the manifest is accepted.
    pub message: Option<String>,
    /// The object that stands before, for rules on changes. It is accepted.
    pub before: Option<Value>,
    /// The object that is judged.
    pub object: Value,
}

/// A file that is no case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// A document is not YAML.
    #[error("a document is not YAML")]
    NotYaml(#[source] serde_yaml::Error),
    /// Neither one document nor two.
    #[error("a case has one document, or two (before and after); found {0}")]
    WrongNumberOfDocuments(usize),
}

impl Case {
    /// Reads a case. The first line of a rejected one is `# message: <words that the refusal contains>`.
    ///
    /// # Errors
    /// When a document is not YAML, or there are neither one nor two.
    pub fn parse(text: &str) -> Result<Self, CaseError> {
        let message =
            text.lines().next().and_then(|line| line.strip_prefix("# message: ")).map(str::to_owned);
        let documents: Result<Vec<Value>, _> =
            serde_yaml::Deserializer::from_str(text).map(Value::deserialize).collect();
        let mut documents = documents.map_err(CaseError::NotYaml)?;
        match (documents.pop(), documents.pop(), documents.len()) {
            (Some(object), before, 0) => Ok(Self { message, before, object }),
            (_, _, more) => Err(CaseError::WrongNumberOfDocuments(if more == 0 { 0 } else { more + 2 })),
        }
    }
}
