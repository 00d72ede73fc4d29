//! `flowglass list`: the runs in the store, newest first.

use std::process::ExitCode;

use flowglass::model::Status;
use flowglass::store::query::Query;
use flowglass::store::{Rows, RunRecord};
use flowglass::term::list::{Entry, render};
use serde_json::Value;

use crate::arguments::ListArguments;
use crate::failure::Failure;
use crate::json;
use crate::printer::Printer;

/// How many digits of an id are shown; a unique prefix is enough everywhere.
pub(crate) const SHORT_ID: usize = 8;

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
    let mut query = Query::runs().limit(arguments.limit);
    if let Some(word) = &arguments.status {
        query = query.status(status(word)?);
    }
    if let Some(name) = &arguments.name {
        query = query.name(name);
    }
    match arguments.store.any()?.query(&query)?.rows {
        Rows::Runs(runs) => Ok(runs),
        _ => Ok(Vec::new()),
    }
}

fn status(word: &str) -> Result<Status, Failure> {
    Status::from_word(word).ok_or_else(|| {
        let known = Status::ALL.iter().filter(|status| **status != Status::Skipped).map(|status| status.as_str());
        Failure::usage(format!("`{word}` is no status; there are {}", known.collect::<Vec<_>>().join(", ")))
    })
}

/// What the list of runs tells of a run.
pub(crate) fn entry(run: &RunRecord) -> Entry {
    Entry {
        id: run.id.to_string().chars().take(SHORT_ID).collect(),
        name: run.name.clone(),
        version: run.version.clone(),
        status: run.status,
        start: json::start_text(run.start_unix_ns, false),
        duration_ns: run.duration_ns,
        nodes: run.status.is_final().then_some(run.nodes + run.cache_hits),
        hits: run.status.is_final().then_some(run.cache_hits),
        error: run.error.clone(),
    }
}
