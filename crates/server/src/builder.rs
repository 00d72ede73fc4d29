//! How a receiver is set up.

use std::path::PathBuf;

use flowglass_model::Sink;

use crate::listen::Place;
use crate::notice::Notice;
use crate::receiver::{self, Receiver};
use crate::tls::Identity;
use crate::{ReceiverLimits, ServeError};

/// OTLP's port for HTTP.
const HTTP_PORT: u16 = 4318;
/// OTLP's port for gRPC.
const GRPC_PORT: u16 = 4317;

/// Sets up a [`Receiver`]. Made by [`Receiver::builder`].
pub struct ReceiverBuilder {
    pub(crate) http: Option<Place>,
    pub(crate) grpc: Option<Place>,
    pub(crate) more: Vec<Place>,
    pub(crate) limits: ReceiverLimits,
    pub(crate) token: Option<String>,
    pub(crate) identity: Option<Identity>,
    pub(crate) most_open_spans: usize,
    pub(crate) tell: Box<dyn Fn(&Notice) + Send + Sync>,
}

impl Default for ReceiverBuilder {
    fn default() -> Self {
        Self {
            http: Some(Place::Loopback(HTTP_PORT)),
            grpc: Some(Place::Loopback(GRPC_PORT)),
            more: Vec::new(),
            limits: ReceiverLimits::default(),
            token: None,
            identity: None,
            most_open_spans: 100_000,
            tell: Box::new(|_| {}),
        }
    }
}

impl ReceiverBuilder {
    /// Listens for OTLP over HTTP at `address`: `host:port`, or a port of this machine; 4318 of this machine unless told. With
    /// port 0 the system chooses one.
    #[must_use]
    pub fn http(mut self, address: &str) -> Self {
        self.http = Some(Place::Named(address.to_owned()));
        self
    }

    /// Doesn't listen on a port of its own for HTTP.
    #[must_use]
    pub fn without_http(mut self) -> Self {
        self.http = None;
        self
    }

    /// Listens for OTLP over gRPC at `address`; 4317 of this machine unless told.
    #[must_use]
    pub fn grpc(mut self, address: &str) -> Self {
        self.grpc = Some(Place::Named(address.to_owned()));
        self
    }

    /// Doesn't listen on a port of its own for gRPC.
    #[must_use]
    pub fn without_grpc(mut self) -> Self {
        self.grpc = None;
        self
    }

    /// Listens at one more address. Every address understands both HTTP and gRPC.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.more.push(Place::Named(address.to_owned()));
        self
    }

    /// Sets how much senders may ask.
    #[must_use]
    pub fn limits(mut self, limits: ReceiverLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes requests only with this token in the header `Authorization`, after `Bearer` or alone. Addresses that other machines
    /// can reach need one.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Speaks TLS at every address, with the certificate (and those that vouch for it) and the key in these files, both in PEM. Plain
    /// connections are refused then. Unless told, nothing is encrypted.
    #[must_use]
    pub fn tls(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some(Identity { certificate: certificate.into(), key: key.into() });
        self
    }

    /// Remembers up to so many spans that were told of as running, 100,000 unless told; of those beyond only the end is kept.
    #[must_use]
    pub fn most_open_spans(mut self, most: usize) -> Self {
        self.most_open_spans = most;
        self
    }

    /// Tells `hear` what whoever runs the receiver may want to know; of many alike notices only the first, second, fourth,
    /// eighth and so on. It is called on the receiver's threads, so it shall be quick.
    #[must_use]
    pub fn on_notice(mut self, hear: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        self.tell = Box::new(hear);
        self
    }

    /// Starts to listen. What arrives goes into `sink`; the receiver has threads of its own.
    ///
    /// # Errors
    /// `Address`, `InUse`, `Forbidden`, `Unprotected`, `Tls`, `System`.
    pub fn start(self, sink: impl Sink) -> Result<Receiver, ServeError> {
        receiver::start(self, sink)
    }
}

impl std::fmt::Debug for ReceiverBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { http, grpc, more, limits, .. } = self;
        f.debug_struct("ReceiverBuilder")
            .field("http", http)
            .field("grpc", grpc)
            .field("more", more)
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}
