//! The messages of OTLP: each field's number in protobuf, its name in JSON, and what it holds.
//!
//! From the definitions of [OTLP](https://github.com/open-telemetry/opentelemetry-proto), version 1.9. Names are those of
//! protobuf in lower camel case; OTLP allows no others.

/// A message.
pub(crate) struct Message {
    pub(crate) fields: &'static [Field],
    /// What one is called where it may be rejected alone: a span, a metric, a log record.
    pub(crate) item: Option<&'static str>,
}

/// A field of a message.
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Whether it holds any number of values.
    pub(crate) list: bool,
    /// Whether it is written into JSON even if it is empty: some readers insist on it.
    pub(crate) always: bool,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    /// Bytes that are hexadecimal in JSON: an id.
    Id,
    Bytes,
    Bool,
    /// A number that is one in JSON too: 32 bits, or of an enumeration.
    Int32,
    Uint32,
    Sint32,
    Fixed32,
    /// Numbers of 64 bits, which are text in JSON.
    Int64,
    Uint64,
    Fixed64,
    Sfixed64,
    Double,
    Message(&'static Message),
}

impl Message {
    /// Returns the field with this number.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }

    /// Returns the field with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, list: false, always: false }
}

const fn list(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, list: true, always: false }
}

const fn always(field: Field) -> Field {
    Field { always: true, ..field }
}

const fn message(fields: &'static [Field]) -> Message {
    Message { fields, item: None }
}

const fn item(name: &'static str, fields: &'static [Field]) -> Message {
    Message { fields, item: Some(name) }
}

/// `ExportTraceServiceRequest`, and `TracesData`.
pub(crate) static REQUEST_TRACES: Message = message(&[list(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);
/// `ExportMetricsServiceRequest`, and `MetricsData`.
pub(crate) static REQUEST_METRICS: Message = message(&[list(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))]);
/// `ExportLogsServiceRequest`, and `LogsData`.
pub(crate) static REQUEST_LOGS: Message = message(&[list(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))]);

/// `ExportTraceServiceResponse`.
pub(crate) static RESPONSE_TRACES: Message = message(&[one(1, "partialSuccess", Kind::Message(&PARTIAL_TRACES))]);
/// `ExportMetricsServiceResponse`.
pub(crate) static RESPONSE_METRICS: Message = message(&[one(1, "partialSuccess", Kind::Message(&PARTIAL_METRICS))]);
/// `ExportLogsServiceResponse`.
pub(crate) static RESPONSE_LOGS: Message = message(&[one(1, "partialSuccess", Kind::Message(&PARTIAL_LOGS))]);
static PARTIAL_TRACES: Message = message(&[one(1, "rejectedSpans", Kind::Int64), one(2, "errorMessage", Kind::Text)]);
static PARTIAL_METRICS: Message = message(&[one(1, "rejectedDataPoints", Kind::Int64), one(2, "errorMessage", Kind::Text)]);
static PARTIAL_LOGS: Message = message(&[one(1, "rejectedLogRecords", Kind::Int64), one(2, "errorMessage", Kind::Text)]);

static ANY_VALUE: Message = message(&[
    one(1, "stringValue", Kind::Text),
    one(2, "boolValue", Kind::Bool),
    one(3, "intValue", Kind::Int64),
    one(4, "doubleValue", Kind::Double),
    one(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
    one(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
    one(7, "bytesValue", Kind::Bytes),
]);
static ARRAY_VALUE: Message = message(&[always(list(1, "values", Kind::Message(&ANY_VALUE)))]);
static KEY_VALUE_LIST: Message = message(&[always(list(1, "values", Kind::Message(&KEY_VALUE)))]);
static KEY_VALUE: Message = message(&[always(one(1, "key", Kind::Text)), one(2, "value", Kind::Message(&ANY_VALUE))]);

static RESOURCE: Message =
    message(&[list(1, "attributes", Kind::Message(&KEY_VALUE)), one(2, "droppedAttributesCount", Kind::Uint32)]);
static SCOPE: Message = message(&[
    one(1, "name", Kind::Text),
    one(2, "version", Kind::Text),
    list(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Kind::Uint32),
]);

static RESOURCE_SPANS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    list(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(3, "schemaUrl", Kind::Text),
]);
static SCOPE_SPANS: Message =
    message(&[one(1, "scope", Kind::Message(&SCOPE)), list(2, "spans", Kind::Message(&SPAN)), one(3, "schemaUrl", Kind::Text)]);
static SPAN: Message = item(
    "span",
    &[
        one(1, "traceId", Kind::Id),
        one(2, "spanId", Kind::Id),
        one(3, "traceState", Kind::Text),
        one(4, "parentSpanId", Kind::Id),
        one(5, "name", Kind::Text),
        one(6, "kind", Kind::Int32),
        one(7, "startTimeUnixNano", Kind::Fixed64),
        one(8, "endTimeUnixNano", Kind::Fixed64),
        list(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "droppedAttributesCount", Kind::Uint32),
        list(11, "events", Kind::Message(&EVENT)),
        one(12, "droppedEventsCount", Kind::Uint32),
        list(13, "links", Kind::Message(&LINK)),
        one(14, "droppedLinksCount", Kind::Uint32),
        one(15, "status", Kind::Message(&STATUS)),
        one(16, "flags", Kind::Fixed32),
    ],
);
static EVENT: Message = message(&[
    one(1, "timeUnixNano", Kind::Fixed64),
    one(2, "name", Kind::Text),
    list(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Kind::Uint32),
]);
static LINK: Message = message(&[
    one(1, "traceId", Kind::Id),
    one(2, "spanId", Kind::Id),
    one(3, "traceState", Kind::Text),
    list(4, "attributes", Kind::Message(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Kind::Uint32),
    one(6, "flags", Kind::Fixed32),
]);
static STATUS: Message = message(&[one(2, "message", Kind::Text), one(3, "code", Kind::Int32)]);

static RESOURCE_METRICS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    list(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
    one(3, "schemaUrl", Kind::Text),
]);
static SCOPE_METRICS: Message = message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    list(2, "metrics", Kind::Message(&METRIC)),
    one(3, "schemaUrl", Kind::Text),
]);
static METRIC: Message = item(
    "metric",
    &[
        one(1, "name", Kind::Text),
        one(2, "description", Kind::Text),
        one(3, "unit", Kind::Text),
        one(5, "gauge", Kind::Message(&GAUGE)),
        one(7, "sum", Kind::Message(&SUM)),
        one(9, "histogram", Kind::Message(&HISTOGRAM)),
        one(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        one(11, "summary", Kind::Message(&SUMMARY)),
        list(12, "metadata", Kind::Message(&KEY_VALUE)),
    ],
);
static GAUGE: Message = message(&[list(1, "dataPoints", Kind::Message(&NUMBER_POINT))]);
static SUM: Message = message(&[
    list(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
    one(2, "aggregationTemporality", Kind::Int32),
    one(3, "isMonotonic", Kind::Bool),
]);
static HISTOGRAM: Message =
    message(&[list(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)), one(2, "aggregationTemporality", Kind::Int32)]);
static EXPONENTIAL_HISTOGRAM: Message =
    message(&[list(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT)), one(2, "aggregationTemporality", Kind::Int32)]);
