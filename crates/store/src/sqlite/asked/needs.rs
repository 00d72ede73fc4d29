//! What bounds and sketches can tell of a query: plain conditions that everything which matches must fulfil.

use flowglass_model::{AttributeValue, Status, TraceId};

use crate::SpanFilter;
use crate::query::{Comparison, Condition, Expr, Field, Literal, Moment, Now, Test};
use crate::sketch::fingerprint;

/// Returns conditions that follow from an expression; more may match them than the expression.
pub(super) fn of(filter: &Expr, now: Now) -> SpanFilter {
    let mut needs = SpanFilter { limit: usize::MAX, ..SpanFilter::default() };
    for part in filter.conjuncts() {
        if let Expr::Test(test) = part {
            narrow(&mut needs, test, now);
        }
    }
    needs
}

/// Returns groups of fingerprints: a span that matches has one of each. `is_of_resources` says whether some resource has an
/// attribute, which spans then may have without saying so themselves.
pub(super) fn groups<E>(filter: &Expr, mut is_of_resources: impl FnMut(&str) -> Result<bool, E>) -> Result<Vec<Vec<u64>>, E> {
    let mut groups = Vec::new();
    for part in filter.conjuncts() {
        let Expr::Test(Test { field: Field::Attribute(key), condition: Condition::Equals(literal) }) = part else { continue };
        if let Some(group) = alternatives(key, literal)
            && !is_of_resources(key)?
        {
            groups.push(group);
        }
    }
    Ok(groups)
}

/// From here on, several whole numbers are the same float.
const LAST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the fingerprints of all values that equal a literal; nothing if they are too many to tell.
fn alternatives(key: &str, literal: &Literal) -> Option<Vec<u64>> {
    let text = literal.text()?;
    let mut values = vec![AttributeValue::Str(text.to_owned())];
    values.extend(bytes(text).map(AttributeValue::Bytes));
    values.extend(literal.truth().map(AttributeValue::Bool));
    if let Some(number) = literal.number() {
        let float = number.to_f64();
        if float.abs() >= LAST_EXACT {
            return None;
        }
        values.push(AttributeValue::Float(float));
        if float == 0.0 {
            values.push(AttributeValue::Float(-float));
        }
        if float.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            values.push(AttributeValue::Int(float as i64));
        }
    }
    Some(values.iter().map(|value| fingerprint::attribute(key, value)).collect())
}

/// Returns the bytes that lower-case hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(is_digit) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

fn narrow(needs: &mut SpanFilter, test: &Test, now: Now) {
    match test.field {
        Field::Started => starts(needs, &test.condition, now),
        Field::Duration => durations(needs, &test.condition),
        Field::Status => needs.status = needs.status.or_else(|| word(&test.condition).and_then(Status::from_word)),
        Field::Trace => needs.trace_id = needs.trace_id.or_else(|| trace(&test.condition)),
        Field::Name => {
            if let Condition::Equals(literal) = &test.condition {
                needs.name = literal.text().map(str::to_owned);
            }
        }
        _ => {}
    }
}

fn starts(needs: &mut SpanFilter, condition: &Condition, now: Now) {
    let (first, last) = match condition {
        Condition::Equals(literal) => (Some(literal), Some(literal)),
        Condition::Compare(Comparison::More | Comparison::AtLeast, literal) => (Some(literal), None),
        Condition::Compare(Comparison::Less | Comparison::AtMost, literal) => (None, Some(literal)),
        Condition::Between(first, last) => (first.as_ref(), last.as_ref()),
        _ => (None, None),
    };
    let moment = |literal: Option<&Literal>| match literal {
        Some(Literal::Time(moment)) => Some(Moment::unix_ns(*moment, now.0)),
        _ => None,
    };
    if let Some(first) = moment(first) {
        needs.min_start_unix_ns = needs.min_start_unix_ns.max(first);
    }
    if let Some(last) = moment(last) {
        needs.end_start_unix_ns = needs.end_start_unix_ns.min(last.saturating_add(1));
    }
}

fn durations(needs: &mut SpanFilter, condition: &Condition) {
    let (first, last) = match condition {
        Condition::Equals(literal) => (Some(literal), Some(literal)),
        Condition::Compare(Comparison::More | Comparison::AtLeast, literal) => (Some(literal), None),
        Condition::Compare(Comparison::Less | Comparison::AtMost, literal) => (None, Some(literal)),
        Condition::Between(first, last) => (first.as_ref(), last.as_ref()),
        _ => (None, None),
    };
    if let Some(Literal::Duration(first)) = first {
        needs.min_duration_ns = needs.min_duration_ns.max(*first);
    }
    if let Some(Literal::Duration(last)) = last {
        needs.max_duration_ns = needs.max_duration_ns.min(*last);
    }
}

/// Returns the only word that a condition lets through.
fn word(condition: &Condition) -> Option<&str> {
    match condition {
        Condition::Equals(literal) => literal.text(),
        Condition::Like(patterns) => match patterns.as_slice() {
            [only] => Some(only.text()),
            _ => None,
        },
        _ => None,
    }
}

fn trace(condition: &Condition) -> Option<TraceId> {
    word(condition).filter(|digits| digits.len() == 32)?.parse().ok()
}
