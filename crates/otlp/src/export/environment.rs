//! The variables `OTEL_*` of OpenTelemetry's specification, read by whoever may look at the environment.
//!
//! See <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>. An empty variable counts as none; one whose value means
//! nothing is left out, with a warning.

use std::time::Duration;

use flowglass_model::{Attributes, conventions};

use super::destination::{Compression, Destination, Protocol, TlsFiles};
use super::proxy::Proxies;
use super::sink::ExportOptions;
use crate::Signal;

/// Returns the options that the variables `OTEL_EXPORTER_OTLP_*` and `OTEL_*_EXPORTER` stand for, and warnings about those that
/// mean nothing. Nothing if no endpoint is given and no exporter is named.
///
/// ```
/// use flowglass_otlp::options_from;
///
/// let variable = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://localhost:4318".to_owned());
/// let (options, warnings) = options_from(variable);
/// assert_eq!(options.unwrap().traces.unwrap().url, "http://localhost:4318/v1/traces");
/// assert!(warnings.is_empty());
/// ```
pub fn options_from(variable: impl Fn(&str) -> Option<String>) -> (Option<ExportOptions>, Vec<String>) {
    let mut reader = Variables::new(&variable);
    if reader.get("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return (None, reader.warnings);
    }
    let [traces, metrics, logs] = Signal::ALL.map(|signal| reader.destination(signal));
    let is_any = traces.is_some() || metrics.is_some() || logs.is_some();
    (is_any.then(|| ExportOptions { traces, metrics, logs, ..ExportOptions::default() }), reader.warnings)
}

