//! A log for programs: one JSON object a line, the same fields for the same things.

use std::fmt::Write as _;
use std::sync::Arc;

use flowglass_model::{CacheStatus, Event, EventKind, Subject};
use serde_json::{Map, Value, json};

use super::entry::{Entry, What};
use crate::callback::CallbackContext;

pub(super) fn line(entry: &Entry, event: &Event<'_>, context: &CallbackContext) -> String {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("message", entry.message().into());
    put("level", entry.severity.as_str().to_lowercase().into());
    put("unix_ns", event.at_unix_ns.into());
    put("run_id", event.run.to_string().into());
    if let Some(span) = event.span.some() {
        put("span_id", span.to_string().into());
    }
    put("depth", context.depth().into());
    put("pipeline_path", context.hierarchy().join(" > ").into());
    put("current_pipeline", context.pipeline().map_or(Value::Null, |pipeline| pipeline.id().into()));
    put("event", event.name().into());
    if let Some(index) = event.index {
        put("index", index.into());
    }
    about(&mut fields, entry, event, context);
    keys(&mut fields, entry, event, context);
    facts(&mut fields, entry, event);
    Value::Object(fields).to_string()
}

/// Names what the line is about.
fn about(fields: &mut Map<String, Value>, entry: &Entry, event: &Event<'_>, context: &CallbackContext) {
    let here = context.pipeline().map_or("", |pipeline| pipeline.id());
    match (entry.what, event.site.subject) {
        (What::Nested, _) => {
            let child = context.pipelines().find(|pipeline| pipeline.path() == &*event.site.path);
            fields.insert("parent_id".to_owned(), here.into());
            fields.insert("child_id".to_owned(), child.map_or(event.of(), |child| child.id()).into());
        }
        (_, Subject::Pipeline) => drop(fields.insert("pipeline_id".to_owned(), here.into())),
        _ => drop(fields.insert("node_id".to_owned(), event.of().into())),
    }
}

/// Names what goes in when something starts, and what has come out when it ended well; never the values.
fn keys(fields: &mut Map<String, Value>, entry: &Entry, event: &Event<'_>, context: &CallbackContext) {
    let names = |names: &[Arc<str>]| json!(names.iter().map(|name| &**name).collect::<Vec<_>>());
    match event.kind {
        _ if entry.what == What::Error => {}
        EventKind::Started { .. } => drop(fields.insert("input_keys".to_owned(), names(context.input_names()))),
        EventKind::Finished { .. } | EventKind::Cached { .. } => {
            fields.insert("output_keys".to_owned(), names(context.output_names()));
        }
        _ => {}
    }
}

/// What the cache said and did, where there is one.
fn cache_status(event: &Event<'_>) -> Option<CacheStatus> {
    match event.kind {
        EventKind::Finished { cache, .. } => Some(cache).filter(|cache| *cache != CacheStatus::Off),
        EventKind::Cached { .. } => Some(CacheStatus::Hit),
        _ => None,
    }
}

fn facts(fields: &mut Map<String, Value>, entry: &Entry, event: &Event<'_>) {
    if let Some(seconds) = entry.seconds {
        fields.insert("duration".to_owned(), seconds.into());
    }
    if let Some(cache) = cache_status(event) {
        fields.insert("cache_status".to_owned(), cache.as_str().into());
    }
    if let EventKind::Cached { signature, .. } = event.kind {
        let digits = signature.iter().take(16).fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        fields.insert("cache_signature".to_owned(), digits.into());
    }
    if let EventKind::Moved { from, to, worker } = event.kind {
        fields.insert("backend_from".to_owned(), from.into());
        fields.insert("backend_to".to_owned(), to.into());
        fields.extend(worker.map(|worker| ("worker_id".to_owned(), worker.into())));
    }
    if let Some(failure) = event.failure() {
        fields.insert("error_type".to_owned(), failure.error_type.as_str().into());
        fields.insert("error_message".to_owned(), failure.message.as_str().into());
    }
}
