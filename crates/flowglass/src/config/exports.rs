//! Where telemetry is sent besides the store.

use std::path::PathBuf;

use flowglass_otlp::{ExportOptions, ExporterBuilder, options_from};

use super::{Config, ConfigError};

/// Where telemetry is sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Destination {
    /// To an OTLP receiver.
    Receiver {
        /// As it was written.
        name: String,
        /// How.
        options: Box<ExportOptions>,
    },
    /// Into a file, a line of OTLP JSON a request.
    File(PathBuf),
    /// Onto standard error, as trees.
    Console,
}

impl Config {
    /// Returns where telemetry is sent, and warnings about what means nothing: what `export.to` names, else what
    /// `export.endpoint` and OpenTelemetry's variables say, of single signals, too.
    ///
    /// # Errors
    /// If an address isn't one, or the token of a service isn't in the environment.
    pub fn destinations(&self) -> Result<(Vec<Destination>, Vec<String>), ConfigError> {
        let named = self.texts("export.to");
        if !self.is_enabled() || named.iter().any(|name| name == "none") {
            return Ok((Vec::new(), Vec::new()));
        }
        if !named.is_empty() {
            return self.destinations_named(&named);
        }
        let (options, warnings) = options_from(|name| self.standard_variable(name));
        let receiver =
            |options: ExportOptions| Destination::Receiver { name: address_of(&options), options: Box::new(options) };
        Ok((options.map(receiver).into_iter().collect(), warnings))
    }

    /// Returns where these names lead: addresses, services, `file:PATH`, `console`.
    ///
    /// # Errors
    /// As [`destinations`](Self::destinations).
    pub fn destinations_named(&self, names: &[String]) -> Result<(Vec<Destination>, Vec<String>), ConfigError> {
        let (mut destinations, mut warnings) = (Vec::new(), Vec::new());
        for name in names {
            destinations.push(match (name.as_str(), name.strip_prefix("file:")) {
                ("console", _) => Destination::Console,
                (_, Some(path)) => Destination::File(self.folder().join(path)),
                _ => self.receiver(name, &mut warnings)?,
            });
        }
        Ok((destinations, warnings))
    }

    fn receiver(&self, name: &str, warnings: &mut Vec<String>) -> Result<Destination, ConfigError> {
        let wrong = |error: flowglass_otlp::ExportError| ConfigError::of(format!("`{name}`"), error.to_string());
        let (builder, more) = ExporterBuilder::named(name, |name| self.standard_variable(name)).map_err(wrong)?;
        warnings.extend(more);
        Ok(Destination::Receiver { name: name.to_owned(), options: Box::new(builder.options().map_err(wrong)?) })
    }
}

fn address_of(options: &ExportOptions) -> String {
    let all = [&options.traces, &options.metrics, &options.logs];
    all.into_iter().flatten().next().map(|destination| destination.url.clone()).unwrap_or_default()
}
