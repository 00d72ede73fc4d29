//! What failed in a run, each with what its spans tell of the why.

use flowglass_model::{AttemptReport, AttributeValue, FailureReport, LevelReport, SpanType, Status, conventions as names};

use crate::{Tree, facts};

/// Returns the places where something failed of itself, by time. An attempt is no failure: its node is, unless another attempt
/// went well. What holds others counts only where none of them failed.
#[must_use]
pub fn origins(tree: &Tree<'_>) -> Vec<usize> {
    let kind = |at: usize| tree.nodes()[at].span.span_type;
    let failed = |at: usize| tree.nodes()[at].span.status == Status::Error && kind(at) != SpanType::Attempt;
    let mut origins: Vec<usize> = (0..tree.len()).filter(|&at| failed(at) && !tree.children(at).any(failed)).collect();
    let is_work = |at: usize| !matches!(kind(at), SpanType::Pipeline | SpanType::Map);
    if origins.iter().any(|&at| is_work(at)) {
        origins.retain(|&at| is_work(at));
    }
    origins.sort_by_key(|&at| tree.nodes()[at].end_ns());
    origins
}

/// Returns a report of each failure of a run, the first failure first: as [`Error::report`] of the engine, from spans alone.
///
/// [`Error::report`]: https://docs.rs/flowglass/latest/flowglass/struct.Error.html#method.report
#[must_use]
pub fn reports(tree: &Tree<'_>) -> Vec<FailureReport> {
    origins(tree).into_iter().map(|at| report(tree, at)).collect()
}

fn report(tree: &Tree<'_>, at: usize) -> FailureReport {
    let span = tree.nodes()[at].span;
    let levels: Vec<usize> = above(tree, at).filter(|&above| is_level(tree, above)).collect();
    let innermost = levels.first().map(|&level| tree.nodes()[level].span);
    let explained = innermost.filter(|level| level.attribute(names::FAILURE_PATH).is_some());
    let told = |key: &str| span.attribute(key).or_else(|| explained?.attribute(key));
    FailureReport {
        path: path(tree, at),
        item: above(tree, at).find_map(|at| facts::item(tree.nodes()[at].span)).map(str::to_owned),
        error_type: span.text(names::ERROR_TYPE).unwrap_or_default().to_owned(),
        message: facts::error(span).unwrap_or_default().to_owned(),
        causes: facts::causes(span).map(str::to_owned).collect(),
        inputs: told(names::FAILURE_INPUTS).map(entries).unwrap_or_default(),
        attempts: attempts(tree, at),
        backend: told(names::FAILURE_BACKEND).and_then(AttributeValue::as_str).map(str::to_owned),
        span: span.span_id.some(),
        around: levels.into_iter().map(|level| around(tree, level, at)).collect(),
    }
}

/// The span and what is above it, the innermost first.
fn above(tree: &Tree<'_>, at: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(at), |&at| tree.nodes()[at].parent)
}

/// Says whether a span is a pipeline at work, and holds others: also that of a map's item.
fn is_level(tree: &Tree<'_>, at: usize) -> bool {
    let kind = tree.nodes()[at].span.span_type;
    let is_map = |at: usize| tree.nodes()[at].span.span_type == SpanType::Map;
    let holds_nodes = || tree.children(at).any(|child| tree.nodes()[child].span.span_type != SpanType::Attempt);
    match kind {
        // A pipeline that is mapped at the top has one child, which is the map itself.
        SpanType::Pipeline => {
            !tree.children(at).any(|child| is_map(child) && facts::repeats(tree.nodes()[child].span, tree.nodes()[at].span))
        }
        SpanType::Item => holds_nodes(),
        _ => false,
    }
}

/// Says what became of the other nodes of a pipeline.
fn around(tree: &Tree<'_>, level: usize, failed: usize) -> LevelReport {
    let mut report = LevelReport { path: path(tree, level), ..LevelReport::default() };
    for child in tree.children(level).filter(|&child| !(child..tree.nodes()[child].end).contains(&failed)) {
        let span = tree.nodes()[child].span;
        let name = facts::label(span).into_owned();
        match span.status {
            Status::Ok => report.finished.push(name),
            Status::Cancelled => report.cancelled.push(name),
            _ => {}
        }
    }
    if let Some(AttributeValue::List(skipped)) = tree.nodes()[level].span.attribute(names::FAILURE_SKIPPED) {
        report.skipped = skipped.iter().filter_map(AttributeValue::as_str).map(str::to_owned).collect();
    }
    report
}

