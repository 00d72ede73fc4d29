//! A run in numbers as a table, with totals and where to look next.

use flowglass_insight::summary::Place;
use flowglass_insight::{Guide, Summary, guides, quantity, text};
use flowglass_model::{SpanType, Status};

use crate::Options;
use crate::bar::left_block;
use crate::branch::branch;
use crate::ink::Ink;
use crate::line::Line;
use crate::mark::mark;
use crate::table::{Cell, Column, draw};

/// Columns of a bar that shows a share.
const SHARE_COLUMNS: u64 = 10;
/// Places shown, at most; a pipeline with more is told by its first ones.
const PLACES: usize = 200;

/// Skipped nodes named, at most.
const SKIPPED: usize = 10;

/// Draws a summary: the totals, a table of places, what was skipped, and a line or more for each advice. Each line ends with a
/// line break.
#[must_use]
pub fn render(summary: &Summary, options: &Options) -> String {
    let Some(status) = summary.status else { return "no spans\n".to_owned() };
    let arrow = if options.unicode { "→ " } else { "> " };
    let mut lines = vec![totals(summary, status, *options), Line::new(*options)];
    lines.extend(draw(columns(&summary.places, *options), *options));
    if summary.places.len() > PLACES {
        let more = quantity::counted((summary.places.len() - PLACES) as u64, "more place");
        lines.push(one(Ink::Dim, &format!("… {more}"), *options));
    }
    if !summary.skipped.is_empty() {
        lines.extend(wrapped(&skipped(&summary.skipped), "", *options));
    }
    if !summary.advice.is_empty() {
        lines.push(Line::new(*options));
    }
    lines.extend(summary.advice.iter().flat_map(|advice| wrapped(&advice.text, arrow, *options)));
    lines.into_iter().map(|line| line.finish() + "\n").collect()
}

fn totals(summary: &Summary, status: Status, options: Options) -> Line {
    let totals = &summary.totals;
    let mut line = Line::new(options);
    line.push(Ink::of(status, false), mark(status, false, options)).push(Ink::Plain, " ");
    line.push(Ink::Strong, &summary.name);
    let some = |number: u64, words: &str| {
        if number > 0 { format!(", {} {words}", quantity::count(number)) } else { String::new() }
    };
    let saved =
        if totals.saved_ms >= 1.0 { format!(" ({} saved)", quantity::duration_ms(totals.saved_ms)) } else { String::new() };
    let nodes = format!("{}{}{}", quantity::counted(totals.nodes, "node"), some(totals.cached, "cached"), saved);
    let items = format!("{}{}", quantity::counted(totals.items, "item"), some(totals.items_failed, "failed"));
    let facts = [
        Some(quantity::duration(totals.duration_ns)),
        (totals.nodes > 0).then(|| nodes + &some(totals.failed, "failed")),
        (totals.items > 0).then_some(items),
    ];
    for fact in facts.into_iter().flatten() {
        line.push(Ink::Dim, " · ").push(Ink::Plain, &fact);
    }
    line
}

fn columns(places: &[Place], options: Options) -> Vec<Column> {
    let places = &places[..places.len().min(PLACES)];
    let guides = guides(places.iter().map(|place| place.depth));
    let numbers = |title, rank, of: &dyn Fn(&Place) -> String| Column::numbers(title, rank, places.iter().map(of));
    let spread = |title, rank, of: fn(&Place) -> u64| numbers(title, rank, &|place| quantity::duration(of(place)));
    let counted = |number: u64| if number > 0 { quantity::count(number) } else { String::new() };
    let saved = |place: &Place| if place.saved_ms >= 1.0 { quantity::duration_ms(place.saved_ms) } else { String::new() };
    let labels = places.iter().zip(&guides).map(|(place, guide)| label(place, guide, options)).collect();
    vec![
        Column::text("NODE", 0, labels).flexible(16),
        numbers("RUNS", 1, &|place| format!("{}{}", if place.is_estimate { "~" } else { "" }, quantity::count(place.count))),
        numbers("SHARE", 0, &|place| quantity::percent(place.share)),
        Column::text("", 6, places.iter().map(|place| vec![(Ink::Ok, share_bar(place.share, options))]).collect()),
        spread("TOTAL", 2, |place| place.total_ns),
        spread("MIN", 8, |place| place.durations.min_ns),
        spread("P50", 3, |place| place.durations.p50_ns),
        spread("P95", 7, |place| place.durations.p95_ns),
        spread("MAX", 5, |place| place.durations.max_ns),
        numbers("CACHED", 4, &|place| counted(place.cached)),
        numbers("SAVED", 9, &saved),
        numbers("FAILED", 3, &|place| counted(place.failed)),
    ]
}

