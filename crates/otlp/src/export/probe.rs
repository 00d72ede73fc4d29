//! Asking destinations whether they are there and take what they would be sent.

use super::answer::Answer;
use super::body::Body;
use super::connection::Connection;
use super::destination::Destination;
use super::sink::ExportOptions;
use crate::Signal;

/// What became of asking one destination of one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The signal.
    pub signal: Signal,
    /// The address that was asked.
    pub url: String,
    /// What is in the way, if anything is.
    pub trouble: Option<String>,
}

/// Sends an empty request to each destination, as an exporter sends others: with its protocol, its headers, its TLS and its limit of
/// time. It changes nothing there. Blocks until all have answered.
///
/// ```no_run
/// use flowglass_otlp::{Exporter, probe};
///
/// let options = Exporter::builder("http://localhost:4318").options()?;
/// for probed in probe(&options) {
///     println!("{}: {}", probed.url, probed.trouble.as_deref().unwrap_or("answers"));
/// }
/// # Ok::<_, flowglass_otlp::ExportError>(())
/// ```
#[must_use]
pub fn probe(options: &ExportOptions) -> Vec<Probed> {
    let asked = options.destinations().map(|(signal, destination)| {
        let trouble = ask(destination, signal).err();
        Probed { signal, url: destination.url.clone(), trouble }
    });
    asked.collect()
}

fn ask(destination: &Destination, signal: Signal) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let mut connection = Connection::new(destination, signal).map_err(|error| error.to_string())?;
    match runtime.block_on(connection.send(&Body::new(destination, signal, Vec::new(), 0))) {
        Answer::Taken(_) => Ok(()),
        Answer::Later { why, .. } | Answer::TooLarge(why) | Answer::Refused(why) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::Exporter;

    #[test]
    fn nobody_there_is_trouble() {
        // Bound and let go: nobody listens there now.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let options = Exporter::builder(&format!("http://{address}")).options().unwrap();
        let probed = probe(&options);
        assert_eq!(probed.len(), 3);
        assert!(probed.iter().all(|probed| probed.trouble.is_some()), "{probed:?}");
    }
}
