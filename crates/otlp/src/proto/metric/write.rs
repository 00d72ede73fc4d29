//! Metrics and their points, written straight from the columns of a batch.

use flowglass_model::{Batch, ExemplarColumns, MetricKind, Number, PointValue, Totals};

use super::super::columns::attributes;
use super::super::resource::write_request;
use super::super::scope::write_scopes;
use super::super::value::write_scalar;
use super::super::writer::{Gap, Writer};
use super::NO_RECORDED_VALUE;

/// Writes a batch's metrics as an `ExportMetricsServiceRequest` behind what is in `out`: nothing if there are none. Returns how
/// many points it wrote.
pub fn encode_metrics(batch: &Batch, out: &mut Vec<u8>) -> usize {
    if batch.points.is_empty() {
        return 0;
    }
    let points = PointsOfMetrics::new(batch);
    write_request(out, batch, |w| {
        write_scopes(w, batch, &batch.metrics.extras, batch.metrics.len(), |w, row| {
            w.message(2, Gap::Two, |w| write_metric(w, batch, row, points.of(row)));
        });
    });
    points.0.len()
}

/// Rows of points, in order of the metrics that they measure.
struct PointsOfMetrics(Vec<(u32, usize)>);

impl PointsOfMetrics {
    fn new(batch: &Batch) -> Self {
        let known = |metric: u32| (metric as usize) < batch.metrics.len();
        let rows = batch.points.metric.iter().copied().enumerate();
        let mut rows: Vec<_> = rows.filter(|(_, metric)| known(*metric)).map(|(row, metric)| (metric, row)).collect();
        rows.sort_unstable();
        Self(rows)
    }

    fn of(&self, metric: usize) -> &[(u32, usize)] {
        let start = self.0.partition_point(|(other, _)| (*other as usize) < metric);
        let end = self.0.partition_point(|(other, _)| (*other as usize) <= metric);
        &self.0[start..end]
    }
}

fn write_metric(w: &mut Writer<'_>, batch: &Batch, row: usize, points: &[(u32, usize)]) {
    let (metrics, arena) = (&batch.metrics, &batch.arena);
    w.bytes(1, arena.bytes(metrics.name[row]));
    w.bytes(2, arena.bytes(metrics.description[row]));
    w.bytes(3, arena.bytes(metrics.unit[row]));
    let kind = metrics.kind[row];
    w.message(field_of(kind), Gap::Two, |w| {
        for (_, point) in points {
            w.message(1, Gap::Two, |w| write_point(w, batch, kind, *point));
        }
        if !matches!(kind, MetricKind::Gauge | MetricKind::Summary) {
            w.uint(2, u64::from(metrics.temporality[row].code()));
        }
        w.uint(3, u64::from(kind == MetricKind::Counter));
    });
    attributes(&metrics.metadata, row).for_each(|(key, value)| write_scalar(w, 12, arena, key, value));
}

const fn field_of(kind: MetricKind) -> u32 {
    match kind {
        MetricKind::Counter | MetricKind::UpDownCounter => 7,
        MetricKind::Explicit => 9,
        MetricKind::Exponential => 10,
        MetricKind::Summary => 11,
        // Also a kind that this version doesn't know.
        _ => 5,
    }
}

/// Writes a point in the form of its metric's kind. A value of another kind is none.
fn write_point(w: &mut Writer<'_>, batch: &Batch, kind: MetricKind, row: usize) {
    let points = &batch.points;
    w.fixed64(2, points.start_unix_ns[row].max(0).unsigned_abs());
    w.fixed64(3, points.unix_ns[row].max(0).unsigned_abs());
    let (attributes_field, exemplars_field) = match (kind, points.value[row]) {
        (MetricKind::Explicit, value) => {
            write_explicit(w, batch, value);
            (9, 8)
        }
        (MetricKind::Exponential, value) => {
            write_exponential(w, batch, value);
            (1, 11)
        }
        (MetricKind::Summary, value) => {
            write_summary(w, batch, value);
            (7, 0)
        }
        (_, value) => {
            write_number(w, value);
            (7, 5)
        }
    };
    for (key, value) in attributes(&points.attributes, row) {
        write_scalar(w, attributes_field, &batch.arena, key, value);
    }
    if exemplars_field != 0 {
        write_exemplars(w, exemplars_field, batch, row);
    }
}

fn write_number(w: &mut Writer<'_>, value: PointValue) {
    match value {
        PointValue::Int(number) => w.always_fixed64(6, number as u64),
        PointValue::Float(number) => w.always_fixed64(4, number.to_bits()),
        _ => w.uint(8, NO_RECORDED_VALUE),
    }
}

