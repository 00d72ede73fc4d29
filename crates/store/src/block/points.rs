//! Metrics and their points as columns, behind all else of a block that has some. Part of the file format.

use flowglass_model::{
    Arena, AttributeColumns, Batch, ExemplarColumns, ExplicitColumns, ExponentialColumns, Extras, ListColumn, MetricColumns,
    MetricKind, Number, PointColumns, PointValue, SummaryColumns, Temporality, Totals, TraceId,
};

use super::bytes::{Damaged, Reader, put_stream, put_varint, unzigzag, zigzag};
use super::texts::{self, TextTable};
use super::{attributes, code, column, ids, put_all};

/// What compresses, and what doesn't.
pub(super) type Sections = [Vec<u8>; 2];

/// Writes a batch's metrics and points; nothing if it has none. `traces` are the numbers of the exemplars' traces, of `known` ones.
pub(super) fn encode(batch: &Batch, texts: &mut TextTable<'_>, traces: &[u32], known: usize) -> Option<Sections> {
    let Batch { metrics, points, .. } = batch;
    if metrics.is_empty() && points.is_empty() {
        return None;
    }
    let mut out = Writer { texts, columns: Vec::new(), whole: Vec::new() };
    out.metrics(metrics);
    out.points(points);
    out.explicit(&points.explicit);
    out.exponential(&points.exponential);
    out.summaries(&points.summaries);
    out.exemplars(&points.exemplars, traces, known);
    Some([out.columns, out.whole])
}

struct Writer<'t, 'a> {
    texts: &'t mut TextTable<'a>,
    columns: Vec<u8>,
    whole: Vec<u8>,
}

impl Writer<'_, '_> {
    fn numbers(&mut self, numbers: impl Iterator<Item = u64>) {
        put_all(&mut self.columns, numbers);
    }

    /// Writes times as differences: most follow each other.
    fn times(&mut self, times: &[i64]) {
        let mut last = 0;
        self.numbers(times.iter().map(|&at| zigzag(at.wrapping_sub(std::mem::replace(&mut last, at)))));
    }

    /// Writes a stream of what isn't one number a row.
    fn rows<T>(&mut self, rows: impl Iterator<Item = T>, mut put: impl FnMut(&mut Vec<u8>, T)) {
        let mut stream = Vec::new();
        rows.for_each(|row| put(&mut stream, row));
        put_stream(&mut self.columns, &stream);
    }

    fn lists<T: Copy>(&mut self, lists: &ListColumn<T>, mut put: impl FnMut(&mut Vec<u8>, T)) {
        self.numbers((0..lists.len()).map(|row| lists.row(row).len() as u64));
        self.rows((0..lists.len()).flat_map(|row| lists.row(row)).copied(), &mut put);
    }

    fn attributes(&mut self, columns: &AttributeColumns) {
        let sections = attributes::encode(columns, self.texts);
        put_stream(&mut self.columns, &sections.layout);
        put_stream(&mut self.whole, &sections.blob);
    }

    fn metrics(&mut self, metrics: &MetricColumns) {
        put_varint(&mut self.columns, metrics.len() as u64);
        for names in [&metrics.name, &metrics.description, &metrics.unit] {
            put_all(&mut self.columns, names.iter().map(|&name| self.texts.number(name)));
        }
        self.numbers(metrics.kind.iter().map(|kind| u64::from(kind.code())));
        self.numbers(metrics.temporality.iter().map(|temporality| u64::from(temporality.code())));
        self.attributes(&metrics.metadata);
    }

    fn points(&mut self, points: &PointColumns) {
        put_varint(&mut self.columns, points.len() as u64);
        self.numbers(points.metric.iter().copied().map(u64::from));
        self.times(&points.start_unix_ns);
        self.times(&points.unix_ns);
        self.rows(points.value.iter(), |out, value| put_value(out, *value));
        self.attributes(&points.attributes);
    }

