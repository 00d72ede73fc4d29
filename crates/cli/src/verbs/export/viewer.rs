//! Runs for viewers of traces.

use flowglass::interchange::chrome::Writer;
use flowglass::store::query::Query;
use flowglass::store::{RunRecord, Selection, Store};

use crate::failure::Failure;
use crate::printer::Output;
use crate::stored::runs_with;
use crate::verbs::list::short_id;

/// Writes runs one by one, the oldest first, and says how many. One run is in memory at a time.
pub(super) fn chrome(
    store: &dyn Store,
    runs: Vec<RunRecord>,
    selection: &Selection,
    output: &mut Output,
) -> Result<String, Failure> {
    let mut runs = if selection.traces.is_some() { runs } else { runs_with(store, Query::runs())? };
    let is_wanted = |run: &RunRecord| {
        selection.start_unix_ns.is_none_or(|start| run.start_unix_ns >= start)
            && selection.end_unix_ns.is_none_or(|end| run.start_unix_ns < end)
    };
    runs.retain(is_wanted);
    runs.sort_by_key(|run| run.start_unix_ns);
    let mut out = Vec::new();
    let mut writer = Writer::begin(runs.first().map_or(0, |run| run.start_unix_ns), &mut out);
    for run in &runs {
        writer.run(&format!("{} {}", run.name, short_id(run.id)), &store.trace(run.id)?, &mut out);
        if !output.put(&mut out)? {
            break;
        }
    }
    writer.end(&mut out);
    output.put(&mut out)?;
    Ok(format!("exported {} {}", runs.len(), if runs.len() == 1 { "run" } else { "runs" }))
}
