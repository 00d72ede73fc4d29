//! `flowglass list`: the runs in the store, and the traces of other programs, newest first.

use std::cmp::Reverse;
use std::process::ExitCode;

use flowglass::model::{RunId, Status};
use flowglass::store::query::Query;
use flowglass::store::{Rows, RunRecord};
use flowglass::term::list::{Entry, render};
use serde_json::Value;

use crate::arguments::ListArguments;
use crate::failure::Failure;
use crate::json;
use crate::printer::Printer;
use crate::verbs::foreign;

/// How many digits of an id are shown; a unique prefix is enough everywhere.
pub(crate) const SHORT_ID: usize = 8;
/// So many more tell a run that joined a trace from the others in it.
const SHORT_SPAN: usize = 4;

/// Returns what people are shown of a run's id, and may write to name it: `7a51e8c0`, or `7a51e8c0-2629` for one that joined a trace.
pub(crate) fn short_id(run: RunId) -> String {
    let trace: String = run.trace.to_string().chars().take(SHORT_ID).collect();
    match run.joined_at.some() {
        None => trace,
        Some(span) => trace + "-" + &span.to_string()[..SHORT_SPAN],
    }
}

pub(crate) fn run(arguments: &ListArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let runs = runs(arguments)?;
    let text = if arguments.json {
        let runs = Value::Array(runs.iter().map(json::record).collect());
        format!("{runs:#}\n")
    } else {
        render(&runs.iter().map(entry).collect::<Vec<_>>(), &printer.stdout_options())
    };
    printer.data(None, text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn runs(arguments: &ListArguments) -> Result<Vec<RunRecord>, Failure> {
    let store = arguments.store.any()?;
    let mut runs = match store.query(&listed(arguments, Query::runs())?)?.rows {
        Rows::Runs(runs) => runs,
        _ => Vec::new(),
    };
    runs.extend(foreign::list(&*store, listed(arguments, foreign::roots())?)?);
    runs.sort_by_key(|run| Reverse(run.start_unix_ns));
    runs.truncate(arguments.limit);
    Ok(runs)
}

/// What of a query's answer the arguments leave.
fn listed(arguments: &ListArguments, query: Query) -> Result<Query, Failure> {
    let mut query = query.limit(arguments.limit);
    if let Some(word) = &arguments.status {
        query = query.status(status(word)?);
    }
    if let Some(name) = &arguments.name {
        query = query.name(name);
    }
    Ok(query)
}

fn status(word: &str) -> Result<Status, Failure> {
    Status::from_word(word).ok_or_else(|| {
        let known = Status::ALL.iter().filter(|status| **status != Status::Skipped).map(|status| status.as_str());
        Failure::usage(format!("`{word}` is no status; there are {}", known.collect::<Vec<_>>().join(", ")))
    })
}

/// What the list of runs tells of a run.
pub(crate) fn entry(run: &RunRecord) -> Entry {
    // Traces of other programs have no nodes that could be counted.
    let is_counted = run.status.is_final() && (run.fingerprint.is_some() || run.nodes + run.cache_hits > 0);
    Entry {
        id: short_id(run.id),
        name: run.name.clone(),
        version: run.version.clone(),
        status: run.status,
        start: json::start_text(run.start_unix_ns, false),
        duration_ns: run.duration_ns,
        nodes: is_counted.then_some(run.nodes + run.cache_hits),
        hits: is_counted.then_some(run.cache_hits),
        error: run.error.clone(),
    }
}
