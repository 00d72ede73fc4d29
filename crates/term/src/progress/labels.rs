//! How a row of a progress display is configured: the labels of graphs, behind all that happens.

use flowglass_insight::text;
use flowglass_model::GraphLabel;

use crate::ink::Ink;
use crate::line::Line;

/// Columns of one label, its brackets not counted.
const LABEL_COLUMNS: usize = 36;

/// Writes how a row is configured where that leaves room: a label that doesn't fit is left out, and those behind it.
pub(super) fn write(line: &mut Line, labels: &[GraphLabel]) {
    let mut space = "  ";
    for label in labels {
        if !line.push_whole(Ink::Dim, &format!("{space}{}", shortened(label))) {
            return;
        }
        space = " ";
    }
}

/// The label with no more than the end of a long path in it.
fn shortened(label: &GraphLabel) -> GraphLabel {
    let (kind, what) = label.text.split_once(": ").unwrap_or(("", &label.text));
    let kind = if kind.is_empty() { String::new() } else { format!("{kind}: ") };
    let what = text::shorten(what, LABEL_COLUMNS.saturating_sub(text::width(&kind)), "…");
    GraphLabel { text: format!("{kind}{what}"), ..label.clone() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flowglass_model::{GraphSettings, LabelOrigin};

    use super::*;
    use crate::Options;
    use crate::fixture::Feed;
    use crate::progress::{View, frame};

    fn drawn(feed: &Feed, options: Options) -> Vec<String> {
        frame(&feed.progress, 14_000_000_000, &View { options, height: 40, workers: None })
    }

    #[test]
    fn how_things_are_configured_is_said_where_there_is_room() {
        let mut feed = Feed::halfway();
        feed.progress = feed.progress.with_settings(&settings());
        let lines = |width| drawn(&feed, Options::plain(width)).join("\n");
        insta::assert_snapshot!(lines(150), @"
        ⠋ corpus     ━━━━━━━━━━━━────────────────── 2/5  0:14  Failed: 3  Cache hits: 151  [threads ×4]* [DiskCache: …/corpus/.flowglass/cache]* [no timeout]*
        ├─ ✓ load (1.23s)
        ├─ ⚡ clean cached (saved 3.20s)
        ├─ ⠋ embed   ────────────────────────────── 0/1  0:12  [processes gpu=a100]* ↓[DiskCache: …/corpus/.flowglass/cache]
        │  └─ ⠋ encode 0:12  attempt 2 after: connection reset by peer  [3 attempts]*
        ├─ ⠋ digest  ━━━━━━━━━━━━━━━━━━──────────── 597/1,000  0:12  Failed: 3  47.0 items/s  Cache hits: 150 (25 %)  Workers: 3 active  ↓[threads ×4]
        │  └─ ⠋ hash ━━━━━━━━━━━━━━━━────────────── 447/850  0:12  Failed: 3  35.3 runs/s
        └─ · store
        ");
        insta::assert_snapshot!(lines(90), @"
        ⠋ corpus     ━━━━━━━╸────────── 2/5  0:14  Failed: 3  Cache hits: 151  [threads ×4]*
        ├─ ✓ load (1.23s)
        ├─ ⚡ clean cached (saved 3.20s)
        ├─ ⠋ embed   ────────────────── 0/1  0:12  [processes gpu=a100]*
        │  └─ ⠋ encode 0:12  attempt 2 after: connection reset by peer  [3 attempts]*
        ├─ ⠋ digest  ━━━━━━━━━━━─────── 597/1,000  0:12  ✗ 3  47.0/s  ⚡ 25 %  3 active
        │  └─ ⠋ hash ━━━━━━━━━╸──────── 447/850  0:12  Failed: 3  35.3 runs/s
        └─ · store
        ");
        assert_eq!(lines(50), drawn(&Feed::halfway(), Options::plain(50)).join("\n"), "what happens comes first");
        let ascii = drawn(&feed, Options { unicode: false, ..Options::plain(150) });
        assert!(ascii.join("\n").contains("^[DiskCache: "), "{ascii:?}");
    }

    #[test]
    fn labels_are_dim() {
        let mut feed = Feed::new();
        feed.progress = feed.progress.with_settings(&settings());
        let lines = drawn(&feed, Options::colored(150));
        assert!(lines[0].ends_with("\x1b[2m [no timeout]*\x1b[0m"), "{:?}", lines[0]);
    }

    fn settings() -> GraphSettings {
        let label = |aspect: &str, text: &str, origin| GraphLabel { aspect: aspect.into(), text: text.into(), origin };
        let disk = "DiskCache: /home/somebody/projects/corpus/.flowglass/cache";
        let inherited = || LabelOrigin::Inherited("corpus".into());
        let of = |path: &str, labels| (path.to_owned(), labels);
        let here = LabelOrigin::Here;
        let corpus = vec![
            label("backend", "threads ×4", here.clone()),
            label("cache", disk, here.clone()),
            label("telemetry", "telemetry", here.clone()),
            label("timeout", "no timeout", here.clone()),
        ];
        GraphSettings(BTreeMap::from([
            of("corpus", corpus),
            of("corpus > embed", vec![label("backend", "processes gpu=a100", here.clone()), label("cache", disk, inherited())]),
            of("corpus > embed > encode", vec![label("retry", "3 attempts", here.clone())]),
            of("corpus > digest", vec![label("backend", "threads ×4", inherited()), label("cache", "no cache", here)]),
        ]))
    }
}
