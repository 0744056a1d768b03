//! Why an expression gives no answer for one event.
//!
//! In: CEL's own error, which may quote values. Out: [`EvaluationError`], which never does: it goes into headers and logs.
//! Not here: what follows from it; a rule without an answer is broken, a `when` without an answer does not match.

use cel::ExecutionError;

/// Why an expression gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A field is read that the event lacks.
    #[error("the expression reads `{0}`, which the event lacks; guard it with has()")]
    Missing(String),
    /// The answer is neither true nor false.
    #[error("the expression is neither true nor false")]
    NotBoolean,
    /// Types do not go together.
    #[error("the expression combines values of types that do not go together")]
    Types,
    /// A calculation has no result.
    #[error("the expression divides by zero or leaves the range of its numbers")]
    Arithmetic,
    /// A function or an index refuses its argument.
    #[error("a function of the expression refuses its argument")]
    Argument,
}

impl EvaluationError {
    /// Takes the kind of the error and leaves the values behind.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "CEL's list of errors is open; the rest are about types"
    )]
    pub(crate) fn from_execution(error: &ExecutionError) -> Self {
        match error {
            ExecutionError::NoSuchKey(key) => Self::Missing(key.as_ref().clone()),
            ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..) => Self::Arithmetic,
            ExecutionError::FunctionError { .. }
            | ExecutionError::IndexOutOfBounds(_)
            | ExecutionError::DuplicateKey(_) => Self::Argument,
            _ => Self::Types,
        }
    }
}
