//! What a value must keep beyond its type: bounds, lengths, pattern, list of values.
//!
//! In: the numbers and texts of a [`FieldSpec`]. Out: [`Constraints`] in the units of the type.
//! Not here: the checks of events (processor `check/`); [`Constraints::refusal`] is for a schema's own default.

use crate::columns::ScalarType;
use crate::event_schema::FieldSpec;
use crate::schema::field_type::FieldType;
use crate::schema::literal::{self, Literal};
use crate::schema::problems::Problems;

/// Greatest size of a compiled pattern, in bytes.
const PATTERN_SIZE: usize = 1 << 20;

/// What a value must keep.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Constraints {
    /// Least value of a number.
    pub minimum: Option<Bound>,
    /// Greatest value of a number.
    pub maximum: Option<Bound>,
    /// Least number of characters, or of elements of an array.
    pub min_length: Option<u32>,
    /// Greatest number of characters, or of elements of an array.
    pub max_length: Option<u32>,
    /// Regular expression that a text must match somewhere; compile it with [`compile_pattern`].
    pub pattern: Option<String>,
    /// The only values of a text; empty: any.
    pub allowed: Vec<String>,
}

/// A bound in the units of the field's type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Of an integer.
    Integer(i128),
    /// Of a decimal, times ten to the power of the field's scale.
    Decimal(i128),
    /// Of a floating-point number.
    Float(f64),
}

impl Bound {
    /// Whether this bound is above another of the same type.
    #[must_use]
    pub fn is_above(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Integer(two)) | (Self::Decimal(one), Self::Decimal(two)) => one > two,
            (Self::Float(one), Self::Float(two)) => one > two,
            (Self::Integer(_) | Self::Decimal(_) | Self::Float(_), _) => false,
        }
    }
}

/// Compiles a pattern with the engine and the limits of every check: linear time, at most 1 MiB compiled.
///
/// # Errors
/// When the pattern is broken, uses look-around or backreferences, or is too large.
pub fn compile_pattern(pattern: &str) -> Result<regex::Regex, regex::Error> {
    regex::RegexBuilder::new(pattern).size_limit(PATTERN_SIZE).build()
}

/// Understands the constraints of a field, and adds every problem.
pub(crate) fn parse(spec: &FieldSpec, field_type: FieldType, problems: &mut Problems) -> Constraints {
    let minimum = spec.minimum.and_then(|value| bound(spec, "minimum", value, field_type, problems));
    let maximum = spec.maximum.and_then(|value| bound(spec, "maximum", value, field_type, problems));
    if let (Some(least), Some(greatest)) = (minimum, maximum)
        && least.is_above(greatest)
    {
        problems.add(&spec.name, "minimum is above maximum, so no value passes; swap or remove one of them");
    }
    check_lengths(spec, field_type, problems);
    if field_type != FieldType::Scalar(ScalarType::String) {
        for (given, word) in [(spec.pattern.is_some(), "pattern"), (!spec.allowed.is_empty(), "enum")] {
            if given {
                problems.add(
                    &spec.name,
                    format!("`{word}` is for type String, the field has {field_type}; remove `{word}`, or use a rule in `rules`"),
                );
            }
        }
    } else {
        check_allowed(spec, problems);
    }
    Constraints {
        minimum,
        maximum,
        min_length: spec.min_length,
        max_length: spec.max_length,
        pattern: spec.pattern.clone(),
        allowed: spec.allowed.clone(),
    }
}

fn bound(
    spec: &FieldSpec,
    word: &str,
    value: f64,
    field_type: FieldType,
    problems: &mut Problems,
) -> Option<Bound> {
    let bound = match field_type {
        FieldType::Scalar(scalar) => scalar_bound(scalar, value),
        FieldType::Array(_) | FieldType::Json => None,
    };
    match bound {
        None => problems.add(
            &spec.name,
            format!("`{word}` is for numbers, the field has type {field_type}; remove `{word}`, or use `minLength` and `maxLength`"),
        ),
        Some(Err(ref range)) => problems.add(
            &spec.name,
            format!("{word} {value} is not a value of type {field_type}; use {range}, or a wider type"),
        ),
        Some(Ok(_)) => {}
    }
    bound?.ok()
}

