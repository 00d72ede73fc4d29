//! Which project a token belongs to, and where people look at it: what Logfire tells who asks.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use tokio::time::timeout;

use super::connection::Connection;
use super::destination::{Destination, Protocol};
use super::sink::ExportOptions;
use crate::Signal;

/// A project of Logfire's, or of a service that answers as Logfire does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// What it is called.
    pub name: String,
    /// Where people look at it.
    pub url: String,
}

/// What is answered; there is more than this.
#[derive(Deserialize)]
struct Info {
    project_name: String,
    project_url: String,
}

impl Project {
    /// Asks the service that spans go to, as Logfire's own SDK does: `GET /v1/info` with the token. Waits at most so long. Returns
    /// nothing where there is no such answer; then sending says what is wrong.
    #[must_use]
    pub fn ask(options: &ExportOptions, patience: Duration) -> Option<Self> {
        let mut connection = Connection::new(&place(options.traces.as_ref()?)?, Signal::Traces).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let answer = runtime.block_on(async { timeout(patience, connection.get()).await });
        runtime.shutdown_background();
        Self::read(&answer.ok()?.ok()?)
    }

    fn read(answer: &Bytes) -> Option<Self> {
        let Info { project_name: name, project_url: url } = serde_json::from_slice(answer).ok()?;
        // It is shown on terminals.
        let is_address = url.starts_with("http") && url.chars().all(|c| c.is_ascii_graphic());
        is_address.then_some(Self { name, url })
    }
}

/// Returns where to ask: beside where spans go.
fn place(traces: &Destination) -> Option<Destination> {
    let base = traces.url.strip_suffix(Signal::Traces.http_path()).filter(|_| traces.protocol != Protocol::Grpc)?;
    Some(Destination { url: format!("{base}v1/info"), ..traces.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Exporter;

    #[test]
    fn it_is_asked_beside_where_spans_go() {
        let asked = |address: &str| place(&Exporter::builder(address).options().unwrap().traces.unwrap());
        assert_eq!(asked("https://logfire-eu.pydantic.dev").unwrap().url, "https://logfire-eu.pydantic.dev/v1/info");
        assert!(asked("otlp://localhost:4317").is_none());
    }

    #[test]
    fn only_an_address_is_shown() {
        let read = |text: &'static str| Project::read(&Bytes::from_static(text.as_bytes()));
        let found = read(r#"{"project_name": "shop", "project_url": "https://l.example/me/shop", "more": 1}"#).unwrap();
        assert_eq!((found.name.as_str(), found.url.as_str()), ("shop", "https://l.example/me/shop"));
        assert!(read(r#"{"project_name": "shop", "project_url": "https://l.example/\u001b[2J"}"#).is_none());
        assert!(read(r#"{"project_url": 7}"#).is_none() && read("no JSON").is_none());
    }
}
