//! Progress as plain lines, for logs and files: one when something ends, and now and then one about a map.

use std::fmt::Write;

use flowglass_insight::progress::SiteProgress;
use flowglass_insight::{Progress, quantity, text};
use flowglass_model::{Event, EventKind, Status, Subject};

use crate::Options;
use crate::line::shown;
use crate::mark::mark;

/// Time between two lines about one map, unless a tenth of it is done before; in nanoseconds.
const INTERVAL_NS: i64 = 5_000_000_000;
/// Failed items told one by one, for each map.
const FAILURES: u64 = 5;
/// Columns of a failure's message.
const MESSAGE_COLUMNS: usize = 200;

/// Turns events into lines worth writing down. Lines are as long as they need to be.
#[derive(Debug)]
pub struct PlainProgress {
    options: Options,
    /// For each site, when its map was last told of and how many tenths were done.
    told: Vec<(i64, u64)>,
}

impl PlainProgress {
    /// Begins with nothing told; of the options, the width is not used.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self { options: Options { color: false, ..options }, told: Vec::new() }
    }

    /// Returns the line that an event is worth, if it is, given the progress that has already taken the event in.
    pub fn line(&mut self, progress: &Progress, event: &Event<'_>) -> Option<String> {
        let at = event.site.id.0 as usize;
        let site = progress.sites().get(at)?;
        let line = match (event.site.subject, event.index) {
            (Subject::Item, _) => self.item(progress, event, site),
            (_, Some(_)) => None,
            (_, None) => self.once(progress, event),
        }?;
        Some(shown(&line, self.options).into_owned())
    }

    /// Tells of something that is in no map.
    fn once(&mut self, progress: &Progress, event: &Event<'_>) -> Option<String> {
        let path = &event.site.path;
        let is_root = event.site.parent.is_none();
        let repeats = event.site.parent.and_then(|parent| progress.sites().get(parent.0 as usize));
        let repeats = repeats.is_some_and(|above| above.site.subject == Subject::Node && above.site.name == event.site.name);
        match event.kind {
            EventKind::Started { .. } if is_root => Some(format!("{path}: started")),
            EventKind::Started { .. } => None,
            EventKind::Retried { attempt, failure, .. } => {
                Some(format!("{path}: attempt {attempt} failed, trying again: {}", message(&failure.message)))
            }
            kind if repeats || !kind.is_end() => None,
            _ => Some(self.ended(progress, event)),
        }
    }

    fn ended(&mut self, progress: &Progress, event: &Event<'_>) -> String {
        let (status, is_cached) = outcome(event.kind);
        let mark = mark(status, is_cached, self.options);
        let mut line = format!("{}: {mark} {}", event.site.path, words(event.kind));
        let is_map = event.site.subject == Subject::Map;
        if let Some(items) = items_of(progress, event).filter(|_| is_map) {
            let _ = write!(line, ", {}", quantity::counted(items.ended(), "item"));
            line.push_str(&counts(items));
        } else if event.site.parent.is_none() {
            line.push_str(&totals(progress));
        }
        line
    }

    fn item(&mut self, progress: &Progress, event: &Event<'_>, items: &SiteProgress) -> Option<String> {
        if let EventKind::Failed { failure, .. } = event.kind
            && items.failed <= FAILURES
        {
            let index = event.index.map_or_else(String::new, |index| format!("[{index}]"));
            let mark = mark(Status::Error, false, self.options);
            return Some(format!("{}{index}: {mark} FAILED {}", event.site.path, message(&failure.message)));
        }
        let ends = event.kind.is_end();
        let map_at = event.site.parent?.0 as usize;
        let map = progress.sites().get(map_at).filter(|_| ends && progress.expected(map_at) == 1)?;
        let total = map.total.filter(|&total| map.done < total)?;
        self.is_worth_telling(map_at, event.at_unix_ns, map.done.saturating_mul(10) / total).then(|| {
            let done = format!("{}/{}", quantity::count(map.done), quantity::count(total));
            format!("{}: {done}{}{}", map.site.path, rate(map, event.at_unix_ns), counts(items))
        })
    }

    fn is_worth_telling(&mut self, at: usize, now_unix_ns: i64, tenths: u64) -> bool {
        if self.told.len() <= at {
            self.told.resize(at + 1, (i64::MIN, 0));
        }
        let (told_unix_ns, told_tenths) = &mut self.told[at];
        if *told_unix_ns == i64::MIN {
            *told_unix_ns = now_unix_ns;
        }
        let waited_ns = now_unix_ns.saturating_sub(*told_unix_ns);
        // Fast maps are told of once, when they end: a second must have passed even for a tenth.
        let worth = waited_ns >= INTERVAL_NS || (tenths > *told_tenths && waited_ns >= INTERVAL_NS / 5);
        if worth {
            (*told_unix_ns, *told_tenths) = (now_unix_ns, tenths);
        }
        worth
    }
}

