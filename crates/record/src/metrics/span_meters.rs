//! The collector's side of the metrics that spans feed: which series a template's spans go to, found once.

use std::sync::Arc;

use flowglass_model::{Attributes, Number, Status};

use super::exemplar::Kept;
use super::meters::Instrument;
use super::of_spans::{Measures, MeteredEnd, borrowed, failed};
use super::series::Series;
use crate::core::Core;
use crate::id_hash::IdMap;
use crate::open::Frame;
use crate::raw::{Field, Fields};
use crate::scope::SpanTemplate;
use crate::scope_shared::ScopeShared;
use crate::{Tick, raw::USER_TEMPLATE};

/// Of so many lists of templates it is remembered where they go to.
const REMEMBERED: usize = 256;

/// Measures what spans feed, span by span.
#[derive(Debug, Default)]
pub(crate) struct SpanMeters {
    /// Places in `metered`, by the address of a list of templates and a number in it.
    places: IdMap<(usize, u32), usize>,
    /// Templates whose addresses are keys above: their memory must not be used again before these are forgotten.
    held: Vec<Arc<[SpanTemplate]>>,
    metered: Vec<Metered>,
}

/// Where the spans of one template go to.
#[derive(Debug)]
struct Metered {
    attributes: Attributes,
    metrics: Vec<(Measures, Arc<Instrument>, Arc<Series>)>,
    /// Ends that no counter has been told of.
    ends: i64,
}

impl SpanMeters {
    /// Measures the end of a span that is recorded.
    pub(crate) fn ended(
        &mut self,
        core: &Core,
        scope: &ScopeShared,
        (frame, end): (&Frame, Tick),
        status: Status,
        fields: Fields<'_>,
    ) {
        if frame.is_uncounted() || frame.template == USER_TEMPLATE {
            return;
        }
        let error_type = if status == Status::Error { error_type(fields) } else { "" };
        let duration_ns = frame.start.elapsed_ns(end);
        let (trace_id, span_id) = (scope.trace_id, frame.span);
        let exemplar = Some(Kept { at: end, value: Number::Int(0), trace_id, span_id });
        self.measure_end(core, scope, frame.template, &MeteredEnd { status, duration_ns, error_type, exemplar });
    }

    /// Measures the end of a span that isn't recorded.
    pub(crate) fn ended_unseen(&mut self, core: &Core, scope: &ScopeShared, template: u32, status: Status, duration_ns: u64) {
        self.measure_end(core, scope, template, &MeteredEnd::unseen(status, duration_ns, ""));
    }

    /// Measures a number.
    pub(crate) fn counted(&mut self, core: &Core, scope: &ScopeShared, (template, metric): (u32, usize), number: Number) {
        let series = self.find(core, scope, template).and_then(|metered| metered.metrics.get(metric));
        if let Some((_, _, series)) = series {
            series.measure(number);
        }
    }

    /// Tells the counters of what ended since the last time.
    pub(crate) fn settle(&mut self) {
        self.metered.iter_mut().for_each(Metered::settle);
        if self.held.len() > REMEMBERED {
            *self = Self::default();
        }
    }

    fn measure_end(&mut self, core: &Core, scope: &ScopeShared, template: u32, end: &MeteredEnd<'_>) {
        if let Some(metered) = self.find(core, scope, template) {
            metered.measure_end(end);
        }
    }

    /// Returns where the spans of a template go to; nothing where they feed no metrics.
    fn find(&mut self, core: &Core, scope: &ScopeShared, template: u32) -> Option<&mut Metered> {
        let address = Arc::as_ptr(&scope.templates).cast::<SpanTemplate>() as usize;
        if let Some(place) = self.places.get(&(address, template)) {
            return self.metered.get_mut(*place);
        }
        let place = match scope.templates.get(template as usize).filter(|template| !template.meter.metrics.is_empty()) {
            None => usize::MAX,
            Some(template) => {
                self.metered.push(Metered::new(core, template));
                self.metered.len() - 1
            }
        };
        self.held.push(Arc::clone(&scope.templates));
        self.places.insert((address, template), place);
        self.metered.get_mut(place)
    }
}

impl Metered {
    fn new(core: &Core, template: &SpanTemplate) -> Self {
        let attributes = &template.meter.attributes;
        let metrics = template.meter.metrics.iter().map(|metric| {
            let instrument = metric.instrument(core);
            let series = instrument.series(&borrowed(attributes));
            (metric.measures, instrument, series)
        });
        Self { metrics: metrics.collect(), attributes: attributes.clone(), ends: 0 }
    }

    fn measure_end(&mut self, end: &MeteredEnd<'_>) {
        self.ends += 1;
        for (measures, instrument, series) in &self.metrics {
            match measures {
                Measures::Seconds => series.measure_in(end.seconds(), end.exemplar),
                Measures::Failures if end.status == Status::Error => {
                    let series = instrument.series(&failed(&self.attributes, end.error_type));
                    series.measure_in(Number::Int(1), end.exemplar);
                }
                _ => {}
            }
        }
    }

    fn settle(&mut self) {
        let ends = std::mem::take(&mut self.ends);
        if ends > 0 {
            let counters = self.metrics.iter().filter(|(measures, ..)| *measures == Measures::Ends);
            counters.for_each(|(_, _, series)| series.measure_in(Number::Int(ends), None));
        }
    }
}

fn error_type(fields: Fields<'_>) -> &str {
    let found = fields.into_iter().find_map(|field| if let Field::ErrorType(name) = field { Some(name) } else { None });
    found.unwrap_or_default()
}
