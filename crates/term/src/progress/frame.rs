//! One picture of a run's progress, as lines.

use flowglass_insight::progress::{ProgressRow, SiteProgress, State};
use flowglass_insight::{Guide, Progress, guides, quantity, text};
use flowglass_model::Subject;

use super::labels;
use crate::Options;
use crate::bar::{Texture, cells};
use crate::branch::{branch, branch_columns};
use crate::ink::Ink;
use crate::line::{Line, shown};
use crate::mark::{mark, spinner, status_of};

/// Levels of the tree that are drawn.
const LEVELS: usize = 8;
/// Columns of a failure's message.
const MESSAGE_COLUMNS: usize = 50;

/// Where and how a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Width and style.
    pub options: Options,
    /// How many lines the terminal has; one of them is left free.
    pub height: usize,
    /// How many workers there are, where that is known.
    pub workers: Option<u64>,
}

/// Draws a run's progress as it is at `now_unix_ns`: a line a row, as many as the height allows, none wider than the width.
///
/// Where there are too many rows, what runs and what failed is shown first.
#[must_use]
pub fn frame(progress: &Progress, now_unix_ns: i64, view: &View) -> Vec<String> {
    let all = progress.rows();
    let room = view.height.saturating_sub(1).max(1);
    let shown = choose(&all, room);
    let guides = guides(shown.iter().map(|row| row.depth));
    let drawing = Drawing::new(progress, now_unix_ns, view, &shown, &guides);
    let mut lines: Vec<String> = shown.iter().zip(&guides).map(|(row, guide)| drawing.row(row, guide)).collect();
    let left_out = all.len() - shown.len();
    if left_out > 0 && lines.len() < room {
        let mut line = Line::new(view.options);
        line.push(Ink::Dim, &format!("… {}", quantity::counted(left_out as u64, "more row")));
        lines.push(line.finish());
    }
    lines
}

/// Returns the rows to show, in their order.
fn choose<'a>(all: &[ProgressRow<'a>], room: usize) -> Vec<ProgressRow<'a>> {
    if all.len() <= room {
        return all.to_vec();
    }
    let urgency = |row: &ProgressRow<'_>| match (row.state, row.subject) {
        _ if row.depth == 0 => 0,
        (State::Running, Subject::Pipeline | Subject::Map) => 1,
        (State::Running, _) => 2,
        (State::Failed, _) => 3,
        (State::Waiting, _) => 5,
        _ => 4,
    };
    let recency = |row: &ProgressRow<'_>| std::cmp::Reverse(row.site.last_ended_unix_ns);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&at| (urgency(&all[at]), recency(&all[at]), at));
    order.truncate(room.saturating_sub(1).max(1));
    order.sort_unstable();
    order.into_iter().map(|at| all[at]).collect()
}

struct Drawing<'a> {
    progress: &'a Progress,
    now_unix_ns: i64,
    view: &'a View,
    /// The column at which bars begin.
    bar_at: usize,
    bar_columns: usize,
}

