//! `flowglass store migrate`.

use std::process::ExitCode;

use serde_json::json;

use super::arguments::PlaceArguments;
use crate::failure::Failure;
use crate::printer::Printer;

pub(super) fn run(arguments: &PlaceArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let store = arguments.store.any()?;
    let migration = store.migrate()?;
    let text = if arguments.json {
        format!("{:#}\n", json!({ "from": migration.from, "to": migration.to }))
    } else if migration.from == migration.to {
        format!("{} has format {}, the newest; nothing to do\n", store.location(), migration.to)
    } else {
        format!("{} went from format {} to {}\n", store.location(), migration.from, migration.to)
    };
    printer.data(None, text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
