//! One destination of one signal: where, how, with which headers.

use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;
use super::proxy::Proxies;
use super::{ExportError, ExportErrorKind};
use crate::Signal;

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC: protobuf over HTTP/2, most often on port 4317.
    Grpc,
    /// Protobuf over HTTP/1.1, most often on port 4318.
    HttpProtobuf,
    /// JSON over HTTP/1.1.
    HttpJson,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip: every receiver understands it.
    Gzip,
    /// zstd: a tenth of the work; Flowglass and OpenTelemetry's collector understand it.
    Zstd,
}

/// Files for TLS, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates of authorities to trust instead of the system's.
    pub ca: Option<PathBuf>,
    /// The client's certificate, for receivers that ask for one.
    pub client_certificate: Option<PathBuf>,
    /// The key of the client's certificate.
    pub client_key: Option<PathBuf>,
}

/// Where the requests of one signal go, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// How requests travel.
    pub protocol: Protocol,
    /// The whole address: for HTTP with the signal's path (`http://localhost:4318/v1/traces`), for gRPC without one
    /// (`http://localhost:4317`).
    pub url: String,
    /// Headers, or metadata of gRPC, to send with every request. Not shown in messages.
    pub headers: Vec<(String, String)>,
    /// How requests are compressed.
    pub compression: Compression,
    /// How long one attempt may take; 10 seconds unless told.
    pub timeout: Duration,
    /// Files for TLS.
    pub tls: TlsFiles,
    /// Proxies on the way.
    pub proxies: Proxies,
}

impl Protocol {
    /// Returns the protocol that a word of `OTEL_EXPORTER_OTLP_PROTOCOL` means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "grpc" => Some(Self::Grpc),
            "http/protobuf" => Some(Self::HttpProtobuf),
            "http/json" => Some(Self::HttpJson),
            _ => None,
        }
    }
}

impl Compression {
    /// Returns the compression that a word of `OTEL_EXPORTER_OTLP_COMPRESSION` means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Returns its name in headers; nothing for none.
    pub(super) const fn encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

impl Destination {
    /// Makes the destination of a signal below an endpoint: for HTTP the signal's path is added. With compression by gzip, and no
    /// headers.
    #[must_use]
    pub fn below(endpoint: &str, protocol: Protocol, signal: Signal) -> Self {
        let url = match protocol {
            Protocol::Grpc => endpoint.to_owned(),
            _ => format!("{}/{}", endpoint.trim_end_matches('/'), signal.http_path()),
        };
        Self {
            protocol,
            url,
            headers: Vec::new(),
            compression: Compression::Gzip,
            timeout: Duration::from_secs(10),
            tls: TlsFiles::default(),
            proxies: Proxies::default(),
        }
    }

    /// Returns the address, and where on it requests go.
    pub(super) fn target(&self, signal: Signal) -> Result<(Address, String), ExportError> {
        let address = Address::parse(&self.url)?;
        let path = match self.protocol {
            Protocol::Grpc => signal.grpc_path().to_owned(),
            _ if address.path.is_empty() => "/".to_owned(),
            _ => address.path.clone(),
        };
        Ok((address, path))
    }

    /// Checks what can be checked without asking anybody.
    pub(super) fn check(&self, signal: Signal) -> Result<(), ExportError> {
        self.target(signal)?;
        for (name, value) in &self.headers {
            let is_sound = http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(value).is_ok();
            if !is_sound {
                let message = format!("the header `{name}` has a character that no header may have");
                return Err(ExportError::new(ExportErrorKind::Setting, message));
            }
        }
        Ok(())
    }
}