/// Returns the bound in the type's units; the inner error says what the type holds.
fn scalar_bound(scalar: ScalarType, value: f64) -> Option<Result<Bound, String>> {
    if let ScalarType::Decimal { precision, scale } = scalar {
        // `Display` of f64 is the shortest text that means the same number, without an exponent.
        let scaled = literal::decimal(&value.to_string(), precision, scale);
        return Some(scaled.map(Bound::Decimal).ok_or_else(|| {
            format!("at most {} digits before and {scale} after the point", precision - scale)
        }));
    }
    if scalar == ScalarType::Float32 && value.abs() > f64::from(f32::MAX) {
        return Some(Err("a number of 32 bits".to_owned()));
    }
    if matches!(scalar, ScalarType::Float32 | ScalarType::Float64) {
        return Some(Ok(Bound::Float(value)));
    }
    let (least, greatest) = literal::integer_bounds(scalar)?;
    let whole = value.fract() == 0.0 && value.abs() < 2_f64.powi(100);
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^100 fits into i128")]
    let number = whole.then_some(value as i128);
    // The greatest 64-bit numbers are not floating-point numbers: the nearest one stands for the bound itself.
    #[expect(clippy::cast_precision_loss, reason = "the loss is what is asked for")]
    let number = number.map(|number| if value == greatest as f64 { greatest } else { number });
    let inside = number.filter(|number| (least..=greatest).contains(number));
    Some(inside.map(Bound::Integer).ok_or_else(|| format!("a whole number from {least} to {greatest}")))
}

fn check_lengths(spec: &FieldSpec, field_type: FieldType, problems: &mut Problems) {
    let countable = matches!(field_type, FieldType::Scalar(ScalarType::String) | FieldType::Array(_));
    for (given, word) in [(spec.min_length.is_some(), "minLength"), (spec.max_length.is_some(), "maxLength")]
    {
        if given && !countable {
            problems.add(
                &spec.name,
                format!("`{word}` is for type String and arrays, the field has {field_type}; remove `{word}`, or use `minimum` and `maximum`"),
            );
        }
    }
    if let (Some(least), Some(greatest)) = (spec.min_length, spec.max_length)
        && least > greatest
    {
        problems.add(
            &spec.name,
            format!("minLength {least} is above maxLength {greatest}, so no value passes; swap or remove one of them"),
        );
    }
}

/// Checks pattern and list of values of a String against themselves and each other.
fn check_allowed(spec: &FieldSpec, problems: &mut Problems) {
    let pattern = spec.pattern.as_deref().and_then(|pattern| match compile_pattern(pattern) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            problems.add(&spec.name, broken_pattern(pattern, &error));
            None
        }
    });
    for (index, value) in spec.allowed.iter().enumerate() {
        if spec.allowed[..index].contains(value) {
            problems.add(&spec.name, format!("enum lists `{value}` twice; remove one of them"));
        }
        if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(value)) {
            problems.add(
                &spec.name,
                format!("enum lists `{value}`, which the pattern refuses; remove the value or the pattern"),
            );
        }
        let length = value.chars().count();
        if !length_fits(length, spec.min_length, spec.max_length) {
            problems.add(
                &spec.name,
                format!("enum lists `{value}`, whose length minLength or maxLength refuses; remove the value or the length"),
            );
        }
    }
}

fn broken_pattern(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    if text.contains("look-around") || text.contains("backreferences") {
        return format!(
            "pattern `{pattern}` uses look-around or a backreference, which the engine leaves out so that no event can make a check \
             slow; say it as an `enum`, or as a rule in `rules`"
        );
    }
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return format!(
            "pattern `{pattern}` is larger than 1 MiB when compiled; make its repetitions smaller"
        );
    }
    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    format!(
        "pattern `{pattern}` is not a regular expression: {last}; mend it, or escape the character with a backslash"
    )
}

fn length_fits(length: usize, least: Option<u32>, greatest: Option<u32>) -> bool {
    least.is_none_or(|least| length >= least as usize)
        && greatest.is_none_or(|greatest| length <= greatest as usize)
}

impl Constraints {
    /// Says which constraint a value breaks; none when it keeps all.
    pub(crate) fn refusal(&self, value: &Literal) -> Option<String> {
        let bound = match value {
            Literal::Integer(number) => Some(Bound::Integer(*number)),
            Literal::Decimal(number) => Some(Bound::Decimal(*number)),
            Literal::Float(number) => Some(Bound::Float(*number)),
            Literal::Text(text) => return self.text_refusal(text),
            Literal::Boolean(_) | Literal::Day(_) | Literal::Time(_) | Literal::Uuid(_) => None,
        }?;
        if self.minimum.is_some_and(|least| least.is_above(bound)) {
            return Some("is below the minimum".to_owned());
        }
        self.maximum.is_some_and(|most| bound.is_above(most)).then(|| "is above the maximum".to_owned())
    }

    fn text_refusal(&self, text: &str) -> Option<String> {
        let length = text.chars().count();
        if !length_fits(length, self.min_length, None) {
            return Some("is shorter than minLength".to_owned());
        }
        if !length_fits(length, None, self.max_length) {
            return Some("is longer than maxLength".to_owned());
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == text) {
            return Some(format!("is not in the enum ({})", self.allowed.join(", ")));
        }
        // A broken pattern is a problem of its own.
        let pattern = self.pattern.as_deref().and_then(|pattern| compile_pattern(pattern).ok())?;
        (!pattern.is_match(text)).then(|| "does not match the pattern".to_owned())
    }
}
