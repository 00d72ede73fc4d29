//! The answers about many runs are the same whatever the store: one fleet in memory, in a file and on a server, and each answer of all.

#![cfg(unix)]

mod fleet;
#[expect(dead_code, reason = "the store's own tests use more of it")]
#[path = "../../../store/tests/postgres/server.rs"]
mod server;
mod watched;

use std::sync::Arc;

use flowglass::insight::answers::{
    Budget, Comparison, Correlation, Costs, Health, Measured, beside, bottlenecks, by_node, critical_places, incomplete, series,
};
use flowglass::insight::{CriticalPath, Tree};
use flowglass::model::{MetricValue, Number, Span, SpanType, Status, TraceId};
use flowglass::store::query::{Query, Select};
use flowglass::store::{
    MemoryStore, RollupFilter, Rows, Selection, SinkOptions, SqlAnswer, SqlQuestion, SqlValue, SqliteStore, Store,
    create_or_open,
};
use serde_json::{Value, json};
use server::Server;

use fleet::{START_UNIX_NS, trace};

const NS_PER_MINUTE: i64 = 60_000_000_000;

/// All that matches, page by page.
fn all(store: &dyn Store, query: Query) -> Vec<Rows> {
    let mut query = query.limit(7);
    let mut pages = Vec::new();
    loop {
        let page = store.query(&query).unwrap();
        pages.push(page.rows);
        query.after = page.next;
        if query.after.is_none() {
            return pages;
        }
    }
}

fn spans(store: &dyn Store, query: Query) -> Vec<Span> {
    let spans = |rows| if let Rows::Spans(found) = rows { found } else { Vec::new() };
    all(store, query).into_iter().flat_map(spans).map(|found| found.span).collect()
}

fn roots(store: &dyn Store, pipeline: &str) -> Vec<Span> {
    let roots = spans(store, Query::spans().span_type(SpanType::Pipeline).is("pipeline", pipeline));
    roots.into_iter().filter(Span::is_run_root).collect()
}

fn spans_of(store: &dyn Store, runs: &str) -> Vec<Span> {
    let runs_in = |rows| if let Rows::Runs(found) = rows { found } else { Vec::new() };
    let runs = all(store, Query::parse(Select::Runs, runs).unwrap()).into_iter().flat_map(runs_in);
    runs.flat_map(|run| store.trace(run.id).unwrap()).collect()
}

fn each_five_minutes(store: &dyn Store) -> Vec<flowglass::insight::answers::Bucket> {
    let filter = RollupFilter { pipeline: Some("report".into()), period_minutes: Some(5), ..RollupFilter::default() };
    let mut rollups = store.rollups(&filter).unwrap();
    rollups.retain(|rollup| rollup.node.is_empty() && rollup.name.starts_with("pipeline "));
    series(&rollups, 5 * NS_PER_MINUTE)
}

/// Everything of one trace, in one place.
fn join(store: &dyn Store) -> Value {
    let count = |query: Query| store.count(&query.trace(trace(3))).unwrap();
    let spans = store.trace(store.find_run(&trace(3).to_string()).unwrap().id).unwrap();
    let tree = Tree::of(&spans);
    json!({
        "spans": spans.iter().map(|span| (&span.name, span.events.len(), &span.attributes)).collect::<Vec<_>>(),
        "events": count(Query::events()),
        "logs": count(Query::logs()),
        "roots": tree.roots().count(),
        "critical": CriticalPath::of(&tree).steps(&tree, 10),
    })
}

fn percentiles(store: &dyn Store) -> Value {
    json!(by_node(&store.rollups(&RollupFilter::default()).unwrap(), &[]))
}

fn health(store: &dyn Store) -> Value {
    json!(Health::of(&roots(store, "report")))
}

fn correlation(store: &dyn Store) -> Value {
    json!(Correlation::of(&roots(store, "report")))
}

fn metric_beside(store: &dyn Store) -> Value {
    let points = |rows| if let Rows::Metrics(found) = rows { found } else { Vec::new() };
    let found = all(store, Query::metrics().name("process.cpu.utilization")).into_iter().flat_map(points);
    let measured: Vec<Measured> = found
        .filter_map(|found| match found.point.value {
            MetricValue::Number(Number::Float(value)) => Some(Measured { unix_ns: found.point.unix_ns, value }),
            _ => None,
        })
        .collect();
    json!(beside(&each_five_minutes(store), 5 * NS_PER_MINUTE, &measured))
}