    fn totals(&mut self, totals: &[Totals]) {
        put_varint(&mut self.columns, totals.len() as u64);
        self.rows(totals.iter(), put_totals);
    }

    fn explicit(&mut self, explicit: &ExplicitColumns) {
        self.totals(&explicit.totals);
        self.lists(&explicit.bounds, put_float);
        self.lists(&explicit.counts, put_varint);
    }

    fn exponential(&mut self, exponential: &ExponentialColumns) {
        let signed = |numbers: &[i32]| numbers.iter().map(|&number| zigzag(number.into())).collect::<Vec<_>>().into_iter();
        self.totals(&exponential.totals);
        self.numbers(signed(&exponential.scale));
        // Mostly zero, whose bits are.
        self.numbers(exponential.zero_threshold.iter().map(|threshold| threshold.to_bits()));
        self.numbers(exponential.zero_count.iter().copied());
        self.numbers(signed(&exponential.positive_offset));
        self.lists(&exponential.positive_counts, put_varint);
        self.numbers(signed(&exponential.negative_offset));
        self.lists(&exponential.negative_counts, put_varint);
    }

    fn summaries(&mut self, summaries: &SummaryColumns) {
        self.totals(&summaries.totals);
        self.lists(&summaries.quantiles, |out, (quantile, value)| {
            put_float(out, quantile);
            put_float(out, value);
        });
    }

    fn exemplars(&mut self, exemplars: &ExemplarColumns, traces: &[u32], known: usize) {
        put_varint(&mut self.columns, exemplars.len() as u64);
        let mut last = 0;
        self.numbers(exemplars.ends.iter().map(|&end| u64::from(end.wrapping_sub(std::mem::replace(&mut last, end)))));
        self.times(&exemplars.unix_ns);
        self.rows(exemplars.value.iter(), |out, value| put_number(out, *value));
        let whole = ids::encode_owners(known, traces, &exemplars.span_id).finish(&mut self.columns);
        put_stream(&mut self.whole, &whole);
        self.attributes(&exemplars.attributes);
    }
}

fn put_float(out: &mut Vec<u8>, number: f64) {
    out.extend(number.to_le_bytes());
}

const MISSING: u8 = 0;
const INT: u8 = 1;
const FLOAT: u8 = 2;
const EXPLICIT: u8 = 3;
const EXPONENTIAL: u8 = 4;
const SUMMARY: u8 = 5;

fn put_value(out: &mut Vec<u8>, value: PointValue) {
    let (code, row) = match value {
        PointValue::Missing => return put_number(out, None),
        PointValue::Int(number) => return put_number(out, Some(Number::Int(number))),
        PointValue::Float(number) => return put_number(out, Some(Number::Float(number))),
        PointValue::Explicit(row) => (EXPLICIT, row),
        PointValue::Exponential(row) => (EXPONENTIAL, row),
        PointValue::Summary(row) => (SUMMARY, row),
    };
    out.push(code);
    put_varint(out, row.into());
}

fn put_number(out: &mut Vec<u8>, number: Option<Number>) {
    match number {
        None => out.push(MISSING),
        Some(Number::Int(number)) => {
            out.push(INT);
            put_varint(out, zigzag(number));
        }
        Some(Number::Float(number)) => {
            out.push(FLOAT);
            put_float(out, number);
        }
    }
}

/// How a distribution has one of its totals.
const ABSENT: u8 = 0;
const OWN: u8 = 1;
/// As the one before: of a single value, the sum is the smallest and the largest.
const SAME: u8 = 2;
const WAYS: u8 = 3;

fn put_totals(out: &mut Vec<u8>, totals: &Totals) {
    put_varint(out, totals.count);
    let at = out.len();
    out.push(0);
    let (mut ways, mut last, mut place) = (0, None::<f64>, 1);
    for total in [totals.sum, totals.min, totals.max] {
        let same = last.zip(total).is_some_and(|(last, total)| last.to_bits() == total.to_bits());
        let way = match total {
            None => ABSENT,
            Some(_) if same => SAME,
            Some(total) => {
                put_float(out, total);
                OWN
            }
        };
        ways += way * place;
        place *= WAYS;
        last = total;
    }
    out[at] = ways;
}