fn attempts(tree: &Tree<'_>, at: usize) -> Vec<AttemptReport> {
    let spans = tree.children(at).map(|child| tree.nodes()[child].span);
    let failed = spans.filter(|span| span.span_type == SpanType::Attempt && span.status == Status::Error);
    failed
        .map(|span| AttemptReport { duration_ns: span.duration_ns, message: facts::error(span).unwrap_or_default().to_owned() })
        .collect()
}

fn entries(value: &AttributeValue) -> Vec<(String, String)> {
    let AttributeValue::Map(entries) = value else { return Vec::new() };
    let entry = |(name, value): &(String, AttributeValue)| Some((name.clone(), value.as_str()?.to_owned()));
    entries.iter().filter_map(entry).collect()
}

/// Names a place from the root: `outer > inner[3] > node`.
fn path(tree: &Tree<'_>, at: usize) -> String {
    let mut places: Vec<usize> = above(tree, at).take(MANY).collect();
    places.reverse();
    let mut path = String::new();
    for (number, &place) in places.iter().enumerate() {
        let span = tree.nodes()[place].span;
        let above = number.checked_sub(1).map(|above| tree.nodes()[places[above]].span);
        if above.is_some_and(|above| facts::repeats(span, above)) {
            continue;
        }
        let label = facts::label(span);
        path.push_str(if path.is_empty() || span.span_type == SpanType::Item { "" } else { " > " });
        path.push_str(&label);
    }
    path
}

/// Places named in a path, at most; of a deeper one the innermost.
const MANY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Runs, arbitrary_spans};
    use proptest::prelude::*;

    fn failing() -> Runs {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "failing", 0, 500);
        let map = run.add(Some(root), SpanType::Map, "means", 0, 500);
        let item = run.add(Some(map), SpanType::Item, "2", 0, 80);
        let node = run.add(Some(item), SpanType::Node, "readings", 0, 75);
        run.add(Some(item), SpanType::Node, "other", 0, 10);
        let stopped = run.add(Some(item), SpanType::Node, "slow", 0, 80);
        run.span_mut(stopped).status = Status::Cancelled;
        for (at_ms, ms) in [(0, 6), (30, 8)] {
            let attempt = run.add(Some(node), SpanType::Attempt, "1", at_ms, ms);
            run.fail(attempt, "no such file");
        }
        for at in [root, map, item, node] {
            run.fail(at, "no such file");
        }
        run.set(item, names::MAP_ITEM, "east");
        run.set(item, names::FAILURE_PATH, "failing > means[2] > readings");
        run.set(item, names::FAILURE_INPUTS, AttributeValue::Map(vec![("station".into(), "\"east\"".into())]));
        run.set(item, names::FAILURE_SKIPPED, AttributeValue::List(vec!["mean".into()]));
        run.set(root, names::FAILURE_SKIPPED, AttributeValue::List(vec!["report".into()]));
        run
    }

    #[test]
    fn spans_tell_what_the_error_told() {
        let spans = failing().into_spans();
        let reports = reports(&Tree::of(&spans));
        assert_eq!(reports.len(), 1);
        insta::assert_snapshot!(format!("{:#}", reports[0]), @r#"
        failing > means[2] > readings (east)
          no such file
          inputs    station = "east"
          attempts  2, with the same error each time (6.0ms, 8.0ms)
          around    in failing > means[2]: other finished; slow cancelled; mean never started
                    in failing: report never started
          span      0000000000000004
        "#);
    }

    #[test]
    fn the_path_of_a_mapped_pipeline_names_it_once() {
        let mut run = Runs::new();
        let root = run.add(None, SpanType::Pipeline, "words", 0, 50);
        let map = run.add(Some(root), SpanType::Map, "words", 0, 50);
        let item = run.add(Some(map), SpanType::Item, "3", 0, 50);
        let node = run.add(Some(item), SpanType::Node, "count", 0, 50);
        [root, map, item, node].into_iter().for_each(|at| run.fail(at, "no"));
        let spans = run.into_spans();
        let report = reports(&Tree::of(&spans)).remove(0);
        assert_eq!((report.path.as_str(), report.around.len()), ("words[3] > count", 1));
    }

    proptest! {
        #[test]
        fn any_spans_make_reports(spans in arbitrary_spans()) {
            for report in reports(&Tree::of(&spans)) {
                prop_assert!(!report.path.is_empty());
            }
        }
    }
}
