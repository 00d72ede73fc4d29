//! What can be configured: each key with its kind, its default, and the variables that say the same.

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A fraction from 0 to 1.
    Rate,
    /// A whole number, at least this.
    Count(u64),
    /// A size: bytes, or text like `64MB`.
    Size,
    /// A time: text like `250ms`, `5s`, `30d`, or 0.
    Time,
    /// Text.
    Text,
    /// Text that is a secret itself: it is never shown.
    Secret,
    /// A path, or an address; a relative path is one from the folder of the file that says it.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Several texts; in a variable, with commas between them.
    Texts,
    /// Names with a text each; in a variable, `name=text,name=text`.
    Pairs,
    /// As [`Pairs`](Self::Pairs), where the texts are secrets.
    SecretPairs,
    /// Names with a rate each.
    Rates,
}

impl Kind {
    /// Says whether its values are never shown.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::SecretPairs)
    }
}

/// A key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// Its name, with its table: `sampling.rate`.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Its default as text; empty where there is none.
    pub default: &'static str,
    /// The variable of the environment that says the same.
    pub variable: &'static str,
    /// The variables of OpenTelemetry that say the same: the first one that is set counts.
    pub standard: &'static [&'static str],
    /// What it is for.
    pub about: &'static str,
}

/// The presets, by their names.
pub const PRESETS: [&str; 4] = ["development", "staging", "production", "high-volume"];

/// Returns the key of this name.
#[must_use]
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

