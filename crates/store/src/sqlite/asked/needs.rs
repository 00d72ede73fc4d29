//! What bounds and sketches can tell of a query: plain conditions that everything which matches must fulfil.

use flowglass_model::{AttributeValue, Status, TraceId};

use crate::SpanFilter;
use crate::query::{Comparison, Condition, Expr, Field, Held, Literal, Now, Test};
use crate::sketch::fingerprint;

/// What bounds know of the spans that an expression asks for.
pub(super) struct Needs {
    /// What everything that matches fulfils; more may fulfil it.
    pub(super) filter: SpanFilter,
    /// Whether that says all that the expression does, but for attributes that equal something.
    pub(super) is_all: bool,
}

impl Needs {
    /// Finds out what follows from an expression.
    pub(super) fn of(expr: &Expr, now: Now) -> Self {
        let filter = SpanFilter { limit: usize::MAX, ..SpanFilter::default() };
        let mut needs = Self { filter, is_all: true };
        for part in expr.conjuncts() {
            needs.is_all &= match part {
                Expr::Test(test) => needs.narrow(test, now),
                _ => false,
            };
        }
        needs
    }
}

/// Returns conditions that follow from an expression; more may match them than the expression.
pub(super) fn of(expr: &Expr, now: Now) -> SpanFilter {
    Needs::of(expr, now).filter
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

/// Returns the hash of the key of each attribute that an expression asks for.
pub(super) fn keys(expr: &Expr) -> Vec<u64> {
    let key = |part: &Expr| match part {
        Expr::Test(Test { field: Field::Attribute(key), .. }) => Some(fingerprint::key(key)),
        _ => None,
    };
    expr.conjuncts().filter_map(key).collect()
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

impl Needs {
    /// Takes what follows from a test, and says whether that is all that it says.
    fn narrow(&mut self, test: &Test, now: Now) -> bool {
        let needs = &mut self.filter;
        match &test.field {
            Field::Started => {
                let time = |literal: &Literal| match literal {
                    Literal::Time(moment) => Some(i128::from(moment.unix_ns(now.0))),
                    _ => None,
                };
                let Some((first, behind)) = range(&test.condition, time) else { return false };
                needs.min_start_unix_ns = needs.min_start_unix_ns.max(clamped(first));
                needs.end_start_unix_ns = needs.end_start_unix_ns.min(clamped(behind));
                // The last moment of all can't be told from the end of time.
                behind <= i128::from(i64::MAX) || behind == END
            }
            Field::Duration => {
                let time = |literal: &Literal| match literal {
                    Literal::Duration(duration_ns) => Some(i128::from(*duration_ns)),
                    _ => None,
                };
                let Some((first, behind)) = range(&test.condition, time) else { return false };
                needs.min_duration_ns = needs.min_duration_ns.max(u64::try_from(first.max(0)).unwrap_or(u64::MAX));
                needs.max_duration_ns = needs.max_duration_ns.min(u64::try_from((behind - 1).max(0)).unwrap_or(u64::MAX));
                // No duration is less than none.
                behind > 0 && first <= i128::from(u64::MAX)
            }
            Field::Status => only_status(test, now).is_some_and(|only| *needs.status.get_or_insert(only) == only),
            Field::Trace => {
                needs.trace_id = needs.trace_id.or_else(|| trace(&test.condition));
                false
            }
            Field::Name => match &test.condition {
                Condition::Equals(literal) => {
                    literal.text().is_some_and(|text| needs.name.get_or_insert_with(|| text.to_owned()) == text)
                }
                _ => false,
            },
            Field::Attribute(_) => matches!(test.condition, Condition::Equals(_)),
            _ => false,
        }
    }
}

/// Before all times, and behind them.
const START: i128 = i128::MIN;
const END: i128 = i128::MAX;

/// Returns the first number that a condition lets through and the one behind the last; nothing if it is of another kind.
fn range(condition: &Condition, number: impl Fn(&Literal) -> Option<i128>) -> Option<(i128, i128)> {
    Some(match condition {
        Condition::Equals(literal) => (number(literal)?, number(literal)? + 1),
        Condition::Compare(Comparison::More, literal) => (number(literal)? + 1, END),
        Condition::Compare(Comparison::AtLeast, literal) => (number(literal)?, END),
        Condition::Compare(Comparison::Less, literal) => (START, number(literal)?),
        Condition::Compare(Comparison::AtMost, literal) => (START, number(literal)? + 1),
        Condition::Between(first, last) => {
            let first = first.as_ref().map_or(Some(START), &number)?;
            (first, last.as_ref().map_or(Some(END), |last| Some(number(last)? + 1))?)
        }
        Condition::Exists | Condition::Like(_) => return None,
    })
}

fn clamped(unix_ns: i128) -> i64 {
    i64::try_from(unix_ns.clamp(i64::MIN.into(), i64::MAX.into())).unwrap_or_default()
}

/// Returns the only status that passes a test.
fn only_status(test: &Test, now: Now) -> Option<Status> {
    let mut passing = Status::ALL.iter().filter(|status| test.passes(&Held::Text(status.as_str()), now));
    let first = passing.next()?;
    passing.next().is_none().then_some(*first)
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
