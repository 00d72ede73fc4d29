//! Receivers of telemetry: whether each is there, speaks what it is to speak, and takes a request.

use std::path::Path;
use std::time::Duration;

use flowglass::config::{Config, Destination};
use flowglass::otlp::{Destination as Receiver, ExportOptions, Probed, probe};

use super::finding::Finding;

const ABOUT: &str = "export";

pub(super) fn look(config: &Config, timeout: Duration) -> Vec<Finding> {
    match config.destinations() {
        Err(error) => vec![Finding::wrong(ABOUT, error.to_string(), "correct `export.to` or `export.endpoint`")],
        Ok((destinations, _)) if destinations.is_empty() => vec![Finding::good(ABOUT, "nothing is sent anywhere")],
        Ok((destinations, warnings)) => {
            let strange =
                warnings.iter().map(|warning| Finding::strange("environment", warning, "unset it, or write it as it is meant"));
            strange.chain(destinations.iter().flat_map(|to| destination(to, timeout))).collect()
        }
    }
}

fn destination(to: &Destination, timeout: Duration) -> Vec<Finding> {
    match to {
        Destination::Receiver { name, options } => receiver(name, options, timeout),
        Destination::File(path) => vec![file(path)],
        _ => vec![Finding::good(ABOUT, "onto the console")],
    }
}

fn file(path: &Path) -> Finding {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.is_dir() {
        return Finding::good(ABOUT, format!("into {}", path.display()));
    }
    Finding::wrong(ABOUT, format!("there is no folder {}", folder.display()), "make it, or name another file")
}

fn receiver(name: &str, options: &ExportOptions, timeout: Duration) -> Vec<Finding> {
    let limited = |to: &Option<Receiver>| to.as_ref().map(|to| Receiver { timeout, ..to.clone() });
    let (traces, metrics, logs) = (limited(&options.traces), limited(&options.metrics), limited(&options.logs));
    let probed = probe(&ExportOptions { traces, metrics, logs, ..options.clone() });
    let advice = "see that it runs, and that the address, the protocol, the token and the certificates are right";
    let finding = |probed: Probed| {
        let of = format!("{name}, {}", probed.signal.as_str());
        match probed.trouble {
            None => Finding::good(ABOUT, format!("{of}: {} answers", probed.url)),
            Some(trouble) => Finding::wrong(ABOUT, format!("{of}: {}: {trouble}", probed.url), advice),
        }
    };
    probed.into_iter().map(finding).collect()
}