impl<'a> Drawing<'a> {
    fn new(progress: &'a Progress, now_unix_ns: i64, view: &'a View, rows: &[ProgressRow<'_>], guides: &[Guide]) -> Self {
        let options = view.options;
        let with_bar = rows.iter().zip(guides).filter(|(row, _)| has_bar(row));
        let label = |(row, guide): (&ProgressRow<'_>, &Guide)| {
            branch_columns(guide, LEVELS) + 2 + text::width(&shown(row.name, options))
        };
        let widest = with_bar.map(label).max().unwrap_or(0).min(options.width * 2 / 5);
        Self { progress, now_unix_ns, view, bar_at: widest + 1, bar_columns: (options.width / 5).clamp(6, 40) }
    }

    fn row(&self, row: &ProgressRow<'_>, guide: &Guide) -> String {
        let mut line = Line::new(self.view.options);
        line.push(Ink::Dim, &branch(guide, LEVELS, self.view.options));
        self.mark(&mut line, row);
        if has_bar(row) {
            let room = self.bar_at.saturating_sub(branch_columns(guide, LEVELS) + 3);
            line.push_cut(label_ink(row), row.name, room.max(1)).pad_to(self.bar_at);
            self.bar(&mut line, row);
            self.counts(&mut line, row);
        } else {
            line.push(label_ink(row), row.name);
            self.outcome(&mut line, row);
        }
        labels::write(&mut line, &row.site.labels);
        line.finish()
    }

    fn mark(&self, line: &mut Line, row: &ProgressRow<'_>) {
        let options = self.view.options;
        match row.state {
            State::Running => line.push_cell(Ink::Running.style(), spinner(self.now_unix_ns, options)),
            State::Waiting => line.push_cell(Ink::Dim.style(), if options.unicode { '·' } else { '.' }),
            state => {
                let (status, is_cached) = status_of(state);
                line.push(Ink::of(status, is_cached), mark(status, is_cached, options))
            }
        };
        line.push(Ink::Plain, " ");
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place on a screen"
    )]
    fn bar(&self, line: &mut Line, row: &ProgressRow<'_>) {
        let options = self.view.options;
        let share = row.total.filter(|&total| total > 0).map_or(0.0, |total| row.done as f64 / total as f64);
        let share = if row.state == State::Waiting || row.state == State::Running { share } else { 1.0 };
        let parts = (share.min(1.0) * (self.bar_columns * 8) as f64).round() as u64;
        let end = self.bar_at + self.bar_columns;
        if parts > 0 {
            let cells = cells(0, parts, Texture::Line, bar_ink(row), options);
            cells.for_each(|cell| {
                line.push_cell(cell.style, cell.glyph);
            });
        }
        let rest = if options.unicode { '─' } else { '.' };
        for _ in (parts as usize).div_ceil(8)..self.bar_columns {
            line.push_cell(Ink::Dim.style(), rest);
        }
        line.pad_to(end + 1);
    }

    /// Writes what stands behind a bar: in full if all of it fits, else shorter, the most important first.
    fn counts(&self, line: &mut Line, row: &ProgressRow<'_>) {
        let total = row.total.map_or_else(|| "?".to_owned(), quantity::count);
        line.push(Ink::Plain, &format!("{}/{total}", quantity::count(row.done)));
        let facts = self.facts(row);
        let options = self.view.options;
        let width = |text: &str| 2 + text::width(&shown(text, options));
        let all_fit = facts.iter().map(|fact| width(&fact.long)).sum::<usize>() <= line.room();
        for fact in facts {
            let text = if all_fit { fact.long } else { fact.short };
            if width(&text) <= line.room() {
                line.push(Ink::Plain, "  ").push(fact.ink, &text);
            }
        }
    }

    fn facts(&self, row: &ProgressRow<'_>) -> Vec<Fact> {
        let counts = row.counts();
        let is_root = row.depth == 0;
        let (cached, failed) =
            if is_root { (self.progress.cached(), self.progress.failed()) } else { (counts.cached, counts.failed) };
        let elapsed_ns = row.site.elapsed_ns(self.now_unix_ns);
        let mut facts = Vec::new();
        match row.state {
            State::Waiting => {}
            State::Running => facts.push(Fact::same(Ink::Dim, quantity::clock(elapsed_ns))),
            _ => facts.push(Fact::same(Ink::Dim, format!("({})", quantity::duration(elapsed_ns)))),
        }
        if failed > 0 {
            let failed = quantity::count(failed);
            facts.push(Fact::of(Ink::Failed, format!("Failed: {failed}"), format!("✗ {failed}")));
        }
        if let Some(rate) = row.rate_per_s(self.now_unix_ns).filter(|_| row.is_many()) {
            let noun = if row.items.is_some() { "items" } else { "runs" };
            facts.push(Fact::of(Ink::Plain, quantity::rate(rate, noun), quantity::rate(rate, "").replace(" /", "/")));
        }
        if cached > 0 && is_root {
            let cached = quantity::count(cached);
            facts.push(Fact::of(Ink::Cached, format!("Cache hits: {cached}"), format!("⚡ {cached}")));
        } else if cached > 0 {
            let (cached, share) = (quantity::count(cached), quantity::percent(counts.hit_share()));
            facts.push(Fact::of(Ink::Cached, format!("Cache hits: {cached} ({share})"), format!("⚡ {share}")));
        }
        facts.extend(row.items.filter(|_| row.state == State::Running).map(|items| self.workers(items)));
        facts
    }

