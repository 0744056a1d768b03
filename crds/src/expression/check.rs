//! What can be said of an expression before any event: the fields it names exist, and its types go together.
//!
//! In: the compiled program and the known fields. Out: the referenced paths, or one problem that tells all that is wrong.
//! Not here: the values of events.
//!
//! Types are tried, not inferred: every part of the expression is evaluated alone with a sample value of each field's
//! type, so that `a || b` cannot hide b. Errors of values (an index, a division) say nothing about types and are left out.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::objects::ValueType;
use cel::{Context, ExecutionError, Program, Value};

use super::{ENVIRONMENT, Node, ROOT, timestamp};
use crate::columns::ScalarType;
use crate::schema::field::{Field, FieldType};
use crate::schema::problems::Problem;

/// Names that are values of CEL itself.
const TYPE_NAMES: [&str; 12] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Checks a program; returns the paths it reads, each once.
pub(super) fn check(source: &str, program: &Program, known: &[&Field]) -> Result<Vec<Vec<String>>, Problem> {
    let mut walk =
        Walk { known, references: Vec::new(), problems: Vec::new(), parts: Vec::new(), locals: Vec::new() };
    walk.visit(program.expression());
    if walk.problems.is_empty() {
        let context = sample_context(known);
        for part in std::mem::take(&mut walk.parts) {
            if let Some(message) = try_part(part, &context) {
                walk.problem(message);
            }
        }
        match Value::resolve(program.expression(), &context) {
            Ok(Value::Bool(_)) | Err(_) => {}
            Ok(other) => walk.problem(format!(
                "it is of type {}, not true or false; compare it with something",
                other.type_of()
            )),
        }
    }
    if walk.problems.is_empty() {
        return Ok(walk.references);
    }
    Err(Problem::new("", format!("expression `{source}`: {}", walk.problems.join("; "))))
}

/// Returns the levels of a program.
pub(super) fn depth(node: &IdedExpr) -> usize {
    let deepest = |nodes: &mut dyn Iterator<Item = &IdedExpr>| nodes.map(depth).max().unwrap_or(0);
    1 + match &node.expr {
        Expr::Select(select) => depth(&select.operand),
        Expr::Call(call) => deepest(&mut call.target.as_deref().into_iter().chain(&call.args)),
        Expr::Comprehension(inner) => {
            let parts =
                [&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result];
            deepest(&mut parts.into_iter())
        }
        Expr::List(list) => deepest(&mut list.elements.iter()),
        Expr::Map(map) => map.entries.iter().map(|entry| entry_depth(&entry.expr)).max().unwrap_or(0),
        Expr::Struct(inner) => inner.entries.iter().map(|entry| entry_depth(&entry.expr)).max().unwrap_or(0),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => 0,
    }
}

fn entry_depth(entry: &EntryExpr) -> usize {
    match entry {
        EntryExpr::StructField(field) => depth(&field.value),
        EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
    }
}

