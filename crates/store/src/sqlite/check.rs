//! Checking a store: every page, every block, and whether all that is said about the blocks is true.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::Path;

use flowglass_model::{Batch, Graph, RunId, Status};
use rusqlite::{Connection, Row};

use super::blocks::Blocks;
use super::failure::Failure;
use super::joined::root_of_run;
use super::place::beside;
use super::run_count;
use super::runs::run_of_key;
use super::segments::{self, Segment};
use crate::block::bytes::Reader;
use crate::file_layer;
use crate::sketch::facets::Facets;
use crate::sketch::histogram::Histogram;
use crate::sketch::postings::{self, Entry};
use crate::sketch::survey;
use crate::sketch::tally::Tallies;
use crate::sketch::zones::{Bounds, Zone};
use crate::{StoreCheck, StoreProblem};

/// So many damaged pages are named.
const MOST_PAGES: usize = 100;

/// The entries of so many blocks are compared with a segment's postings at once: more would take much memory where it is large.
const BLOCKS_AT_ONCE: usize = 1024;

/// How often each value of each key occurs, by hashes.
type Counts = HashMap<u64, HashMap<u64, u64>>;

/// A look at one kind of thing.
type Look<'a> = fn(&mut Checking<'a>) -> Result<(), Failure>;

/// Looks at everything in one state of the store.
pub(super) fn check<'a>(connection: &'a Connection, path: &Path) -> StoreCheck {
    let mut checking = Checking {
        connection,
        found: StoreCheck::default(),
        roots: HashSet::new(),
        blocks: HashSet::new(),
        blocks_missing: false,
    };
    checking.pages(path);
    let looks: [(&str, Look<'a>); 7] = [
        ("the file", Checking::structures),
        ("the segments", Checking::segments),
        ("the blocks", Checking::orphans),
        ("the open spans", Checking::open_spans),
        ("the runs", Checking::runs),
        ("the roll-ups", Checking::rollups),
        ("the graphs", Checking::graphs),
    ];
    for (place, look) in looks {
        if let Err(failure) = look(&mut checking) {
            checking.failed(place, failure);
        }
    }
    checking.found
}

/// Counts the values of a batch, but for keys that are not counted by value.
fn count(batch: &Batch, facets: &Facets, counts: &mut Counts) {
    for (key, value, count) in survey::counts(batch).into_iter().filter(|(key, ..)| !facets.has_given_up(*key)) {
        *counts.entry(key).or_default().entry(value).or_default() += count;
    }
}

/// Says whether a segment's postings miss one of these entries, whose places are within this range.
fn missing(connection: &Connection, segment: &Segment, mut wanted: Vec<Entry>, places: Range<u32>) -> Result<bool, Failure> {
    postings::sort(&mut wanted);
    let mut left = wanted.as_slice();
    segment.each_entry(connection, |entry| {
        if places.contains(&entry.place()) && left.first() == Some(&entry) {
            left = &left[1..];
        }
    })?;
    Ok(!left.is_empty())
}

struct Checking<'a> {
    connection: &'a Connection,
    found: StoreCheck,
    /// The runs that spans were found of.
    roots: HashSet<RunId>,
    /// The blocks that segments name.
    blocks: HashSet<i64>,
    /// Whether some blocks couldn't be opened: what they hold is then not missed elsewhere.
    blocks_missing: bool,
}

