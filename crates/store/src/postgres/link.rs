//! The way to a server: how long anything on it may take, and a pool of the connections that questions use.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::time::timeout;

use super::connection::{Connection, Server};
use super::ending::Ending;
use super::failure::Failure;
use super::options::{Address, PostgresOptions};
use super::schema::Tables;
use super::wait::block_on;
use crate::{Durability, StoreError, StoreErrorKind};

/// How one user of a server reaches it: the questions of a store, or one sink.
pub(super) struct Link {
    server: Arc<Server>,
    pub(super) options: PostgresOptions,
    /// The address without its password.
    pub(super) place: String,
    /// What commits on connections of its own survive.
    pub(super) durability: Durability,
    /// When this user has to be done.
    pub(super) ending: Ending,
    pub(super) tables: Arc<Tables>,
    /// How many records that waited are lost.
    lost: Arc<AtomicU64>,
    /// Where batches wait for the server, while some do.
    waits_in: Arc<Mutex<Option<PathBuf>>>,
    pool: Arc<Pool>,
}

/// The connections that all users of a server share.
#[derive(Default)]
struct Pool {
    connections: Mutex<Connections>,
    returned: Condvar,
}

#[derive(Default)]
struct Connections {
    idle: Vec<Connection>,
    /// How many connections are lent.
    lent: usize,
}

/// How much longer than the server we wait, at most, before we take it for gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that anything may take.
const LONGEST: Duration = Duration::from_secs(3600);

impl Link {
    /// Makes a link that has no connection yet, to such tables.
    pub(super) fn new(address: Address, tables: Tables) -> Result<Self, StoreError> {
        Ok(Self {
            place: address.shown(),
            options: address.options.clone(),
            server: Arc::new(Server::new(address)?),
            durability: Durability::Full,
            ending: Ending::default(),
            tables: Arc::new(tables),
            lost: Arc::default(),
            waits_in: Arc::default(),
            pool: Arc::default(),
        })
    }

    /// Makes a link of a sink's own: to the same server and with the same pool, but with an end of its own.
    pub(super) fn of_sink(&self, durability: Durability) -> Self {
        Self {
            place: self.place.clone(),
            options: self.options.clone(),
            server: Arc::clone(&self.server),
            durability,
            ending: Ending::default(),
            tables: Arc::clone(&self.tables),
            lost: Arc::clone(&self.lost),
            waits_in: Arc::clone(&self.waits_in),
            pool: Arc::clone(&self.pool),
        }
    }

    /// Says whether there is somewhere to keep what is written until the server comes.
    pub(super) const fn may_be_away(&self) -> bool {
        self.options.spool.is_some()
    }

    /// Counts records that are lost.
    pub(super) fn lost(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
    }

    /// Returns how many records are lost.
    pub(super) fn losses(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Notes in which folder batches wait now, if some do.
    pub(super) fn note_waiting(&self, folder: Option<PathBuf>) {
        *self.waits_in.lock() = folder;
    }

    /// Returns in which folder batches wait for the server, if some do.
    pub(super) fn waits_in(&self) -> Option<PathBuf> {
        self.waits_in.lock().clone()
    }

    /// Makes a connection of one's own.
    pub(super) fn connect(&self) -> Result<Connection, Failure> {
        self.connect_for(self.durability)
    }

    fn connect_for(&self, durability: Durability) -> Result<Connection, Failure> {
        let limit = self.options.connect_timeout.saturating_mul(2);
        let connecting = self.server.connect(setup(&self.options, durability));
        let _entered = self.server.runtime()?.enter();
        let task = tokio::spawn(async move { timeout(limit, connecting).await });
        let connection = match block_on(self.ending.limit(task)) {
            Some(Ok(Ok(connected))) => connected?,
            Some(Ok(Err(_)) | Err(_)) | None => return Err(Failure::Silent),
        };
        self.tables.ensure(self, &connection)?;
        Ok(connection)
    }

    /// Waits for an answer, no longer than a statement may take.
    pub(super) fn wait<T, E: Into<Failure>>(&self, answer: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        let limit = self.options.statement_timeout;
        self.wait_for(limit.saturating_add(limit.min(PATIENCE)), answer)
    }

    /// Waits for an answer that may take its time: an hour at most.
    pub(super) fn wait_long<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Failure> {
        self.wait_for(LONGEST, answer)
    }

    fn wait_for<T, E: Into<Failure>>(&self, limit: Duration, answer: impl Future<Output = Result<T, E>>) -> Result<T, Failure> {
        let _entered = self.server.runtime()?.enter();
        match block_on(self.ending.limit(timeout(limit, answer))) {
            Some(Ok(answer)) => answer.map_err(Into::into),
            Some(Err(_)) | None => Err(Failure::Silent),
        }
    }

    /// Borrows a connection of the pool, and makes one where there is none.
    pub(super) fn borrow(self: &Arc<Self>) -> Result<Borrowed, Failure> {
        let until = Instant::now() + self.options.statement_timeout;
        let mut pool = self.pool.connections.lock();
        while pool.lent >= self.options.pool_size {
            if self.pool.returned.wait_until(&mut pool, until).timed_out() {
                let message = format!("all {} connections to {} are busy; try again", self.options.pool_size, self.place);
                return Err(StoreError::new(StoreErrorKind::Busy, message).into());
            }
        }
        pool.lent += 1;
        let idle = std::iter::from_fn(|| pool.idle.pop()).find(|connection| !connection.is_closed());
        drop(pool);
        // From here on, dropping gives the place back.
        let mut borrowed = Borrowed { link: Arc::clone(self), connection: idle };
        if borrowed.connection.is_none() {
            borrowed.connection = Some(self.connect_for(Durability::Full)?);
        }
        Ok(borrowed)
    }

    fn give_back(&self, connection: Option<Connection>) {
        let mut pool = self.pool.connections.lock();
        pool.lent -= 1;
        pool.idle.extend(connection.filter(|connection| !connection.is_closed()));
        self.pool.returned.notify_one();
    }
}

/// A connection that goes back to the pool when it is dropped, unless something went wrong with it.
pub(super) struct Borrowed {
    link: Arc<Link>,
    connection: Option<Connection>,
}

impl Borrowed {
    /// Asks on the connection. After an error the connection isn't used again: what it is in the middle of isn't known.
    pub(super) fn ask<T>(&mut self, question: impl FnOnce(&Link, &Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let connection = self.connection.take().ok_or(Failure::Silent)?;
        let answer = question(&self.link, &connection)?;
        self.connection = Some(connection);
        Ok(answer)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.link.give_back(self.connection.take());
    }
}

/// What each connection begins with. Plans of our short statements aren't worth compiling, and what is large is compressed by the
/// quicker way, where the server was built with it. Whoever asks for full durability gets it,
/// whatever the server was told for others; whoever doesn't is not made to wait for a disk.
fn setup(options: &PostgresOptions, durability: Durability) -> String {
    let timeout_ms = options.statement_timeout.as_millis();
    let commit = match durability {
        Durability::Full => {
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        }
        Durability::Process => "SET synchronous_commit = off",
    };
    format!(
        "SET search_path = {}; SET statement_timeout = {timeout_ms}; SET idle_in_transaction_session_timeout = 60000; \
         SET jit = off; SET client_min_messages = warning; SET TIME ZONE 'UTC'; \
         SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings \
         WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals); {commit}",
        quoted(&options.schema)
    )
}

/// Returns a name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
