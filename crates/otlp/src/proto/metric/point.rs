//! Points of every kind of metric, read from their messages.

use flowglass_model::{
    BatchBuilder, Buckets, ExemplarRow, ExplicitHistogram, ExponentialHistogram, MetricKind, MetricValue, Number, Scalar,
    SpanId, Summary, Sym, Totals, TraceId,
};

use super::super::reader::{Reader, Wire};
use super::super::room::{Room, span_id_or_none, trace_id_or_none, unix_ns};
use super::NO_RECORDED_VALUE;
use crate::Flaw;

/// The points of one metric, until it is known to be whole.
#[derive(Debug, Default)]
pub(super) struct PointReader {
    points: Vec<Point>,
    attributes: Vec<(Sym, Scalar)>,
    exemplars: Vec<(ExemplarRow, usize)>,
    exemplar_attributes: Vec<(Sym, Scalar)>,
}

/// A point whose attributes and exemplars end at places in lists.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) start_unix_ns: i64,
    pub(super) unix_ns: i64,
    pub(super) value: MetricValue,
    attributes_end: usize,
    exemplars_end: usize,
}

/// Where each kind of point has what.
struct Numbers {
    attributes: u32,
    exemplars: u32,
    flags: u32,
}

impl PointReader {
    pub(super) fn clear(&mut self) {
        self.points.clear();
        self.attributes.clear();
        self.exemplars.clear();
        self.exemplar_attributes.clear();
    }

    pub(super) fn read(
        &mut self,
        kind: MetricKind,
        message: Reader<'_>,
        room: &mut Room,
        builder: &mut BatchBuilder,
    ) -> Result<(), Flaw> {
        room.take(1)?;
        let numbers = numbers_of(kind);
        let (mut start, mut time, mut flags) = (0, 0, 0);
        let mut value = empty_value(kind);
        message.for_each(|number, wire| {
            match number {
                2 => start = wire.fixed64()?,
                3 => time = wire.fixed64()?,
                _ if number == numbers.attributes => self.attributes.push(room.pair(wire, builder)?),
                _ if number == numbers.exemplars => self.read_exemplar(wire, room, builder)?,
                _ if number == numbers.flags => flags = wire.varint()?,
                _ => read_value(&mut value, number, wire, room)?,
            }
            Ok(())
        })?;
        if flags & NO_RECORDED_VALUE != 0 {
            value = MetricValue::Missing;
        }
        let (attributes_end, exemplars_end) = (self.attributes.len(), self.exemplars.len());
        let (start_unix_ns, unix_ns) = (unix_ns(start)?, unix_ns(time)?);
        self.points.push(Point { start_unix_ns, unix_ns, value, attributes_end, exemplars_end });
        Ok(())
    }

    /// Hands over every point with its attributes and exemplars.
    pub(super) fn drain(
        &mut self,
        mut each: impl FnMut(&Point, &[(Sym, Scalar)], std::vec::IntoIter<(ExemplarRow, &[(Sym, Scalar)])>),
    ) {
        let (mut attribute, mut exemplar, mut of_exemplar) = (0, 0, 0);
        for point in &self.points {
            let exemplars: Vec<_> = self.exemplars[exemplar..point.exemplars_end]
                .iter()
                .map(|(row, end)| (*row, &self.exemplar_attributes[std::mem::replace(&mut of_exemplar, *end)..*end]))
                .collect();
            each(point, &self.attributes[attribute..point.attributes_end], exemplars.into_iter());
            (attribute, exemplar) = (point.attributes_end, point.exemplars_end);
        }
        self.clear();
    }

    fn read_exemplar(&mut self, wire: Wire<'_>, room: &mut Room, builder: &mut BatchBuilder) -> Result<(), Flaw> {
        room.take(1)?;
        let mut row = ExemplarRow { unix_ns: 0, value: None, trace_id: TraceId::NONE, span_id: SpanId::NONE };
        wire.message()?.for_each(|number, wire| {
            match number {
                2 => row.unix_ns = unix_ns(wire.fixed64()?)?,
                3 => row.value = Some(Number::Float(f64::from_bits(wire.fixed64()?))),
                4 => row.span_id = span_id_or_none(wire.bytes()?)?,
                5 => row.trace_id = trace_id_or_none(wire.bytes()?)?,
                6 => row.value = Some(Number::Int(wire.fixed64()? as i64)),
                7 => self.exemplar_attributes.push(room.pair(wire, builder)?),
                _ => room.unknown(),
            }
            Ok(())
        })?;
        self.exemplars.push((row, self.exemplar_attributes.len()));
        Ok(())
    }
}

const fn numbers_of(kind: MetricKind) -> Numbers {
    match kind {
        MetricKind::Explicit => Numbers { attributes: 9, exemplars: 8, flags: 10 },
        MetricKind::Exponential => Numbers { attributes: 1, exemplars: 11, flags: 10 },
        // No field has number 0: summaries have no exemplars.
        MetricKind::Summary => Numbers { attributes: 7, exemplars: 0, flags: 8 },
        _ => Numbers { attributes: 7, exemplars: 5, flags: 8 },
    }
}

