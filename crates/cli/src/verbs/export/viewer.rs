//! Runs for viewers of traces.

use flowglass::interchange::chrome::Writer;
use flowglass::store::{RunFilter, RunRecord, Selection, SqliteStore};

use crate::failure::Failure;
use crate::printer::Output;
use crate::verbs::list::SHORT_ID;

/// Writes runs one by one, the oldest first, and says how many. One run is in memory at a time.
pub(super) fn chrome(
    store: &SqliteStore,
    runs: Vec<RunRecord>,
    selection: &Selection,
    output: &mut Output,
) -> Result<String, Failure> {
    let mut runs =
        if selection.traces.is_some() { runs } else { store.runs(&RunFilter { limit: usize::MAX, ..RunFilter::default() })? };
    let is_wanted = |run: &RunRecord| {
        selection.start_unix_ns.is_none_or(|start| run.start_unix_ns >= start)
            && selection.end_unix_ns.is_none_or(|end| run.start_unix_ns < end)
    };
    runs.retain(is_wanted);
    runs.sort_by_key(|run| run.start_unix_ns);
    let mut out = Vec::new();
    let mut writer = Writer::begin(runs.first().map_or(0, |run| run.start_unix_ns), &mut out);
    for run in &runs {
        let id: String = run.id.to_string().chars().take(SHORT_ID).collect();
        writer.run(&format!("{} {id}", run.name), &store.trace(run)?, &mut out);
        if !output.put(&mut out)? {
            break;
        }
    }
    writer.end(&mut out);
    output.put(&mut out)?;
    Ok(format!("exported {} {}", runs.len(), if runs.len() == 1 { "run" } else { "runs" }))
}