fn slow(store: &dyn Store) -> Value {
    json!(bottlenecks(&spans(store, Query::parse(Select::Spans, "duration>400ms").unwrap()), 400_000_000))
}

fn critical(store: &dyn Store) -> Value {
    json!(critical_places(&spans_of(store, "name:report")))
}

fn versions(store: &dyn Store) -> Value {
    json!(Comparison::of(&spans_of(store, "version=1.3"), &spans_of(store, "version=1.4")))
}

fn two_runs(store: &dyn Store) -> Value {
    let spans = |number| store.trace(store.find_run(&trace(number).to_string()).unwrap().id).unwrap();
    json!(Comparison::of(&spans(2), &spans(4)))
}

fn costs(store: &dyn Store) -> Value {
    let costs = Costs::of(&spans(store, Query::spans().has("model")));
    let budgets: Vec<Budget> = [20.0, 14.0, 10.0].map(|budget| costs.beside(budget)).into();
    json!({ "costs": costs, "budgets": budgets })
}

fn missing(store: &dyn Store) -> Value {
    let events = |rows| if let Rows::Events(found) = rows { found } else { Vec::new() };
    let found: Vec<_> = all(store, Query::events().name("approved")).into_iter().flat_map(events).collect();
    let free = found.iter().filter(|found| found.span_id.is_none()).map(|of| (of.trace_id, of.event.name.as_str()));
    let stages = ["fetch", "validated", "approved", "publish"].map(str::to_owned);
    json!(incomplete(&spans_of(store, "name:report"), free, &stages))
}

/// What was recorded in the second hour, as an export has it.
fn window(store: &dyn Store) -> Value {
    if !store.capabilities().export {
        return Value::Null;
    }
    let selection = Selection { start_unix_ns: Some(START_UNIX_NS + 60 * NS_PER_MINUTE), ..Selection::default() };
    let batches: Vec<_> = store.export(&selection).unwrap().map(Result::unwrap).collect();
    let mut spans: Vec<(TraceId, i64, String)> = Vec::new();
    let (mut events, mut points, mut logs) = (0, 0, 0);
    for batch in &batches {
        spans.extend(batch.spans().map(|span| (span.row().trace_id, span.row().start_unix_ns, span.to_span().name)));
        events += batch.events().count();
        points += batch.points().len();
        logs += batch.logs().len();
    }
    spans.sort();
    json!({ "spans": spans, "counts": [spans.len(), events, points, logs] })
}

/// What a dashboard asks in SQL: how many runs a minute, how long on average, how many fail.
fn in_sql(store: &dyn Store) -> Value {
    if !store.capabilities().sql {
        return Value::Null;
    }
    let mut answer = SqlAnswer::default();
    let statement = "SELECT start_unix_ns / 60000000000 AS minute, count(*) AS found, avg(duration_ms) AS mean, \
                     avg(CASE status WHEN 'error' THEN 1.0 ELSE 0.0 END) AS failed \
                     FROM runs WHERE name = 'report' GROUP BY 1 ORDER BY 1";
    store.answer_sql(&SqlQuestion::new(statement), &mut answer).unwrap();
    assert_eq!(answer.rows.len(), usize::from(fleet::REPORTS));
    let number = |value: &SqlValue| match value {
        SqlValue::Int(number) => json!(number),
        SqlValue::Real(number) => json!(number),
        other => panic!("{other:?} is no number"),
    };
    json!(answer.rows.iter().map(|row| row.iter().map(number).collect()).collect::<Vec<Vec<Value>>>())
}

type Answer = fn(&dyn Store) -> Value;

/// Says whether two answers are one: roll-ups keep durations within one in a hundred.
fn is_same(key: &str, one: &Value, other: &Value) -> bool {
    let is_of_rollup = ["min_ns", "p50_ns", "p90_ns", "p95_ns", "p99_ns"].contains(&key);
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(key, one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| is_same(key, one, other)))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= other.abs() * if is_of_rollup { 0.01 } else { 1e-12 }
        }
        (one, other) => one == other,
    }
}

