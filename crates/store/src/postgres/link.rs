//! Connections to the server: one thread on which they live, and a pool of those that questions use.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;
use super::options::{Address, PostgresOptions};
use super::wait::block_on;
use crate::{StoreError, StoreErrorKind};

/// A server, and the connections to it.
pub(super) struct Link {
    /// Nothing only while it is dropped.
    runtime: Option<Runtime>,
    config: Config,
    tls: MakeRustlsConnect,
    pub(super) options: PostgresOptions,
    /// The address without its password.
    pub(super) place: String,
    setup: String,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Client>,
    /// How many connections are lent.
    lent: usize,
}

/// How much longer than the server we wait before we take it for gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest that anything may take.
const LONGEST: Duration = Duration::from_secs(3600);

impl Link {
    /// Makes a link that has no connection yet.
    pub(super) fn new(address: Address) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("flowglass-pg").enable_all().build();
        let runtime = runtime.map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("no thread for connections to a server can be started: {error}"))
        })?;
        Ok(Self {
            runtime: Some(runtime),
            tls: address.trust.connector()?,
            place: address.shown(),
            setup: setup(&address.options),
            config: address.config,
            options: address.options,
            pool: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    /// Makes a connection of one's own.
    pub(super) fn connect(&self) -> Result<Client, Failure> {
        let (config, tls, setup) = (self.config.clone(), self.tls.clone(), self.setup.clone());
        let limit = self.options.connect_timeout.saturating_mul(2);
        let connecting = async move {
            let (client, connection) = config.connect(tls).await?;
            // An error of the connection comes out of whatever its client is asked next.
            tokio::spawn(async move { connection.await.ok() });
            client.batch_execute(&setup).await?;
            Ok(client)
        };
        let task = self.runtime()?.spawn(async move { timeout(limit, connecting).await });
        match block_on(task) {
            Ok(Ok(connected)) => connected,
            Ok(Err(_)) | Err(_) => Err(Failure::Silent),
        }
    }

    /// Waits for an answer, no longer than a statement may take.
    pub(super) fn wait<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Failure> {
        let _entered = self.runtime()?.enter();
        let limit = self.options.statement_timeout.saturating_add(PATIENCE);
        Ok(block_on(timeout(limit, answer)).map_err(|_| Failure::Silent)??)
    }

    /// Waits for an answer that may take its time: an hour at most.
    pub(super) fn wait_long<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Failure> {
        let _entered = self.runtime()?.enter();
        Ok(block_on(timeout(LONGEST, answer)).map_err(|_| Failure::Silent)??)
    }

    /// Borrows a connection of the pool, and makes one where there is none.
    pub(super) fn borrow(self: &Arc<Self>) -> Result<Borrowed, Failure> {
        let until = Instant::now() + self.options.statement_timeout;
        let mut pool = self.pool.lock();
        while pool.lent >= self.options.pool_size {
            if self.returned.wait_until(&mut pool, until).timed_out() {
                let message = format!("all {} connections to {} are busy; try again", self.options.pool_size, self.place);
                return Err(StoreError::new(StoreErrorKind::Busy, message).into());
            }
        }
        pool.lent += 1;
        let idle = std::iter::from_fn(|| pool.idle.pop()).find(|client| !client.is_closed());
        drop(pool);
        // From here on, dropping gives the place back.
        let mut borrowed = Borrowed { link: Arc::clone(self), client: idle };
        if borrowed.client.is_none() {
            borrowed.client = Some(self.connect()?);
        }
        Ok(borrowed)
    }

    fn runtime(&self) -> Result<&tokio::runtime::Handle, Failure> {
        self.runtime.as_ref().map(Runtime::handle).ok_or(Failure::Silent)
    }

    fn give_back(&self, client: Option<Client>) {
        let mut pool = self.pool.lock();
        pool.lent -= 1;
        pool.idle.extend(client.filter(|client| !client.is_closed()));
        self.returned.notify_one();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pool.get_mut().idle.clear();
        // A runtime may not be waited for on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A connection that goes back to the pool when it is dropped, unless something went wrong with it.
pub(super) struct Borrowed {
    link: Arc<Link>,
    client: Option<Client>,
}

impl Borrowed {
    /// Asks on the connection. After an error the connection isn't used again: what it is in the middle of isn't known.
    pub(super) fn ask<T>(&mut self, question: impl FnOnce(&Link, &Client) -> Result<T, Failure>) -> Result<T, Failure> {
        let client = self.client.take().ok_or(Failure::Silent)?;
        let answer = question(&self.link, &client)?;
        self.client = Some(client);
        Ok(answer)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.link.give_back(self.client.take());
    }
}

/// What each connection begins with. Plans of our short statements aren't worth compiling, and what the server says it has
/// must survive its death, whatever it was told for others.
fn setup(options: &PostgresOptions) -> String {
    let timeout_ms = options.statement_timeout.as_millis();
    format!(
        "SET search_path = {}; SET statement_timeout = {timeout_ms}; SET idle_in_transaction_session_timeout = 60000; \
         SET jit = off; SET client_min_messages = warning; SET TIME ZONE 'UTC'; \
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        quoted(&options.schema)
    )
}

/// Returns a name as SQL takes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
