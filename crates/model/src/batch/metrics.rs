//! Metrics as columns: what is measured, its points, and the distributions and exemplars that points refer to.

use super::arena::Sym;
use super::columns::{AttributeColumns, Scalar};
use super::extras::Extras;
use super::lists::ListColumn;
use crate::{
    Buckets, ExplicitHistogram, ExponentialHistogram, MetricKind, Number, SpanId, Summary, Temporality, Totals, TraceId,
};

/// What is measured, as columns: [`Metric`](crate::Metric)s that [`PointColumns`] refer to by their rows.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `Metric` with the same name; `extras` has its scope")]
pub struct MetricColumns {
    pub name: Vec<Sym>,
    pub description: Vec<Sym>,
    pub unit: Vec<Sym>,
    pub kind: Vec<MetricKind>,
    pub temporality: Vec<Temporality>,
    pub metadata: AttributeColumns,
    pub extras: Extras,
}

/// One metric on its way into [`MetricColumns`]; texts are already in the arena.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "each field is the field of `Metric` with the same name")]
pub struct MetricRow {
    pub name: Sym,
    pub description: Sym,
    pub unit: Sym,
    pub kind: MetricKind,
    pub temporality: Temporality,
}

impl MetricColumns {
    /// Returns how many metrics there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.name.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.name.is_empty()
    }

    /// Returns the values of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> MetricRow {
        MetricRow {
            name: self.name[row],
            description: self.description[row],
            unit: self.unit[row],
            kind: self.kind[row],
            temporality: self.temporality[row],
        }
    }

    pub(super) fn push(&mut self, row: MetricRow, metadata: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.name.push(row.name);
        self.description.push(row.description);
        self.unit.push(row.unit);
        self.kind.push(row.kind);
        self.temporality.push(row.temporality);
        self.metadata.push_row(metadata);
    }
}

/// The value of a point in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PointValue {
    /// There is none: the source says that it stopped measuring.
    Missing,
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A row of [`PointColumns::explicit`].
    Explicit(u32),
    /// A row of [`PointColumns::exponential`].
    Exponential(u32),
    /// A row of [`PointColumns::summaries`].
    Summary(u32),
}

/// Points of metrics as columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PointColumns {
    /// What is measured: a row of [`Batch::metrics`](super::Batch::metrics).
    pub metric: Vec<u32>,
    /// Since when it counts, in nanoseconds since 1970 UTC; 0 where that isn't known.
    pub start_unix_ns: Vec<i64>,
    /// Until when it counts, in nanoseconds since 1970 UTC.
    pub unix_ns: Vec<i64>,
    /// The values.
    pub value: Vec<PointValue>,
    /// The dimensions.
    pub attributes: AttributeColumns,
    /// Distributions in buckets with given bounds.
    pub explicit: ExplicitColumns,
    /// Distributions in buckets that grow exponentially.
    pub exponential: ExponentialColumns,
    /// Quantiles that sources calculated.
    pub summaries: SummaryColumns,
    /// Single measurements: those of each point.
    pub exemplars: ExemplarColumns,
}

/// One point on its way into [`PointColumns`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "each field is the column with the same name")]
pub struct PointRow {
    pub metric: u32,
    pub start_unix_ns: i64,
    pub unix_ns: i64,
    pub value: PointValue,
}

impl PointColumns {
    /// Returns how many points there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.metric.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.metric.is_empty()
    }

    /// Returns the values of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> PointRow {
        PointRow {
            metric: self.metric[row],
            start_unix_ns: self.start_unix_ns[row],
            unix_ns: self.unix_ns[row],
            value: self.value[row],
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        let numbers = self.explicit.bounds.items.len()
            + self.explicit.counts.items.len()
            + self.exponential.positive_counts.items.len()
            + self.exponential.negative_counts.items.len()
            + 2 * self.summaries.quantiles.items.len();
        let distributions = self.explicit.totals.len() + self.exponential.totals.len() + self.summaries.totals.len();
        let attributes = self.attributes.keys.len() + self.exemplars.attributes.keys.len();
        self.len() * 44 + numbers * 8 + distributions * 96 + attributes * 20 + self.exemplars.len() * 56
    }

    /// Adds a point, whose exemplars have been pushed before.
    pub(super) fn push(&mut self, row: PointRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.metric.push(row.metric);
        self.start_unix_ns.push(row.start_unix_ns);
        self.unix_ns.push(row.unix_ns);
        self.value.push(row.value);
        self.attributes.push_row(attributes);
        self.exemplars.end_row();
    }
}

/// [`ExplicitHistogram`]s as columns.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `ExplicitHistogram` with the same name")]
pub struct ExplicitColumns {
    pub totals: Vec<Totals>,
    pub bounds: ListColumn<f64>,
    pub counts: ListColumn<u64>,
}

impl ExplicitColumns {
    /// Adds a histogram; returns its row.
    pub fn push(&mut self, histogram: &ExplicitHistogram) -> u32 {
        self.totals.push(histogram.totals);
        self.bounds.push(histogram.bounds.iter().copied());
        self.counts.push(histogram.counts.iter().copied());
        last_row(self.totals.len())
    }

