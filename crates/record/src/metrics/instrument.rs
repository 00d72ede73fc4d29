//! Instruments as user code holds them: cheap to clone, and to be had again under the same name.

use std::sync::Arc;

use flowglass_model::{MetricKind, Number};

use super::meters::Instrument;
use super::series::Series;
use crate::{Recorder, Value};

impl Recorder {
    /// Returns the counter of this name: a sum that only grows.
    #[must_use]
    pub fn counter(&self, name: &str) -> Counter {
        Counter(self.instrument(name, MetricKind::Counter))
    }

    /// Returns the up-down counter of this name: a sum that may also fall, such as what waits in a queue.
    #[must_use]
    pub fn up_down_counter(&self, name: &str) -> UpDownCounter {
        UpDownCounter(self.instrument(name, MetricKind::UpDownCounter))
    }

    /// Returns the gauge of this name: the last value counts.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Gauge {
        Gauge(self.instrument(name, MetricKind::Gauge))
    }

    /// Returns the histogram of this name: the distribution counts, and every percentile of it within one per cent.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Histogram {
        Histogram(self.instrument(name, MetricKind::Exponential))
    }

    fn instrument(&self, name: &str, kind: MetricKind) -> Option<Arc<Instrument>> {
        self.core().map(|core| core.instrument(name, kind))
    }
}

macro_rules! instrument {
    ($(#[$doc:meta])* $name:ident, $(#[$bound_doc:meta])* $bound:ident, $(#[$verb_doc:meta])* $verb:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(Option<Arc<Instrument>>);

        impl $name {
            /// Sets the unit, as UCUM writes it: `s`, `By`, `{item}`. The first one that is set counts.
            #[must_use]
            pub fn unit(self, unit: &str) -> Self {
                if let Some(instrument) = &self.0 {
                    let _ = instrument.unit.set(unit.to_owned());
                }
                self
            }

            /// Sets what it says, in a sentence. The first one that is set counts.
            #[must_use]
            pub fn description(self, description: &str) -> Self {
                if let Some(instrument) = &self.0 {
                    let _ = instrument.description.set(description.to_owned());
                }
                self
            }

            $(#[$verb_doc])*
            pub fn $verb(&self, number: impl Into<Number>, attributes: &[(&str, Value<'_>)]) {
                if let Some(instrument) = &self.0 {
                    instrument.series(attributes).measure(number.into());
                    instrument.tell_of_news();
                }
            }

            /// Returns the instrument for one set of attributes, with which a measurement takes a few nanoseconds.
            #[must_use]
            pub fn with(&self, attributes: &[(&str, Value<'_>)]) -> $bound {
                $bound(self.0.as_ref().map(|instrument| (Arc::clone(instrument), instrument.series(attributes))))
            }
        }

        $(#[$bound_doc])*
        #[derive(Debug, Clone)]
        pub struct $bound(Option<(Arc<Instrument>, Arc<Series>)>);

        impl $bound {
            $(#[$verb_doc])*
            #[inline]
            pub fn $verb(&self, number: impl Into<Number>) {
                if let Some((instrument, series)) = &self.0 {
                    series.measure(number.into());
                    instrument.tell_of_news();
                }
            }
        }
    };
}

instrument!(
    /// A sum that only grows; see [`Recorder::counter`].
    Counter,
    /// A [`Counter`] for one set of attributes.
    BoundCounter,
    /// Adds a number. Negative ones are left out.
    add
);
instrument!(
    /// A sum that may grow and fall; see [`Recorder::up_down_counter`].
    UpDownCounter,
    /// An [`UpDownCounter`] for one set of attributes.
    BoundUpDownCounter,
    /// Adds a number, which may be negative.
    add
);
instrument!(
    /// A value that is set; see [`Recorder::gauge`].
    Gauge,
    /// A [`Gauge`] for one set of attributes.
    BoundGauge,
    /// Sets the value.
    set
);
instrument!(
    /// A distribution; see [`Recorder::histogram`].
    Histogram,
    /// A [`Histogram`] for one set of attributes.
    BoundHistogram,
    /// Adds a value to the distribution. What is no number, or infinite, is left out.
    record
);

macro_rules! observed {
    ($($name:ident),+) => {
        $(impl $name {
            /// Asks for the value of one set of attributes whenever metrics are told, instead of being told of each change; a
            /// counter is answered with its total so far. `ask` answers quickly, or that there is nothing to tell now; it must
            /// not use the recorder, and isn't asked again after a panic. A process in which nothing happens is not asked.
            pub fn observe<N: Into<Number>>(
                &self,
                attributes: &[(&str, Value<'_>)],
                ask: impl Fn() -> Option<N> + Send + 'static,
            ) {
                if let Some(instrument) = &self.0 {
                    instrument.ask(instrument.series(attributes), Box::new(move || ask().map(Into::into)));
                }
            }
        })+
    };
}

observed!(Counter, UpDownCounter, Gauge);