    fn workers(&self, items: &SiteProgress) -> Fact {
        let active = quantity::count(items.active());
        match self.view.workers {
            Some(all) => Fact::of(Ink::Dim, format!("Workers: {active}/{all} active"), format!("{active}/{all} active")),
            None => Fact::of(Ink::Dim, format!("Workers: {active} active"), format!("{active} active")),
        }
    }

    /// Writes what stands behind the name of a node that runs once.
    fn outcome(&self, line: &mut Line, row: &ProgressRow<'_>) {
        let site = row.site;
        match row.state {
            State::Running => {
                line.push(Ink::Dim, &format!(" {}", quantity::clock(site.elapsed_ns(self.now_unix_ns))));
                if let Some(retry) = &site.retry {
                    let next = retry.attempt.saturating_add(1);
                    line.push(Ink::Broken, &format!("  attempt {next} after: "));
                    line.push_cut(Ink::Broken, &text::first_line(&retry.message), MESSAGE_COLUMNS);
                }
            }
            State::Finished => drop(line.push(Ink::Dim, &format!(" ({})", quantity::duration(site.busy_ns)))),
            State::Cached => {
                line.push(Ink::Cached, " cached");
                if site.saved_ns >= 1_000_000 {
                    line.push(Ink::Dim, &format!(" (saved {})", quantity::duration(site.saved_ns)));
                }
            }
            State::Failed => {
                line.push(Ink::Failed, " FAILED ");
                line.push_cut(Ink::Failed, &text::first_line(site.failure.as_deref().unwrap_or_default()), MESSAGE_COLUMNS);
            }
            State::Cancelled => drop(line.push(Ink::Dim, " cancelled")),
            State::Skipped => drop(line.push(Ink::Dim, " skipped")),
            _ => {}
        }
    }
}

/// Something to say behind a bar, at length and in short.
struct Fact {
    ink: Ink,
    long: String,
    short: String,
}

impl Fact {
    const fn of(ink: Ink, long: String, short: String) -> Self {
        Self { ink, long, short }
    }

    fn same(ink: Ink, text: String) -> Self {
        Self { ink, short: text.clone(), long: text }
    }
}

fn has_bar(row: &ProgressRow<'_>) -> bool {
    row.is_many() || (row.subject == Subject::Pipeline && !matches!(row.state, State::Cached | State::Skipped))
}

fn bar_ink(row: &ProgressRow<'_>) -> Ink {
    match row.state {
        State::Running | State::Waiting => Ink::Running,
        state => {
            let (status, is_cached) = status_of(state);
            Ink::of(status, is_cached)
        }
    }
}

