//! `flowglass store info`.

use std::process::ExitCode;

use flowglass::store::{StoreDetails, StoreInfo, WriterInfo};
use flowglass::term::grid::{Value as Cell, render};
use flowglass::term::{Options, quantity};
use serde_json::{Value, json};

use super::arguments::PlaceArguments;
use crate::failure::Failure;
use crate::json::start_text;
use crate::printer::Printer;

pub(super) fn run(arguments: &PlaceArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let store = arguments.store.any()?;
    let (info, details) = (store.info()?, store.details()?);
    let text = if arguments.json { object(&info, &details) } else { drawn(&info, &details, &printer.stdout_options()) };
    printer.data(None, text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn drawn(info: &StoreInfo, details: &StoreDetails, options: &Options) -> String {
    let rows = [
        ("store", info.path.display().to_string()),
        ("format", info.format_version.to_string()),
        ("size", quantity::bytes(info.size_bytes)),
        ("runs", quantity::count(info.runs)),
        ("spans", spans(info, details)),
        ("others", quantity::count(details.others)),
        ("oldest", moment(details.oldest_unix_ns)),
        ("newest", moment(details.newest_unix_ns)),
        ("writers", writers(&details.writers)),
    ];
    let cells = |(name, text): &(&str, String)| vec![Cell::Text((*name).to_owned()), Cell::Text(text.clone())];
    let drawn = render(&[String::new(), String::new()], &rows.iter().map(cells).collect::<Vec<_>>(), options);
    drawn.trim_start_matches('\n').to_owned()
}

fn spans(info: &StoreInfo, details: &StoreDetails) -> String {
    let open =
        if details.open_spans == 0 { String::new() } else { format!(", {} not ended", quantity::count(details.open_spans)) };
    let segments = format!("in {} segment{}", quantity::count(info.segments), if info.segments == 1 { "" } else { "s" });
    format!("{} {segments}{open}", quantity::count(info.spans))
}

fn moment(unix_ns: Option<i64>) -> String {
    unix_ns.map_or_else(|| "–".to_owned(), |unix_ns| start_text(unix_ns, false))
}

fn writers(writers: &[WriterInfo]) -> String {
    if writers.is_empty() {
        return "none alive".to_owned();
    }
    let of = |writer: &WriterInfo| {
        format!("process {} on {} since {}", writer.pid, writer.host, start_text(writer.started_unix_ns, false))
    };
    writers.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn object(info: &StoreInfo, details: &StoreDetails) -> String {
    let moment = |unix_ns: Option<i64>| unix_ns.map(|unix_ns| start_text(unix_ns, true));
    let writer = |writer: &WriterInfo| json!({ "pid": writer.pid, "host": writer.host, "started": start_text(writer.started_unix_ns, true) });
    let object = json!({
        "path": info.path,
        "format_version": info.format_version,
        "size_bytes": info.size_bytes,
        "runs": info.runs,
        "spans": info.spans,
        "open_spans": details.open_spans,
        "others": details.others,
        "segments": info.segments,
        "oldest": moment(details.oldest_unix_ns),
        "newest": moment(details.newest_unix_ns),
        "writers": details.writers.iter().map(writer).collect::<Vec<Value>>(),
    });
    format!("{object:#}\n")
}
