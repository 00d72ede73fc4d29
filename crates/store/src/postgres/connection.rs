//! A server, and connections to it: they live on a thread of their own, and end soon after nobody wants them any more.

use std::collections::HashMap;
use std::ops::Deref;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Error, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::Failure;
use super::options::Address;
use crate::{StoreError, StoreErrorKind};

/// How long a connection that nobody wants may take to say goodbye. One whose server hangs would take for ever.
const GOODBYE: Duration = Duration::from_secs(2);

/// A server, as its address says.
pub(super) struct Server {
    /// Nothing only while it is dropped.
    runtime: Option<Runtime>,
    config: Config,
    tls: MakeRustlsConnect,
}

impl Server {
    pub(super) fn new(address: Address) -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("flowglass-pg").enable_all().build();
        let runtime = runtime.map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("no thread for connections to a server can be started: {error}"))
        })?;
        Ok(Self { runtime: Some(runtime), tls: address.trust.connector()?, config: address.config })
    }

    /// Makes a connection that begins with `setup`.
    pub(super) fn connect(&self, setup: String) -> impl Future<Output = Result<Connection, Failure>> + Send + 'static {
        let (config, tls) = (self.config.clone(), self.tls.clone());
        async move {
            let (client, connection) = config.connect(tls).await?;
            let (wanted, unwanted) = oneshot::channel();
            // An error of the connection comes out of whatever its client is asked next.
            tokio::spawn(async move {
                tokio::select! {
                    _ = connection => {}
                    () = abandoned(unwanted) => {}
                }
            });
            client.batch_execute(&setup).await?;
            Ok(Connection { client, statements: Mutex::default(), _wanted: wanted })
        }
    }

    pub(super) fn runtime(&self) -> Result<&Handle, Failure> {
        self.runtime.as_ref().map(Runtime::handle).ok_or(Failure::Silent)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A runtime may not be waited for on a thread of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Ends some time after nobody wants the connection.
async fn abandoned(unwanted: oneshot::Receiver<()>) {
    let _ = unwanted.await;
    tokio::time::sleep(GOODBYE).await;
}

/// A statement, with the types of its values where they don't follow from it.
type Prepared = (String, Vec<Type>);

/// So many statements are remembered. Those of questions are as many as there are kinds of questions.
const MOST_STATEMENTS: usize = 200;

/// A connection with the statements that were prepared on it. It is closed when it is dropped, whatever the server is doing.
pub(super) struct Connection {
    client: Client,
    statements: Mutex<HashMap<Prepared, Statement>>,
    /// Dropped with the connection, which tells whoever drives it.
    _wanted: oneshot::Sender<()>,
}

impl Connection {
    /// Sends statements without values, and doesn't wait: whatever comes behind them fails if they did, or doesn't depend on them.
    pub(super) fn tell(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).now_or_never().unwrap_or(Ok(()))
    }

    /// Returns a statement that the server has understood, and after some times planned for good.
    pub(super) async fn prepared(&self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        let key = (sql.to_owned(), types.to_vec());
        if let Some(known) = self.statements.lock().get(&key) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare_typed(sql, types).await?;
        let mut statements = self.statements.lock();
        if statements.len() >= MOST_STATEMENTS {
            statements.clear();
        }
        statements.insert(key, statement.clone());
        Ok(statement)
    }
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
