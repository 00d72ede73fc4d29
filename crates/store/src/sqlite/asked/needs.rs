//! What bounds and sketches can tell of a query: plain conditions that everything which matches must fulfil.

use flowglass_model::{Status, TraceId};

use crate::SpanFilter;
use crate::query::{Comparison, Condition, Expr, Field, Literal, Moment, Now, Test};

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