struct Walk<'a> {
    known: &'a [&'a Field],
    references: Vec<Vec<String>>,
    problems: Vec<String>,
    /// Calls outside of comprehensions: each can be tried alone.
    parts: Vec<&'a IdedExpr>,
    /// Variables of the comprehensions around.
    locals: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn problem(&mut self, message: String) {
        if !self.problems.contains(&message) {
            self.problems.push(message);
        }
    }

    fn visit(&mut self, node: &'a IdedExpr) {
        if let Some(path) = self.event_path(node) {
            return self.reference(&path);
        }
        match &node.expr {
            Expr::Ident(name) => self.identifier(name),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => {
                call.target.iter().for_each(|target| self.visit(target));
                call.args.iter().for_each(|argument| self.visit(argument));
                if self.locals.is_empty() {
                    self.parts.push(node);
                }
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range);
                if self.locals.is_empty() {
                    self.parts.push(node);
                }
                let outside = self.locals.len();
                self.locals.push(&comprehension.iter_var);
                self.locals.extend(comprehension.iter_var2.as_deref());
                self.locals.push(&comprehension.accu_var);
                self.visit(&comprehension.accu_init);
                self.visit(&comprehension.loop_cond);
                self.visit(&comprehension.loop_step);
                self.visit(&comprehension.result);
                self.locals.truncate(outside);
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(structure) => structure.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &'a EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key);
                self.visit(&entry.value);
            }
        }
    }

    fn identifier(&mut self, name: &str) {
        if self.locals.contains(&name) || name.starts_with('@') || TYPE_NAMES.contains(&name) {
            return;
        }
        if name == ROOT {
            self.problem("`event` stands alone; name a field of it, such as `event.amount`".to_owned());
        } else {
            self.problem(format!(
                "`{name}` is not a variable; the fields stand in `event`, such as `event.{name}`"
            ));
        }
    }

    /// Returns the keys after `event`, written with dots or as `["key"]`; none for anything else.
    fn event_path(&self, node: &IdedExpr) -> Option<Vec<String>> {
        let (operand, key) = match &node.expr {
            Expr::Ident(name) => {
                return (name == ROOT && !self.locals.contains(&ROOT)).then(Vec::new);
            }
            Expr::Select(select) => (&*select.operand, select.field.clone()),
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, index] = call.args.as_slice() else { return None };
                let Expr::Literal(LiteralValue::String(key)) = &index.expr else { return None };
                (operand, key.inner().to_owned())
            }
            Expr::Call(_)
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Unspecified => return None,
        };
        let mut path = self.event_path(operand)?;
        path.push(key);
        Some(path)
    }

    fn reference(&mut self, path: &[String]) {
        let name = path.join(".");
        if path.is_empty() {
            return self.identifier(ROOT);
        }
        if let Some(field) = self.known.iter().find(|field| path.starts_with(&field.path)) {
            if path.len() > field.path.len() && field.field_type != FieldType::Json {
                let message = format!(
                    "field `{}` has type {}, so there is no `{name}`",
                    field.name(),
                    field.field_type
                );
                return self.problem(message);
            }
            if !self.references.contains(&field.path) {
                self.references.push(field.path.clone());
            }
            return;
        }
        if let Some(inner) = self.known.iter().find(|field| field.path.starts_with(path)) {
            let message = format!(
                "`{name}` holds fields but is none; name a field in it, such as `event.{}`",
                inner.name()
            );
            return self.problem(message);
        }
        let nearest = self.known.iter().map(|field| field.name()).min_by_key(|known| distance(known, &name));
        let remedy = match nearest {
            Some(nearest) => format!("did you mean `event.{nearest}`? Else add the field to the schema"),
            None => "add the field to the schema".to_owned(),
        };
        self.problem(format!("there is no field `{name}`; {remedy}"));
    }
}

/// Evaluates a call with sample values; says what does not fit.
fn try_part(part: &IdedExpr, context: &Context) -> Option<String> {
    if let Expr::Call(call) = &part.expr
        && let Some(message) = try_operands(&call.func_name, &call.args, context)
    {
        return Some(message);
    }
    match Value::resolve(part, context) {
        Err(ExecutionError::UndeclaredReference(name)) => Some(format!(
            "there is no function `{name}`; use those of CEL, such as size(), startsWith(), matches()"
        )),
        Err(ExecutionError::NoSuchOverload(error)) => {
            let types = error.argument_types().join(" and ");
            Some(format!("`{}` does not take {types}; {NUMBERS}", operator_name(error.function())))
        }
        Err(
            ExecutionError::UnsupportedBinaryOperator(..)
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::UnsupportedTargetType { .. }
            | ExecutionError::NotSupportedAsMethod { .. }
            | ExecutionError::InvalidArgumentCount { .. }
            | ExecutionError::MissingArgumentOrTarget
            | ExecutionError::UnsupportedIndex(..),
        ) => Some(format!("it combines values of types that do not go together; {NUMBERS}")),
        Ok(_) | Err(_) => None,
    }
}

