//! Records as lines: our own, and OTLP's.

use flowglass::interchange::jsonl;
use flowglass::model::{Batch, RecordCounts};
use flowglass::otlp::{Signal, TraceEncoder, encode_logs, encode_metrics, request_to_json};
use flowglass::store::{Selection, Store};
use flowglass::term::quantity;

use crate::failure::Failure;
use crate::printer::Output;
use crate::verbs::counted;

/// Writes a record a line, and says how many.
pub(super) fn jsonl(store: &dyn Store, selection: &Selection, output: &mut Output) -> Result<String, Failure> {
    let mut writer = jsonl::Writer::new();
    let (mut counts, mut out) = (RecordCounts::default(), Vec::new());
    writer.begin(&mut out);
    for batch in store.export(selection)? {
        let batch = batch?;
        counts += counts_of(&batch);
        writer.write(&batch, &mut out);
        if !output.put(&mut out)? {
            break;
        }
    }
    output.put(&mut out)?;
    Ok(format!("exported {}", counted(counts)))
}

/// Writes a request a line, and says how many items they have, and what OTLP has no place for.
pub(super) fn otlp_json(store: &dyn Store, selection: &Selection, output: &mut Output) -> Result<String, Failure> {
    let mut encoder = TraceEncoder::new().running(true);
    let (mut counts, mut left_out, mut out) = (RecordCounts::default(), LeftOut::default(), Vec::new());
    for batch in store.export(selection)? {
        let batch = batch?;
        let free = batch.events().filter(|event| event.owner().1.is_none()).count() as u64;
        let all = counts_of(&batch);
        counts += RecordCounts { events: all.events - free, ..all };
        left_out.events += free;
        left_out.graphs += batch.graphs.len() as u64;
        for signal in Signal::ALL {
            put_request(signal, &batch, &mut encoder, &mut out)?;
        }
        if !output.put(&mut out)? {
            break;
        }
    }
    output.put(&mut out)?;
    Ok(format!("exported {}{}", counted(counts), left_out.told()))
}

/// What OTLP has no place for.
#[derive(Default)]
struct LeftOut {
    graphs: u64,
    /// Events that belong to no span.
    events: u64,
}

impl LeftOut {
    fn told(&self) -> String {
        let some = |count: u64, word: &str| (count > 0).then(|| quantity::counted(count, word));
        let events = some(self.events, "event").map(|events| format!("{events} without a span"));
        let parts: Vec<String> = some(self.graphs, "graph").into_iter().chain(events).collect();
        if parts.is_empty() { String::new() } else { format!(" (without {}: `--to jsonl` has them)", parts.join(" and ")) }
    }
}

fn put_request(signal: Signal, batch: &Batch, encoder: &mut TraceEncoder, out: &mut Vec<u8>) -> Result<(), Failure> {
    let mut request = Vec::new();
    let items = match signal {
        Signal::Traces => encoder.encode(batch, &mut request),
        Signal::Metrics => encode_metrics(batch, &mut request),
        Signal::Logs => encode_logs(batch, &mut request),
    };
    if items > 0 {
        request_to_json(signal, &request, out)
            .map_err(|error| Failure::run(format!("a batch has no form in OTLP: {error}")))?;
        out.push(b'\n');
    }
    Ok(())
}

fn counts_of(batch: &Batch) -> RecordCounts {
    let counts = batch.counts();
    RecordCounts { spans: counts.spans + batch.opened().len() as u64, ..counts }
}
