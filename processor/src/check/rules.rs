//! Rules: what a value must keep beyond its type.
//!
//! In: a [`Value`] in its type. Out: nothing, or the first constraint that it breaks.
//! Not here: rules between fields, which are CEL (check).

use crds::schema::field::{Bound, Constraints, compile_pattern};
use regex::Regex;

use super::fault::Breach;
use super::value::Value;
use crate::decode::text::{Span, Texts};

/// So many values of an enum are looked through one by one.
const FEW: usize = 8;

/// The constraints of a field, compiled.
#[derive(Debug)]
pub(crate) struct Rules {
    minimum: Option<Bound>,
    maximum: Option<Bound>,
    min_length: usize,
    max_length: usize,
    pattern: Option<Regex>,
    /// Sorted, so that a long list is as quick as a short one.
    allowed: Vec<String>,
    /// Whether there is anything to look at.
    any: bool,
}

impl Rules {
    /// Compiles constraints.
    ///
    /// # Errors
    /// When the pattern does not compile, which an accepted schema's always does.
    pub(crate) fn new(constraints: &Constraints) -> Result<Self, regex::Error> {
        let mut allowed = constraints.allowed.clone();
        allowed.sort_unstable();
        Ok(Self {
            minimum: constraints.minimum,
            maximum: constraints.maximum,
            min_length: constraints.min_length.unwrap_or(0) as usize,
            max_length: constraints.max_length.map_or(usize::MAX, |length| length as usize),
            pattern: constraints.pattern.as_deref().map(compile_pattern).transpose()?,
            allowed,
            any: *constraints != Constraints::default(),
        })
    }

    /// Checks a value.
    ///
    /// # Errors
    /// With the first constraint that it breaks.
    #[inline(always)]
    pub(crate) fn check(&self, value: &Value, texts: Texts<'_>) -> Result<(), Breach> {
        if self.any { self.check_any(value, texts) } else { Ok(()) }
    }

    fn check_any(&self, value: &Value, texts: Texts<'_>) -> Result<(), Breach> {
        match *value {
            Value::Integer(number) => self.check_bounds(Bound::Integer(number)),
            Value::Decimal(number) => self.check_bounds(Bound::Decimal(number)),
            Value::Float(number) => self.check_bounds(Bound::Float(number)),
            Value::Text(span) => self.check_text(span, texts),
            Value::List(from, to) => self.check_length((to - from) as usize),
            Value::Missing
            | Value::Bool(_)
            | Value::Day(_)
            | Value::Time(_)
            | Value::Uuid(_)
            | Value::Json(_) => Ok(()),
        }
    }

    fn check_bounds(&self, number: Bound) -> Result<(), Breach> {
        if self.minimum.is_some_and(|minimum| minimum.is_above(number)) {
            return Err(Breach::BelowMinimum);
        }
        if self.maximum.is_some_and(|maximum| number.is_above(maximum)) {
            return Err(Breach::AboveMaximum);
        }
        Ok(())
    }

    fn check_length(&self, length: usize) -> Result<(), Breach> {
        if length < self.min_length {
            return Err(Breach::TooShort);
        }
        if length > self.max_length {
            return Err(Breach::TooLong);
        }
        Ok(())
    }

    fn allows(&self, text: &[u8]) -> bool {
        if self.allowed.len() <= FEW {
            // Texts of another length are told apart without a look at them.
            return self.allowed.iter().any(|allowed| allowed.as_bytes() == text);
        }
        self.allowed.binary_search_by(|allowed| allowed.as_bytes().cmp(text)).is_ok()
    }

    fn check_text(&self, span: Span, texts: Texts<'_>) -> Result<(), Breach> {
        // A character is one to four bytes: most texts are judged without counting.
        if span.len() > self.max_length || span.len() < self.min_length.saturating_mul(4) {
            self.check_length(texts.get(span).chars().count())?;
        }
        if !self.allowed.is_empty() && !self.allows(texts.bytes(span)) {
            return Err(Breach::NotInEnum);
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(texts.get(span))) {
            return Err(Breach::PatternMismatch);
        }
        Ok(())
    }
}