    /// Returns the histogram of a row; empty where there is none.
    #[must_use]
    pub fn get(&self, row: u32) -> ExplicitHistogram {
        let row = row as usize;
        ExplicitHistogram {
            totals: self.totals.get(row).copied().unwrap_or_default(),
            bounds: self.bounds.row(row).to_vec(),
            counts: self.counts.row(row).to_vec(),
        }
    }
}

/// [`ExponentialHistogram`]s as columns.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `ExponentialHistogram` with the same name, or of its buckets")]
pub struct ExponentialColumns {
    pub totals: Vec<Totals>,
    pub scale: Vec<i32>,
    pub zero_threshold: Vec<f64>,
    pub zero_count: Vec<u64>,
    pub positive_offset: Vec<i32>,
    pub positive_counts: ListColumn<u64>,
    pub negative_offset: Vec<i32>,
    pub negative_counts: ListColumn<u64>,
}

impl ExponentialColumns {
    /// Adds a histogram; returns its row.
    pub fn push(&mut self, histogram: &ExponentialHistogram) -> u32 {
        self.totals.push(histogram.totals);
        self.scale.push(histogram.scale);
        self.zero_threshold.push(histogram.zero_threshold);
        self.zero_count.push(histogram.zero_count);
        self.positive_offset.push(histogram.positive.offset);
        self.positive_counts.push(histogram.positive.counts.iter().copied());
        self.negative_offset.push(histogram.negative.offset);
        self.negative_counts.push(histogram.negative.counts.iter().copied());
        last_row(self.totals.len())
    }

    /// Returns the histogram of a row; empty where there is none.
    #[must_use]
    pub fn get(&self, row: u32) -> ExponentialHistogram {
        let row = row as usize;
        let Some(&totals) = self.totals.get(row) else { return ExponentialHistogram::default() };
        ExponentialHistogram {
            totals,
            scale: self.scale[row],
            zero_threshold: self.zero_threshold[row],
            zero_count: self.zero_count[row],
            positive: Buckets { offset: self.positive_offset[row], counts: self.positive_counts.row(row).to_vec() },
            negative: Buckets { offset: self.negative_offset[row], counts: self.negative_counts.row(row).to_vec() },
        }
    }
}

/// [`Summary`]s as columns.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `Summary` with the same name")]
pub struct SummaryColumns {
    pub totals: Vec<Totals>,
    pub quantiles: ListColumn<(f64, f64)>,
}

impl SummaryColumns {
    /// Adds a summary; returns its row.
    pub fn push(&mut self, summary: &Summary) -> u32 {
        self.totals.push(summary.totals);
        self.quantiles.push(summary.quantiles.iter().copied());
        last_row(self.totals.len())
    }

    /// Returns the summary of a row; empty where there is none.
    #[must_use]
    pub fn get(&self, row: u32) -> Summary {
        let row = row as usize;
        let totals = self.totals.get(row).copied().unwrap_or_default();
        Summary { totals, quantiles: self.quantiles.row(row).to_vec() }
    }
}

/// [`Exemplar`](crate::Exemplar)s as columns: point `i` owns `ends[i - 1]..ends[i]`.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `Exemplar` with the same name")]
pub struct ExemplarColumns {
    pub ends: Vec<u32>,
    pub unix_ns: Vec<i64>,
    pub value: Vec<Option<Number>>,
    pub trace_id: Vec<TraceId>,
    pub span_id: Vec<SpanId>,
    pub attributes: AttributeColumns,
}

/// One exemplar on its way into [`ExemplarColumns`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "each field is the field of `Exemplar` with the same name")]
pub struct ExemplarRow {
    pub unix_ns: i64,
    pub value: Option<Number>,
    pub trace_id: TraceId,
    pub span_id: SpanId,
}

impl ExemplarColumns {
    /// Returns how many exemplars all points have together.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.unix_ns.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.unix_ns.is_empty()
    }

    /// Returns the values of a row.
    #[must_use]
    pub fn row(&self, row: usize) -> ExemplarRow {
        ExemplarRow {
            unix_ns: self.unix_ns[row],
            value: self.value[row],
            trace_id: self.trace_id[row],
            span_id: self.span_id[row],
        }
    }

    pub(super) fn push(&mut self, row: ExemplarRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.unix_ns.push(row.unix_ns);
        self.value.push(row.value);
        self.trace_id.push(row.trace_id);
        self.span_id.push(row.span_id);
        self.attributes.push_row(attributes);
    }

    pub(super) fn of_point(&self, point: usize) -> std::ops::Range<usize> {
        let end = |point: usize| self.ends.get(point).map_or(0, |end| *end as usize);
        point.checked_sub(1).map_or(0, end)..end(point)
    }

    fn end_row(&mut self) {
        self.ends.push(u32::try_from(self.unix_ns.len()).unwrap_or(u32::MAX));
    }
}

fn last_row(rows: usize) -> u32 {
    u32::try_from(rows - 1).unwrap_or(u32::MAX)
}
