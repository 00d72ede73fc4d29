//! `flowglass cache list`: the entries, the newest first.

use flowglass::cache::DiskEntry;
use flowglass::term::cached::{Entry, render};
use serde_json::{Value, json};

use super::arguments::ListArguments;
use super::place::of_node;
use super::when::ago;
use crate::failure::Failure;
use crate::json::{milliseconds, start_text};
use crate::printer::Printer;

/// How many digits of a signature are shown.
const SHORT: usize = 8;

pub(super) fn run(arguments: &ListArguments, printer: &mut Printer) -> Result<(), Failure> {
    let entries = arguments.place.open()?.entries().map_err(Failure::usage)?;
    let mut found = match &arguments.node {
        Some(node) => of_node(&entries, node)?,
        None => entries.iter().collect(),
    };
    found.truncate(arguments.limit);
    let text = if arguments.place.json {
        format!("{:#}\n", Value::Array(found.into_iter().map(object).collect()))
    } else {
        render(&found.into_iter().map(line).collect::<Vec<_>>(), &printer.stdout_options())
    };
    printer.data(None, text.as_bytes())
}

fn line(entry: &DiskEntry) -> Entry {
    Entry {
        signature: hex(&entry.signature).chars().take(SHORT).collect(),
        path: entry.entry.path.clone(),
        stored: ago(entry.entry.stored_unix_ns),
        used: ago(entry.used_unix_ns),
        cost_ns: entry.entry.cost_ns,
        size_bytes: entry.entry.size_bytes(),
    }
}

/// An entry for programs.
pub(super) fn object(entry: &DiskEntry) -> Value {
    let outputs = entry
        .entry
        .outputs
        .iter()
        .map(|output| json!({ "type": output.type_name, "size_bytes": output.size_bytes, "digest": hex(&output.digest) }));
    json!({
        "signature": hex(&entry.signature),
        "path": entry.entry.path,
        "stored": start_text(entry.entry.stored_unix_ns, true),
        "used": start_text(entry.used_unix_ns, true),
        "cost_ms": milliseconds(entry.entry.cost_ns),
        "ttl_ms": entry.entry.ttl_ns.map(milliseconds),
        "size_bytes": entry.entry.size_bytes(),
        "outputs": outputs.collect::<Vec<_>>(),
    })
}

pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