fn write_explicit(w: &mut Writer<'_>, batch: &Batch, value: PointValue) {
    let explicit = &batch.points.explicit;
    let PointValue::Explicit(row) = value else { return w.uint(10, NO_RECORDED_VALUE) };
    let row = row as usize;
    write_totals(w, explicit.totals.get(row), (11, 12));
    write_packed(w, 6, explicit.counts.row(row).iter().map(|count| count.to_le_bytes()));
    write_packed(w, 7, explicit.bounds.row(row).iter().map(|bound| bound.to_le_bytes()));
}

fn write_exponential(w: &mut Writer<'_>, batch: &Batch, value: PointValue) {
    let exponential = &batch.points.exponential;
    let row = match value {
        PointValue::Exponential(row) if (row as usize) < exponential.totals.len() => row as usize,
        _ => return w.uint(10, NO_RECORDED_VALUE),
    };
    write_totals(w, exponential.totals.get(row), (12, 13));
    w.sint32(6, exponential.scale[row]);
    w.fixed64(7, exponential.zero_count[row]);
    write_buckets(w, 8, exponential.positive_offset[row], exponential.positive_counts.row(row));
    write_buckets(w, 9, exponential.negative_offset[row], exponential.negative_counts.row(row));
    w.fixed64(14, exponential.zero_threshold[row].to_bits());
}

fn write_summary(w: &mut Writer<'_>, batch: &Batch, value: PointValue) {
    let summaries = &batch.points.summaries;
    let PointValue::Summary(row) = value else { return w.uint(8, NO_RECORDED_VALUE) };
    let totals = summaries.totals.get(row as usize).copied().unwrap_or_default();
    w.fixed64(4, totals.count);
    w.fixed64(5, totals.sum.unwrap_or_default().to_bits());
    for (quantile, value) in summaries.quantiles.row(row as usize) {
        w.message(6, Gap::Two, |w| {
            w.fixed64(1, quantile.to_bits());
            w.fixed64(2, value.to_bits());
        });
    }
}

/// Writes what all distributions have; `min` and `max` have other numbers in each.
fn write_totals(w: &mut Writer<'_>, totals: Option<&Totals>, (min, max): (u32, u32)) {
    let Totals { count, sum, min: least, max: most } = totals.copied().unwrap_or_default();
    w.fixed64(4, count);
    for (field, value) in [(5, sum), (min, least), (max, most)] {
        if let Some(value) = value {
            w.always_fixed64(field, value.to_bits());
        }
    }
}

fn write_packed(w: &mut Writer<'_>, number: u32, eights: impl ExactSizeIterator<Item = [u8; 8]>) {
    if eights.len() > 0 {
        w.length(number, eights.len() * 8);
        eights.for_each(|bytes| w.raw(&bytes));
    }
}

fn write_buckets(w: &mut Writer<'_>, number: u32, offset: i32, counts: &[u64]) {
    if offset != 0 || !counts.is_empty() {
        w.message(number, Gap::Two, |w| {
            w.sint32(1, offset);
            if !counts.is_empty() {
                w.message(2, Gap::Two, |w| counts.iter().for_each(|count| w.varint(*count)));
            }
        });
    }
}

fn write_exemplars(w: &mut Writer<'_>, number: u32, batch: &Batch, point: usize) {
    let exemplars = &batch.points.exemplars;
    let end = |point: usize| exemplars.ends.get(point).map_or(0, |end| *end as usize);
    for row in point.checked_sub(1).map_or(0, end)..end(point) {
        w.message(number, Gap::Two, |w| write_exemplar(w, batch, exemplars, row));
    }
}

fn write_exemplar(w: &mut Writer<'_>, batch: &Batch, exemplars: &ExemplarColumns, row: usize) {
    w.fixed64(2, exemplars.unix_ns[row].max(0).unsigned_abs());
    match exemplars.value[row] {
        Some(Number::Float(number)) => w.always_fixed64(3, number.to_bits()),
        Some(Number::Int(number)) => w.always_fixed64(6, number as u64),
        None => {}
    }
    if !exemplars.span_id[row].is_none() {
        w.always_bytes(4, &exemplars.span_id[row].to_u64().to_be_bytes());
    }
    if !exemplars.trace_id[row].is_zero() {
        w.always_bytes(5, &exemplars.trace_id[row].to_bytes());
    }
    attributes(&exemplars.attributes, row).for_each(|(key, value)| write_scalar(w, 7, &batch.arena, key, value));
}
