//! One metric with its points, read from its message into rows of a batch.

use flowglass_model::{
    BatchBuilder, ExemplarRow, Extra, MetricKind, MetricRow, MetricValue, Number, PointRow, PointValue, Scalar, Sym,
    Temporality,
};

use super::super::decode::ItemReader;
use super::super::reader::{Reader, Wire};
use super::super::room::Room;
use super::point::{Point, PointReader};
use crate::Flaw;

/// Reads metrics, one after another, with buffers that it keeps.
#[derive(Debug, Default)]
pub(in super::super) struct MetricReader {
    metadata: Vec<(Sym, Scalar)>,
    points: PointReader,
}

/// What a metric's message says besides its points.
#[derive(Debug)]
struct Fields {
    row: MetricRow,
    monotonic: bool,
}

impl<'a> ItemReader<'a> for MetricReader {
    const ITEM: &'static str = "metric";
    const NAME: u32 = 1;

    fn read(&mut self, message: Reader<'a>, room: &mut Room, builder: &mut BatchBuilder, scope: u32) -> Result<(), Flaw> {
        self.metadata.clear();
        self.points.clear();
        room.take(1)?;
        let mut fields = Fields::default();
        message.for_each(|number, wire| {
            match number {
                1 => fields.row.name = builder.intern(wire.text()?),
                2 => fields.row.description = builder.intern(wire.text()?),
                3 => fields.row.unit = builder.intern(wire.text()?),
                5 => self.read_data(MetricKind::Gauge, wire, &mut fields, room, builder)?,
                7 => self.read_data(MetricKind::UpDownCounter, wire, &mut fields, room, builder)?,
                9 => self.read_data(MetricKind::Explicit, wire, &mut fields, room, builder)?,
                10 => self.read_data(MetricKind::Exponential, wire, &mut fields, room, builder)?,
                11 => self.read_data(MetricKind::Summary, wire, &mut fields, room, builder)?,
                12 => self.metadata.push(room.pair(wire, builder)?),
                _ => room.unknown(),
            }
            Ok(())
        })?;
        self.push(&fields, builder, scope);
        Ok(())
    }

    fn weight(message: Reader<'_>) -> u64 {
        let mut points = 0;
        // What can't be read any more can't be counted.
        let _ = message.for_each(|number, wire| match number {
            5 | 7 | 9..=11 => wire.message()?.for_each(|number, _| {
                points += u64::from(number == 1);
                Ok(())
            }),
            _ => Ok(()),
        });
        points.max(1)
    }
}

impl MetricReader {
    /// Reads a metric's data. Of several kinds in one message the last counts, as for any choice in protobuf.
    fn read_data(
        &mut self,
        kind: MetricKind,
        wire: Wire<'_>,
        fields: &mut Fields,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        if fields.row.kind != kind {
            self.points.clear();
            *fields = Fields { row: MetricRow { kind, temporality: Temporality::Unspecified, ..fields.row }, monotonic: false };
        }
        let is_sum = kind == MetricKind::UpDownCounter;
        let has_temporality = is_sum || matches!(kind, MetricKind::Explicit | MetricKind::Exponential);
        wire.message()?.for_each(|number, wire| {
            match number {
                1 => self.points.read(kind, wire.message()?, room, builder)?,
                2 if has_temporality => fields.row.temporality = temporality(wire.varint()?),
                3 if is_sum => fields.monotonic = wire.varint()? != 0,
                _ => room.unknown(),
            }
            Ok(())
        })
    }

    fn push(&mut self, fields: &Fields, builder: &mut BatchBuilder, scope: u32) {
        let kind = if fields.monotonic { MetricKind::Counter } else { fields.row.kind };
        let metrics = &mut builder.batch_mut().metrics;
        metrics.extras.set(metrics.len(), Extra { scope, ..Extra::default() });
        let metric = builder.push_metric(MetricRow { kind, ..fields.row }, self.metadata.drain(..));
        self.points.drain(|point, attributes, exemplars| push_point(builder, metric, point, attributes, exemplars));
    }
}

type Pairs<'a> = &'a [(Sym, Scalar)];

fn push_point<'a>(
    builder: &mut BatchBuilder,
    metric: u32,
    point: &Point,
    attributes: Pairs<'_>,
    exemplars: impl Iterator<Item = (ExemplarRow, Pairs<'a>)>,
) {
    exemplars.for_each(|(row, attributes)| builder.push_exemplar(row, attributes.iter().copied()));
    let points = &mut builder.batch_mut().points;
    let value = match &point.value {
        MetricValue::Missing => PointValue::Missing,
        MetricValue::Number(Number::Int(number)) => PointValue::Int(*number),
        MetricValue::Number(Number::Float(number)) => PointValue::Float(*number),
        MetricValue::Explicit(histogram) => PointValue::Explicit(points.explicit.push(histogram)),
        MetricValue::Exponential(histogram) => PointValue::Exponential(points.exponential.push(histogram)),
        MetricValue::Summary(summary) => PointValue::Summary(points.summaries.push(summary)),
    };
    let row = PointRow { metric, start_unix_ns: point.start_unix_ns, unix_ns: point.unix_ns, value };
    builder.push_point(row, attributes.iter().copied());
}

impl Default for Fields {
    /// A metric without data is a gauge without points.
    fn default() -> Self {
        let (kind, temporality) = (MetricKind::Gauge, Temporality::Unspecified);
        let row = MetricRow { name: Sym::EMPTY, description: Sym::EMPTY, unit: Sym::EMPTY, kind, temporality };
        Self { row, monotonic: false }
    }
}

fn temporality(code: u64) -> Temporality {
    u8::try_from(code).ok().and_then(Temporality::from_code).unwrap_or(Temporality::Unspecified)
}