impl Checking<'_> {
    fn problem(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.found.problems.push(StoreProblem { place: place.into(), what: what.into() });
    }

    fn failed(&mut self, place: &str, failure: Failure) {
        let what = match failure {
            Failure::Damaged { damage, .. } => damage.to_string(),
            Failure::Sqlite(error) => error.to_string(),
        };
        self.problem(place, what);
    }

    fn expect(&mut self, right: bool, place: &str, what: &str) {
        if !right {
            self.problem(place, what);
        }
    }

    fn pages(&mut self, path: &Path) {
        match file_layer::damaged_pages(path, &beside(path, "-wal")) {
            Err(error) => self.problem("the file", error.to_string()),
            Ok(pages) => {
                for page in pages.iter().take(MOST_PAGES) {
                    self.problem(format!("page {page}"), "it is not as it was written");
                }
                if pages.len() > MOST_PAGES {
                    self.problem("the file", format!("{} more pages are not as they were written", pages.len() - MOST_PAGES));
                }
            }
        }
    }

    /// Asks SQLite about its own structures.
    fn structures(&mut self) -> Result<(), Failure> {
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        let found = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        found.into_iter().filter(|line| line != "ok").for_each(|line| self.problem("the file", line));
        Ok(())
    }

    fn segments(&mut self) -> Result<(), Failure> {
        for segment in segments::live(self.connection)? {
            self.found.segments += 1;
            if let Err(failure) = self.segment(&segment) {
                self.failed(&format!("segment {}", segment.id), failure);
            }
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment) -> Result<(), Failure> {
        let place = format!("segment {}", segment.id);
        let zones = segment.zones(self.connection)?;
        let facets = segment.facets(self.connection)?;
        let (mut counts, mut is_whole) = (HashMap::new(), true);
        for (number, some) in (0u32..).zip(zones.chunks(BLOCKS_AT_ONCE)) {
            let first = number * BLOCKS_AT_ONCE as u32;
            let mut entries = Vec::new();
            for (at, zone) in (first..).zip(some) {
                let once = self.blocks.insert(zone.block);
                self.expect(once, &place, "a block is in a segment twice");
                match Blocks::new(self.connection).whole(zone.block) {
                    Ok(batch) => {
                        self.block(&batch, zone);
                        entries.extend(survey::entries(&batch).into_iter().map(|entry| segment.shape.known(entry.moved(at))));
                        count(&batch, &facets, &mut counts);
                    }
                    Err(failure) => {
                        is_whole = false;
                        self.blocks_missing = true;
                        self.failed(&format!("{place}, block {}", zone.block), failure);
                    }
                }
            }
            let missing = missing(self.connection, segment, entries, first..first + some.len() as u32)?;
            self.expect(!missing, &place, "its postings miss something that its blocks hold");
        }
        let sum = zones.iter().fold(Bounds::NONE, |bounds, zone| bounds.and(zone.bounds));
        self.expect(segment.bounds.covers(&sum), &place, "its bounds are not those of its blocks");
        self.expect(!is_whole || facets.agree_with(&counts), &place, "its facets count otherwise than its blocks");
        let mut tallies = Tallies::default();
        let waiting = segment.tallies(self.connection, |bytes| tallies.add_stored(bytes))?.is_some();
        self.expect(waiting != segment.tallied, &place, "its tallies are neither waiting nor in the roll-ups");
        Ok(())
    }

    fn block(&mut self, batch: &Batch, zone: &Zone) {
        self.found.blocks += 1;
        self.found.spans += batch.spans.len() as u64;
        self.expect(zone.bounds.covers(&Bounds::of(batch)), &format!("block {}", zone.block), "its zone does not cover it");
        self.roots.extend(batch.spans().filter_map(|span| root_of_run(&span.row())));
    }

    /// Looks for blocks that no segment names.
    fn orphans(&mut self) -> Result<(), Failure> {
        let mut statement = self.connection.prepare("SELECT id FROM block")?;
        let blocks = statement.query_map([], |row| row.get::<_, i64>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        for block in blocks {
            let named = self.blocks.contains(&block);
            self.expect(named, &format!("block {block}"), "no segment names it");
        }
        Ok(())
    }

    fn open_spans(&mut self) -> Result<(), Failure> {
        let mut statement = self.connection.prepare("SELECT data FROM open_span")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let opened = Blocks::new(self.connection).joined(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            match opened {
                Ok(batch) => self.roots.extend(batch.spans().filter_map(|span| root_of_run(&span.row()))),
                Err(failure) => self.failed("an open span", failure),
            }
        }
        Ok(())
    }

    fn runs(&mut self) -> Result<(), Failure> {
        let counted = run_count::kept(self.connection)?;
        let mut statement = self.connection.prepare("SELECT id, status FROM runs")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.found.runs += 1;
            if let Some(what) = self.wrong_with_run(row)? {
                let run = row.get_ref(0)?.as_blob().ok().and_then(run_of_key);
                self.problem(run.map_or_else(|| "a run".to_owned(), |run| format!("run {run}")), what);
            }
        }
        let right = counted.is_none_or(|counted| counted == self.found.runs);
        self.expect(right, "the runs", "there are more or fewer than were counted");
        Ok(())
    }

    fn wrong_with_run(&self, row: &Row<'_>) -> rusqlite::Result<Option<&'static str>> {
        let run = row.get_ref(0)?.as_blob().ok().and_then(run_of_key);
        let status = row.get_ref(1)?.as_str().ok().and_then(Status::from_word);
        Ok(match (run, status) {
            (None, _) => Some("its id is none"),
            (_, None) => Some("its status is none"),
            (Some(run), _) if !self.blocks_missing && !self.roots.contains(&run) => Some("its root is in no block"),
            _ => None,
        })
    }

    fn rollups(&mut self) -> Result<(), Failure> {
        let mut statement = self.connection.prepare("SELECT name, start_unix_s, count, durations FROM rollups")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
            let (mut reader, mut durations) = (Reader::new(bytes), Histogram::default());
            let read = durations.add_stored(&mut reader).and_then(|()| reader.finish());
            if read.is_err() || durations.count() != row.get::<_, u64>(2)? {
                let place =
                    format!("the roll-up of {:?} at {}", row.get_ref(0)?.as_str().unwrap_or_default(), row.get::<_, i64>(1)?);
                self.problem(place, "its histogram does not count what it counts");
            }
        }
        Ok(())
    }

    fn graphs(&mut self) -> Result<(), Failure> {
        let mut statement = self.connection.prepare("SELECT fingerprint, json FROM graph")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (fingerprint, json): (String, String) = (row.get(0)?, row.get(1)?);
            let read = serde_json::from_str::<Graph>(&json).is_ok_and(|graph| graph.fingerprint.to_string() == fingerprint);
            self.expect(read, &format!("graph {fingerprint}"), "it can't be read");
        }
        Ok(())
    }
}
