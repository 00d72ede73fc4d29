//! One series of a metric: what was measured under one set of attributes.

use std::sync::atomic::{
    AtomicBool, AtomicI64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Arc, Weak};

use flowglass_model::{Attributes, ExponentialHistogram, MetricKind, Number};
use parking_lot::Mutex;

use super::cells::{Last, Sum};
use super::distribution::Distribution;
use super::exemplar::{ExemplarSlot, Kept};

/// What was measured under one set of attributes.
#[derive(Debug)]
pub(crate) struct Series {
    pub(super) attributes: Attributes,
    value: Value,
    /// The total that a counter was observed at.
    observed: Mutex<Number>,
    exemplar: ExemplarSlot,
    /// Something was measured since it was told last, so that it is among the changed ones.
    is_news: AtomicBool,
    changed: Weak<Changed>,
    /// When it was told last, or made, in nanoseconds since 1970 UTC.
    since_unix_ns: AtomicI64,
}

/// The series of one metric in which something was measured since they were told last.
#[derive(Debug, Default)]
pub(super) struct Changed(Mutex<Vec<Arc<Series>>>);

#[derive(Debug)]
enum Value {
    Counter(Sum),
    UpDown(Sum),
    Gauge(Last),
    Distribution(Box<Distribution>),
}

/// What a series tells.
#[derive(Debug)]
pub(super) enum Told {
    Number(Number),
    Distribution(ExponentialHistogram),
}

impl Changed {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Takes the series that are to be told, in the order in which they changed.
    pub(super) fn take(&self) -> Vec<Arc<Series>> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Series {
    pub(super) fn new(kind: MetricKind, attributes: Attributes, changed: &Arc<Changed>, now_unix_ns: i64) -> Self {
        let value = match kind {
            MetricKind::Counter => Value::Counter(Sum::default()),
            MetricKind::UpDownCounter => Value::UpDown(Sum::default()),
            MetricKind::Exponential => Value::Distribution(Box::default()),
            _ => Value::Gauge(Last::default()),
        };
        let (exemplar, is_news) = (ExemplarSlot::default(), AtomicBool::new(false));
        let observed = Mutex::new(Number::Int(0));
        let (changed, since_unix_ns) = (Arc::downgrade(changed), AtomicI64::new(now_unix_ns));
        Self { attributes, value, observed, exemplar, is_news, changed, since_unix_ns }
    }

    /// Adds, sets or records a number, as the metric's kind has it. A counter leaves negative numbers out.
    #[inline]
    pub(super) fn measure(self: &Arc<Self>, number: Number) {
        if self.take_in(number) {
            self.exemplar.offer(number);
            self.note_news();
        }
    }

    /// As [`measure`](Self::measure), for what was measured in this span, wherever that was.
    pub(super) fn measure_in(self: &Arc<Self>, number: Number, exemplar: Option<Kept>) {
        if self.take_in(number) {
            self.exemplar.offer_kept(exemplar, number);
            self.note_news();
        }
    }

    /// Brings an up-down counter to this value, and a counter that knows its total up to it.
    pub(super) fn observe(self: &Arc<Self>, number: Number) {
        match &self.value {
            Value::Gauge(last) => last.set(number),
            Value::Distribution(_) => return,
            Value::UpDown(sum) => sum.add(difference(number, sum.get())),
            Value::Counter(sum) => {
                let mut total = self.observed.lock();
                let grown = difference(number, *total);
                if grown.as_f64() <= 0.0 {
                    return;
                }
                *total = number;
                sum.add(grown);
            }
        }
        self.note_news();
    }

    #[inline]
    fn take_in(&self, number: Number) -> bool {
        match &self.value {
            Value::Counter(_) if number.as_f64() < 0.0 => return false,
            Value::Counter(sum) | Value::UpDown(sum) => sum.add(number),
            Value::Gauge(last) => last.set(number),
            Value::Distribution(distribution) => distribution.record(number.as_f64()),
        }
        true
    }

    #[inline]
    fn note_news(self: &Arc<Self>) {
        if !self.is_news.load(SeqCst) {
            self.note_first_news();
        }
    }

    /// Puts the series among the changed ones, unless another thread was quicker.
    #[cold]
    fn note_first_news(self: &Arc<Self>) {
        if !self.is_news.swap(true, SeqCst)
            && let Some(changed) = self.changed.upgrade()
        {
            changed.0.lock().push(Arc::clone(self));
        }
    }

    /// Returns what is to be told, if anything was measured since the last time.
    pub(super) fn take(&self) -> Option<(Told, Option<Kept>)> {
        if !self.is_news.swap(false, SeqCst) {
            return None;
        }
        let told = match &self.value {
            Value::Counter(sum) => Told::Number(sum.take()?),
            Value::UpDown(sum) => Told::Number(sum.get()),
            Value::Gauge(last) => Told::Number(last.get()),
            Value::Distribution(distribution) => Told::Distribution(distribution.take()?),
        };
        Some((told, self.exemplar.take()))
    }

    /// Returns since when a point counts that is told now.
    pub(super) fn since(&self, now_unix_ns: i64) -> i64 {
        match &self.value {
            Value::Counter(_) | Value::Distribution(_) => self.since_unix_ns.swap(now_unix_ns, Relaxed),
            Value::UpDown(_) => self.since_unix_ns.load(Relaxed),
            Value::Gauge(_) => 0,
        }
    }
}

fn difference(now: Number, before: Number) -> Number {
    match (now, before) {
        (Number::Int(now), Number::Int(before)) => Number::Int(now.saturating_sub(before)),
        (now, before) => Number::Float(now.as_f64() - before.as_f64()),
    }
}
