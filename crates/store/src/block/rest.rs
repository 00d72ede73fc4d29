//! What most blocks don't have: scopes and counts of what was left out, links, logs and metrics. Kept as whole records in
//! MessagePack behind each other, which the compression of the frame makes small, and not as columns.

use std::sync::Arc;

use flowglass_model::{
    Batch, BatchBuilder, Extra, Extras, InstrumentationScope, LogRecord, Metric, MetricPoint, SpanColumns, SpanDrops, SpanId,
    SpanLink, TraceId,
};
use serde::{Deserialize, Serialize};

use super::bytes::Damaged;

/// The records of a block that have no columns.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Rest {
    spans: Vec<Run>,
    events: Vec<Run>,
    links: Vec<(TraceId, SpanId, SpanLink)>,
    logs: Vec<LogRecord>,
    of_metrics: Vec<Run>,
    /// Only formats before 6 have metrics here.
    #[serde(skip_serializing)]
    metrics: Vec<(Metric, Vec<MetricPoint>)>,
}

/// Rows that have the same besides their columns.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    start: u32,
    end: u32,
    scope: Option<Arc<InstrumentationScope>>,
    trace_state: String,
    dropped: SpanDrops,
}

/// Writes what the batch has besides the columns of `spans` and of its events; nothing if it has nothing.
pub(super) fn encode(batch: &Batch, spans: &SpanColumns) -> std::io::Result<Vec<u8>> {
    let rest = Rest {
        spans: runs(batch, &spans.extras),
        events: runs(batch, &batch.events.extras),
        links: batch.links().map(|link| (link.row().trace_id, link.row().span_id, link.to_link())).collect(),
        logs: batch.logs().map(|log| log.to_log()).collect(),
        of_metrics: runs(batch, &batch.metrics.extras),
        metrics: Vec::new(),
    };
    if rest == Rest::default() {
        return Ok(Vec::new());
    }
    rmp_serde::to_vec_named(&rest).map_err(std::io::Error::other)
}

fn runs(batch: &Batch, extras: &Extras) -> Vec<Run> {
    let owned = extras.runs().iter().map(|run| Run {
        start: run.start,
        end: run.end,
        scope: batch.scope(run.extra.scope).cloned(),
        trace_state: batch.arena.text(run.extra.trace_state).to_owned(),
        dropped: SpanDrops {
            attributes: run.extra.dropped_attributes,
            events: run.extra.dropped_events,
            links: run.extra.dropped_links,
        },
    });
    owned.collect()
}

/// Returns the batch's metrics, each with its points in their order.
pub(crate) fn metrics(batch: &Batch) -> Vec<(Metric, Vec<MetricPoint>)> {
    let mut metrics: Vec<(Metric, Vec<MetricPoint>)> = batch.metrics().map(|metric| (metric.to_metric(), Vec::new())).collect();
    for point in batch.points() {
        if let Some((_, points)) = metrics.get_mut(point.row().metric as usize) {
            points.push(point.to_point());
        }
    }
    metrics
}

/// Adds what [`encode`] wrote to a batch that has the columns.
pub(super) fn restore(batch: Batch, bytes: &[u8]) -> Result<Batch, Damaged> {
    if bytes.is_empty() {
        return Ok(batch);
    }
    let rest: Rest = rmp_serde::from_slice(bytes).map_err(|_| Damaged("records without columns can't be read"))?;
    let (spans, events, metrics) = (batch.spans.len(), batch.events.len(), batch.metrics.len());
    let mut builder = BatchBuilder::default();
    *builder.batch_mut() = batch;
    let of_spans = extras(&mut builder, &rest.spans, spans);
    let of_events = extras(&mut builder, &rest.events, events);
    let of_metrics = extras(&mut builder, &rest.of_metrics, metrics);
    builder.batch_mut().metrics.extras = of_metrics;
    builder.batch_mut().spans.extras = of_spans;
    builder.batch_mut().events.extras = of_events;
    rest.links.iter().for_each(|(trace, span, link)| builder.push_owned_link((*trace, *span), link));
    rest.logs.iter().for_each(|log| builder.push_owned_log(log));
    push_metrics(&mut builder, &rest.metrics);
    Ok(builder.finish())
}

fn extras(builder: &mut BatchBuilder, runs: &[Run], rows: usize) -> Extras {
    let mut extras = Extras::default();
    for run in runs {
        let extra = Extra {
            scope: builder.scope(run.scope.as_ref()),
            trace_state: builder.intern(&run.trace_state),
            dropped_attributes: run.dropped.attributes,
            dropped_events: run.dropped.events,
            dropped_links: run.dropped.links,
        };
        (run.start as usize..(run.end as usize).min(rows)).for_each(|row| extras.set(row, extra));
    }
    extras
}

/// Adds metrics with their points to a batch.
pub(crate) fn push_metrics(builder: &mut BatchBuilder, metrics: &[(Metric, Vec<MetricPoint>)]) {
    for (metric, points) in metrics {
        let row = builder.push_owned_metric(metric);
        points.iter().for_each(|point| builder.push_owned_point(row, point));
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{MetricKind, Temporality};

    use super::*;

    /// What a format before 6 wrote.
    #[derive(Serialize)]
    struct EarlyRest {
        logs: Vec<LogRecord>,
        metrics: Vec<(Metric, Vec<MetricPoint>)>,
    }

    #[test]
    fn metrics_of_an_earlier_format_come_back() {
        let metric = Metric::new("node.executions", MetricKind::Counter, Temporality::Delta);
        let point = MetricPoint {
            start_unix_ns: 1,
            unix_ns: 2,
            value: flowglass_model::MetricValue::Number(flowglass_model::Number::Int(3)),
            attributes: vec![("node.id".into(), "load".into())],
            exemplars: Vec::new(),
        };
        let wanted = vec![(metric, vec![point])];
        let bytes = rmp_serde::to_vec_named(&EarlyRest { logs: Vec::new(), metrics: wanted.clone() }).unwrap();
        assert_eq!(metrics(&restore(Batch::default(), &bytes).unwrap()), wanted);
    }
}
