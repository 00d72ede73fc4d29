//! Runs as a table, a line each.

use flowglass_insight::{quantity, text};
use flowglass_model::Status;

use crate::Options;
use crate::ink::Ink;
use crate::mark::mark;
use crate::table::{Column, draw};

/// One run of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The run's id, as short as the caller likes it.
    pub id: String,
    /// The pipeline's name.
    pub name: String,
    /// The version that the pipeline's author gave, or empty.
    pub version: String,
    /// How the run stands.
    pub status: Status,
    /// When it started, as text.
    pub start: String,
    /// How long it took, in nanoseconds; while it runs, how long it has been seen running.
    pub duration_ns: u64,
    /// How many nodes it executed, cached ones included, where known.
    pub nodes: Option<u64>,
    /// How many nodes came from the cache, where known.
    pub hits: Option<u64>,
    /// Why it failed, or empty.
    pub error: String,
}

/// Draws a list of runs: a line of titles and a line a run. Each line ends with a line break.
#[must_use]
pub fn render(entries: &[Entry], options: &Options) -> String {
    if entries.is_empty() {
        return "no runs\n".to_owned();
    }
    draw(columns(entries, *options), *options).into_iter().map(|line| line.finish() + "\n").collect()
}

fn columns(entries: &[Entry], options: Options) -> Vec<Column> {
    let texts = |ink: fn(&Entry) -> Ink, of: &dyn Fn(&Entry) -> String| {
        entries.iter().map(|entry| vec![(ink(entry), of(entry))]).collect()
    };
    let count = |number: Option<u64>| number.map(quantity::count).unwrap_or_default();
    let numbers = |title, rank, of: &dyn Fn(&Entry) -> String| Column::numbers(title, rank, entries.iter().map(of));
    let by_status = |entry: &Entry| Ink::of(entry.status, false);
    let mark = |entry: &Entry| mark(entry.status, false, options).to_owned();
    vec![
        Column::text("", 0, texts(by_status, &mark)),
        Column::text("RUN", 0, texts(|_| Ink::Plain, &|entry| entry.id.clone())).flexible(8),
        Column::text("NAME", 0, texts(|_| Ink::Strong, &|entry| entry.name.clone())).flexible(10),
        Column::text("VERSION", 6, texts(|_| Ink::Dim, &|entry| entry.version.clone())).flexible(8),
        Column::text("STATUS", 5, texts(by_status, &|entry| entry.status.to_string())),
        Column::text("STARTED", 1, texts(|_| Ink::Plain, &|entry| entry.start.clone())),
        numbers("DURATION", 2, &|entry| quantity::duration(entry.duration_ns)),
        numbers("NODES", 4, &|entry| count(entry.nodes)),
        numbers("HITS", 4, &|entry| count(entry.hits)),
        Column::text("ERROR", 3, texts(|_| Ink::Failed, &|entry| text::first_line(&entry.error).into_owned())).flexible(12),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{HOSTILE, check_width};
    use proptest::prelude::*;

    fn entry(id: &str, name: &str, status: Status) -> Entry {
        Entry {
            id: id.to_owned(),
            name: name.to_owned(),
            version: "1.4.0".to_owned(),
            status,
            start: "2026-11-21 08:14:28".to_owned(),
            duration_ns: 1_234_000_000,
            nodes: Some(1_042),
            hits: Some(12),
            error: String::new(),
        }
    }

    fn some() -> Vec<Entry> {
        let failed = Entry {
            error: "encode: out of memory while reading item 17\nmore".to_owned(),
            ..entry("7b20d9e1", "corpus", Status::Error)
        };
        vec![
            entry("4bf92f35", "corpus", Status::Ok),
            failed,
            Entry { hits: None, ..entry("00f067aa", "漢字かな", Status::Running) },
        ]
    }

    #[test]
    fn a_list_at_80_columns() {
        insta::assert_snapshot!(render(&some(), &Options::plain(80)), @"
           RUN       NAME      STARTED              DURATION  NODES  HITS  ERROR
        ✓  4bf92f35  corpus    2026-11-21 08:14:28     1.23s  1,042    12
        ✗  7b20d9e1  corpus    2026-11-21 08:14:28     1.23s  1,042    12  encode: out …
        …  00f067aa  漢字かな  2026-11-21 08:14:28     1.23s  1,042
        ");
    }

    #[test]
    fn a_list_at_200_columns() {
        insta::assert_snapshot!(render(&some(), &Options::plain(200)), @"
           RUN       NAME      VERSION  STATUS   STARTED              DURATION  NODES  HITS  ERROR
        ✓  4bf92f35  corpus    1.4.0    ok       2026-11-21 08:14:28     1.23s  1,042    12
        ✗  7b20d9e1  corpus    1.4.0    error    2026-11-21 08:14:28     1.23s  1,042    12  encode: out of memory while reading item 17
        …  00f067aa  漢字かな  1.4.0    running  2026-11-21 08:14:28     1.23s  1,042
        ");
    }

    #[test]
    fn no_runs() {
        assert_eq!(render(&[], &Options::plain(80)), "no runs\n");
    }

    proptest! {
        #[test]
        fn every_line_fits(width in 0usize..220, color: bool, unicode: bool, at in 0..HOSTILE.len(), name: String) {
            let mut entries = some();
            entries.push(Entry { error: HOSTILE[at].to_owned(), version: name.clone(), ..entry(HOSTILE[at], &name, Status::Interrupted) });
            check_width(&render(&entries, &Options { width, color, unicode }), width.max(7));
        }
    }
}