/// Returns the attributes that `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` give a resource.
pub fn resource_attributes_from(variable: impl Fn(&str) -> Option<String>) -> Attributes {
    let get = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let pairs = pairs_of(&get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    let mut attributes: Attributes = pairs.into_iter().map(|(key, value)| (key, value.into())).collect();
    if let Some(name) = get("OTEL_SERVICE_NAME") {
        attributes.retain(|(key, _)| key != conventions::SERVICE_NAME);
        attributes.push((conventions::SERVICE_NAME.to_owned(), name.into()));
    }
    attributes
}

/// The variables, and what is wrong with them.
pub(super) struct Variables<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable, warnings: Vec::new() }
    }

    /// Returns the protocol that is asked for, for any signal.
    pub(super) fn protocol(&mut self) -> Option<Protocol> {
        self.protocol_of(None)
    }

    /// Returns the headers of every request.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        self.headers_of(None)
    }

    /// Returns the compression that is asked for.
    pub(super) fn compression(&mut self) -> Option<Compression> {
        self.compression_of(None)
    }

    /// Returns how long an attempt may take.
    pub(super) fn timeout(&mut self) -> Option<Duration> {
        self.timeout_of(None)
    }

    /// Returns the files for TLS.
    pub(super) fn tls(&self) -> TlsFiles {
        self.tls_of(None)
    }

    /// Returns the proxies, named as `curl` and its like have them: in small letters first.
    pub(super) fn proxies(&self) -> Proxies {
        let either = |name: &str| self.get(name).or_else(|| self.get(&name.to_ascii_uppercase()));
        let proxy = |name| either(name).or_else(|| either("all_proxy")).unwrap_or_default();
        Proxies { http: proxy("http_proxy"), https: proxy("https_proxy"), except: either("no_proxy").unwrap_or_default() }
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Returns the variable of a signal, or that of all, with its name.
    fn of_signal(&self, signal: Option<Signal>, rest: &str) -> Option<(String, String)> {
        let own = signal.map(|signal| format!("OTEL_EXPORTER_OTLP_{}_{rest}", signal.as_str().to_ascii_uppercase()));
        let names = own.into_iter().chain([format!("OTEL_EXPORTER_OTLP_{rest}")]);
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    /// Returns what a variable means; warns where it means nothing.
    fn parsed<T>(&mut self, signal: Option<Signal>, rest: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (name, value) = self.of_signal(signal, rest)?;
        let parsed = parse(&value);
        if parsed.is_none() {
            let warning = format!("{name} is `{value}`, which isn't {wanted}: left out");
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        parsed
    }

    fn destination(&mut self, signal: Signal) -> Option<Destination> {
        let exporter = self.get(&format!("OTEL_{}_EXPORTER", signal.as_str().to_ascii_uppercase()));
        let names_otlp = exporter.as_ref().map(|names| names.split(',').any(|name| name.trim() == "otlp"));
        let endpoint = self.of_signal(Some(signal), "ENDPOINT");
        if names_otlp == Some(false) || (names_otlp.is_none() && endpoint.is_none()) {
            return None;
        }
        let protocol = self.protocol_of(Some(signal)).unwrap_or(Protocol::HttpProtobuf);
        let destination = self.located(signal, protocol, endpoint);
        Some(self.complete(signal, destination))
    }

    /// An endpoint of one signal is taken as it is, that of all gets the signal's path.
    fn located(&self, signal: Signal, protocol: Protocol, endpoint: Option<(String, String)>) -> Destination {
        let usual = if protocol == Protocol::Grpc { "http://localhost:4317" } else { "http://localhost:4318" };
        let Some((name, endpoint)) = endpoint else { return Destination::below(usual, protocol, signal) };
        let url = if endpoint.contains("://") {
            endpoint
        } else {
            let is_insecure =
                self.of_signal(Some(signal), "INSECURE").is_some_and(|(_, word)| word.eq_ignore_ascii_case("true"));
            format!("{}://{endpoint}", if is_insecure { "http" } else { "https" })
        };
        let below = Destination::below(&url, protocol, signal);
        if name == "OTEL_EXPORTER_OTLP_ENDPOINT" { below } else { Destination { url, ..below } }
    }

    fn complete(&mut self, signal: Signal, destination: Destination) -> Destination {
        let signal = Some(signal);
        Destination {
            headers: self.headers_of(signal),
            // The specification's default; zstd or gzip must be asked for.
            compression: self.compression_of(signal).unwrap_or(Compression::None),
            timeout: self.timeout_of(signal).unwrap_or(destination.timeout),
            tls: self.tls_of(signal),
            proxies: self.proxies(),
            ..destination
        }
    }

    fn protocol_of(&mut self, signal: Option<Signal>) -> Option<Protocol> {
        self.parsed(signal, "PROTOCOL", "`grpc`, `http/protobuf` or `http/json`", Protocol::from_word)
    }

    fn headers_of(&self, signal: Option<Signal>) -> Vec<(String, String)> {
        self.of_signal(signal, "HEADERS").map(|(_, pairs)| pairs_of(&pairs)).unwrap_or_default()
    }

    fn compression_of(&mut self, signal: Option<Signal>) -> Option<Compression> {
        self.parsed(signal, "COMPRESSION", "`gzip`, `zstd` or `none`", Compression::from_word)
    }

    fn timeout_of(&mut self, signal: Option<Signal>) -> Option<Duration> {
        let milliseconds = |text: &str| text.parse().ok().map(Duration::from_millis);
        self.parsed(signal, "TIMEOUT", "a number of milliseconds", milliseconds)
    }

    fn tls_of(&self, signal: Option<Signal>) -> TlsFiles {
        let path = |rest| self.of_signal(signal, rest).map(|(_, path)| path.into());
        TlsFiles { ca: path("CERTIFICATE"), client_certificate: path("CLIENT_CERTIFICATE"), client_key: path("CLIENT_KEY") }
    }
}

/// Returns the pairs of `key=value,key=value`, whose values may have characters written as `%` and two digits.
fn pairs_of(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let key = unpercent(key.trim());
        (!key.is_empty()).then(|| (key, unpercent(value.trim())))
    };
    text.split(',').filter_map(pair).collect()
}

fn unpercent(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => {
                plain.push(byte);
                plain.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                plain.push(b'%');
                plain.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> (Option<ExportOptions>, Vec<String>) {
        options_from(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_is_exported_unasked() {
        assert_eq!(options(&[]), (None, Vec::new()));
        assert_eq!(options(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).0, None);
        let disabled = [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c")];
        assert_eq!(options(&disabled).0, None);
        let named = options(&[("OTEL_TRACES_EXPORTER", "console,otlp")]).0.unwrap();
        assert_eq!(named.traces.unwrap().url, "http://localhost:4318/v1/traces");
        assert!(named.metrics.is_none());
    }

    #[test]
    fn an_endpoint_of_a_signal_is_taken_as_it_is() {
        let found = options(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4318/base/"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://m/custom"),
            ("OTEL_LOGS_EXPORTER", "none"),
        ]);
        let found = found.0.unwrap();
        assert_eq!(found.traces.unwrap().url, "https://c:4318/base/v1/traces");
        assert_eq!(found.metrics.unwrap().url, "http://m/custom");
        assert!(found.logs.is_none());
    }

    #[test]
    fn everything_may_be_said_for_all_and_for_one() {
        let found = options(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b%2Cc , empty=, =x,broken"),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "only=logs"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_LOGS_INSECURE", "true"),
        ]);
        assert_eq!(found.1, Vec::<String>::new());
        let found = found.0.unwrap();
        let (traces, logs) = (found.traces.unwrap(), found.logs.unwrap());
        assert_eq!(
            (traces.protocol, traces.url.as_str(), logs.url.as_str()),
            (Protocol::Grpc, "https://c:4317", "http://c:4317")
        );
        assert_eq!(traces.headers, [("api-key".into(), "a b,c".into()), ("empty".into(), String::new())]);
        assert_eq!(logs.headers, [("only".into(), "logs".into())]);
        assert_eq!(
            (traces.timeout, traces.compression, logs.compression),
            (Duration::from_millis(2500), Compression::None, Compression::Gzip)
        );
        assert_eq!(traces.tls.ca, Some("/ca.pem".into()));
    }

    #[test]
    fn what_means_nothing_is_left_out_with_one_warning() {
        let (found, warnings) = options(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke"),
        ]);
        let traces = found.unwrap().traces.unwrap();
        assert_eq!((traces.timeout, traces.protocol), (Duration::from_secs(10), Protocol::HttpProtobuf));
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].starts_with("OTEL_EXPORTER_OTLP_PROTOCOL is `smoke`"), "{warnings:?}");
    }

    #[test]
    fn the_service_name_wins_over_the_attributes() {
        let variables = [("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,team=caf%C3%A9"), ("OTEL_SERVICE_NAME", "b")];
        let found = resource_attributes_from(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(found, [("team".into(), "café".into()), ("service.name".into(), "b".into())]);
    }
}
