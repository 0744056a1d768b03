//! Problems: everything that is wrong with a spec, found at once.
//!
//! In: what a check found. Out: one list, whose text goes into a condition as it is.
//! Not here: errors of a running system; a problem is mended by the author of the spec and by nobody else.

use std::fmt;

/// One thing that is wrong, with the rule it breaks and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Name of the field it concerns, as the spec calls it; empty when it concerns the whole.
    pub field: String,
    /// The rule that is broken, and the remedy.
    pub message: String,
}

impl Problem {
    /// Builds a problem of a field; an empty name means the whole.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "`{}`: {}", self.field, self.message)
        }
    }
}

/// All that is wrong. Never empty when it is returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Returns the value when nothing is wrong, else all that is.
    ///
    /// # Errors
    /// When there is at least one problem.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Adds a problem of a field.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem::new(field, message));
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("; ")?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
