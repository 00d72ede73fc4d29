//! Checking a store: every page, every block, and whether all that is said about the blocks is true.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use flowglass_model::{Batch, Graph, RunId, Status};
use rusqlite::{Connection, Row};

use super::blocks::Blocks;
use super::failure::Failure;
use super::joined::root_of_run;
use super::place::beside;
use super::runs::run_of_key;
use super::segments::{self, Segment};
use crate::block::bytes::Reader;
use crate::file_layer;
use crate::sketch::histogram::Histogram;
use crate::sketch::postings::Entry;
use crate::sketch::survey::{self, Survey};
use crate::sketch::tally::Tallies;
use crate::sketch::zones::{Bounds, Zone};
use crate::{StoreCheck, StoreProblem};

/// So many damaged pages are named.
const MOST_PAGES: usize = 100;

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
        let (mut entries, mut counts) = (HashSet::new(), HashMap::new());
        let mut is_whole = true;
        for (number, zone) in (0u32..).zip(&zones) {
            let once = self.blocks.insert(zone.block);
            self.expect(once, &place, "a block is in a segment twice");
            match Blocks::new(self.connection).whole(zone.block) {
                Ok(batch) => self.block(&batch, zone, number, &mut entries, &mut counts),
                Err(failure) => {
                    is_whole = false;
                    self.blocks_missing = true;
                    self.failed(&format!("{place}, block {}", zone.block), failure);
                }
            }
        }
        let sum = zones.iter().fold(Bounds::NONE, |bounds, zone| bounds.and(zone.bounds));
        self.expect(segment.bounds.covers(&sum), &place, "its bounds are not those of its blocks");
        let stored: HashSet<Entry> = segment.entries(self.connection)?.into_iter().collect();
        self.expect(entries.is_subset(&stored), &place, "its postings miss something that its blocks hold");
        let facets = segment.facets(self.connection)?;
        self.expect(!is_whole || facets.agree_with(&counts), &place, "its facets count otherwise than its blocks");
        let mut tallies = Tallies::default();
        let waiting = segment.tallies(self.connection, |bytes| tallies.add_stored(bytes))?.is_some();
        self.expect(waiting != segment.tallied, &place, "its tallies are neither waiting nor in the roll-ups");
        Ok(())
    }

    fn block(
        &mut self,
        batch: &Batch,
        zone: &Zone,
        place: u32,
        entries: &mut HashSet<Entry>,
        counts: &mut HashMap<u64, HashMap<u64, u64>>,
    ) {
        self.found.blocks += 1;
        self.found.spans += batch.spans.len() as u64;
        let survey = Survey::of(batch);
        self.expect(zone.bounds.covers(&survey.bounds), &format!("block {}", zone.block), "its zone does not cover it");
        entries.extend(survey.entries.into_iter().map(|entry| entry.moved(place)));
        for (key, value, count) in survey::counts(batch) {
            *counts.entry(key).or_default().entry(value).or_default() += count;
        }
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
        let mut statement = self.connection.prepare("SELECT id, status FROM runs")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.found.runs += 1;
            if let Some(what) = self.wrong_with_run(row)? {
                let run = row.get_ref(0)?.as_blob().ok().and_then(run_of_key);
                self.problem(run.map_or_else(|| "a run".to_owned(), |run| format!("run {run}")), what);
            }
        }
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
