//! Destinations by the words that people write: a service's name, or an address.

use super::builder::ExporterBuilder;
use super::environment::Variables;
use super::{ExportError, ExportErrorKind};

/// Where Jaeger and Tempo listen on this machine.
const LOCAL: &str = "http://localhost:4317";

impl ExporterBuilder {
    /// Prepares an exporter to what somebody wrote: `jaeger` or `tempo` on this machine, `logfire` (with `LOGFIRE_TOKEN`, and perhaps
    /// `LOGFIRE_BASE_URL`), `honeycomb` (with `HONEYCOMB_API_KEY`, and perhaps `HONEYCOMB_DATASET`), or an address. Headers,
    /// certificates, compression and time limit come from the variables `OTEL_EXPORTER_OTLP_*`. Returns also warnings about variables that mean nothing.
    ///
    /// # Errors
    /// [`Setting`](ExportErrorKind::Setting), if a service's token isn't there; [`Address`](ExportErrorKind::Address), if it is no
    /// address.
    pub fn named(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<(Self, Vec<String>), ExportError> {
        let mut variables = Variables::new(&variable);
        let builder = match text.trim() {
            "jaeger" => Self::jaeger(LOCAL),
            "tempo" => Self::tempo(LOCAL),
            "logfire" => {
                let builder = Self::logfire(&secret(&variables, text, "LOGFIRE_TOKEN")?);
                variables.get("LOGFIRE_BASE_URL").map_or(builder.clone(), |base| builder.address(&base))
            }
            "honeycomb" => {
                let builder = Self::honeycomb(&secret(&variables, text, "HONEYCOMB_API_KEY")?);
                let dataset = variables.get("HONEYCOMB_DATASET");
                dataset.map_or(builder.clone(), |dataset| builder.header("x-honeycomb-dataset", &dataset))
            }
            address => Self::at(address, &mut variables),
        };
        let builder = builder.completed(&mut variables);
        builder.clone().options().map_err(|error| with_names(text, error))?;
        Ok((builder, variables.warnings))
    }

    /// Starts from an address; the variable of the protocol counts where the address doesn't say it.
    fn at(address: &str, variables: &mut Variables<'_>) -> Self {
        let builder = Self::new(address);
        let says_grpc = address.to_ascii_lowercase().starts_with("otlp");
        match variables.protocol() {
            Some(protocol) if !says_grpc => builder.protocol(protocol),
            _ => builder,
        }
    }

    fn completed(mut self, variables: &mut Variables<'_>) -> Self {
        for (name, value) in variables.headers() {
            self = self.header(&name, &value);
        }
        if let Some(compression) = variables.compression() {
            self = self.compression(compression);
        }
        if let Some(timeout) = variables.timeout() {
            self = self.timeout(timeout);
        }
        self.tls_files(variables.tls()).proxies(variables.proxies())
    }
}

fn secret(variables: &Variables<'_>, service: &str, name: &str) -> Result<String, ExportError> {
    let missing = || {
        let message = format!("`{service}` needs a token: put it into the environment as {name}");
        ExportError::new(ExportErrorKind::Setting, message)
    };
    variables.get(name).ok_or_else(missing)
}

/// A word that is no address may be a service's name that was mistyped.
fn with_names(text: &str, error: ExportError) -> ExportError {
    const NAMES: [&str; 4] = ["jaeger", "tempo", "logfire", "honeycomb"];
    match flowglass_model::nearest::nearest(text, NAMES) {
        Some(near) if !text.contains(':') => {
            ExportError::new(error.kind(), format!("`{text}` is neither an address nor a service; did you mean `{near}`?"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Compression, Destination, Protocol};

    fn traces(text: &str, variables: &[(&str, &str)]) -> Result<Destination, String> {
        let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let (builder, warnings) = ExporterBuilder::named(text, variable).map_err(|error| error.to_string())?;
        assert!(warnings.is_empty(), "{warnings:?}");
        Ok(builder.options().unwrap().traces.unwrap())
    }

    #[test]
    fn services_are_known_by_name() {
        assert_eq!(traces("jaeger", &[]).unwrap().url, LOCAL);
        let logfire = traces("logfire", &[("LOGFIRE_TOKEN", "pylf_v1_eu_x")]).unwrap();
        assert_eq!(logfire.url, "https://logfire-eu.pydantic.dev/v1/traces");
        let own = [("LOGFIRE_TOKEN", "t"), ("LOGFIRE_BASE_URL", "http://127.0.0.1:9")];
        assert_eq!(traces("logfire", &own).unwrap().url, "http://127.0.0.1:9/v1/traces");
        let honeycomb = traces("honeycomb", &[("HONEYCOMB_API_KEY", "k")]).unwrap();
        assert_eq!(honeycomb.headers, [("x-honeycomb-team".to_owned(), "k".to_owned())]);
        let named = traces("honeycomb", &[("HONEYCOMB_API_KEY", "k"), ("HONEYCOMB_DATASET", "runs")]).unwrap();
        assert_eq!(named.headers[1], ("x-honeycomb-dataset".to_owned(), "runs".to_owned()));
    }

    #[test]
    fn what_is_missing_or_mistyped_is_said() {
        assert!(traces("honeycomb", &[]).unwrap_err().contains("HONEYCOMB_API_KEY"));
        assert!(traces("logfire", &[("LOGFIRE_TOKEN", " ")]).unwrap_err().contains("LOGFIRE_TOKEN"));
        assert!(traces("jeager", &[]).unwrap_err().contains("did you mean `jaeger`"));
        assert!(traces("localhost:4317", &[]).unwrap_err().contains("scheme"));
    }

    #[test]
    fn the_standard_variables_complete_an_address() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem"),
        ];
        let found = traces("http://c:9000", &variables).unwrap();
        assert_eq!((found.protocol, found.compression), (Protocol::HttpJson, Compression::Zstd));
        assert_eq!((found.timeout, found.headers), (Duration::from_millis(1500), vec![("a".to_owned(), "b".to_owned())]));
        assert_eq!(found.tls.ca, Some("ca.pem".into()));
        assert_eq!(traces("otlp://c", &variables).unwrap().protocol, Protocol::Grpc);
    }
}
