//! The store of teams: a PostgreSQL server that many processes write to and read from at once.
//!
//! Spans, events, log records and points are rows, partitioned by day, with their attributes as `jsonb` for people and indexes, and
//! what is exact beside it. See [`PostgresStore`].

mod about;
mod asked;
mod attributes;
mod backlog;
mod carrier;
mod check;
mod commit;
mod condition;
mod connection;
mod copy;
mod ending;
mod export;
mod facets;
mod failure;
mod filling;
mod forgetting;
mod heartbeat;
mod json;
mod link;
mod options;
mod partitions;
mod plain;
mod prepared;
mod records;
mod remembered;
mod resources;
mod rest;
mod retention;
mod rollups;
mod scan;
mod schema;
mod session;
mod sink;
mod statement;
mod tls;
mod wait;
mod waiting;
mod whole;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use flowglass_model::{Fingerprint, Graph, Rollup, RunId, Sink, Span};

use crate::query::{Now, Query};
use crate::store::count_by_pages;
use crate::{
    Capabilities, Exported, Forgotten, Migration, Page, RetentionPolicy, RollupFilter, Selection, SinkOptions, SqlQuestion,
    SqlReader, Store, StoreCheck, StoreDetails, StoreError, StoreErrorKind, StoreInfo, Survives,
};
use asked::Reading;
use connection::Connection;
use failure::Failure;
use link::Link;
use options::Address;
pub use options::PostgresOptions;
use remembered::Remembered;
use schema::Tables;
use session::Session;
use sink::PostgresSink;

