//! Single metrics and points of a batch, borrowed from its columns.

use std::ops::Range;

use super::metrics::{ExemplarRow, MetricRow, PointRow, PointValue};
use super::rows::{AttributeRef, owned};
use super::{Batch, Extra};
use crate::{Exemplar, Metric, MetricPoint, MetricValue, Number};

/// One metric of a batch.
#[derive(Debug, Clone, Copy)]
pub struct MetricRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
}

impl<'a> MetricRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> MetricRow {
        self.batch.metrics.row(self.row)
    }

    /// Returns the metric's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.batch.arena.text(self.batch.metrics.name[self.row])
    }

    /// Returns the metric's unit.
    #[must_use]
    pub fn unit(&self) -> &'a str {
        self.batch.arena.text(self.batch.metrics.unit[self.row])
    }

    /// Returns what the metric says.
    #[must_use]
    pub fn description(&self) -> &'a str {
        self.batch.arena.text(self.batch.metrics.description[self.row])
    }

    /// Iterates over what is said of the metric itself.
    pub fn metadata(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.batch.metrics.metadata, self.row)
    }

    /// Returns what few metrics have.
    #[must_use]
    pub fn extra(&self) -> Extra {
        self.batch.metrics.extras.get(self.row)
    }

    /// Returns the metric, owned.
    #[must_use]
    pub fn to_metric(&self) -> Metric {
        let row = self.row();
        Metric {
            name: self.name().to_owned(),
            description: self.description().to_owned(),
            unit: self.unit().to_owned(),
            kind: row.kind,
            temporality: row.temporality,
            metadata: owned(self.metadata()),
            scope: self.batch.scope(self.extra().scope).cloned(),
        }
    }
}

/// One point of a metric of a batch.
#[derive(Debug, Clone, Copy)]
pub struct PointRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
}

impl<'a> PointRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> PointRow {
        self.batch.points.row(self.row)
    }

    /// Returns what is measured; nothing where the batch doesn't say.
    #[must_use]
    pub fn metric(&self) -> Option<MetricRef<'a>> {
        let row = self.batch.points.metric[self.row] as usize;
        (row < self.batch.metrics.len()).then_some(MetricRef { batch: self.batch, row })
    }

    /// Iterates over the point's dimensions.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.batch.points.attributes, self.row)
    }

    /// Iterates over single measurements.
    pub fn exemplars(&self) -> impl ExactSizeIterator<Item = ExemplarRef<'a>> + use<'a> {
        let (batch, rows): (_, Range<usize>) = (self.batch, self.batch.points.exemplars.of_point(self.row));
        rows.map(move |row| ExemplarRef { batch, row })
    }

    /// Returns the value, owned.
    #[must_use]
    pub fn to_value(&self) -> MetricValue {
        let points = &self.batch.points;
        match points.value[self.row] {
            PointValue::Missing => MetricValue::Missing,
            PointValue::Int(number) => MetricValue::Number(Number::Int(number)),
            PointValue::Float(number) => MetricValue::Number(Number::Float(number)),
            PointValue::Explicit(row) => MetricValue::Explicit(points.explicit.get(row)),
            PointValue::Exponential(row) => MetricValue::Exponential(points.exponential.get(row)),
            PointValue::Summary(row) => MetricValue::Summary(points.summaries.get(row)),
        }
    }

    /// Returns the point, owned.
    #[must_use]
    pub fn to_point(&self) -> MetricPoint {
        let row = self.row();
        MetricPoint {
            start_unix_ns: row.start_unix_ns,
            unix_ns: row.unix_ns,
            value: self.to_value(),
            attributes: owned(self.attributes()),
            exemplars: self.exemplars().map(|exemplar| exemplar.to_exemplar()).collect(),
        }
    }
}

/// One exemplar of a point.
#[derive(Debug, Clone, Copy)]
pub struct ExemplarRef<'a> {
    pub(super) batch: &'a Batch,
    pub(super) row: usize,
}

impl<'a> ExemplarRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> ExemplarRow {
        self.batch.points.exemplars.row(self.row)
    }

    /// Iterates over the attributes that the point doesn't have.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        self.batch.attributes_of(&self.batch.points.exemplars.attributes, self.row)
    }

    /// Returns the exemplar, owned.
    #[must_use]
    pub fn to_exemplar(&self) -> Exemplar {
        let ExemplarRow { unix_ns, value, trace_id, span_id } = self.row();
        Exemplar { unix_ns, value, trace_id, span_id, attributes: owned(self.attributes()) }
    }
}
