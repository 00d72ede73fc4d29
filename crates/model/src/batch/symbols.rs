//! All places of a batch that name an entry of its arena. Columns are listed whole, so that none that is new is forgotten.

use super::{
    AttributeColumns, Batch, EventColumns, ExemplarColumns, Extras, LinkColumns, LogColumns, MetricColumns, PointColumns,
    Scalar, SpanColumns, Sym,
};

impl Batch {
    /// Returns the attributes of all tables.
    pub(crate) fn attribute_tables(&self) -> [&AttributeColumns; 8] {
        [
            &self.spans.attributes,
            &self.opened.attributes,
            &self.events.attributes,
            &self.links.attributes,
            &self.logs.attributes,
            &self.metrics.metadata,
            &self.points.attributes,
            &self.points.exemplars.attributes,
        ]
    }

    /// As [`attribute_tables`](Self::attribute_tables), to be changed.
    pub(crate) fn attribute_tables_mut(&mut self) -> [&mut AttributeColumns; 8] {
        [
            &mut self.spans.attributes,
            &mut self.opened.attributes,
            &mut self.events.attributes,
            &mut self.links.attributes,
            &mut self.logs.attributes,
            &mut self.metrics.metadata,
            &mut self.points.attributes,
            &mut self.points.exemplars.attributes,
        ]
    }

    /// Tells of every use of an entry of the arena.
    pub(crate) fn each_sym(&self, tell: &mut impl FnMut(Sym)) {
        let Self {
            writer: _,
            sequence: _,
            resource: _,
            arena: _,
            spans,
            events,
            links,
            logs,
            metrics,
            points,
            scopes: _,
            opened,
            closed: _,
            graphs: _,
            dropped: _,
        } = self;
        of_spans(spans, tell);
        of_spans(opened, tell);
        of_events(events, tell);
        of_links(links, tell);
        of_logs(logs, tell);
        of_metrics(metrics, tell);
        of_points(points, tell);
    }
}

fn of_spans(spans: &SpanColumns, tell: &mut impl FnMut(Sym)) {
    let SpanColumns {
        trace_id: _,
        span_id: _,
        parent_id: _,
        name,
        kind: _,
        span_type: _,
        status: _,
        status_message,
        start_unix_ns: _,
        duration_ns: _,
        flags: _,
        attributes,
        extras,
    } = spans;
    name.iter().chain(status_message).copied().for_each(&mut *tell);
    of_attributes(attributes, tell);
    of_extras(extras, tell);
}

fn of_events(events: &EventColumns, tell: &mut impl FnMut(Sym)) {
    let EventColumns { trace_id: _, span_id: _, name, unix_ns: _, attributes, extras } = events;
    name.iter().copied().for_each(&mut *tell);
    of_attributes(attributes, tell);
    of_extras(extras, tell);
}

fn of_links(links: &LinkColumns, tell: &mut impl FnMut(Sym)) {
    let LinkColumns { trace_id: _, span_id: _, linked_trace_id: _, linked_span_id: _, flags: _, attributes, extras } = links;
    of_attributes(attributes, tell);
    of_extras(extras, tell);
}

fn of_logs(logs: &LogColumns, tell: &mut impl FnMut(Sym)) {
    let LogColumns {
        trace_id: _,
        span_id: _,
        unix_ns: _,
        observed_unix_ns: _,
        severity: _,
        severity_text,
        event_name,
        body,
        flags: _,
        attributes,
        extras,
    } = logs;
    severity_text.iter().chain(event_name).copied().for_each(&mut *tell);
    body.iter().filter_map(sym_of).for_each(&mut *tell);
    of_attributes(attributes, tell);
    of_extras(extras, tell);
}

fn of_metrics(metrics: &MetricColumns, tell: &mut impl FnMut(Sym)) {
    let MetricColumns { name, description, unit, kind: _, temporality: _, metadata, extras } = metrics;
    name.iter().chain(description).chain(unit).copied().for_each(&mut *tell);
    of_attributes(metadata, tell);
    of_extras(extras, tell);
}

fn of_points(points: &PointColumns, tell: &mut impl FnMut(Sym)) {
    let ExemplarColumns { ends: _, unix_ns: _, value: _, trace_id: _, span_id: _, attributes } = &points.exemplars;
    of_attributes(&points.attributes, tell);
    of_attributes(attributes, tell);
}

fn of_attributes(columns: &AttributeColumns, tell: &mut impl FnMut(Sym)) {
    let AttributeColumns { ends: _, keys, values } = columns;
    keys.iter().copied().for_each(&mut *tell);
    values.iter().filter_map(sym_of).for_each(&mut *tell);
}

fn of_extras(extras: &Extras, tell: &mut impl FnMut(Sym)) {
    extras.runs().iter().map(|run| run.extra.trace_state).for_each(tell);
}

fn sym_of(value: &Scalar) -> Option<Sym> {
    match value {
        Scalar::Str(sym) | Scalar::Bytes(sym) | Scalar::Nested(sym) => Some(*sym),
        Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => None,
    }
}
