//! `flowglass cache stats`: how much there is in the cache.

use flowglass::term::quantity;
use serde_json::json;

use super::arguments::PlaceArguments;
use crate::failure::Failure;
use crate::json::milliseconds;
use crate::printer::Printer;

pub(super) fn run(arguments: &PlaceArguments, printer: &mut Printer) -> Result<(), Failure> {
    let cache = arguments.open()?;
    let stats = cache.stats().map_err(Failure::usage)?;
    let size_bytes = stats.log_bytes + stats.value_bytes;
    if arguments.json {
        let object = json!({
            "path": cache.folder(),
            "entries": stats.entries,
            "size_bytes": size_bytes,
            "values": stats.values,
            "value_bytes": stats.value_bytes,
            "cost_ms": milliseconds(stats.cost_ns),
            "damaged": stats.damages,
        });
        return printer.data(None, format!("{object:#}\n").as_bytes());
    }
    let entries = if stats.entries == 1 { "1 entry".to_owned() } else { format!("{} entries", quantity::count(stats.entries)) };
    let mut text = format!(
        "{}\n{entries} that took {} to compute\n{}, of which {} in {}\n",
        cache.folder().display(),
        quantity::duration(stats.cost_ns),
        quantity::bytes(size_bytes),
        quantity::bytes(stats.value_bytes),
        quantity::counted(stats.values, "large value"),
    );
    if stats.damages > 0 {
        text += &format!("{}: what was there is computed again\n", quantity::counted(stats.damages, "damaged place"));
    }
    printer.data(None, text.as_bytes())
}
