//! The collector's side of the metrics that spans feed: which series a template's spans go to, found once.

use std::cell::OnceCell;
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
    /// By the address of a list of templates.
    lists: IdMap<usize, Metered>,
    /// Where something ended since the counters were told last: the address of a list, and a number in it.
    ended: Vec<(usize, u32)>,
}

/// Where the spans of one list of templates go to.
#[derive(Debug)]
struct Metered {
    /// Its address is a key: that memory must not be used again before the key is forgotten.
    _templates: Arc<[SpanTemplate]>,
    /// By the number of a template; what feeds no metrics has none.
    places: Box<[OnceCell<Option<Place>>]>,
}

/// Where the spans of one template go to.
#[derive(Debug)]
struct Place {
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
        let series = self.find(core, scope, template).and_then(|(place, _)| place.metrics.get(metric));
        if let Some((_, _, series)) = series {
            series.measure(number);
        }
    }

    /// Tells the counters of what ended since the last time.
    pub(crate) fn settle(&mut self) {
        for (list, template) in self.ended.drain(..) {
            let place = self.lists.get_mut(&list).and_then(|list| list.places.get_mut(template as usize)?.get_mut()?.as_mut());
            place.into_iter().for_each(Place::settle);
        }
        if self.lists.len() > REMEMBERED {
            self.lists.clear();
        }
    }

    fn measure_end(&mut self, core: &Core, scope: &ScopeShared, template: u32, end: &MeteredEnd<'_>) {
        if let Some((place, ended)) = self.find(core, scope, template)
            && place.measure_end(end)
        {
            ended.push((address_of(scope), template));
        }
    }

    /// Returns where the spans of a template go to, and where to note that one ended; nothing where they feed no metrics.
    fn find(&mut self, core: &Core, scope: &ScopeShared, template: u32) -> Option<(&mut Place, &mut Vec<(usize, u32)>)> {
        let list = self.lists.entry(address_of(scope)).or_insert_with(|| Metered::new(&scope.templates));
        let place = list.places.get_mut(template as usize)?;
        place.get_or_init(|| Place::of(core, scope.templates.get(template as usize)?));
        Some((place.get_mut()?.as_mut()?, &mut self.ended))
    }
}

fn address_of(scope: &ScopeShared) -> usize {
    Arc::as_ptr(&scope.templates).cast::<SpanTemplate>() as usize
}

impl Metered {
    fn new(templates: &Arc<[SpanTemplate]>) -> Self {
        Self { _templates: Arc::clone(templates), places: templates.iter().map(|_| OnceCell::new()).collect() }
    }
}

impl Place {
    /// Finds the series of a template; none if it feeds no metrics.
    fn of(core: &Core, template: &SpanTemplate) -> Option<Self> {
        let attributes = &template.meter.attributes;
        let metrics = template.meter.metrics.iter().map(|metric| {
            let instrument = metric.instrument(core);
            let series = instrument.series(&borrowed(attributes));
            (metric.measures, instrument, series)
        });
        let place = || Self { metrics: metrics.collect(), attributes: attributes.clone(), ends: 0 };
        (!template.meter.metrics.is_empty()).then(place)
    }

    /// Measures an end; says whether it is the first one that no counter has been told of.
    fn measure_end(&mut self, end: &MeteredEnd<'_>) -> bool {
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
        self.ends == 1
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

#[cfg(test)]
mod tests {
    use flowglass_model::{SpanKind, SpanType, TraceId};

    use super::*;
    use crate::metrics::{SpanMeter, SpanMetric};
    use crate::{Recorder, Scope, ScopeSpec, Verdict};

    const ENDS: SpanMetric =
        SpanMetric { name: "ends", unit: "{span}", description: "Spans that ended.", measures: Measures::Ends };

    fn template(at: usize) -> SpanTemplate {
        let attributes = vec![("node".to_owned(), at.to_string().into())];
        SpanTemplate {
            name: format!("node {at}"),
            indexed: false,
            kind: SpanKind::Internal,
            span_type: SpanType::Node,
            attributes: Attributes::new(),
            keys: Vec::new(),
            meter: SpanMeter { attributes, metrics: vec![ENDS] },
        }
    }

    fn scope(recorder: &Recorder, nodes: usize) -> Scope {
        let templates = (0..nodes).map(template).collect();
        let trace_id = TraceId::random();
        recorder.scope(ScopeSpec { trace_id, verdict: Verdict::Record, templates, attributes: Attributes::new() })
    }

    /// Lets each node end once, and tells the counters.
    fn look(meters: &mut SpanMeters, recorder: &Recorder, scope: &Scope, nodes: u32) {
        let (core, shared) = (recorder.core().unwrap(), scope.shared.as_ref().unwrap());
        (0..nodes).for_each(|node| meters.ended_unseen(core, shared, node, Status::Ok, 1));
        meters.settle();
    }

    #[test]
    fn where_a_large_pipelines_spans_go_to_is_found_once() {
        let recorder = Recorder::builder().build();
        let (mut meters, scope) = (SpanMeters::default(), scope(&recorder, 2_000));
        look(&mut meters, &recorder, &scope, 2_000);
        let found = |meters: &SpanMeters| {
            let places = meters.lists.values().flat_map(|list| &list.places).filter_map(OnceCell::get).flatten();
            places.map(|place| Arc::as_ptr(&place.metrics[0].2)).collect::<Vec<_>>()
        };
        let first = found(&meters);
        look(&mut meters, &recorder, &scope, 2_000);
        assert_eq!((first.len(), meters.ended.len()), (2_000, 0));
        assert_eq!(found(&meters), first);
    }

    #[test]
    fn lists_of_templates_are_forgotten_when_there_are_many() {
        let recorder = Recorder::builder().build();
        let mut meters = SpanMeters::default();
        let scopes: Vec<Scope> = (0..=REMEMBERED).map(|_| scope(&recorder, 1)).collect();
        scopes[1..].iter().for_each(|scope| look(&mut meters, &recorder, scope, 1));
        assert_eq!(meters.lists.len(), REMEMBERED);
        look(&mut meters, &recorder, &scopes[0], 1);
        assert!(meters.lists.is_empty());
    }
}
