//! What is below a span: the part of a trace that is one run.

use std::collections::{HashMap, HashSet};

use crate::{Span, SpanId};

/// Keeps of a trace's spans a root and what is below it, in their order. Parents in a circle end somewhere.
pub fn keep_below(root: SpanId, spans: &mut Vec<Span>) {
    let mut children: HashMap<SpanId, Vec<SpanId>> = HashMap::new();
    for span in &*spans {
        children.entry(span.parent_id).or_default().push(span.span_id);
    }
    let (mut kept, mut next) = (HashSet::from([root]), vec![root]);
    while let Some(span) = next.pop() {
        next.extend(children.remove(&span).into_iter().flatten().filter(|&child| kept.insert(child)));
    }
    spans.retain(|span| kept.contains(&span.span_id));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(root: u64, spans: &[(u64, u64)]) -> Vec<u64> {
        let span = |&(id, parent): &(u64, u64)| Span {
            span_id: SpanId::from_u64(id),
            parent_id: SpanId::from_u64(parent),
            ..Span::default()
        };
        let mut spans = spans.iter().map(span).collect();
        keep_below(SpanId::from_u64(root), &mut spans);
        spans.iter().map(|span| span.span_id.to_u64()).collect()
    }

    #[test]
    fn a_part_of_a_trace_is_a_root_and_all_below_it() {
        assert_eq!(below(2, &[(5, 4), (1, 0), (2, 1), (3, 1), (4, 2), (6, 3)]), [5, 2, 4]);
    }

    #[test]
    fn odd_parents_do_no_harm() {
        assert_eq!(below(2, &[(2, 3), (3, 2), (4, 4), (7, 99)]), [2, 3], "a circle");
        assert_eq!(below(9, &[(1, 9), (2, 8)]), [1], "a root that isn't there");
        assert!(below(9, &[]).is_empty());
    }
}
