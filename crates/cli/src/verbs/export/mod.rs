//! `flowglass export`: what is stored, as files that others read.

mod arguments;
mod records;
mod tables;
mod viewer;

use std::process::ExitCode;

use flowglass::store::query::{Query, Select};
use flowglass::store::{RunRecord, Selection, Store};

pub(crate) use self::arguments::ExportArguments;
use self::arguments::Target;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::stored::runs_with;

pub(crate) fn run(arguments: &ExportArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let store = arguments.store.any()?;
    let store = &*store;
    let runs = chosen(store, arguments)?;
    let is_chosen = !arguments.runs.is_empty() || arguments.query.is_some();
    let selection = Selection {
        traces: is_chosen.then(|| runs.iter().map(|run| run.id.trace).collect()),
        start_unix_ns: arguments.since,
        end_unix_ns: arguments.until,
    };
    if arguments.to == Target::Sqlite {
        return sqlite(store, arguments, &selection, printer);
    }
    let mut output = printer.output(arguments.out.as_deref())?;
    let told = match arguments.to {
        Target::Jsonl => records::jsonl(store, &selection, &mut output)?,
        Target::OtlpJson => records::otlp_json(store, &selection, &mut output)?,
        Target::Csv => tables::csv(store, arguments.table, &selection, &mut output)?,
        Target::Chrome | Target::Sqlite => viewer::chrome(store, runs, &selection, &mut output)?,
    };
    output.finish()?;
    printer.note(&arguments.out.as_deref().map_or_else(|| told.clone(), |out| format!("{told} to {}", out.display())));
    Ok(ExitCode::SUCCESS)
}

/// Returns the runs that are named, and those that a query finds, each once.
fn chosen(store: &dyn Store, arguments: &ExportArguments) -> Result<Vec<RunRecord>, Failure> {
    let mut runs = arguments.runs.iter().map(|id| store.find_run(id)).collect::<Result<Vec<RunRecord>, _>>()?;
    if let Some(query) = &arguments.query {
        runs.extend(runs_with(store, Query::parse(Select::Runs, query).map_err(Failure::usage)?)?);
    }
    runs.sort_by_key(|run| run.id);
    runs.dedup_by_key(|run| run.id);
    Ok(runs)
}

fn sqlite(
    store: &dyn Store,
    arguments: &ExportArguments,
    selection: &Selection,
    printer: &mut Printer,
) -> Result<ExitCode, Failure> {
    let out = arguments.out.as_deref().filter(|out| *out != std::path::Path::new("-"));
    let Some(out) = out else {
        return Err(Failure::usage("a SQLite file can't go to standard output; name it with `--out FILE`"));
    };
    printer.check(Some(out))?;
    let rows = store.copy_to_sqlite(out, selection)?;
    printer.note(&format!("exported {rows} rows to {}", out.display()));
    Ok(ExitCode::SUCCESS)
}
