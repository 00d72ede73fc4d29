//! Connections are accepted: as many at a time as the limits allow, until the receiver ends.

use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::connection::{Shared, serve};
use crate::service::Service;
use crate::{ServeError, ServeErrorKind};

/// How long we wait where the system gives no connections.
const PAUSE: Duration = Duration::from_millis(100);

/// All that listens.
pub(crate) struct Listening {
    listeners: Vec<StdListener>,
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
    ending: watch::Receiver<Option<Duration>>,
}

impl Listening {
    pub(crate) fn new(
        listeners: Vec<StdListener>,
        service: Arc<Service>,
        tls: Option<TlsAcceptor>,
        ending: watch::Receiver<Option<Duration>>,
    ) -> Self {
        Self { listeners, service, tls, ending }
    }

    /// Accepts until the end, and lets what has begun finish in the time that is given then.
    pub(crate) async fn run(mut self) -> Result<(), ServeError> {
        let limits = self.service.limits;
        let most = u32::try_from(limits.connections).unwrap_or(u32::MAX).max(1);
        let connections = Arc::new(Semaphore::new(most as usize));
        let shared = Arc::new(Shared::new(self.service, self.tls, Arc::clone(&connections), self.ending.clone()));
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let listener = TcpListener::from_std(listener).map_err(|error| {
                ServeError::new(ServeErrorKind::System, format!("can't use a socket: {error}")).with_source(error)
            })?;
            accepting.spawn(accept(listener, Arc::clone(&shared)));
        }
        // A receiver that is gone ends it, too.
        let time = self.ending.wait_for(Option::is_some).await.map_or(None, |time| *time).unwrap_or_default();
        accepting.shutdown().await;
        // All places are free when all connections have ended. Where time is up, dropping the runtime ends what is left.
        let _ = timeout(time, connections.acquire_many(most)).await;
        Ok(())
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Where there is no place, this connection waits, and others in the system's queue.
                let Ok(place) = Arc::clone(&shared.connections).acquire_owned().await else { return };
                tokio::spawn(serve(stream, Arc::clone(&shared), place));
            }
            Err(error) => {
                shared.service.notices.no_connections(&error.to_string());
                sleep(PAUSE).await;
            }
        }
    }
}
