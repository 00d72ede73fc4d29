//! `has(…)`: the traces that have a span which matches, found once for each such part of a query.

use std::collections::{HashMap, HashSet};

use flowglass_model::TraceId;

use super::{Expr, Field, Held, IdText, Now, Record};

/// The traces that the parts `has(…)` of a query ask for.
///
/// A store finds them before it looks at things: it asks for the spans that each part describes, the innermost first.
#[derive(Debug, Default)]
pub struct TraceSets {
    sets: HashMap<usize, HashSet<IdText>>,
}

impl TraceSets {
    /// Finds the traces for each part `has(…)` of an expression, by asking for the spans that it describes.
    ///
    /// # Errors
    /// The first error of `find`.
    pub fn find<E>(expr: &Expr, mut find: impl FnMut(&Expr, &Self) -> Result<HashSet<TraceId>, E>) -> Result<Self, E> {
        let mut sets = Self::default();
        sets.fill(expr, &mut find)?;
        Ok(sets)
    }

    fn fill<E>(&mut self, expr: &Expr, find: &mut impl FnMut(&Expr, &Self) -> Result<HashSet<TraceId>, E>) -> Result<(), E> {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().try_for_each(|part| self.fill(part, find)),
            Expr::Not(inner) => self.fill(inner, find),
            Expr::Has(inner) => {
                self.fill(inner, find)?;
                let traces = find(inner, self)?.into_iter().map(IdText::from).collect();
                self.sets.insert(address(inner), traces);
                Ok(())
            }
            Expr::All | Expr::Test(_) | Expr::Text(_) => Ok(()),
        }
    }

    fn has(&self, expr: &Expr, trace: IdText) -> bool {
        self.sets.get(&address(expr)).is_some_and(|traces| traces.contains(&trace))
    }
}

/// A part of a query is known by where it lies: the query is borrowed as long as its sets are asked.
fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

/// A thing, and what is known of the traces of all things.
#[derive(Debug, Clone, Copy)]
pub struct InTraces<'a, R> {
    /// The thing.
    pub record: &'a R,
    /// The traces that the query asks for.
    pub traces: &'a TraceSets,
}

impl<R: Record> Record for InTraces<'_, R> {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        self.record.field(field)
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        self.record.any_text(passes)
    }

    fn trace_has(&self, expr: &Expr, _: Now) -> bool {
        match self.record.field(&Field::Trace) {
            Some(Held::Id(trace)) => self.traces.has(expr, trace),
            _ => false,
        }
    }
}