/// What is known of an answer: places in it, and what stands there.
type Known = Vec<(&'static str, Value)>;

/// Every answer, with what is known of it.
fn answers() -> Vec<(&'static str, Answer, Known)> {
    let missed = json!(["approved"]);
    vec![
        (
            "join",
            join,
            vec![("/events", json!(1)), ("/logs", json!(1)), ("/roots", json!(1)), ("/spans/0/0", json!("pipeline report"))],
        ),
        ("percentiles", percentiles, vec![("/0/count", json!(24)), ("/5/hit_rate", json!(1.0 / 3.0))]),
        ("series", |store| json!(each_five_minutes(store)), vec![("/4/error_rate", json!(1.0)), ("/23/count", json!(1))]),
        (
            "health",
            health,
            vec![
                ("/failure_rate", json!(4.0 / 24.0)),
                ("/error_types/0/error_type", json!("Timeout")),
                ("/error_types/1/error_type", json!("IoError")),
            ],
        ),
        ("correlation", correlation, vec![("/suspects/0/key", json!("input.region")), ("/suspects/0/ok", json!(1))]),
        ("a metric beside", metric_beside, vec![("/with_error_rate", json!(1.0))]),
        ("bottlenecks", slow, vec![("/0/name", json!("node encode"))]),
        ("critical path", critical, vec![("/0/path", json!("report > encode > llm large"))]),
        ("versions", versions, vec![("/runs_before", json!(12)), ("/runs_after", json!(12))]),
        ("two runs", two_runs, vec![("/whole/failed_after", json!(1))]),
        ("costs", costs, vec![("/costs/cost", json!(12.0)), ("/budgets", json!(["within", "near", "exceeded"]))]),
        ("missing", missing, vec![("/0/missing", missed)]),
        ("a window", window, Vec::new()),
        ("SQL", in_sql, Vec::new()),
        (
            "a dashboard",
            watched::dashboard,
            vec![
                ("/total", json!(13)),
                ("/completed", json!(11)),
                ("/failed", json!(2)),
                ("/success_rate", json!(11.0 / 13.0)),
                ("/hourly_cost", json!(6.0)),
                ("/daily_cost", json!(144.0)),
            ],
        ),
        (
            "alerts",
            watched::alerts,
            vec![
                ("/0", json!({ "alert_type": "failure_rate", "value": 2.0 / 13.0 })),
                ("/1", json!({ "alert_type": "hourly_cost", "value": 6.0 })),
                ("/2", Value::Null),
            ],
        ),
    ]
}

/// An empty store of each kind, memory first.
struct Stores {
    all: Vec<Arc<dyn Store>>,
    /// Where two of them are.
    _folder: tempfile::TempDir,
    _server: Option<Server>,
}

impl Stores {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let file: Arc<dyn Store> = Arc::new(SqliteStore::create_or_open(&folder.path().join("runs.db")).unwrap());
        let server = Server::start();
        let team = server.as_ref().map(|server| create_or_open(&server.address("team")).unwrap());
        Self { all: [Some(memory), Some(file), team].into_iter().flatten().collect(), _folder: folder, _server: server }
    }
}

fn fill(store: &dyn Store) {
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    fleet::batches().iter().for_each(|batch| sink.write(batch).unwrap());
}

/// Asks everything of a store that has the fleet.
fn ask(store: &dyn Store) -> Vec<(&'static str, Value)> {
    answers().into_iter().map(|(name, answer, _)| (name, answer(store))).collect()
}

#[test]
fn what_is_known_of_the_fleet_is_answered() {
    let store = MemoryStore::new();
    fill(&store);
    for (name, answer, known) in answers() {
        let found = answer(&store);
        for (place, wanted) in known {
            assert!(is_same("", found.pointer(place).unwrap_or(&Value::Null), &wanted), "{name} {place}: {found:#}");
        }
    }
    let failed = roots(&store, "report").iter().filter(|root| root.status == Status::Error).count();
    assert_eq!(failed, (0..fleet::REPORTS).filter(|number| fleet::fails(*number)).count());
    assert_eq!(roots(&store, "ingest").len(), usize::from(fleet::INGESTS));
}

#[test]
fn a_file_and_a_server_answer_as_memory_does() {
    let stores = Stores::make();
    let [memory, others @ ..] = stores.all.as_slice() else { return };
    fill(&**memory);
    let mut wanted = ask(&**memory);
    for store in others {
        fill(&**store);
        for ((name, found), (_, wanted)) in ask(&**store).into_iter().zip(&mut wanted) {
            // Memory knows no SQL: what the first one says the next must say, too.
            if wanted.is_null() {
                *wanted = found.clone();
            }
            assert!(
                !found.is_null() && is_same("", &found, wanted),
                "{name} of {}: {found:#}, and not {wanted:#}",
                store.location()
            );
        }
    }
}