/// Reads what [`encode`] wrote. The arena has the block's texts in front, `texts` of them, and gets byte strings.
pub(super) fn decode(
    (columns, whole): (&[u8], &[u8]),
    traces: &[TraceId],
    texts: usize,
    arena: &mut Arena,
) -> Result<(MetricColumns, PointColumns), Damaged> {
    let mut from = Source { columns: Reader::new(columns), whole: Reader::new(whole), texts, arena };
    let metrics = from.metrics()?;
    let mut points = from.points()?;
    points.explicit = from.explicit()?;
    points.exponential = from.exponential()?;
    points.summaries = from.summaries()?;
    points.exemplars = from.exemplars(traces, points.len())?;
    from.columns.finish()?;
    from.whole.finish()?;
    Ok((metrics, points))
}

struct Source<'a> {
    columns: Reader<'a>,
    whole: Reader<'a>,
    texts: usize,
    arena: &'a mut Arena,
}

impl<'a> Source<'a> {
    fn rows<T>(&mut self, rows: usize, read: impl FnMut(&mut Reader<'a>) -> Result<T, Damaged>) -> Result<Vec<T>, Damaged> {
        column(&mut self.columns, rows, read)
    }

    fn count(&mut self) -> Result<usize, Damaged> {
        self.columns.count()
    }

    fn times(&mut self, rows: usize) -> Result<Vec<i64>, Damaged> {
        let mut last = 0i64;
        self.rows(rows, |times| {
            last = last.wrapping_add(unzigzag(times.varint()?));
            Ok(last)
        })
    }

    fn signed(&mut self, rows: usize) -> Result<Vec<i32>, Damaged> {
        let signed =
            |numbers: &mut Reader<'_>| i32::try_from(unzigzag(numbers.varint()?)).map_err(|_| Damaged("a number is too large"));
        self.rows(rows, signed)
    }

    /// Reads where the list of each row ends.
    fn ends(&mut self, rows: usize) -> Result<Vec<u32>, Damaged> {
        let mut end = 0u32;
        self.rows(rows, |lengths| {
            end = end.checked_add(lengths.varint32()?).ok_or(Damaged("lists are too long"))?;
            Ok(end)
        })
    }

    fn lists<T>(
        &mut self,
        rows: usize,
        read: impl FnMut(&mut Reader<'a>) -> Result<T, Damaged>,
    ) -> Result<ListColumn<T>, Damaged> {
        let ends = self.ends(rows)?;
        let items = ends.last().map_or(0, |&end| end as usize);
        Ok(ListColumn { items: self.rows(items, read)?, ends })
    }

    fn attributes(&mut self, rows: usize) -> Result<AttributeColumns, Damaged> {
        attributes::decode(self.columns.stream()?, self.whole.stream()?, rows, self.texts, self.arena)
    }

    fn names(&mut self, rows: usize) -> Result<Vec<flowglass_model::Sym>, Damaged> {
        let texts = self.texts;
        self.rows(rows, |names| texts::sym(names, texts))
    }

    fn metrics(&mut self) -> Result<MetricColumns, Damaged> {
        let rows = self.count()?;
        Ok(MetricColumns {
            name: self.names(rows)?,
            description: self.names(rows)?,
            unit: self.names(rows)?,
            kind: self.rows(rows, |kinds| code(kinds, MetricKind::from_code))?,
            temporality: self.rows(rows, |codes| code(codes, Temporality::from_code))?,
            metadata: self.attributes(rows)?,
            extras: Extras::default(),
        })
    }

    fn points(&mut self) -> Result<PointColumns, Damaged> {
        let rows = self.count()?;
        Ok(PointColumns {
            metric: self.rows(rows, Reader::varint32)?,
            start_unix_ns: self.times(rows)?,
            unix_ns: self.times(rows)?,
            value: self.rows(rows, value)?,
            attributes: self.attributes(rows)?,
            ..PointColumns::default()
        })
    }

    fn totals(&mut self) -> Result<Vec<Totals>, Damaged> {
        let rows = self.count()?;
        self.rows(rows, totals)
    }

    fn explicit(&mut self) -> Result<ExplicitColumns, Damaged> {
        let totals = self.totals()?;
        Ok(ExplicitColumns {
            bounds: self.lists(totals.len(), float)?,
            counts: self.lists(totals.len(), Reader::varint)?,
            totals,
        })
    }

    fn exponential(&mut self) -> Result<ExponentialColumns, Damaged> {
        let totals = self.totals()?;
        let rows = totals.len();
        Ok(ExponentialColumns {
            totals,
            scale: self.signed(rows)?,
            zero_threshold: self.rows(rows, |bits| bits.varint().map(f64::from_bits))?,
            zero_count: self.rows(rows, Reader::varint)?,
            positive_offset: self.signed(rows)?,
            positive_counts: self.lists(rows, Reader::varint)?,
            negative_offset: self.signed(rows)?,
            negative_counts: self.lists(rows, Reader::varint)?,
        })
    }

    fn summaries(&mut self) -> Result<SummaryColumns, Damaged> {
        let totals = self.totals()?;
        Ok(SummaryColumns { quantiles: self.lists(totals.len(), |pairs| Ok((float(pairs)?, float(pairs)?)))?, totals })
    }

    fn exemplars(&mut self, traces: &[TraceId], points: usize) -> Result<ExemplarColumns, Damaged> {
        let rows = self.count()?;
        let ends = self.ends(points)?;
        let (unix_ns, value) = (self.times(rows)?, self.rows(rows, number)?);
        let mut whole = self.whole.stream()?;
        let (trace_id, span_id) = ids::decode_owners(&mut self.columns, &mut whole, traces)?;
        whole.finish()?;
        if ends.last().map_or(0, |&end| end as usize) != rows || span_id.len() != rows {
            return Err(Damaged("exemplars belong to no point"));
        }
        Ok(ExemplarColumns { ends, unix_ns, value, trace_id, span_id, attributes: self.attributes(rows)? })
    }
}

fn float(reader: &mut Reader<'_>) -> Result<f64, Damaged> {
    reader.array().map(f64::from_le_bytes)
}

fn value(reader: &mut Reader<'_>) -> Result<PointValue, Damaged> {
    Ok(match reader.byte()? {
        EXPLICIT => PointValue::Explicit(reader.varint32()?),
        EXPONENTIAL => PointValue::Exponential(reader.varint32()?),
        SUMMARY => PointValue::Summary(reader.varint32()?),
        code => match number_of(code, reader)? {
            None => PointValue::Missing,
            Some(Number::Int(number)) => PointValue::Int(number),
            Some(Number::Float(number)) => PointValue::Float(number),
        },
    })
}

fn number(reader: &mut Reader<'_>) -> Result<Option<Number>, Damaged> {
    let code = reader.byte()?;
    number_of(code, reader)
}

fn number_of(code: u8, reader: &mut Reader<'_>) -> Result<Option<Number>, Damaged> {
    match code {
        MISSING => Ok(None),
        INT => reader.varint().map(|number| Some(Number::Int(unzigzag(number)))),
        FLOAT => float(reader).map(|number| Some(Number::Float(number))),
        _ => Err(Damaged("a point has a value of an unknown kind")),
    }
}

fn totals(reader: &mut Reader<'_>) -> Result<Totals, Damaged> {
    let (count, mut ways, mut last) = (reader.varint()?, reader.byte()?, None);
    let mut total = || {
        let way = ways % WAYS;
        ways /= WAYS;
        last = match way {
            ABSENT => None,
            OWN => Some(float(reader)?),
            _ => last,
        };
        Ok(last)
    };
    Ok(Totals { count, sum: total()?, min: total()?, max: total()? })
}
