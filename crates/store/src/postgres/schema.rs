//! The tables, and how they come to be: each version once, whoever starts first.

use std::sync::OnceLock;

use tokio_postgres::Client;

use super::failure::Failure;
use super::link::{Link, quoted};
use crate::hash::hash;
use crate::{StoreError, StoreErrorKind};

/// What leads from each version to the next. What stands here once is never changed.
const MIGRATIONS: [&str; 7] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
];

/// The version that this code writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// What is known of the tables of a server: they are looked at through the first connection that there is.
#[derive(Debug)]
pub(super) struct Tables {
    /// Whether they are made where there are none.
    are_made: bool,
    found: OnceLock<i32>,
}

impl Tables {
    pub(super) const fn new(are_made: bool) -> Self {
        Self { are_made, found: OnceLock::new() }
    }

    pub(super) fn are_seen(&self) -> bool {
        self.found.get().is_some()
    }

    /// Returns the version that they had; the newest as long as nobody has seen them.
    pub(super) fn found_version(&self) -> i32 {
        self.found.get().copied().unwrap_or(VERSION)
    }

    /// Looks at the tables, unless somebody did: brings them up to date, and makes them where there are none and this is wanted.
    pub(super) fn ensure(&self, link: &Link, client: &Client) -> Result<(), Failure> {
        if !self.are_seen() {
            let found = if self.are_made { create_or_migrate(link, client)? } else { check(link, client)? };
            // Of two who come at once, the first one says what was there.
            let _ = self.found.set(found);
        }
        Ok(())
    }
}

/// Brings the tables up to date, and makes them where there are none. Returns the version that they had, which new ones have at once.
fn create_or_migrate(link: &Link, client: &Client) -> Result<i32, Failure> {
    if version(link, client)? == Some(VERSION) {
        return Ok(VERSION);
    }
    let schema = quoted(&link.options.schema);
    // Whoever comes second waits here, and finds nothing left to do.
    link.wait(client.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({})", lock(&link.options.schema, 0))))?;
    link.wait(client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")))?;
    let from = version(link, client)?.unwrap_or(0);
    refuse_newer(link, from)?;
    for (migration, number) in MIGRATIONS.iter().zip(1..).filter(|(_, number)| *number > from) {
        link.wait(client.batch_execute(migration))?;
        link.wait(client.batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS {schema}.schema_version (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now()); \
             INSERT INTO {schema}.schema_version (version) VALUES ({number})"
        )))?;
    }
    link.wait(client.batch_execute("COMMIT"))?;
    Ok(if from == 0 { VERSION } else { from })
}

/// Looks whether the tables are there, and brings them up to date. Returns the version that they had.
fn check(link: &Link, client: &Client) -> Result<i32, Failure> {
    match version(link, client)? {
        None => {
            let message = format!("there is no store at {}: no schema `{}` of ours", link.place, link.options.schema);
            Err(StoreError::new(StoreErrorKind::NotFound, message).into())
        }
        Some(found) => {
            refuse_newer(link, found)?;
            // An older store is brought up to date by whoever opens it, as far as that user may.
            if found < VERSION { create_or_migrate(link, client) } else { Ok(found) }
        }
    }
}

fn refuse_newer(link: &Link, found: i32) -> Result<(), Failure> {
    if found <= VERSION {
        return Ok(());
    }
    let message = format!("{} is of version {found}; this program knows versions up to {VERSION}: use a newer one", link.place);
    Err(StoreError::new(StoreErrorKind::Newer, message).into())
}

/// Returns the version of the tables that are there.
fn version(link: &Link, client: &Client) -> Result<Option<i32>, Failure> {
    let table = format!("{}.schema_version", quoted(&link.options.schema));
    let there = link.wait(client.query_one("SELECT to_regclass($1::text) IS NOT NULL", &[&table]))?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = link.wait(client.query_one(&format!("SELECT max(version) FROM {table}"), &[]))?;
    Ok(row.get(0))
}

/// Returns the number of a lock that all programs on one store share.
pub(super) fn lock(schema: &str, purpose: u64) -> i64 {
    crate::hash::pair(hash(format!("flowglass {schema}").as_bytes()), purpose).cast_signed()
}
