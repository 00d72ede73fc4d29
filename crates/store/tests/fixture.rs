//! A store file of each released format is kept and opens for ever: today's is written by this test's own code, and its answers are
//! those of a store that is written now.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Batch, BatchBuilder, Exemplar, ExponentialHistogram, LogRecord, Metric, MetricKind, MetricPoint,
    MetricValue, Number, Resource, Sink, Span, SpanEvent, SpanId, SpanLink, SpanType, Status, Temporality, TraceId, WriterId,
    conventions, flags,
};
use flowglass_store::{RetentionPolicy, RunFilter, SinkOptions, SpanFilter, SqliteStore};

/// The format that is written now.
const FORMAT: &str = "format-6.db";
/// The first format whose file has metrics.
const WITH_METRICS: u32 = 6;
const START_UNIX_NS: i64 = 1_790_000_000_000_000_000;

fn trace(number: u8) -> TraceId {
    TraceId::from_bytes([number; 16])
}

fn span(number: u8, id: u64, parent: u64) -> Span {
    let is_root = parent == 0;
    Span {
        trace_id: trace(number),
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(parent),
        name: if is_root { "pipeline report".into() } else { format!("node step_{id}") },
        span_type: if is_root { SpanType::Pipeline } else { SpanType::Node },
        status: if id == 7 { Status::Error } else { Status::Ok },
        status_message: if id == 7 { "no such column".into() } else { String::new() },
        start_unix_ns: START_UNIX_NS + i64::from(number) * 60_000_000_000 + i64::try_from(id).unwrap() * 1_000_003,
        duration_ns: 1_000_000 + id * id * 7_919,
        flags: flags::SAMPLED,
        attributes: vec![
            (conventions::NODE_ID.into(), format!("step_{id}").into()),
            (conventions::PIPELINE_NAME.into(), "report".into()),
            ("int".into(), i64::from(number).into()),
            ("noise".into(), AttributeValue::Int(i64::try_from(id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).unwrap())),
            ("float".into(), (f64::from(number) / 8.0).into()),
            ("flag".into(), id.is_multiple_of(2).into()),
            ("bytes".into(), AttributeValue::Bytes(vec![number, 0, 255])),
            ("list".into(), AttributeValue::List(vec![1i64.into(), "two".into(), AttributeValue::Null])),
            ("text".into(), "ü 漢".into()),
        ],
        ..Span::default()
    }
}

/// The spans of one run, with an event and a link.
fn run(number: u8) -> Vec<Span> {
    let mut spans: Vec<Span> = (2..=40).map(|id| span(number, id, 1)).collect();
    spans[5].events.push(SpanEvent {
        name: "exception".into(),
        unix_ns: START_UNIX_NS + 5,
        attributes: vec![(conventions::EXCEPTION_MESSAGE.into(), "no such column".into())],
        ..SpanEvent::default()
    });
    spans[6].links.push(SpanLink { trace_id: trace(200), span_id: SpanId::from_u64(9), ..SpanLink::default() });
    spans.push(span(number, 1, 0));
    spans
}

fn batch(sequence: u64, spans: &[Span]) -> Arc<Batch> {
    let resource = Resource { attributes: vec![("service.name".into(), "fixture".into())], ..Resource::default() };
    let mut builder = BatchBuilder::new(WriterId::from_bytes([7; 16]), sequence, Arc::new(resource));
    spans.iter().for_each(|span| builder.push(span));
    builder.push_owned_log(&LogRecord {
        unix_ns: START_UNIX_NS + 1,
        body: "said".into(),
        trace_id: spans[0].trace_id,
        ..LogRecord::default()
    });
    let counter = Metric::new("node.executions", MetricKind::Counter, Temporality::Delta);
    let row = builder.push_owned_metric(&Metric { unit: "{execution}".into(), ..counter });
    builder.push_owned_point(row, &point(sequence, MetricValue::Number(Number::Int(40)), spans));
    let row = builder.push_owned_metric(&Metric::new("node.duration", MetricKind::Exponential, Temporality::Delta));
    let mut durations = ExponentialHistogram::default();
    spans.iter().for_each(|span| durations.record(span.duration_ns as f64 / 1e9));
    builder.push_owned_point(row, &point(sequence, MetricValue::Exponential(durations), spans));
    Arc::new(builder.finish())
}

fn point(sequence: u64, value: MetricValue, spans: &[Span]) -> MetricPoint {
    let exemplar = Exemplar {
        unix_ns: START_UNIX_NS + 2,
        value: Some(Number::Float(0.5)),
        trace_id: spans[0].trace_id,
        span_id: spans[0].span_id,
        attributes: Vec::new(),
    };
    let attributes = vec![(conventions::NODE_ID.into(), "step_2".into())];
    let unix_ns = START_UNIX_NS + i64::try_from(sequence).unwrap() * 1_000_000_000;
    MetricPoint { start_unix_ns: START_UNIX_NS, unix_ns, value, attributes, exemplars: vec![exemplar] }
}