fn empty_value(kind: MetricKind) -> MetricValue {
    match kind {
        MetricKind::Explicit => MetricValue::Explicit(ExplicitHistogram::default()),
        MetricKind::Exponential => {
            MetricValue::Exponential(ExponentialHistogram { scale: 0, ..ExponentialHistogram::default() })
        }
        MetricKind::Summary => {
            MetricValue::Summary(Summary { totals: Totals { sum: Some(0.0), ..Totals::default() }, ..Summary::default() })
        }
        _ => MetricValue::Missing,
    }
}

fn read_value(value: &mut MetricValue, number: u32, wire: Wire<'_>, room: &mut Room) -> Result<(), Flaw> {
    match (&mut *value, number) {
        (MetricValue::Explicit(histogram), _) => read_explicit(histogram, number, wire, room)?,
        (MetricValue::Exponential(histogram), _) => read_exponential(histogram, number, wire, room)?,
        (MetricValue::Summary(summary), 4) => summary.totals.count = wire.fixed64()?,
        (MetricValue::Summary(summary), 5) => summary.totals.sum = Some(float(wire)?),
        (MetricValue::Summary(summary), 6) => summary.quantiles.push(read_quantile(wire, room)?),
        (MetricValue::Missing | MetricValue::Number(_), 4) => *value = MetricValue::Number(Number::Float(float(wire)?)),
        (MetricValue::Missing | MetricValue::Number(_), 6) => *value = MetricValue::Number(Number::Int(wire.fixed64()? as i64)),
        _ => room.unknown(),
    }
    Ok(())
}

fn read_explicit(histogram: &mut ExplicitHistogram, number: u32, wire: Wire<'_>, room: &mut Room) -> Result<(), Flaw> {
    match number {
        4 => histogram.totals.count = wire.fixed64()?,
        5 => histogram.totals.sum = Some(float(wire)?),
        6 => read_eights(wire, room, |bytes| histogram.counts.push(u64::from_le_bytes(bytes)))?,
        7 => read_eights(wire, room, |bytes| histogram.bounds.push(f64::from_le_bytes(bytes)))?,
        11 => histogram.totals.min = Some(float(wire)?),
        12 => histogram.totals.max = Some(float(wire)?),
        _ => room.unknown(),
    }
    Ok(())
}

fn read_exponential(histogram: &mut ExponentialHistogram, number: u32, wire: Wire<'_>, room: &mut Room) -> Result<(), Flaw> {
    match number {
        4 => histogram.totals.count = wire.fixed64()?,
        5 => histogram.totals.sum = Some(float(wire)?),
        6 => histogram.scale = wire.sint32()?,
        7 => histogram.zero_count = wire.fixed64()?,
        8 => read_buckets(&mut histogram.positive, wire.message()?, room)?,
        9 => read_buckets(&mut histogram.negative, wire.message()?, room)?,
        12 => histogram.totals.min = Some(float(wire)?),
        13 => histogram.totals.max = Some(float(wire)?),
        14 => histogram.zero_threshold = float(wire)?,
        _ => room.unknown(),
    }
    Ok(())
}

fn read_buckets(buckets: &mut Buckets, message: Reader<'_>, room: &mut Room) -> Result<(), Flaw> {
    message.for_each(|number, wire| {
        match (number, wire) {
            (1, wire) => buckets.offset = wire.sint32()?,
            (2, Wire::Bytes(packed)) => {
                let mut packed = Reader::new(packed);
                while !packed.is_empty() {
                    room.take(1)?;
                    buckets.counts.push(packed.varint()?);
                }
            }
            (2, wire) => buckets.counts.push(wire.varint()?),
            _ => room.unknown(),
        }
        Ok(())
    })
}

fn read_quantile(wire: Wire<'_>, room: &mut Room) -> Result<(f64, f64), Flaw> {
    room.take(1)?;
    let (mut quantile, mut value) = (0.0, 0.0);
    wire.message()?.for_each(|number, wire| {
        match number {
            1 => quantile = float(wire)?,
            2 => value = float(wire)?,
            _ => room.unknown(),
        }
        Ok(())
    })?;
    Ok((quantile, value))
}

/// Reads numbers of eight bytes, packed or one a field.
fn read_eights(wire: Wire<'_>, room: &mut Room, mut each: impl FnMut([u8; 8])) -> Result<(), Flaw> {
    let Wire::Bytes(packed) = wire else {
        each(wire.fixed64()?.to_le_bytes());
        return Ok(());
    };
    let (eights, odd) = packed.as_chunks();
    room.take(eights.len())?;
    eights.iter().for_each(|bytes| each(*bytes));
    if odd.is_empty() { Ok(()) } else { Err(Flaw::Truncated) }
}

fn float(wire: Wire<'_>) -> Result<f64, Flaw> {
    wire.fixed64().map(f64::from_bits)
}