fn label_ink(row: &ProgressRow<'_>) -> Ink {
    match row.state {
        State::Failed => Ink::Failed,
        State::Waiting => Ink::Dim,
        _ if row.depth == 0 => Ink::Strong,
        _ => Ink::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Feed, HOSTILE, START, check_width, done};
    use flowglass_model::EventKind;
    use proptest::prelude::*;

    fn drawn(feed: &Feed, seconds: i64, width: usize, height: usize) -> String {
        let view = View { options: Options::plain(width), height, workers: Some(4) };
        frame(&feed.progress, seconds * 1_000_000_000, &view).join("\n")
    }

    #[test]
    fn before_anything_started() {
        insta::assert_snapshot!(drawn(&Feed::new(), 0, 80, 40), @"
        · corpus     ──────────────── 0/?
        ├─ · load
        ├─ · clean
        ├─ · embed   ──────────────── 0/?
        │  └─ · encode
        ├─ · digest  ──────────────── 0/?
        │  └─ · hash ──────────────── 0/?
        └─ · store
        ");
    }

    #[test]
    fn halfway_at_80_columns() {
        insta::assert_snapshot!(drawn(&Feed::halfway(), 14, 80, 40), @"
        ⠋ corpus     ━━━━━━╸───────── 2/5  0:14  Failed: 3  Cache hits: 151
        ├─ ✓ load (1.23s)
        ├─ ⚡ clean cached (saved 3.20s)
        ├─ ⠋ embed   ──────────────── 0/1  0:12
        │  └─ ⠋ encode 0:12  attempt 2 after: connection reset by peer
        ├─ ⠋ digest  ━━━━━━━━━╸────── 597/1,000  0:12  ✗ 3  47.0/s  ⚡ 25 %  3/4 active
        │  └─ ⠋ hash ━━━━━━━━╸─────── 447/850  0:12  Failed: 3  35.3 runs/s
        └─ · store
        ");
    }

    #[test]
    fn halfway_at_140_columns() {
        insta::assert_snapshot!(drawn(&Feed::halfway(), 14, 140, 40), @"
        ⠋ corpus     ━━━━━━━━━━━╸──────────────── 2/5  0:14  Failed: 3  Cache hits: 151
        ├─ ✓ load (1.23s)
        ├─ ⚡ clean cached (saved 3.20s)
        ├─ ⠋ embed   ──────────────────────────── 0/1  0:12
        │  └─ ⠋ encode 0:12  attempt 2 after: connection reset by peer
        ├─ ⠋ digest  ━━━━━━━━━━━━━━━━━─────────── 597/1,000  0:12  Failed: 3  47.0 items/s  Cache hits: 150 (25 %)  Workers: 3/4 active
        │  └─ ⠋ hash ━━━━━━━━━━━━━━━───────────── 447/850  0:12  Failed: 3  35.3 runs/s
        └─ · store
        ");
    }

    #[test]
    fn at_the_end() {
        let mut feed = Feed::halfway();
        feed.finish();
        insta::assert_snapshot!(drawn(&feed, 99, 100, 40), @"
        ✗ corpus     ━━━━━━━━━━━━━━━━━━━━ 5/5  (13.5s)  Failed: 3  Cache hits: 151
        ├─ ✓ load (1.23s)
        ├─ ⚡ clean cached (saved 3.20s)
        ├─ ✓ embed   ━━━━━━━━━━━━━━━━━━━━ 1/1  (12.3s)
        │  └─ ✓ encode (12.0s)
        ├─ ✗ digest  ━━━━━━━━━━━━━━━━━━━━ 1,000/1,000  (12.1s)  ✗ 3  82.6/s  ⚡ 15 %
        │  └─ ✗ hash ━━━━━━━━━━━━━━━━━━━━ 450/450  (12.1s)  Failed: 3  37.3 runs/s
        └─ ◌ store skipped
        ");
    }

    #[test]
    fn a_low_terminal_shows_what_runs() {
        insta::assert_snapshot!(drawn(&Feed::halfway(), 14, 80, 6), @"
        ⠋ corpus     ━━━━━━╸───────── 2/5  0:14  Failed: 3  Cache hits: 151
        ├─ ⠋ embed   ──────────────── 0/1  0:12
        └─ ⠋ digest  ━━━━━━━━━╸────── 597/1,000  0:12  ✗ 3  47.0/s  ⚡ 25 %  3/4 active
           └─ ⠋ hash ━━━━━━━━╸─────── 447/850  0:12  Failed: 3  35.3 runs/s
        … 4 more rows
        ");
        assert_eq!(drawn(&Feed::halfway(), 14, 80, 2).lines().count(), 1);
        assert_eq!(drawn(&Feed::halfway(), 14, 80, 0).lines().count(), 1);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_and_no_frame_higher(
            width in 0usize..200, height in 0usize..20, now_unix_ns: i64, color: bool, unicode: bool, name in 0..HOSTILE.len(),
            events in prop::collection::vec((0..4usize, any::<i32>()), 0..20),
        ) {
            let mut feed = Feed::with(&[
                (None, Subject::Pipeline, HOSTILE[name]),
                (Some(0), Subject::Map, HOSTILE[name]),
                (Some(1), Subject::Item, HOSTILE[name]),
                (Some(2), Subject::Node, "leaf"),
            ]);
            for (at, ms) in events {
                let kinds = [START, done(5), EventKind::Skipped, EventKind::Started { total: Some(u64::MAX) }];
                feed.tell(at, i64::from(ms), None, kinds[ms.unsigned_abs() as usize % kinds.len()]);
            }
            let view = View { options: Options { width, color, unicode }, height, workers: None };
            let lines = frame(&feed.progress, now_unix_ns, &view);
            prop_assert!(lines.len() <= height.saturating_sub(1).max(1));
            check_width(&lines.join("\n"), width);
        }
    }
}