/// Writes what every fixture holds: merged segments, then some that are not.
fn write(path: &Path) -> SqliteStore {
    let store = SqliteStore::create_or_open(path).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    for number in 1..=12u8 {
        sink.write(&batch(number.into(), &run(number))).unwrap();
        if number == 9 {
            store.compact().unwrap();
        }
    }
    drop(sink);
    store
}

/// Everything that a store says of what is in it; of metrics only where the file, which had this format first, has some.
fn answers(store: &SqliteStore, format: u32) -> Vec<String> {
    let runs = store.runs(&RunFilter::default()).unwrap();
    let failed = SpanFilter { status: Some(Status::Error), ..SpanFilter::default() };
    let numbered = SpanFilter { attributes: vec![("int".into(), 7i64.into())], ..SpanFilter::default() };
    let mut answers: Vec<String> = runs.iter().map(|run| format!("{run:?} {:?}", store.trace(run).unwrap())).collect();
    answers.push(format!("{:?}", store.spans(&failed).unwrap()));
    answers.push(format!("{:?}", store.count_spans(&numbered).unwrap()));
    answers.push(format!("{:?}", store.logs(None).unwrap()));
    answers.push(format!("{:?}", store.statistics(None, None).unwrap()));
    answers.push(format!("{:?}", store.exact_quantiles(0.95).unwrap()));
    if format >= WITH_METRICS {
        answers.push(format!("{:?}", store.metrics(None).unwrap()));
    }
    answers
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Makes the file of today's format, after the version in `schema.rs` was raised: name it in `FORMAT`, then run
/// `FLOWGLASS_KEEP_FORMAT=1 cargo test -p flowglass-store --test fixture`, and commit the file. It never changes again.
#[test]
#[expect(clippy::disallowed_methods, reason = "the file is made on demand only")]
fn keep_todays_format() {
    let kept = fixtures().join(FORMAT);
    if std::env::var_os("FLOWGLASS_KEEP_FORMAT").is_none() || kept.exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FORMAT);
    drop(write(&path));
    std::fs::copy(path, kept).unwrap();
}

#[test]
fn files_of_every_format_open_and_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let newly = write(&folder.path().join("now.db"));
    let newest = newly.info().unwrap().format_version;
    let now = |format| answers(&newly, format);
    assert_eq!((now(newest).len(), now(WITH_METRICS - 1).len()), (18, 17));
    let kept: Vec<PathBuf> = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(
        kept.iter().any(|path| path.ends_with(FORMAT)),
        "run `keep_todays_format` for {}",
        fixtures().join(FORMAT).display()
    );
    for path in kept {
        let copy = folder.path().join(path.file_name().unwrap());
        std::fs::copy(&path, &copy).unwrap();
        let store = SqliteStore::open(&copy).unwrap();
        let format = store.info().unwrap().format_version;
        let (now, answers) = (now(format), |store| answers(store, format));
        assert_eq!(answers(&store), now, "{}", path.display());
        assert_eq!(store.check().unwrap().problems, []);
        let migrated = folder.path().join("migrated.db");
        std::fs::copy(&path, &migrated).unwrap();
        let migrated = SqliteStore::open(&migrated).unwrap();
        assert_eq!(migrated.migrate().unwrap().to, newest);
        assert_eq!(
            (answers(&migrated), migrated.check().unwrap().problems),
            (now.clone(), vec![]),
            "{} migrated",
            path.display()
        );
        // What is merged, or loses something, is written anew.
        let merged = folder.path().join("merged.db");
        std::fs::copy(&path, &merged).unwrap();
        let merged = SqliteStore::open(&merged).unwrap();
        merged.compact().unwrap();
        assert_eq!(answers(&merged), now, "{} merged", path.display());
        merged.retain(&RetentionPolicy { keep_last: Some(10), ..RetentionPolicy::default() }).unwrap();
        assert_eq!(answers(&merged)[..10], now[..10], "{} without its first runs", path.display());
        assert_eq!((merged.info().unwrap().runs, merged.check().unwrap().problems), (10, vec![]));
        std::fs::remove_file(merged.path()).unwrap();
        // It can be written to as well, and has the newest format from then on.
        store.sink(SinkOptions::default()).unwrap().write(&batch(99, &run(99))).unwrap();
        assert_eq!(store.info().unwrap().runs, 13);
        assert_eq!(store.migrate().unwrap().from, newest);
        assert_eq!(store.check().unwrap().problems, []);
    }
}
