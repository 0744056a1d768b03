//! Constraints of one field in two versions: tightened, loosened, or both.
//!
//! In: the field before and after. Out: a [`Change`] for each constraint that differs.
//! Not here: whether that may be; [`super::judge`] says so.

use super::Change;
use crate::columns::ScalarType;
use crate::schema::field::{Bound, Field, FieldType};

const TIGHTER: &str =
    "leave the check as it was, or set `compatibility: Forward` or `None` for a change that rejects more";
const LOOSER: &str =
    "leave the check as it was, or set `compatibility: Backward` or `None` for a change that accepts more";

/// Adds every difference of the constraints.
pub(super) fn compare(old: &Field, new: &Field, changes: &mut Vec<Change>) {
    let name = new.name();
    let (before, after) = (&old.constraints, &new.constraints);
    let number = |field: &Field, bound: Option<Bound>| bound.map(|bound| value(field, bound));
    let length = |length: Option<u32>| length.map(f64::from);
    let limits = [
        ("minimum", number(old, before.minimum), number(new, after.minimum), true),
        ("maximum", number(old, before.maximum), number(new, after.maximum), false),
        ("minLength", length(before.min_length), length(after.min_length), true),
        ("maxLength", length(before.max_length), length(after.max_length), false),
    ];
    for (word, before, after, lower) in limits {
        let change = |what: String| Change::new(&name, what);
        changes.extend(match (before, after) {
            (None, Some(limit)) => Some(change(format!("{word} {limit} is added")).tightens(TIGHTER)),
            (Some(limit), None) => Some(change(format!("{word} {limit} goes")).loosens(LOOSER)),
            (Some(one), Some(two)) if one != two => {
                let change = change(format!("{word} goes from {one} to {two}"));
                let tightened = (two > one) == lower;
                Some(if tightened { change.tightens(TIGHTER) } else { change.loosens(LOOSER) })
            }
            (Some(_), Some(_)) | (None, None) => None,
        });
    }
    pattern(&name, before.pattern.as_deref(), after.pattern.as_deref(), changes);
    allowed(&name, &before.allowed, &after.allowed, changes);
}

/// Returns a bound as a number, so that versions with different scales compare.
#[expect(clippy::cast_precision_loss, reason = "both sides came from a 64-bit float of the spec")]
fn value(field: &Field, bound: Bound) -> f64 {
    match (bound, field.field_type) {
        (Bound::Float(number), _) => number,
        (Bound::Decimal(number), FieldType::Scalar(ScalarType::Decimal { scale, .. })) => {
            number as f64 / 10_f64.powi(i32::from(scale))
        }
        (Bound::Integer(number) | Bound::Decimal(number), _) => number as f64,
    }
}

fn pattern(name: &str, before: Option<&str>, after: Option<&str>, changes: &mut Vec<Change>) {
    changes.extend(match (before, after) {
        (None, Some(_)) => Some(Change::new(name, "a pattern is added").tightens(TIGHTER)),
        (Some(_), None) => Some(Change::new(name, "the pattern goes").loosens(LOOSER)),
        // Nobody can tell whether one regular expression accepts more than another.
        (Some(one), Some(two)) if one != two => {
            Some(Change::new(name, "the pattern changes").tightens(TIGHTER).loosens(LOOSER))
        }
        (Some(_), Some(_)) | (None, None) => None,
    });
}

fn allowed(name: &str, before: &[String], after: &[String], changes: &mut Vec<Change>) {
    let missing = |from: &[String], to: &[String]| -> Vec<String> {
        from.iter().filter(|value| !to.contains(value)).cloned().collect()
    };
    match (before.is_empty(), after.is_empty()) {
        (true, true) => {}
        (true, false) => changes.push(Change::new(name, "an enum is added").tightens(TIGHTER)),
        (false, true) => changes.push(Change::new(name, "the enum goes").loosens(LOOSER)),
        (false, false) => {
            let (gone, came) = (missing(before, after), missing(after, before));
            if !gone.is_empty() {
                let what = format!("the enum loses {}", gone.join(", "));
                changes.push(Change::new(name, what).tightens(TIGHTER));
            }
            if !came.is_empty() {
                let what = format!("the enum gains {}", came.join(", "));
                changes.push(Change::new(name, what).loosens(LOOSER));
            }
        }
    }
}
