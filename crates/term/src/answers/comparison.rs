//! Two sets of runs side by side.

use flowglass_insight::answers::{Change, Comparison, Fact, PlaceChange};
use flowglass_insight::{Distribution, quantity, text};

use super::{facts, table};
use crate::Options;
use crate::ink::Ink;
use crate::table::Column;

/// Places that are shown where nobody asked for all.
const MOST_PLACES: usize = 20;

/// Draws the runs as wholes, the places where the time changed most, and what else is different. Each line ends with a line
/// break.
#[must_use]
pub fn comparison(comparison: &Comparison, all: bool, options: &Options) -> String {
    let whole = &comparison.whole;
    let runs = |count: u64, spread: &Distribution| match count {
        0 => "no runs".to_owned(),
        1 => format!("1 run, {}", quantity::duration(spread.p50_ns)),
        count => format!(
            "{}, p50 {}, p95 {}",
            quantity::counted(count, "run"),
            quantity::duration(spread.p50_ns),
            quantity::duration(spread.p95_ns)
        ),
    };
    let failed = |count: u64| if count > 0 { format!("{} failed", quantity::count(count)) } else { String::new() };
    let mut parts = vec![
        facts(Ink::Strong, "before", &[runs(comparison.runs_before, &whole.before), failed(whole.failed_before)], *options)
            + &facts(
                Ink::Strong,
                "after ",
                &[runs(comparison.runs_after, &whole.after), failed(whole.failed_after), slower(whole)],
                *options,
            ),
    ];
    let places = &comparison.places[..if all { comparison.places.len() } else { comparison.places.len().min(MOST_PLACES) }];
    if !places.is_empty() {
        let mut drawn = table(columns(places), *options);
        let left = comparison.places.len() - places.len();
        if left > 0 {
            drawn += &format!("… {}\n", quantity::counted(left as u64, "more place"));
        }
        parts.push(drawn);
    }
    if !comparison.facts.is_empty() {
        parts.push(differences(&comparison.facts, *options));
    }
    parts.join("\n")
}

fn columns(places: &[PlaceChange]) -> Vec<Column> {
    let numbers = |title, rank, of: &dyn Fn(&Change) -> String| {
        Column::numbers(title, rank, places.iter().map(|place| of(&place.change)))
    };
    let median = |spread: &Distribution| if spread.count > 0 { quantity::duration(spread.p50_ns) } else { String::new() };
    let pair = |before: u64, after: u64| if before + after == 0 { String::new() } else { format!("{before} → {after}") };
    let changes = places.iter().map(|place| vec![(ink(&place.change), slower(&place.change))]);
    vec![
        Column::text("PLACE", 0, places.iter().map(|place| vec![(Ink::Strong, place.path.clone())]).collect()).flexible(16),
        numbers("BEFORE", 0, &|change| median(&change.before)),
        numbers("AFTER", 0, &|change| median(&change.after)),
        Column::text("CHANGE", 0, changes.collect()),
        numbers("COUNT", 3, &|change| pair(change.before.count, change.after.count)),
        numbers("FAILED", 1, &|change| pair(change.failed_before, change.failed_after)),
        numbers("CACHED", 2, &|change| pair(change.cached_before, change.cached_after)),
    ]
}

/// Changes of less than this part are noise.
const NOISE: f64 = 0.05;

fn ink(change: &Change) -> Ink {
    match change.slower_by() {
        _ if change.fails_newly() => Ink::Failed,
        Some(by) if by > NOISE => Ink::Failed,
        Some(by) if by < -NOISE => Ink::Ok,
        _ => Ink::Dim,
    }
}

fn slower(change: &Change) -> String {
    match change.slower_by() {
        _ if change.is_new() => "new".to_owned(),
        _ if change.is_gone() => "gone".to_owned(),
        _ if change.fails_newly() => "fails now".to_owned(),
        Some(by) if by >= 1.0 => format!("{:.1}× as long", by + 1.0),
        Some(by) if by > NOISE => format!("+{}", quantity::percent(by)),
        Some(by) if by < -NOISE => format!("-{}", quantity::percent(-by)),
        Some(_) => "same".to_owned(),
        None => String::new(),
    }
}

fn differences(facts: &[Fact], options: Options) -> String {
    let values = |of: fn(&Fact) -> &[String]| {
        let joined = facts.iter().map(|fact| text::clean(&of(fact).join(", ")).into_owned());
        joined.map(|text| vec![(Ink::Plain, text)]).collect::<Vec<_>>()
    };
    let columns = vec![
        Column::text("DIFFERENT", 0, facts.iter().map(|fact| vec![(Ink::Strong, fact.key.clone())]).collect()).flexible(12),
        Column::text("BEFORE", 0, values(|fact| &fact.before)).flexible(12),
        Column::text("AFTER", 0, values(|fact| &fact.after)).flexible(12),
    ];
    table(columns, options)
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Span, SpanId, SpanType, Status, TraceId};

    use super::*;

    fn run(clean_ms: u64, version: &str, fails: bool) -> Vec<Span> {
        let span = |id: u64, parent: u64, span_type, name: &str, ms: u64| Span {
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_u64(id),
            parent_id: SpanId::from_u64(parent),
            name: name.into(),
            span_type,
            duration_ns: ms * 1_000_000,
            ..Span::default()
        };
        let mut spans = vec![
            span(1, 0, SpanType::Pipeline, "pipeline demo", clean_ms + 8),
            span(2, 1, SpanType::Node, "node clean", clean_ms),
        ];
        spans[0].attributes = vec![("pipeline.version".into(), version.into())];
        spans.push(Span {
            status: if fails { Status::Error } else { Status::Ok },
            ..span(3, 1, SpanType::Node, "node report", 5)
        });
        spans
    }

    #[test]
    fn what_changed_is_told() {
        let compared = Comparison::of(&run(10, "1", false), &run(30, "2", true));
        insta::assert_snapshot!(comparison(&compared, false, &Options::plain(100)), @"
        before · 1 run, 18ms
        after  · 1 run, 38ms · 2.1× as long

        PLACE          BEFORE  AFTER  CHANGE        COUNT  FAILED
        demo > clean     10ms   30ms  3.0× as long  1 → 1
        demo > report   5.0ms  5.0ms  fails now     1 → 1   0 → 1

        DIFFERENT         BEFORE  AFTER
        pipeline.version  1       2
        ");
        let nothing = Comparison::of(&[], &[]);
        insta::assert_snapshot!(comparison(&nothing, false, &Options::plain(60)), @"
        before · no runs
        after  · no runs
        ");
    }
}
