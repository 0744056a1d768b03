//! Expressions over an event: the rules of an EventSchema and `when` of a ForwardingRule, in CEL.
//!
//! In: source text and the fields that there are. Out: [`Expression`], compiled, its field references known and its types tried.
//! Not here: where the values come from; the caller gives a function from path to value, and only referenced fields are asked for.
//!
//! The only variable is `event`. A field that an event lacks is an absent key: `has(event.x)` is false, `event.x` an error.

mod check;
mod error;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::objects::Key;
use cel::{Context, Env, Program, Value};

pub use error::EvaluationError;

use crate::schema::field::Field;
use crate::schema::problems::Problem;

/// Name of the only variable.
pub const ROOT: &str = "event";

/// Greatest length of a source text, as the definitions bound it, in bytes.
const SOURCE_LENGTH: usize = 4 * 1024;

/// Stack for parsing one expression.
const STACK: usize = 256 << 20;

/// Greatest nesting of a program: evaluation recurses too, on ordinary stacks.
const DEPTH: usize = 64;

/// Functions and types of CEL, built once: that costs more than an evaluation.
static ENVIRONMENT: LazyLock<Arc<Env>> =
    LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// A compiled expression. Cloning shares the program.
#[derive(Clone)]
pub struct Expression {
    source: String,
    program: Arc<Program>,
    references: Vec<Vec<String>>,
}

impl Expression {
    /// Compiles an expression over the known fields.
    ///
    /// # Errors
    /// When the text is not CEL, names a field or variable that does not exist, compares or calculates with types that do
    /// not fit, or is not true or false. One problem tells them all; its `field` is empty, as the caller knows where the
    /// text stands.
    pub fn parse(source: &str, known: &[&Field]) -> Result<Self, Problem> {
        if source.len() > SOURCE_LENGTH {
            let message = format!("an expression has at most {SOURCE_LENGTH} bytes; say it in several rules");
            return Err(Problem::new("", message));
        }
        // The parser recurses with the text. A thread of its own keeps a hostile text from ending the process that all
        // other objects live in: by its stack, and by its end when the parser panics.
        let examined = std::thread::scope(|scope| {
            let builder = std::thread::Builder::new().name("cel".to_owned()).stack_size(STACK);
            builder.spawn_scoped(scope, || examine(source, known)).map(std::thread::ScopedJoinHandle::join)
        });
        match examined {
            Ok(Ok(expression)) => expression,
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                "",
                format!("expression `{source}` cannot be examined; write it more simply"),
            )),
        }
    }

    /// Returns the paths of the fields that the expression reads, each once.
    #[must_use]
    pub fn references(&self) -> &[Vec<String>] {
        &self.references
    }

    /// Returns the text as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Evaluates the expression; `value_of` is asked for the referenced paths and answers none for a missing field.
    ///
    /// # Errors
    /// When a missing field is read, or a value does not go with an operation. The error holds no value of the event.
    pub fn evaluate(&self, value_of: &dyn Fn(&[String]) -> Option<Value>) -> Result<bool, EvaluationError> {
        let mut root = Node::default();
        for path in &self.references {
            root.bind(path, value_of(path));
        }
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable_from_value(ROOT, root.into_value());
        match self.program.execute(&context) {
            Ok(Value::Bool(answer)) => Ok(answer),
            Ok(_) => Err(EvaluationError::NotBoolean),
            Err(error) => Err(EvaluationError::from_execution(&error)),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.references == other.references
    }
}

/// Builds the CEL value of a time from nanoseconds since 1970; none outside of the years that CEL knows.
#[must_use]
pub fn timestamp(nanoseconds: i128) -> Option<Value> {
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
    chrono::DateTime::from_timestamp(seconds, rest).map(|time| Value::Timestamp(time.fixed_offset()))
}

fn examine(source: &str, known: &[&Field]) -> Result<Expression, Problem> {
    let program = compile(source)?;
    if check::depth(program.expression()) > DEPTH {
        let message = format!("expression is nested deeper than {DEPTH} levels; say it in several rules");
        return Err(Problem::new("", message));
    }
    let references = check::check(source, &program, known)?;
    Ok(Expression { source: source.to_owned(), program: Arc::new(program), references })
}

fn compile(source: &str) -> Result<Program, Problem> {
    ENVIRONMENT.compile(source).map_err(|errors| {
        let first = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
        let first = first.lines().next().unwrap_or_default();
        Problem::new(
            "",
            format!("expression `{source}` is not CEL: {first}; write one such as `event.amount > 100.0`"),
        )
    })
}

/// The bound part of an event: nested objects down to the referenced values.
#[derive(Default)]
struct Node {
    value: Option<Value>,
    children: HashMap<String, Self>,
}

impl Node {
    /// Binds a value, or only the objects around it: `has(event.device.os)` needs `device` to say no.
    fn bind(&mut self, path: &[String], value: Option<Value>) {
        match path {
            [] => self.value = value,
            [last] if value.is_none() => {
                self.children.remove(last);
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().bind(rest, value),
        }
    }

    fn into_value(self) -> Value {
        self.value.unwrap_or_else(|| {
            let map: HashMap<Key, Value> = self
                .children
                .into_iter()
                .map(|(key, child)| (Key::String(Arc::new(key)), child.into_value()))
                .collect();
            Value::Map(map.into())
        })
    }
}

#[cfg(test)]
mod tests;