fn outcome(kind: EventKind<'_>) -> (Status, bool) {
    match kind {
        EventKind::Cached { .. } => (Status::Ok, true),
        EventKind::Failed { .. } => (Status::Error, false),
        EventKind::Cancelled { .. } => (Status::Cancelled, false),
        EventKind::Skipped => (Status::Skipped, false),
        _ => (Status::Ok, false),
    }
}

fn words(kind: EventKind<'_>) -> String {
    match kind {
        EventKind::Finished { duration_ns, .. } => format!("({})", quantity::duration(duration_ns)),
        EventKind::Cached { saved_ns: 0..1_000_000, .. } => "cached".to_owned(),
        EventKind::Cached { saved_ns, .. } => format!("cached (saved {})", quantity::duration(saved_ns)),
        EventKind::Failed { duration_ns, failure } => {
            format!("FAILED ({}) {}", quantity::duration(duration_ns), message(&failure.message))
        }
        EventKind::Cancelled { duration_ns } => format!("cancelled ({})", quantity::duration(duration_ns)),
        EventKind::Skipped => "skipped".to_owned(),
        _ => String::new(),
    }
}

fn message(message: &str) -> String {
    text::cut(&text::first_line(message), MESSAGE_COLUMNS, "…").into_owned()
}

fn items_of<'a>(progress: &'a Progress, event: &Event<'_>) -> Option<&'a SiteProgress> {
    let is_below = |site: &&SiteProgress| site.site.parent == Some(event.site.id) && site.site.subject == Subject::Item;
    progress.sites().iter().find(is_below)
}

#[expect(clippy::cast_precision_loss, reason = "a rate shown with two digits")]
fn rate(map: &SiteProgress, now_unix_ns: i64) -> String {
    match map.elapsed_ns(now_unix_ns) {
        0 => String::new(),
        elapsed_ns => format!(", {}", quantity::rate(map.done as f64 * 1e9 / elapsed_ns as f64, "items")),
    }
}

fn counts(site: &SiteProgress) -> String {
    let mut text = String::new();
    if site.cached > 0 {
        let share = quantity::percent(site.hit_share());
        let _ = write!(text, ", Cache hits: {} ({share})", quantity::count(site.cached));
    }
    if site.failed > 0 {
        let _ = write!(text, ", Failed: {}", quantity::count(site.failed));
    }
    text
}

fn totals(progress: &Progress) -> String {
    let (cached, failed) = (progress.cached(), progress.failed());
    let mut text = format!(", {}", quantity::counted(progress.nodes(), "node"));
    if cached > 0 {
        let _ = write!(text, ", Cache hits: {}", quantity::count(cached));
    }
    if failed > 0 {
        let _ = write!(text, ", Failed: {}", quantity::count(failed));
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::fixture::Feed;

    #[test]
    fn a_run_is_told_in_few_lines() {
        let mut feed = Feed::halfway();
        feed.finish();
        insta::assert_snapshot!(feed.lines, @"
        corpus: started
        corpus > load: ✓ (1.23s)
        corpus > clean: ⚡ cached (saved 3.20s)
        corpus > embed > encode: attempt 1 failed, trying again: connection reset by peer
        corpus > digest[1]: ✗ FAILED invalid utf-8 sequence of 1 bytes from index 7, and much more that nobody reads
        corpus > digest: 100/1,000, 50.1 items/s, Cache hits: 25 (25 %), Failed: 1
        corpus > digest: 200/1,000, 50.1 items/s, Cache hits: 50 (25 %), Failed: 1
        corpus > digest[201]: ✗ FAILED invalid utf-8 sequence of 1 bytes from index 7, and much more that nobody reads
        corpus > digest: 300/1,000, 50.0 items/s, Cache hits: 75 (25 %), Failed: 2
        corpus > digest: 400/1,000, 50.0 items/s, Cache hits: 100 (25 %), Failed: 2
        corpus > digest[401]: ✗ FAILED invalid utf-8 sequence of 1 bytes from index 7, and much more that nobody reads
        corpus > digest: 500/1,000, 50.0 items/s, Cache hits: 125 (25 %), Failed: 3
        corpus > digest: 600/1,000, 49.6 items/s, Cache hits: 150 (25 %), Failed: 3
        corpus > digest: ✗ FAILED (12.1s) 3 of 1,000 items failed, 1,000 items, Cache hits: 150 (15 %), Failed: 3
        corpus > embed > encode: ✓ (12.0s)
        corpus > embed: ✓ (12.0s)
        corpus > store: ◌ skipped
        corpus: ✗ FAILED (13.5s) 3 of 1,000 items failed, 453 nodes, Cache hits: 151, Failed: 3
        ");
    }
}