const fn of(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    (variable, standard): (&'static str, &'static [&'static str]),
    about: &'static str,
) -> Key {
    Key { name, kind, default, variable, standard, about }
}

const NONE: &[&str] = &[];

/// All keys, in the order in which they are shown.
pub static KEYS: &[Key] = &[
    of(
        "preset",
        Kind::Choice(&PRESETS),
        "",
        ("FLOWGLASS_PRESET", NONE),
        "Values that go together; whatever else is said counts more",
    ),
    of("enabled", Kind::Flag, "true", ("FLOWGLASS_ENABLED", &["OTEL_SDK_DISABLED"]), "Whether anything is recorded"),
    of(
        "store.address",
        Kind::Path,
        ".flowglass/flowglass.db",
        ("FLOWGLASS_STORE", NONE),
        "Where runs are kept: a file, an address, `memory:` or `off`",
    ),
    of(
        "store.durability",
        Kind::Choice(&["full", "process"]),
        "full",
        ("FLOWGLASS_STORE_DURABILITY", NONE),
        "What survives: a power cut, or the death of any process",
    ),
    of("store.max_age", Kind::Time, "", ("FLOWGLASS_STORE_MAX_AGE", NONE), "Runs that began longer ago are forgotten"),
    of(
        "store.max_size",
        Kind::Size,
        "",
        ("FLOWGLASS_STORE_MAX_SIZE", NONE),
        "The oldest runs are forgotten until the store is no larger",
    ),
    of(
        "store.keep_last",
        Kind::Count(1),
        "",
        ("FLOWGLASS_STORE_KEEP_LAST", NONE),
        "So many of the newest runs stay whatever age and size say",
    ),
    of(
        "export.to",
        Kind::Texts,
        "",
        ("FLOWGLASS_EXPORT", NONE),
        "Where telemetry is sent: addresses, `jaeger`, `tempo`, `logfire`, `honeycomb`, `file:PATH`, `console`; `none` sends nothing, whatever else is said",
    ),
    of(
        "export.endpoint",
        Kind::Text,
        "",
        ("FLOWGLASS_EXPORT_ENDPOINT", &["OTEL_EXPORTER_OTLP_ENDPOINT"]),
        "An OTLP receiver, where `export.to` names none",
    ),
    of(
        "export.headers",
        Kind::SecretPairs,
        "",
        ("FLOWGLASS_EXPORT_HEADERS", &["OTEL_EXPORTER_OTLP_HEADERS"]),
        "Headers of every request",
    ),
    of(
        "export.protocol",
        Kind::Choice(&["grpc", "http/protobuf", "http/json"]),
        "",
        ("FLOWGLASS_EXPORT_PROTOCOL", &["OTEL_EXPORTER_OTLP_PROTOCOL"]),
        "How requests are written; without it, the address says",
    ),
    of(
        "export.compression",
        Kind::Choice(&["none", "gzip", "zstd"]),
        "",
        ("FLOWGLASS_EXPORT_COMPRESSION", &["OTEL_EXPORTER_OTLP_COMPRESSION"]),
        "How requests are compressed",
    ),
    of(
        "export.timeout",
        Kind::Time,
        "",
        ("FLOWGLASS_EXPORT_TIMEOUT", &["OTEL_EXPORTER_OTLP_TIMEOUT"]),
        "How long one request may take",
    ),
    of(
        "export.certificate",
        Kind::Path,
        "",
        ("FLOWGLASS_EXPORT_CERTIFICATE", &["OTEL_EXPORTER_OTLP_CERTIFICATE"]),
        "A file of authorities to trust",
    ),
    of(
        "export.client_certificate",
        Kind::Path,
        "",
        ("FLOWGLASS_EXPORT_CLIENT_CERTIFICATE", &["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"]),
        "A file with the certificate to show",
    ),
    of(
        "export.client_key",
        Kind::Path,
        "",
        ("FLOWGLASS_EXPORT_CLIENT_KEY", &["OTEL_EXPORTER_OTLP_CLIENT_KEY"]),
        "The file of its key",
    ),
    of(
        "export.insecure",
        Kind::Flag,
        "",
        ("FLOWGLASS_EXPORT_INSECURE", &["OTEL_EXPORTER_OTLP_INSECURE"]),
        "Whether an address without a scheme is one without TLS",
    ),
    of(
        "export.spool",
        Kind::Size,
        "256MiB",
        ("FLOWGLASS_EXPORT_SPOOL", NONE),
        "How much of each signal may wait on disk for a receiver that is away; 0: only memory",
    ),
    of("recording.traces", Kind::Flag, "true", ("FLOWGLASS_RECORDING_TRACES", NONE), "Whether spans are recorded"),
    of("recording.events", Kind::Flag, "true", ("FLOWGLASS_RECORDING_EVENTS", NONE), "Whether events are recorded"),
    of("recording.metrics", Kind::Flag, "true", ("FLOWGLASS_RECORDING_METRICS", NONE), "Whether metrics are recorded"),
    of("recording.logs", Kind::Flag, "true", ("FLOWGLASS_RECORDING_LOGS", NONE), "Whether log records are recorded"),
    of(
        "recording.buffer_size",
        Kind::Count(1),
        "512",
        ("FLOWGLASS_RECORDING_BUFFER_SIZE", &["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]),
        "About how many spans are recorded before they are passed on",
    ),
    of(
        "recording.interval",
        Kind::Time,
        "",
        ("FLOWGLASS_RECORDING_INTERVAL", &["OTEL_BSP_SCHEDULE_DELAY"]),
        "After how long what was recorded is passed on even so; 0: only when asked to. Without it: 500ms to a store, 1s to a network",
    ),
    of(
        "recording.buffer_bytes",
        Kind::Size,
        "64MiB",
        ("FLOWGLASS_RECORDING_BUFFER_BYTES", NONE),
        "How much memory the buffers of all threads take at most",
    ),
    of(
        "recording.queue_bytes",
        Kind::Size,
        "64MiB",
        ("FLOWGLASS_RECORDING_QUEUE_BYTES", NONE),
        "How much may wait in memory for each destination",
    ),
    of(
        "recording.retained_bytes",
        Kind::Size,
        "64MiB",
        ("FLOWGLASS_RECORDING_RETAINED_BYTES", NONE),
        "How much memory traces take that the program holds",
    ),
    of("recording.attributes", Kind::Pairs, "", ("FLOWGLASS_RECORDING_ATTRIBUTES", NONE), "Attributes of every span"),
    of(
        "resource.service_name",
        Kind::Text,
        "",
        ("FLOWGLASS_RESOURCE_SERVICE_NAME", &["OTEL_SERVICE_NAME"]),
        "What this program is called; without it, its file's name",
    ),
    of(
        "resource.attributes",
        Kind::Pairs,
        "",
        ("FLOWGLASS_RESOURCE_ATTRIBUTES", &["OTEL_RESOURCE_ATTRIBUTES"]),
        "Attributes of everything",
    ),
    of(
        "sampling.rate",
        Kind::Rate,
        "1",
        ("FLOWGLASS_SAMPLING_RATE", &["OTEL_TRACES_SAMPLER"]),
        "About this fraction of all traces is recorded",
    ),
    of(
        "sampling.pipelines",
        Kind::Rates,
        "",
        ("FLOWGLASS_SAMPLING_PIPELINES", NONE),
        "Other fractions, by the names of pipelines; `*` stands for any text",
    ),
    of(
        "sampling.promote_errors",
        Kind::Flag,
        "true",
        ("FLOWGLASS_SAMPLING_PROMOTE_ERRORS", NONE),
        "Whether a trace that wasn't chosen is recorded from an error on",
    ),
    of(
        "sampling.keep_errors",
        Kind::Flag,
        "false",
        ("FLOWGLASS_SAMPLING_KEEP_ERRORS", NONE),
        "Whether traces with errors are kept whole",
    ),
    of(
        "sampling.keep_slow",
        Kind::Time,
        "",
        ("FLOWGLASS_SAMPLING_KEEP_SLOW", NONE),
        "Traces that take at least so long are kept whole",
    ),
    of(
        "sampling.held_bytes",
        Kind::Size,
        "64MiB",
        ("FLOWGLASS_SAMPLING_HELD_BYTES", NONE),
        "How much memory traces take that aren't decided",
    ),
    of(
        "sampling.map_items",
        Kind::Text,
        "auto",
        ("FLOWGLASS_SAMPLING_MAP_ITEMS", NONE),
        "Which items of maps get spans: `auto`, `each`, `off` or a rate",
    ),
    of(
        "limits.events",
        Kind::Count(0),
        "100",
        ("FLOWGLASS_LIMITS_EVENTS", &["OTEL_SPAN_EVENT_COUNT_LIMIT"]),
        "So many events a span",
    ),
    of(
        "limits.attributes",
        Kind::Count(0),
        "128",
        ("FLOWGLASS_LIMITS_ATTRIBUTES", &["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"]),
        "So many attributes a span",
    ),
    of(
        "limits.links",
        Kind::Count(0),
        "128",
        ("FLOWGLASS_LIMITS_LINKS", &["OTEL_SPAN_LINK_COUNT_LIMIT"]),
        "So many links a span",
    ),
    of(
        "limits.value_bytes",
        Kind::Size,
        "",
        ("FLOWGLASS_LIMITS_VALUE_BYTES", &["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"]),
        "So much of a value of an attribute; without it, 16KiB of each text",
    ),
    of(
        "limits.attribute_sets",
        Kind::Count(1),
        "1000",
        ("FLOWGLASS_LIMITS_ATTRIBUTE_SETS", NONE),
        "So many sets of attributes a metric; the rest is counted in one",
    ),
    of(
        "capture.values",
        Kind::Choice(&["full", "previews", "types", "off"]),
        "previews",
        ("FLOWGLASS_CAPTURE_VALUES", NONE),
        "What is shown of the values that nodes work on",
    ),
    of(
        "capture.errors",
        Kind::Flag,
        "true",
        ("FLOWGLASS_CAPTURE_ERRORS", NONE),
        "Whether the messages of errors are recorded, or only their types",
    ),
    of(
        "capture.redact",
        Kind::Flag,
        "true",
        ("FLOWGLASS_CAPTURE_REDACT", NONE),
        "Whether secrets are hidden before anything leaves the recorder",
    ),
    of(
        "capture.redact_keys",
        Kind::Texts,
        "",
        ("FLOWGLASS_CAPTURE_REDACT_KEYS", NONE),
        "More keys whose values are hidden: words, or whole names with `*`",
    ),
    of(
        "capture.show_keys",
        Kind::Texts,
        "",
        ("FLOWGLASS_CAPTURE_SHOW_KEYS", NONE),
        "Keys whose values are shown, whatever else says of them",
    ),
    of(
        "capture.redact_values",
        Kind::Texts,
        "",
        ("FLOWGLASS_CAPTURE_REDACT_VALUES", NONE),
        "Regular expressions of what is hidden in texts",
    ),
    of(
        "capture.credit_cards",
        Kind::Flag,
        "false",
        ("FLOWGLASS_CAPTURE_CREDIT_CARDS", NONE),
        "Whether numbers of credit cards are hidden, too",
    ),
    of(
        "logs.format",
        Kind::Choice(&["off", "human", "json"]),
        "off",
        ("FLOWGLASS_LOGS_FORMAT", NONE),
        "Whether log records are also written as lines",
    ),
    of("logs.file", Kind::Path, "", ("FLOWGLASS_LOGS_FILE", NONE), "Where to; without it, standard error"),
    of(
        "logs.level",
        Kind::Choice(&["trace", "debug", "info", "warn", "error", "fatal"]),
        "trace",
        ("FLOWGLASS_LOGS_LEVEL", &["OTEL_LOG_LEVEL"]),
        "Lines of what matters less are left out",
    ),
    of(
        "logs.sample",
        Kind::Rate,
        "1",
        ("FLOWGLASS_LOGS_SAMPLE", NONE),
        "The fraction of lines that are written of what is no warning",
    ),
    of("logs.at_most", Kind::Count(1), "", ("FLOWGLASS_LOGS_AT_MOST", NONE), "So many lines a second"),
    of(
        "run.cache",
        Kind::Path,
        "",
        ("FLOWGLASS_CACHE", NONE),
        "The folder of cached results, or `off`; without it, beside the store",
    ),
    of(
        "run.max_workers",
        Kind::Count(1),
        "",
        ("FLOWGLASS_RUN_MAX_WORKERS", NONE),
        "How many commands of one map may run at once; without it, one a processor",
    ),
    of(
        "run.progress",
        Kind::Choice(&["auto", "bars", "lines", "off"]),
        "auto",
        ("FLOWGLASS_RUN_PROGRESS", NONE),
        "How progress is shown",
    ),
    of("run.listen", Kind::Flag, "true", ("FLOWGLASS_RUN_LISTEN", NONE), "Whether what commands record themselves is received"),
    of("serve.http", Kind::Text, "4318", ("FLOWGLASS_SERVE_HTTP", NONE), "Where `flowglass serve` receives OTLP over HTTP"),
    of("serve.grpc", Kind::Text, "4317", ("FLOWGLASS_SERVE_GRPC", NONE), "Where `flowglass serve` receives OTLP over gRPC"),
    of("serve.token", Kind::Secret, "", ("FLOWGLASS_TOKEN", NONE), "What senders must show"),
];

/// Variables that are no keys and mean something to Flowglass: the file to read, and what a worker, or a run's command, finds.
pub(super) const OTHER_VARIABLES: [&str; 3] = ["FLOWGLASS_CONFIG", "FLOWGLASS_RUN_STORE", "FLOWGLASS_WORKER"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::Value;

    /// Variables whose names are shorter than their keys', because people write them by hand.
    const SHORT: [&str; 4] = ["FLOWGLASS_STORE", "FLOWGLASS_EXPORT", "FLOWGLASS_CACHE", "FLOWGLASS_TOKEN"];

    #[test]
    fn each_key_has_a_variable_named_after_it() {
        for key in KEYS {
            let named = format!("FLOWGLASS_{}", key.name.replace('.', "_").to_uppercase());
            assert!(key.variable == named || SHORT.contains(&key.variable), "{}", key.name);
        }
        let mut variables: Vec<&str> = KEYS.iter().map(|key| key.variable).collect();
        variables.sort_unstable();
        assert!(variables.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn each_default_is_a_value_of_its_kind() {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            assert!(Value::from_text(key.kind, key.default).is_ok(), "{}", key.name);
        }
    }
}
