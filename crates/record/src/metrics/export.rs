//! What the instruments have to tell becomes points of a batch.

use flowglass_model::{ExemplarRow, MetricKind, MetricRow, PointRow, PointValue, Temporality};

use super::exemplar::Kept;
use super::meters::{Instrument, Meters, now_unix_ns};
use super::series::{Series, Told};
use crate::rows::Rows;
use crate::tick::Anchor;

impl Meters {
    /// Tells what was measured since the last time; `rows` is asked for only where something was.
    pub(crate) fn export<'r>(&self, rows: impl FnOnce() -> &'r mut Rows) {
        if !self.has_news() {
            return;
        }
        let (rows, now) = (rows(), now_unix_ns());
        for instrument in self.all() {
            instrument.export(rows, now);
        }
    }
}

impl Instrument {
    fn export(&self, rows: &mut Rows, now: i64) {
        let mut metric = None;
        for series in self.changed.take() {
            if let Some((told, kept)) = series.take() {
                let metric = *metric.get_or_insert_with(|| self.push_metric(rows));
                push_point(rows, (metric, now), &series, (told, kept));
            }
        }
    }

    fn push_metric(&self, rows: &mut Rows) -> u32 {
        let text = |text: &std::sync::OnceLock<String>| text.get().map_or("", String::as_str).to_owned();
        let (unit, description) = (text(&self.unit), text(&self.description));
        let builder = rows.builder_mut();
        let row = MetricRow {
            name: builder.intern(&self.name),
            description: builder.intern(&description),
            unit: builder.intern(&unit),
            kind: self.kind,
            temporality: temporality_of(self.kind),
        };
        builder.push_metric(row, [])
    }
}

fn push_point(rows: &mut Rows, (metric, unix_ns): (u32, i64), series: &Series, (told, kept): (Told, Option<Kept>)) {
    let builder = rows.builder_mut();
    if let Some(Kept { at, value, trace_id, span_id }) = kept {
        let row = ExemplarRow { unix_ns: Anchor::now().unix_ns(at), value: Some(value), trace_id, span_id };
        builder.push_exemplar(row, []);
    }
    let value = match told {
        Told::Number(flowglass_model::Number::Int(number)) => PointValue::Int(number),
        Told::Number(flowglass_model::Number::Float(number)) => PointValue::Float(number),
        Told::Distribution(histogram) => PointValue::Exponential(builder.batch_mut().points.exponential.push(&histogram)),
    };
    let attributes: Vec<_> =
        series.attributes.iter().map(|(key, value)| (builder.intern(key), builder.scalar(value))).collect();
    builder.push_point(PointRow { metric, start_unix_ns: series.since(unix_ns), unix_ns, value }, attributes);
}

const fn temporality_of(kind: MetricKind) -> Temporality {
    match kind {
        MetricKind::Counter | MetricKind::Exponential => Temporality::Delta,
        MetricKind::UpDownCounter => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}
