//! The value of a metric's point: a number, or how many were spread how.

use flowglass_model::{Buckets, ExplicitHistogram, ExponentialHistogram, MetricValue, Number, Summary, Totals};
use serde::{Deserialize, Serialize};

use crate::jsonl::real::{Real, all, plain};

/// A number as it was measured: whole ones have no decimal point.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum NumberLine {
    Int(i64),
    Real(Real),
}

impl NumberLine {
    pub(super) const fn new(number: Number) -> Self {
        match number {
            Number::Int(number) => Self::Int(number),
            Number::Float(number) => Self::Real(Real(number)),
        }
    }

    pub(super) const fn into_number(self) -> Number {
        match self {
            Self::Int(number) => Number::Int(number),
            Self::Real(Real(number)) => Number::Float(number),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TotalsLine {
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sum: Option<Real>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min: Option<Real>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max: Option<Real>,
}

impl TotalsLine {
    fn new(totals: Totals) -> Self {
        let Totals { count, sum, min, max } = totals;
        Self { count, sum: sum.map(Real), min: min.map(Real), max: max.map(Real) }
    }

    fn into_totals(self) -> Totals {
        let real = |number: Option<Real>| number.map(|number| number.0);
        Totals { count: self.count, sum: real(self.sum), min: real(self.min), max: real(self.max) }
    }
}

/// The value of a point, under a key that says of what kind it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PointValue {
    Missing(()),
    Value(NumberLine),
    Explicit {
        #[serde(flatten)]
        totals: TotalsLine,
        bounds: Vec<Real>,
        counts: Vec<u64>,
    },
    Exponential {
        #[serde(flatten)]
        totals: TotalsLine,
        scale: i32,
        zero_threshold: Real,
        zero_count: u64,
        positive: Buckets,
        negative: Buckets,
    },
    Summary {
        #[serde(flatten)]
        totals: TotalsLine,
        quantiles: Vec<(Real, Real)>,
    },
}

impl PointValue {
    pub(super) fn new(value: MetricValue) -> Self {
        match value {
            MetricValue::Missing => Self::Missing(()),
            MetricValue::Number(number) => Self::Value(NumberLine::new(number)),
            MetricValue::Explicit(of) => {
                Self::Explicit { totals: TotalsLine::new(of.totals), bounds: all(&of.bounds), counts: of.counts }
            }
            MetricValue::Exponential(of) => Self::Exponential {
                totals: TotalsLine::new(of.totals),
                scale: of.scale,
                zero_threshold: Real(of.zero_threshold),
                zero_count: of.zero_count,
                positive: of.positive,
                negative: of.negative,
            },
            MetricValue::Summary(of) => {
                let quantiles = of.quantiles.into_iter().map(|(at, value)| (Real(at), Real(value))).collect();
                Self::Summary { totals: TotalsLine::new(of.totals), quantiles }
            }
        }
    }

    pub(super) fn into_value(self) -> MetricValue {
        match self {
            Self::Missing(()) => MetricValue::Missing,
            Self::Value(number) => MetricValue::Number(number.into_number()),
            Self::Explicit { totals, bounds, counts } => {
                MetricValue::Explicit(ExplicitHistogram { totals: totals.into_totals(), bounds: plain(bounds), counts })
            }
            Self::Exponential { totals, scale, zero_threshold, zero_count, positive, negative } => {
                MetricValue::Exponential(ExponentialHistogram {
                    totals: totals.into_totals(),
                    scale,
                    zero_threshold: zero_threshold.0,
                    zero_count,
                    positive,
                    negative,
                })
            }
            Self::Summary { totals, quantiles } => {
                let quantiles = quantiles.into_iter().map(|(at, value)| (at.0, value.0)).collect();
                MetricValue::Summary(Summary { totals: totals.into_totals(), quantiles })
            }
        }
    }
}
