//! `flowglass query`: whatever the store has, found by the query language.

mod arguments;
mod fields;
mod shown;

use std::process::ExitCode;

use flowglass::store::Page;
use flowglass::store::query::{Query, Sort};
use serde_json::json;

pub(crate) use arguments::QueryArguments;

use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) fn run(arguments: &QueryArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let query = asked(arguments)?;
    let store = arguments.store.any()?;
    if arguments.count {
        printer.data(None, format!("{}\n", store.count(&query)?).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let page = store.query(&query)?;
    printer.data(None, told(&page, arguments, printer).as_bytes())?;
    if let Some(next) = page.next.filter(|_| !arguments.json) {
        printer.note(&format!("there is more: --cursor {next}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn asked(arguments: &QueryArguments) -> Result<Query, Failure> {
    // An argument is a part of the query as it is: who wants free text with spaces puts it in quotes within the argument.
    let mut query = Query::parse(arguments.what.select(), &arguments.query.join(" ")).map_err(Failure::usage)?;
    if let Some(limit) = arguments.limit {
        query.limit = limit as usize;
    }
    if let Some(sort) = &arguments.sort {
        let known = Sort::NAMES.join(", ");
        query.sort = Sort::named(sort).ok_or_else(|| {
            Failure::usage(format!("`--sort {sort}`: there are {known}, each with a `-` for the largest first"))
        })?;
    }
    if let Some(cursor) = &arguments.cursor {
        query.after = Some(cursor.parse().map_err(|error| Failure::usage(format!("`--cursor`: {error}")))?);
    }
    Ok(query)
}

fn told(page: &Page, arguments: &QueryArguments, printer: &Printer) -> String {
    if arguments.json {
        let next = page.next.as_ref().map(ToString::to_string);
        return format!("{:#}\n", json!({ "rows": fields::json(&page.rows), "next": next }));
    }
    if printer.stdout_is_terminal() { shown::table(&page.rows, &printer.stdout_options()) } else { fields::tsv(&page.rows) }
}
