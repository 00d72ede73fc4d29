//! `flowglass cache prune`: makes room.

use flowglass::cache::{DiskLimits, Pruned};
use flowglass::term::quantity;
use serde_json::json;

use super::arguments::PruneArguments;
use crate::failure::Failure;
use crate::printer::Printer;

pub(super) fn run(arguments: &PruneArguments, printer: &mut Printer) -> Result<(), Failure> {
    let cache = arguments.place.open()?;
    let limits = match (arguments.older_than, arguments.max_size) {
        (None, None) => DiskLimits::default(),
        (max_age, max_bytes) => DiskLimits { max_bytes, max_age },
    };
    say(&cache.prune(limits).map_err(Failure::usage)?, arguments.place.json, printer)
}

/// Says what was removed.
pub(super) fn say(pruned: &Pruned, json: bool, printer: &mut Printer) -> Result<(), Failure> {
    let text = if json {
        format!("{:#}\n", json!({ "entries": pruned.entries, "freed_bytes": pruned.freed_bytes }))
    } else if *pruned == Pruned::default() {
        "nothing to remove\n".to_owned()
    } else {
        let entries = if pruned.entries == 1 { "entry" } else { "entries" };
        format!("removed {} {entries}, {}\n", quantity::count(pruned.entries), quantity::bytes(pruned.freed_bytes))
    };
    printer.data(None, text.as_bytes())
}
