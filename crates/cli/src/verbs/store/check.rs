//! `flowglass store check`.

use std::process::ExitCode;

use flowglass::store::StoreCheck;
use flowglass::term::quantity;
use serde_json::json;

use super::arguments::PlaceArguments;
use crate::failure::{FAILED, Failure};
use crate::printer::Printer;

pub(super) fn run(arguments: &PlaceArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let check = arguments.store.any()?.check()?;
    let text = if arguments.json { format!("{:#}\n", json!(check)) } else { said(&check) };
    printer.data(None, text.as_bytes())?;
    Ok(if check.is_whole() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn said(check: &StoreCheck) -> String {
    let looked = format!(
        "{} spans of {} runs in {} blocks",
        quantity::count(check.spans),
        quantity::count(check.runs),
        quantity::count(check.blocks)
    );
    if check.is_whole() {
        return format!("all is well: {looked}\n");
    }
    let problems: String = check.problems.iter().map(|problem| format!("  {problem}\n")).collect();
    let count = check.problems.len();
    format!(
        "{count} {} in {looked}:\n{problems}What is whole can be saved: `flowglass export --to jsonl`, then `import` into a new store.\n",
        if count == 1 { "problem" } else { "problems" }
    )
}
