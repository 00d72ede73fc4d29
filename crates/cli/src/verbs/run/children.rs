//! What a run's commands record themselves: a receiver on a free port of this machine, whose address they find around them.

use std::time::Duration;

use flowglass::config::Config;
use flowglass::server::Receiver;

use super::committed::PassedOn;
use crate::printer::Printer;

/// Where OpenTelemetry's SDKs look for the address to send to.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// How long a command's last request may take after the command has ended.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

/// Where a run that a command starts finds which store the address leads to.
const STORE: &str = "FLOWGLASS_RUN_STORE";

/// Returns the address of the run around this one, where what arrives goes into this same store: sent there, too, everything would
/// be in it twice.
pub(super) fn receiver_of(store: Option<&str>) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
    let said = |name| std::env::var(name).ok();
    said(STORE).filter(|said| Some(said.as_str()) == store).and_then(|_| said(ENDPOINT))
}

/// Listens for what commands record, if they have no other place to send it to.
pub(super) struct Children {
    receiver: Option<Receiver>,
    store: Option<String>,
}

impl Children {
    /// Starts to listen. What arrives goes where the run's own telemetry goes, and so into its trace; it is answered when the
    /// store has it.
    pub(super) fn listen(into: PassedOn, store: Option<String>, config: &Config, printer: &Printer) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the environment is this command's to read")]
        let has_place = std::env::var_os(ENDPOINT).is_some_and(|place| !place.is_empty());
        if has_place || config.flag("run.listen") == Some(false) {
            return Self { receiver: None, store: None };
        }
        let receiver = match Receiver::builder().http("127.0.0.1:0").without_grpc().start(into) {
            Ok(receiver) => Some(receiver),
            Err(error) => {
                printer.note(&format!("warning: what commands record themselves isn't kept: {error}"));
                None
            }
        };
        Self { receiver, store }
    }

    /// Returns the variables by which commands find it.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let Some(address) = self.receiver.as_ref().and_then(|receiver| receiver.http_addresses().first()) else {
            return Vec::new();
        };
        let store = self.store.iter().map(|store| (STORE.to_owned(), store.clone()));
        store.chain([(ENDPOINT.to_owned(), format!("http://{address}"))]).collect()
    }

    /// Takes what is still on its way, and ends.
    pub(super) fn stop(self) {
        if let Some(receiver) = self.receiver {
            // What it couldn't pass on, it has told to who sent it.
            let _ = receiver.stop(LAST_REQUESTS);
        }
    }
}