static SUMMARY: Message = message(&[list(1, "dataPoints", Kind::Message(&SUMMARY_POINT))]);
static NUMBER_POINT: Message = message(&[
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "asDouble", Kind::Double),
    list(5, "exemplars", Kind::Message(&EXEMPLAR)),
    one(6, "asInt", Kind::Sfixed64),
    list(7, "attributes", Kind::Message(&KEY_VALUE)),
    one(8, "flags", Kind::Uint32),
]);
static HISTOGRAM_POINT: Message = message(&[
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "count", Kind::Fixed64),
    one(5, "sum", Kind::Double),
    list(6, "bucketCounts", Kind::Fixed64),
    list(7, "explicitBounds", Kind::Double),
    list(8, "exemplars", Kind::Message(&EXEMPLAR)),
    list(9, "attributes", Kind::Message(&KEY_VALUE)),
    one(10, "flags", Kind::Uint32),
    one(11, "min", Kind::Double),
    one(12, "max", Kind::Double),
]);
static EXPONENTIAL_POINT: Message = message(&[
    list(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "count", Kind::Fixed64),
    one(5, "sum", Kind::Double),
    one(6, "scale", Kind::Sint32),
    one(7, "zeroCount", Kind::Fixed64),
    one(8, "positive", Kind::Message(&BUCKETS)),
    one(9, "negative", Kind::Message(&BUCKETS)),
    one(10, "flags", Kind::Uint32),
    list(11, "exemplars", Kind::Message(&EXEMPLAR)),
    one(12, "min", Kind::Double),
    one(13, "max", Kind::Double),
    one(14, "zeroThreshold", Kind::Double),
]);
static BUCKETS: Message = message(&[one(1, "offset", Kind::Sint32), list(2, "bucketCounts", Kind::Uint64)]);
static SUMMARY_POINT: Message = message(&[
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "count", Kind::Fixed64),
    one(5, "sum", Kind::Double),
    list(6, "quantileValues", Kind::Message(&QUANTILE)),
    list(7, "attributes", Kind::Message(&KEY_VALUE)),
    one(8, "flags", Kind::Uint32),
]);
static QUANTILE: Message = message(&[one(1, "quantile", Kind::Double), one(2, "value", Kind::Double)]);
static EXEMPLAR: Message = message(&[
    one(2, "timeUnixNano", Kind::Fixed64),
    one(3, "asDouble", Kind::Double),
    one(4, "spanId", Kind::Id),
    one(5, "traceId", Kind::Id),
    one(6, "asInt", Kind::Sfixed64),
    list(7, "filteredAttributes", Kind::Message(&KEY_VALUE)),
]);

static RESOURCE_LOGS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    list(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
    one(3, "schemaUrl", Kind::Text),
]);
static SCOPE_LOGS: Message = message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    list(2, "logRecords", Kind::Message(&LOG_RECORD)),
    one(3, "schemaUrl", Kind::Text),
]);
static LOG_RECORD: Message = item(
    "log record",
    &[
        one(1, "timeUnixNano", Kind::Fixed64),
        one(2, "severityNumber", Kind::Int32),
        one(3, "severityText", Kind::Text),
        one(5, "body", Kind::Message(&ANY_VALUE)),
        list(6, "attributes", Kind::Message(&KEY_VALUE)),
        one(7, "droppedAttributesCount", Kind::Uint32),
        one(8, "flags", Kind::Fixed32),
        one(9, "traceId", Kind::Id),
        one(10, "spanId", Kind::Id),
        one(11, "observedTimeUnixNano", Kind::Fixed64),
        one(12, "eventName", Kind::Text),
    ],
);