/// What authors stumble over most.
const NUMBERS: &str = "Decimal and Float fields are CEL doubles (write 100.0), integer fields are ints (write 100), \
                       times are timestamps (write timestamp('2026-01-31T00:00:00Z'))";

/// Checks what CEL evaluates without an error although it cannot be meant: two types that are never equal, and logic
/// over something that is not true or false.
fn try_operands(function: &str, arguments: &[IdedExpr], context: &Context) -> Option<String> {
    let type_of = |argument: &IdedExpr| Value::resolve(argument, context).ok().map(|value| value.type_of());
    match (function, arguments) {
        (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
            let (left, right) = (type_of(left)?, type_of(right)?);
            let null = |kind: &ValueType| matches!(kind, ValueType::Null);
            let number =
                |kind: &ValueType| matches!(kind, ValueType::Int | ValueType::UInt | ValueType::Float);
            let fits =
                same(&left, &right) || null(&left) || null(&right) || (number(&left) && number(&right));
            (!fits).then(|| {
                format!(
                    "`{}` compares {left} with {right}, which are never equal; {NUMBERS}",
                    operator_name(function)
                )
            })
        }
        (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, operands) => {
            let wrong = operands.iter().filter_map(type_of).find(|kind| !matches!(kind, ValueType::Bool))?;
            Some(format!(
                "`{}` takes true or false, not {wrong}; compare the value with something",
                operator_name(function)
            ))
        }
        (operators::CONDITIONAL, [condition, ..]) => {
            let wrong = type_of(condition).filter(|kind| !matches!(kind, ValueType::Bool))?;
            Some(format!(
                "the condition before `?` is of type {wrong}, not true or false; compare it with something"
            ))
        }
        _ => None,
    }
}

fn same(one: &ValueType, other: &ValueType) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Turns CEL's internal name of an operator into what people write: `_&&_` is `&&`.
fn operator_name(function: &str) -> &str {
    function.trim_matches(|c| matches!(c, '_' | '@'))
}

fn sample_context(known: &[&Field]) -> Context<'static, 'static> {
    let mut root = Node::default();
    for field in known {
        root.bind(&field.path, Some(sample(field.field_type)));
    }
    let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
    context.add_variable_from_value(ROOT, root.into_value());
    context
}

fn sample(field_type: FieldType) -> Value {
    match field_type {
        FieldType::Scalar(scalar) => scalar_sample(scalar),
        FieldType::Array(scalar) => Value::List(Arc::new(vec![scalar_sample(scalar)])),
        FieldType::Json => Value::Map(HashMap::<cel::objects::Key, Value>::new().into()),
    }
}

fn scalar_sample(scalar: ScalarType) -> Value {
    match scalar {
        ScalarType::String => Value::String(Arc::new("sample".to_owned())),
        ScalarType::Uuid => Value::String(Arc::new("00000000-0000-0000-0000-000000000000".to_owned())),
        ScalarType::Bool => Value::Bool(true),
        ScalarType::Float32 | ScalarType::Float64 | ScalarType::Decimal { .. } => Value::Float(1.0),
        ScalarType::Date | ScalarType::DateTime | ScalarType::DateTime64 { .. } => {
            timestamp(1_700_000_000_000_000_000).unwrap_or(Value::Null)
        }
        ScalarType::Int8
        | ScalarType::Int16
        | ScalarType::Int32
        | ScalarType::Int64
        | ScalarType::UInt8
        | ScalarType::UInt16
        | ScalarType::UInt32
        | ScalarType::UInt64 => Value::Int(1),
    }
}

/// Number of edits between two names (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, right) in other.iter().enumerate() {
            let substitution = diagonal + usize::from(left != *right);
            diagonal = row[column + 1];
            row[column + 1] = substitution.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
