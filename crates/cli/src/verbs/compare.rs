//! `flowglass compare`: two runs, or two sets of runs, side by side.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use flowglass::insight::answers::Comparison;
use flowglass::model::{Resource, Span};
use flowglass::store::query::{Query, Select};
use flowglass::store::{Rows, RunRecord, Store};
use flowglass::term::answers;
use serde_json::json;

use crate::arguments::StoreArgument;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::stored::spans_of_runs;

/// Compare two runs, or two sets of runs: what became slower, what fails now, what else is different.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArguments {
    /// A run, or a query for runs [default: the run before the newest of the same pipeline].
    before: Option<String>,
    /// A run, or a query for runs [default: the newest run].
    after: Option<String>,
    #[command(flatten)]
    store: StoreArgument,
    /// Show every place instead of those where the time changed most.
    #[arg(long)]
    all: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  flowglass compare                                  the newest run with the one before it
  flowglass compare 4bf92f 7b20d9                    two runs
  flowglass compare version=1.3 version=1.4          two versions
  flowglass compare started:yesterday started:today  two days
  flowglass compare deployment.environment.name=staging deployment.environment.name=production";

pub(crate) fn run(arguments: &CompareArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let store = arguments.store.any()?;
    let store = &*store;
    let (before, after) = match (&arguments.before, &arguments.after) {
        (None, _) => {
            let newest = newest(store, &Query::runs())?;
            let others = Query::runs().name(&newest.name).limit(2);
            let before = runs(store, &others)?.pop().filter(|run| run.id != newest.id);
            let before = before.ok_or_else(|| {
                Failure::usage(format!("`{}` has run only once: there is nothing to compare with", newest.name))
            })?;
            (store.trace(before.id)?, store.trace(newest.id)?)
        }
        (Some(before), None) => (spans(store, before)?, store.trace(newest(store, &Query::runs())?.id)?),
        (Some(before), Some(after)) => (spans(store, before)?, spans(store, after)?),
    };
    let comparison = Comparison::of(&before, &after).with_resources(&resources(store, &before)?, &resources(store, &after)?);
    let text = if arguments.json {
        format!("{:#}\n", json!(comparison))
    } else {
        answers::comparison(&comparison, arguments.all, &printer.stdout_options())
    };
    printer.data(None, text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The spans of what was named: a query has a sign or a space, a run's id has none.
fn spans(store: &dyn Store, named: &str) -> Result<Vec<Span>, Failure> {
    if !named.contains([':', '=', '<', '>', ' ', '(']) {
        return Ok(store.trace(store.find_run(named)?.id)?);
    }
    let query = Query::parse(Select::Runs, named).map_err(Failure::usage)?;
    let spans = spans_of_runs(store, &query)?;
    if spans.is_empty() { Err(Failure::usage(format!("no run is found by `{named}`"))) } else { Ok(spans) }
}

/// Returns who recorded the roots among these spans, each once.
fn resources(store: &dyn Store, spans: &[Span]) -> Result<Vec<Arc<Resource>>, Failure> {
    let mut resources: Vec<Arc<Resource>> = Vec::new();
    for root in spans.iter().filter(|span| span.is_run_root()) {
        let query = Query::spans().trace(root.trace_id).span(root.span_id).limit(1);
        if let Rows::Spans(found) = store.query(&query)?.rows {
            let new = found.into_iter().map(|found| found.resource).filter(|resource| !resources.contains(resource));
            resources.extend(new.collect::<Vec<_>>());
        }
    }
    Ok(resources)
}

fn runs(store: &dyn Store, query: &Query) -> Result<Vec<RunRecord>, Failure> {
    match store.query(query)?.rows {
        Rows::Runs(runs) => Ok(runs),
        _ => Ok(Vec::new()),
    }
}

fn newest(store: &dyn Store, query: &Query) -> Result<RunRecord, Failure> {
    let newest = runs(store, &query.clone().limit(1))?.pop();
    newest.ok_or_else(|| Failure::usage(format!("there are no runs in `{}` yet", store.location())))
}
