//! `flowglass show`: one run of the store.

use std::process::ExitCode;

use flowglass::insight::waterfall::FoldLimits;
use flowglass::insight::{Summary, Tree, Waterfall, failures};
use flowglass::model::Span;
use flowglass::store::query::Query;
use flowglass::store::{Rows, RunRecord, Store, StoreErrorKind};
use flowglass::{picture, term};
use serde_json::{Value, json};

use crate::arguments::ShowArguments;
use crate::failure::Failure;
use crate::json;
use crate::printer::Printer;
use crate::verbs::foreign;

/// Failures that are told at length where nobody asked for all.
pub(crate) const FAILURES: usize = 5;

pub(crate) fn run(arguments: &ShowArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let store = arguments.store.any()?;
    let run = match &arguments.run {
        Some(id) => found(&*store, id)?,
        None => newest(&*store)?,
    };
    let spans = store.trace(run.id)?;
    let text = if arguments.json {
        format!("{:#}\n", whole(&*store, &run, &spans)?)
    } else if arguments.svg {
        let version = if run.version.is_empty() { String::new() } else { format!(" · version {}", run.version) };
        let title = format!("{}{version}", run.name);
        picture::svg::waterfall(&folded(arguments, &spans), &picture::svg::Options { title: Some(title), ..Default::default() })
    } else {
        drawn(arguments, &spans, &printer_options(arguments, printer))
    };
    printer.data(arguments.o.as_deref(), text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Finds a run, or else a trace that is none: one of another program, or one that began with a span in which runs were started.
fn found(store: &dyn Store, id: &str) -> Result<RunRecord, Failure> {
    match store.find_run(id) {
        // The id of a whole trace means all of it, though runs in it begin so.
        Ok(run) if !run.id.joined_at.is_none() => Ok(foreign::whole(store, id)?.unwrap_or(run)),
        Err(error) if error.kind() == StoreErrorKind::Ambiguous => foreign::whole(store, id)?.ok_or_else(|| error.into()),
        Err(error) if error.kind() == StoreErrorKind::NotFound => foreign::find(store, id)?.ok_or_else(|| error.into()),
        found => Ok(found?),
    }
}

/// Finds what began last: a run, or a trace of another program.
fn newest(store: &dyn Store) -> Result<RunRecord, Failure> {
    let run = match store.query(&Query::runs().limit(1))?.rows {
        Rows::Runs(mut runs) => runs.pop(),
        _ => None,
    };
    let foreign = foreign::newest(store, run.as_ref().map_or(i64::MIN, |run| run.start_unix_ns))?;
    foreign.or(run).ok_or_else(|| Failure::usage(format!("there are no runs in `{}` yet", store.location())))
}

/// Text in a file has no colours.
fn printer_options(arguments: &ShowArguments, printer: &Printer) -> term::Options {
    let options = printer.stdout_options();
    term::Options { color: options.color && arguments.o.is_none(), ..options }
}

fn folded(arguments: &ShowArguments, spans: &[Span]) -> Waterfall {
    let waterfall = Waterfall::of(spans);
    if arguments.all { waterfall } else { waterfall.fold(&FoldLimits::default()) }
}

fn drawn(arguments: &ShowArguments, spans: &[Span], options: &term::Options) -> String {
    let asked = arguments.tree || arguments.waterfall || arguments.summary || arguments.errors;
    let mut parts = Vec::new();
    if arguments.tree || !asked {
        let (tree, limits) = (Tree::of(spans), FoldLimits::default());
        let all = || term::tree::render(&tree, options);
        parts.push(if arguments.all { all() } else { term::tree::render_folded(&tree, &limits, options) });
    }
    if arguments.waterfall || !asked {
        parts.push(term::waterfall::render(&folded(arguments, spans), options));
    }
    let reports = failures::reports(&Tree::of(spans));
    if arguments.errors {
        let none = "nothing failed\n".to_owned();
        parts.push(if reports.is_empty() { none } else { term::failures::render(&reports, usize::MAX, options) });
    } else if !asked && !reports.is_empty() {
        parts.push(term::failures::render(&reports, FAILURES, options));
    }
    if arguments.summary {
        parts.push(term::summary::render(&Summary::of(spans), options));
    }
    parts.join("\n")
}

fn whole(store: &dyn Store, run: &RunRecord, spans: &[Span]) -> Result<Value, Failure> {
    let graph = match run.fingerprint {
        Some(fingerprint) => store.graph(fingerprint)?,
        None => None,
    };
    let spans = spans.iter().map(|span| {
        let attributes = |attributes: &flowglass::model::Attributes| {
            Value::Object(attributes.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
        };
        let event = |event: &flowglass::model::SpanEvent| {
            json!({ "name": event.name, "unix_ns": event.unix_ns, "attributes": attributes(&event.attributes) })
        };
        json!({
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent_id": span.parent_id.some(),
            "name": span.name,
            "span_type": span.span_type,
            "status": span.status,
            "status_message": span.status_message,
            "start_unix_ns": span.start_unix_ns,
            "duration_ns": span.duration_ns,
            "attributes": attributes(&span.attributes),
            "events": span.events.iter().map(event).collect::<Vec<_>>(),
        })
    });
    Ok(json!({ "run": json::record(run), "graph": graph, "spans": spans.collect::<Vec<_>>() }))
}