/// A store in a PostgreSQL database, version 14 or later.
///
/// The address is one that PostgreSQL's own clients take: `postgres://user:password@host:5432/database`. Behind a question mark
/// stand what they know (`sslmode`, `sslrootcert`, `connect_timeout`, …) and what is ours: see [`PostgresOptions`], whose fields can be
/// written there by their names. Tables are made on first use, in a schema of their own.
///
/// Cloning is cheap, and all clones share their connections.
///
/// ```no_run
/// use flowglass_store::{PostgresOptions, PostgresStore, SinkOptions, Store};
///
/// let store = PostgresStore::create_or_open("postgres://me@db.example/runs?sslmode=verify-full", PostgresOptions::default())?;
/// let sink = store.sink(SinkOptions::default())?; // give it to a recorder
/// # drop(sink);
/// # Ok::<_, flowglass_store::StoreError>(())
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    link: Arc<Link>,
    remembered: Arc<Remembered>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("location", &self.link.place).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens the store at an address, and makes its tables or brings them up to date: for programs that write.
    ///
    /// A server that is away is no error where there is a folder to wait in ([`PostgresOptions::spool`]): what is written waits there,
    /// and the tables are looked at when the server comes. Questions fail until then.
    ///
    /// # Errors
    /// `BadAddress`, `NotFound` where there is no such database, `NotWritable`, `Newer`, `Limit`; `Unavailable` where nothing can wait.
    pub fn create_or_open(address: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let store = Self::at(address, options, Tables::new(true))?;
        match store.look() {
            Err(error) if error.kind() == StoreErrorKind::Unavailable && store.link.may_be_away() => Ok(store),
            looked => looked.map(|()| store),
        }
    }

    /// Opens the store at an address, whose tables must be there: for programs that only read.
    ///
    /// # Errors
    /// `BadAddress`, `NotFound` where there is no such database or there are no tables, `Newer`, `Unavailable`, `Limit`.
    pub fn open(address: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let store = Self::at(address, options, Tables::new(false))?;
        store.look().map(|()| store)
    }

    /// Returns how many records were lost that had waited for the server: it refused them when it was back, or they could not be read
    /// any more. A sink's `flush` tells them, too, and why.
    #[must_use]
    pub fn lost_records(&self) -> u64 {
        self.link.losses()
    }

    fn at(address: &str, options: PostgresOptions, tables: Tables) -> Result<Self, StoreError> {
        Ok(Self { link: Arc::new(Link::new(Address::parse(address, options)?, tables)?), remembered: Arc::default() })
    }

    /// Looks whether the server and its tables are there: whatever connects does.
    fn look(&self) -> Result<(), StoreError> {
        self.ask("open", |_, _| Ok(()))
    }

    fn ask<T>(&self, what: &str, question: impl Fn(&Link, &Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        let ask = || self.link.borrow()?.ask(&question);
        let answer = match ask() {
            // It broke while nobody used it: a new one knows whether the server is there.
            Err(failure) if failure.is_broken() => ask(),
            answer => answer,
        };
        answer.map_err(|failure| failure.at(&self.link.place, what))
    }

    /// Asks on a connection of its own, which ends with the question.
    fn alone<T>(&self, what: &str, question: impl FnOnce(&Link, &mut Session) -> Result<T, Failure>) -> Result<T, StoreError> {
        let answer = Session::new(&self.link).and_then(|mut session| question(&self.link, &mut session));
        answer.map_err(|failure| failure.at(&self.link.place, what))
    }

    fn read<T>(&self, question: impl Fn(&Reading<'_>) -> Result<T, Failure>) -> Result<T, StoreError> {
        self.ask("read", |link, client| {
            let reading = Reading::begin(link, client, &self.remembered, Now::system())?;
            let answer = question(&reading)?;
            reading.end()?;
            Ok(answer)
        })
    }
}

impl Store for PostgresStore {
    fn location(&self) -> String {
        self.link.place.clone()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LEAST.surviving(Survives::PowerCuts).shared().with_rollups().with_retention().with_sql().with_export()
    }

    fn waits_in(&self) -> Option<PathBuf> {
        self.link.waits_in()
    }

    /// With [`Durability::Process`](crate::Durability::Process), commits don't wait for the server's disk (`synchronous_commit = off`):
    /// what was written since the last `flush` survives the death of any process of ours, but not that of the server's own, which
    /// may cost the last second.
    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError> {
        Ok(Box::new(PostgresSink::open(&self.link, options)?))
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.read(|reading| asked::page(reading, query))
    }

    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        match self.read(|reading| asked::count(reading, query))? {
            Some(count) => Ok(count),
            None => count_by_pages(|query| self.query(query), query),
        }
    }

    fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError> {
        self.read(|reading| whole::trace(reading, run))
    }

    fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError> {
        self.ask("read", |link, client| {
            let sql = "SELECT data FROM graph WHERE fingerprint = $1";
            let row = link.wait(client.query_opt(sql, &[&fingerprint.to_string()]))?;
            let Some(row) = row else { return Ok(None) };
            serde_json::from_str(row.try_get(0)?).map(Some).map_err(|_| Failure::Damaged("a graph can't be read"))
        })
    }

    fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>, StoreError> {
        self.ask("read", |link, client| rollups::list(link, client, filter))
    }

    fn retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        self.alone("forget runs of", |link, session| retention::retain(link, session, policy))
    }

    fn preview_retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        self.alone("read", |link, session| retention::preview(link, session, policy))
    }

    fn info(&self) -> Result<StoreInfo, StoreError> {
        self.alone("read", about::info)
    }

    fn details(&self) -> Result<StoreDetails, StoreError> {
        self.alone("read", about::details)
    }

    fn check(&self) -> Result<StoreCheck, StoreError> {
        let told = |failure: Failure| failure.at(&self.link.place, "check");
        check::check(&self.link, &mut Session::new(&self.link).map_err(told)?)
    }

    /// Whoever opens a store brings it up to date; this says from where, and fills what writers fill little by little.
    fn migrate(&self) -> Result<Migration, StoreError> {
        self.look()?;
        while self.alone("migrate", filling::step)? {}
        Ok(Migration { from: self.link.tables.found_version().unsigned_abs(), to: schema::VERSION.unsigned_abs() })
    }

    fn answer_sql(&self, question: &SqlQuestion, reader: &mut dyn SqlReader) -> Result<(), StoreError> {
        if question.statement.contains("rollups") {
            // What was committed lately is added first, as far as this user may.
            let _ = self.alone("write to", rollups::take_up);
        }
        self.alone("read", |link, session| statement::answer(link, &session.client, question, reader))
    }

    fn export(&self, selection: &Selection) -> Result<Exported<'_>, StoreError> {
        export::export(&self.link, &self.remembered, selection)
    }
}
