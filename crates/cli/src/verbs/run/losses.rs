//! What a run's telemetry lost on its way, and what was close to it.

use flowglass::RecorderStats;
use flowglass::model::RecordCounts;
use flowglass::term::quantity;

/// Returns a line for each place where something was lost for lack of room, or nearly.
pub(super) fn losses(stats: &RecorderStats) -> Vec<String> {
    let advice = "`recording.buffer_bytes` makes them larger";
    let buffers = line("the recorder's buffers", stats.dropped_buffer_full, stats.buffers_nearly_full, advice);
    let of_sink = |sink: &flowglass::SinkStats| {
        let advice = "`recording.queue_bytes` makes it larger";
        line(&format!("the queue of {}", sink.name), sink.dropped_queue_full, sink.nearly_full, advice)
    };
    buffers.into_iter().chain(stats.sinks.iter().filter_map(of_sink)).collect()
}

fn line(place: &str, lost: RecordCounts, nearly_full: u64, advice: &str) -> Option<String> {
    let verb = if place.ends_with('s') { "were" } else { "was" };
    match (lost.total(), nearly_full) {
        (0, 0) => None,
        (0, 1) => Some(format!("warning: {place} {verb} nearly full; {advice}")),
        (0, times) => Some(format!("warning: {place} {verb} nearly full {times} times; {advice}")),
        _ => Some(format!("warning: {place} {verb} full: {} lost; {advice}", told(lost))),
    }
}

/// Names each kind of what was lost.
fn told(lost: RecordCounts) -> String {
    let kinds = [(lost.spans, "span"), (lost.events, "event"), (lost.logs, "log record"), (lost.points, "point of metrics")];
    let named = kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, kind)| match kind.split_once(' ') {
        Some((first, rest)) if rest.starts_with("of ") => format!("{} {rest}", quantity::counted(count, first)),
        _ => quantity::counted(count, kind),
    });
    let all = if lost.total() == 1 { " was" } else { " were" };
    named.collect::<Vec<_>>().join(", ") + all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_one_line() {
        let mut stats = RecorderStats::default();
        assert!(losses(&stats).is_empty());
        stats.buffers_nearly_full = 1;
        let mut sink = flowglass::SinkStats::default();
        sink.name = "store".to_owned();
        sink.nearly_full = 3;
        stats.sinks = vec![sink.clone()];
        sink.name = "otlp jaeger".to_owned();
        sink.dropped_queue_full = RecordCounts { spans: 2, events: 1, logs: 0, points: 3 };
        stats.sinks.push(sink);
        assert_eq!(
            losses(&stats),
            [
                "warning: the recorder's buffers were nearly full; `recording.buffer_bytes` makes them larger",
                "warning: the queue of store was nearly full 3 times; `recording.queue_bytes` makes it larger",
                "warning: the queue of otlp jaeger was full: 2 spans, 1 event, 3 points of metrics were lost; \
             `recording.queue_bytes` makes it larger",
            ]
        );
        stats.dropped_buffer_full = RecordCounts { spans: 1, ..RecordCounts::default() };
        assert!(losses(&stats)[0].contains("were full: 1 span was lost"), "what is lost comes before what was close");
    }
}
