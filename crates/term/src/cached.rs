//! Entries of a cache as a table, a line each.

use flowglass_insight::quantity;

use crate::Options;
use crate::ink::Ink;
use crate::table::{Column, draw};

/// One entry of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The signature, as short as the caller likes it.
    pub signature: String,
    /// Where the node stands: `pipeline > node`.
    pub path: String,
    /// When it was stored, as text.
    pub stored: String,
    /// When it was last used, as text.
    pub used: String,
    /// How long the computation took, in nanoseconds.
    pub cost_ns: u64,
    /// How large its outputs are, in bytes.
    pub size_bytes: u64,
}

/// Draws entries of a cache: a line of titles and a line an entry. Each line ends with a line break.
#[must_use]
pub fn render(entries: &[Entry], options: &Options) -> String {
    if entries.is_empty() {
        return "no entries\n".to_owned();
    }
    draw(columns(entries), *options).into_iter().map(|line| line.finish() + "\n").collect()
}

fn columns(entries: &[Entry]) -> Vec<Column> {
    let texts = |ink: Ink, of: fn(&Entry) -> &str| entries.iter().map(|entry| vec![(ink, of(entry).to_owned())]).collect();
    let numbers = |title, rank, of: fn(&Entry) -> String| Column::numbers(title, rank, entries.iter().map(of));
    vec![
        Column::text("ENTRY", 2, texts(Ink::Dim, |entry| &entry.signature)),
        Column::text("NODE", 0, texts(Ink::Strong, |entry| &entry.path)).flexible(10),
        numbers("COST", 1, |entry| quantity::duration(entry.cost_ns)),
        numbers("SIZE", 1, |entry| quantity::bytes(entry.size_bytes)),
        Column::text("STORED", 1, texts(Ink::Plain, |entry| &entry.stored)),
        Column::text("USED", 3, texts(Ink::Plain, |entry| &entry.used)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            signature: "0f3a11c2".to_owned(),
            path: path.to_owned(),
            stored: "2h ago".to_owned(),
            used: "5m ago".to_owned(),
            cost_ns: 1_234_000_000,
            size_bytes: 20_480,
        }
    }

    #[test]
    fn entries_are_lines() {
        let options = Options { width: 80, color: false, unicode: true };
        insta::assert_snapshot!(render(&[entry("digest > words"), entry("digest > summary > draft")], &options), @"
        ENTRY     NODE                       COST     SIZE  STORED  USED
        0f3a11c2  digest > words            1.23s  20.5 kB  2h ago  5m ago
        0f3a11c2  digest > summary > draft  1.23s  20.5 kB  2h ago  5m ago
        ");
        assert_eq!(render(&[], &options), "no entries\n");
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        for width in 1..60 {
            let options = Options { width, color: false, unicode: true };
            let drawn = render(&[entry("a pipeline with a long name > and a node \u{1b}[31m")], &options);
            assert!(drawn.lines().all(|line| flowglass_insight::text::width(line) <= width.max(10)), "{width}\n{drawn}");
        }
    }
}
