//! How an exporter is set up: an address, and what differs from the usual.

use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;
use super::destination::{Compression, Destination, Protocol, TlsFiles};
use super::proxy::Proxies;
use super::sink::{ExportOptions, Exporter, SpoolOptions};
use super::{Backoff, ExportError};
use crate::Signal;

/// Sets up an [`Exporter`]; see [`Exporter::builder`].
///
/// ```
/// use flowglass_otlp::{Compression, Exporter};
///
/// let exporter = Exporter::builder("https://collector.example.org:4318")
///     .header("x-team", "words")
///     .compression(Compression::Zstd)
///     .build()?;
/// # Ok::<(), flowglass_otlp::ExportError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is set up before `build`"]
pub struct ExporterBuilder {
    address: String,
    protocol: Option<Protocol>,
    signals: Vec<Signal>,
    headers: Vec<(String, String)>,
    compression: Compression,
    timeout: Duration,
    tls: TlsFiles,
    proxies: Proxies,
    options: ExportOptions,
}

impl ExporterBuilder {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            protocol: None,
            signals: Signal::ALL.to_vec(),
            headers: Vec::new(),
            compression: Compression::Gzip,
            timeout: Duration::from_secs(10),
            tls: TlsFiles::default(),
            proxies: Proxies::default(),
            options: ExportOptions::default(),
        }
    }

    /// Prepares an exporter to Jaeger, which takes traces only; usually at `http://localhost:4317`.
    pub fn jaeger(address: &str) -> Self {
        Self::new(address).only(&[Signal::Traces])
    }

    /// Prepares an exporter to Grafana Tempo, which takes traces only; usually at `http://localhost:4317`.
    pub fn tempo(address: &str) -> Self {
        Self::new(address).only(&[Signal::Traces])
    }

    /// Prepares an exporter to Pydantic Logfire with a write token, which names its region. Spans are seen while they run.
    pub fn logfire(token: &str) -> Self {
        let region = token.strip_prefix("pylf_v").and_then(|rest| rest.split('_').nth(1));
        let region = region.filter(|region| ["us", "eu"].contains(region)).unwrap_or("us");
        Self::new(&format!("https://logfire-{region}.pydantic.dev")).header("authorization", token).running_spans(true)
    }

    /// Prepares an exporter to Honeycomb with an API key.
    pub fn honeycomb(api_key: &str) -> Self {
        Self::new("https://api.honeycomb.io").header("x-honeycomb-team", api_key)
    }

    /// Sets the address, for a preset whose service is elsewhere.
    pub fn address(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// Sets the protocol. Default: gRPC for `otlp://`, `otlps://` and port 4317, else protobuf over HTTP.
    pub const fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Exports these signals only. Default: all.
    pub fn only(mut self, signals: &[Signal]) -> Self {
        self.signals = signals.to_vec();
        self
    }

    /// Adds a header that is sent with every request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets how requests are compressed. Default: gzip.
    pub const fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets how long one attempt may take. Default: 10 seconds.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts the authorities in this file (PEM) instead of the system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.ca = Some(path.into());
        self
    }

    /// Shows this certificate to receivers that ask for one (both files in PEM).
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls.client_certificate = Some(certificate.into());
        self.tls.client_key = Some(key.into());
        self
    }

    /// Sends by way of these proxies.
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    pub(super) fn tls_files(mut self, files: TlsFiles) -> Self {
        let own = std::mem::replace(&mut self.tls, files);
        if own != TlsFiles::default() {
            self.tls = own;
        }
        self
    }

    /// Lets up to so many bytes of each signal wait in a folder while the destination is away, over the program's end.
    pub fn spool(mut self, folder: impl Into<PathBuf>, bytes: u64) -> Self {
        self.options.spool = Some(SpoolOptions { folder: folder.into(), bytes });
        self
    }

    /// Sets how many bytes of each signal may wait in memory. Default: 16 MiB.
    pub const fn queue_bytes(mut self, bytes: usize) -> Self {
        self.options.queue_bytes = bytes;
        self
    }

    /// Sets how large a request may be, in bytes before it is compressed; larger ones are cut. Default: 4 MiB.
    pub const fn request_bytes(mut self, bytes: usize) -> Self {
        self.options.request_bytes = bytes;
        self
    }

    /// Sets how long a flush waits for answers. Default: 10 seconds.
    pub const fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.options.flush_timeout = timeout;
        self
    }

    /// Sets how long to wait before something is tried again.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.options.backoff = backoff;
        self
    }

    /// Says whether spans that still run are sent too: only Flowglass and Logfire understand them. Default: no.
    pub const fn running_spans(mut self, running: bool) -> Self {
        self.options.running_spans = running;
        self
    }

    /// Returns the options that this stands for.
    ///
    /// # Errors
    /// [`Address`](super::ExportErrorKind::Address), if the address isn't one.
    pub fn options(self) -> Result<ExportOptions, ExportError> {
        let address = Address::parse(&self.address)?;
        let is_grpc = address.port == 4317 || self.address.trim_start().to_ascii_lowercase().starts_with("otlp");
        let protocol = self.protocol.unwrap_or(if is_grpc { Protocol::Grpc } else { Protocol::HttpProtobuf });
        let destination = |signal| {
            self.signals.contains(&signal).then(|| Destination {
                headers: self.headers.clone(),
                compression: self.compression,
                timeout: self.timeout,
                tls: self.tls.clone(),
                proxies: self.proxies.clone(),
                ..Destination::below(&self.address, protocol, signal)
            })
        };
        let [traces, metrics, logs] = Signal::ALL.map(destination);
        Ok(ExportOptions { traces, metrics, logs, ..self.options })
    }

    /// Makes the exporter.
    ///
    /// # Errors
    /// As [`Exporter::new`].
    pub fn build(self) -> Result<Exporter, ExportError> {
        Exporter::new(&self.options()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(builder: ExporterBuilder) -> Destination {
        builder.options().unwrap().traces.unwrap()
    }

    #[test]
    fn the_address_tells_the_protocol() {
        let of = |address| (traces(ExporterBuilder::new(address)).protocol, traces(ExporterBuilder::new(address)).url);
        assert_eq!(of("otlp://c:4317"), (Protocol::Grpc, "otlp://c:4317".into()));
        assert_eq!(of("http://localhost:4317"), (Protocol::Grpc, "http://localhost:4317".into()));
        assert_eq!(of("http://c:4318/"), (Protocol::HttpProtobuf, "http://c:4318/v1/traces".into()));
        let json = traces(ExporterBuilder::new("https://c/otlp").protocol(Protocol::HttpJson));
        assert_eq!(json.url, "https://c/otlp/v1/traces");
    }

    #[test]
    fn presets_know_their_services() {
        let logfire = ExporterBuilder::logfire("pylf_v1_eu_abc").options().unwrap();
        assert!(logfire.running_spans);
        let logs = logfire.logs.unwrap();
        assert_eq!(logs.url, "https://logfire-eu.pydantic.dev/v1/logs");
        assert_eq!(logs.headers, [("authorization".into(), "pylf_v1_eu_abc".into())]);
        assert_eq!(traces(ExporterBuilder::logfire("odd")).url, "https://logfire-us.pydantic.dev/v1/traces");
        let honeycomb = traces(ExporterBuilder::honeycomb("key"));
        assert_eq!(
            (honeycomb.url.as_str(), honeycomb.headers[0].0.as_str()),
            ("https://api.honeycomb.io/v1/traces", "x-honeycomb-team")
        );
        let jaeger = ExporterBuilder::jaeger("http://localhost:4317").options().unwrap();
        assert!(jaeger.metrics.is_none() && jaeger.logs.is_none());
    }

    #[test]
    fn what_cannot_work_is_said_before_anything_is_sent() {
        use super::super::ExportErrorKind::{Address, File, Setting, Tls};
        let kind = |builder: ExporterBuilder| builder.build().unwrap_err().kind();
        assert_eq!(kind(ExporterBuilder::new("localhost:4317")), Address);
        assert_eq!(kind(ExporterBuilder::new("http://c").header("a b", "c")), Setting);
        assert_eq!(kind(ExporterBuilder::new("http://c").header("a", "b\nc")), Setting);
        assert_eq!(kind(ExporterBuilder::new("https://c").ca_file("/nowhere/ca.pem")), Tls);
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(kind(ExporterBuilder::new("https://c").ca_file(file.path())), Tls);
        assert_eq!(kind(ExporterBuilder::new("http://c").spool(file.path(), 1)), File);
    }
}