fn label(place: &Place, guide: &Guide, options: Options) -> Cell {
    let ink = match place.span_type {
        _ if place.failed > 0 => Ink::Failed,
        SpanType::Pipeline | SpanType::Map => Ink::Strong,
        _ => Ink::Plain,
    };
    vec![(Ink::Dim, branch(guide, 6, options)), (ink, place.label.clone())]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a bar of ten columns"
)]
fn share_bar(share: f64, options: Options) -> String {
    let parts = ((share.clamp(0.0, 1.0) * SHARE_COLUMNS as f64 * 8.0).round()) as u64;
    if !options.unicode {
        return "#".repeat((parts / 8) as usize);
    }
    let tail = left_block(parts % 8);
    format!("{}{}", "█".repeat((parts / 8) as usize), if tail == ' ' { String::new() } else { tail.to_string() })
}

/// Names what never started: `skipped: report, index`.
fn skipped(names: &[String]) -> String {
    let more = names.len().saturating_sub(SKIPPED);
    let shown = names.iter().take(SKIPPED).map(|name| text::clean(name)).collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {} more", quantity::count(more as u64)) } else { String::new() };
    format!("skipped: {shown}{more}")
}

/// Breaks a text between words into lines that fit, the first behind its lead, the others below the first's text.
fn wrapped(text: &str, mut lead: &'static str, options: Options) -> Vec<Line> {
    let room = options.width.saturating_sub(2);
    let shown = crate::line::shown(text, options);
    let mut lines: Vec<String> = Vec::new();
    for word in shown.split(' ') {
        match lines.last_mut() {
            Some(line) if text::width(line) + 1 + text::width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let line = |text: String| {
        let mut line = Line::new(options);
        line.push(Ink::Running, lead).push(Ink::Plain, &text);
        lead = "  ";
        line
    };
    lines.into_iter().map(line).collect()
}

fn one(ink: Ink, text: &str, options: Options) -> Line {
    let mut line = Line::new(options);
    line.push(ink, text);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{arbitrary_spans, check_width, rich};
    use proptest::prelude::*;

    #[test]
    fn a_summary_at_80_columns() {
        insta::assert_snapshot!(render(&Summary::of(&rich()), &Options::plain(80)), @"
        ✗ corpus · 1.24s · 7 nodes, 2 cached (3.35s saved), 1 failed · 6 items, 1 failed

        NODE                RUNS  SHARE       TOTAL    P50    P95    MAX  CACHED  FAILED
        corpus                 1  0.7 %  ▏    1.24s  1.24s  1.24s  1.24s               1
        ├─ load                1  6.2 %  ▋    118ms  118ms  118ms  118ms
        ├─ clean               1  0.1 %       1.0ms  1.0ms  1.0ms  1.0ms       1
        ├─ embed               1  0.2 %       800ms  800ms  800ms  800ms
        │  ├─ tokenize         1   16 %  █▋   300ms  300ms  300ms  300ms
        │  ├─ fetch_weigh…     1  3.9 %  ▍    420ms  420ms  420ms  420ms
        │  │  └─ attempts      2   18 %  █▉   346ms  173ms  194ms  196ms               1
        │  └─ encode           1   20 %  ██   376ms  376ms  376ms  376ms
        ├─ digest              1  0.5 %       300ms  300ms  300ms  300ms
        │  └─ [*]              6   28 %  ██▊  650ms  130ms  130ms  130ms       1       1
        │     └─ hash          1  6.3 %  ▋    120ms  120ms  120ms  120ms               1
        └─ store               1  0.4 %       8.0ms  8.0ms  8.0ms  8.0ms

        → first failure: `digest[4] > hash`: invalid utf-8 sequence of 1 bytes from
          index 7; once fixed, run it again: what succeeded comes from the cache
        → 1 attempt of `fetch_weights` failed and cost a retry: see what they have in
          common
        → the critical path is `fetch_weights > attempt 1` → `fetch_weights > attempt 2`
          → `encode` → `digest`: only shortening these shortens the run (the longest is
          30 % of it)
        → 2 of 7 nodes came from the cache and saved 3.35s
        ");
    }

    #[test]
    fn a_summary_at_200_columns() {
        insta::assert_snapshot!(render(&Summary::of(&rich()), &Options::plain(200)), @"
        ✗ corpus · 1.24s · 7 nodes, 2 cached (3.35s saved), 1 failed · 6 items, 1 failed

        NODE                 RUNS  SHARE       TOTAL    MIN    P50    P95    MAX  CACHED  SAVED  FAILED
        corpus                  1  0.7 %  ▏    1.24s  1.24s  1.24s  1.24s  1.24s                      1
        ├─ load                 1  6.2 %  ▋    118ms  118ms  118ms  118ms  118ms
        ├─ clean                1  0.1 %       1.0ms  1.0ms  1.0ms  1.0ms  1.0ms       1  3.21s
        ├─ embed                1  0.2 %       800ms  800ms  800ms  800ms  800ms
        │  ├─ tokenize          1   16 %  █▋   300ms  300ms  300ms  300ms  300ms
        │  ├─ fetch_weights     1  3.9 %  ▍    420ms  420ms  420ms  420ms  420ms
        │  │  └─ attempts       2   18 %  █▉   346ms  150ms  173ms  194ms  196ms                      1
        │  └─ encode            1   20 %  ██   376ms  376ms  376ms  376ms  376ms
        ├─ digest               1  0.5 %       300ms  300ms  300ms  300ms  300ms
        │  └─ [*]               6   28 %  ██▊  650ms  130ms  130ms  130ms  130ms       1  140ms       1
        │     └─ hash           1  6.3 %  ▋    120ms  120ms  120ms  120ms  120ms                      1
        └─ store                1  0.4 %       8.0ms  8.0ms  8.0ms  8.0ms  8.0ms

        → first failure: `digest[4] > hash`: invalid utf-8 sequence of 1 bytes from index 7; once fixed, run it again: what succeeded comes from the cache
        → 1 attempt of `fetch_weights` failed and cost a retry: see what they have in common
        → the critical path is `fetch_weights > attempt 1` → `fetch_weights > attempt 2` → `encode` → `digest`: only shortening these shortens the run (the longest is 30 % of it)
        → 2 of 7 nodes came from the cache and saved 3.35s
        ");
    }

    #[test]
    fn skipped_nodes_are_named_below_the_table() {
        let mut summary = Summary::of(&rich());
        let drawn = |summary: &Summary| {
            let text = render(summary, &Options::plain(80));
            text.lines().skip_while(|line| !line.contains("─ store")).take(5).skip(1).collect::<Vec<_>>().join("\n")
        };
        summary.advice.clear();
        summary.skipped = vec!["report".to_owned(), "in\x1b[31mdex".to_owned()];
        assert_eq!(drawn(&summary), "skipped: report, in␛[31mdex");
        summary.skipped = (1..=12).map(|number| format!("node number {number}")).collect();
        insta::assert_snapshot!(drawn(&summary), @"
        skipped: node number 1, node number 2, node number 3, node number 4, node
          number 5, node number 6, node number 7, node number 8, node number 9, node
          number 10 and 2 more
        ");
    }

    #[test]
    fn an_empty_run() {
        assert_eq!(render(&Summary::of(&[]), &Options::plain(80)), "no spans\n");
    }

    proptest! {
        #[test]
        fn every_line_fits(spans in arbitrary_spans(), width in 0usize..220, color: bool, unicode: bool) {
            check_width(&render(&Summary::of(&spans), &Options { width, color, unicode }), width.max(8));
        }
    }
}
