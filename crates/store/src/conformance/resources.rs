//! Who recorded what: each record has the resource of its batch, also where that isn't the first of its writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowglass_model::{
    Attributes, Batch, BatchBuilder, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Resource, Sink, Span,
    SpanEvent, SpanId, Status, Temporality, TraceId, WriterId, conventions as names,
};

use super::{expect, told};
use crate::query::{Query, Select};
use crate::{Rows, Selection, SinkOptions, Store};

/// A service of which the version changes, and another one in the same process.
const SERVICES: [(&str, &str); 3] = [("press", "1"), ("mixer", "1"), ("press", "2")];
const KINDS: [Select; 4] = [Select::Spans, Select::Events, Select::Logs, Select::Metrics];

/// Who recorded something, by its name.
type Found = BTreeMap<String, String>;

fn resource((service, version): (&str, &str)) -> Resource {
    let attributes = vec![(names::SERVICE_NAME.to_owned(), service.into()), ("service.version".to_owned(), version.into())];
    Resource { attributes, ..Resource::default() }
}

/// The service that recorded what has this number.
fn service(number: u64) -> (&'static str, &'static str) {
    SERVICES[number as usize % SERVICES.len()]
}

/// One record of each kind, and a span that is open, called as the batch's number.
fn batch(number: u64) -> Arc<Batch> {
    let mut builder = BatchBuilder::new(WriterId::from_bytes([1; 16]), number, Arc::new(resource(service(number))));
    let (name, unix_ns) = (number.to_string(), 1_700_000_000_000_000_000 + number as i64);
    let owner = (TraceId::from_bytes([number as u8; 16]), SpanId::from_u64(1));
    let span = Span { trace_id: owner.0, span_id: owner.1, name: name.clone(), start_unix_ns: unix_ns, ..Span::default() };
    let open = Span { span_id: SpanId::from_u64(2), name: format!("{number} open"), ..span.clone() };
    builder.push(&Span { status: Status::Ok, ..span });
    builder.push(&Span { status: Status::Running, ..open });
    builder.push_owned_event(owner, &SpanEvent { name: name.clone(), unix_ns, ..SpanEvent::default() });
    builder.push_owned_log(&LogRecord { event_name: name.clone(), unix_ns, ..LogRecord::default() });
    let metric = builder.push_owned_metric(&Metric::new(name, MetricKind::Gauge, Temporality::Delta));
    let (value, attributes) = (MetricValue::Number(Number::Int(1)), Attributes::new());
    builder.push_owned_point(metric, &MetricPoint { start_unix_ns: 0, unix_ns, value, attributes, exemplars: Vec::new() });
    Arc::new(builder.finish())
}

fn shown(resource: &Resource) -> String {
    let text = |key| resource.attributes.iter().find(|(known, _)| known == key).and_then(|(_, value)| value.as_str());
    format!("{} {}", text(names::SERVICE_NAME).unwrap_or("?"), text("service.version").unwrap_or("?"))
}

fn found(store: &dyn Store, query: &Query) -> Result<Found, String> {
    let each = |name: &str, resource: &Resource| (name.to_owned(), shown(resource));
    Ok(match store.query(query).map_err(told)?.rows {
        Rows::Spans(found) => found.iter().map(|found| each(&found.span.name, &found.resource)).collect(),
        Rows::Events(found) => found.iter().map(|found| each(&found.event.name, &found.resource)).collect(),
        Rows::Logs(found) => found.iter().map(|found| each(&found.log.event_name, &found.resource)).collect(),
        Rows::Metrics(found) => found.iter().map(|found| each(&found.metric.name, &found.resource)).collect(),
        Rows::Runs(_) => return Err("asked for records, got runs".to_owned()),
    })
}

/// Who has recorded what, as it should be, of a kind of record with these numbers.
fn wanted(select: Select, numbers: impl Iterator<Item = u64>) -> Found {
    let endings: &[&str] = if select == Select::Spans { &["", " open"] } else { &[""] };
    let each = |number: u64| endings.iter().map(move |ending| (format!("{number}{ending}"), shown(&resource(service(number)))));
    numbers.flat_map(each).collect()
}

/// Asks for everything of each kind, and for what one service has recorded.
fn ask(store: &dyn Store, when: &str, last: u64) -> Result<(), String> {
    for select in KINDS {
        let what = format!("{} {when}", select.as_str());
        expect(&what, &found(store, &Query::new(select))?, &wanted(select, 1..=last))?;
        let mixer = Query::parse(select, "service.name:mixer").map_err(|error| error.to_string())?;
        let of_mixer = (1..=last).filter(|number| service(*number).0 == "mixer");
        expect(&format!("{what} of one service"), &found(store, &mixer)?, &wanted(select, of_mixer))?;
    }
    Ok(())
}

pub(super) fn of_one_writer(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let failed = |error: flowglass_model::SinkError| format!("the sink failed: {error}");
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    (1..=3).try_for_each(|number| sink.write(&batch(number))).map_err(failed)?;
    let several: Vec<Arc<Batch>> = (4..=7).map(batch).collect();
    sink.write_all(&mut &several[..]).map_err(failed)?;
    ask(&*store, "of a sink that is open", 7)?;
    drop(sink);
    ask(&*store, "of a sink that has ended", 7)?;
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    (8..=10).try_for_each(|number| sink.write(&batch(number))).map_err(failed)?;
    ask(&*store, "of another sink of the same writer", 10)?;
    drop(sink);
    if store.capabilities().export {
        exported(&*store)?;
    }
    Ok(())
}

fn exported(store: &dyn Store) -> Result<(), String> {
    let mut spans = Found::new();
    for batch in store.export(&Selection::default()).map_err(told)? {
        let batch = batch.map_err(told)?;
        let each = batch.spans().chain(batch.opened()).map(|span| (span.name().to_owned(), shown(&batch.resource)));
        spans.extend(each);
    }
    expect("spans of an export", &spans, &wanted(Select::Spans, 1..=10))
}
