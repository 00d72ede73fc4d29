//! SQL of people: through the store, and in PostgreSQL's own shell.

use std::time::Duration;

use flowglass_model::{Sink, Span, SpanId, SpanType, Status, TraceId};
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Query, Select};
use flowglass_store::{
    SinkOptions, SqlAnswer, SqlLimits, SqlQuestion, SqlValue, SqliteStore, Store, StoreError, StoreErrorKind, sql_tables,
};

use super::server::Server;
use super::{batch, open};

fn ask(store: &dyn Store, question: &SqlQuestion) -> Result<SqlAnswer, StoreError> {
    let mut answer = SqlAnswer::default();
    store.answer_sql(question, &mut answer).map(|()| answer)
}

#[test]
fn tables_are_those_of_every_store() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let mut recording = Recording::new(4);
    (0..10).for_each(|_| sink.write(&recording.batch(20)).unwrap());
    for (table, select) in [
        ("runs", Select::Runs),
        ("spans", Select::Spans),
        ("events", Select::Events),
        ("logs", Select::Logs),
        ("metrics", Select::Metrics),
    ] {
        let found = server.psql("s", &format!("SELECT count(*) FROM {table}"));
        assert_eq!(found.trim(), store.count(&Query::new(select)).unwrap().to_string(), "{table}");
    }
    let failed =
        SqlQuestion::new("SELECT count(*), min(attributes ->> 'node.id') FROM spans WHERE status = $1").with(["error".into()]);
    let answer = ask(&store, &failed).unwrap();
    let wanted = store.count(&Query::spans().status(Status::Error)).unwrap();
    assert_eq!(answer.rows[0][0], SqlValue::Int(i64::try_from(wanted).unwrap()));
    let rolled = ask(&store, &SqlQuestion::new("SELECT sum(count) AS n FROM rollups WHERE period_s = 86400")).unwrap();
    let ended = ask(&store, &SqlQuestion::new("SELECT count(*) AS n FROM spans WHERE status <> 'running'")).unwrap();
    let SqlValue::Int(rolled) = rolled.rows[0][0] else { panic!("{rolled:?}") };
    let SqlValue::Int(ended) = ended.rows[0][0] else { panic!("{ended:?}") };
    // What was interrupted and ended after all was counted both times.
    assert!(rolled >= ended && ended > 0);
    let shown = ask(&store, &SqlQuestion::new("SELECT attributes, start, duration_ms FROM spans LIMIT 1")).unwrap();
    assert!(shown.columns[0].is_json && !shown.columns[1].is_json);
    let keys = server.psql("s", "SELECT count(DISTINCT key) > 3 FROM attributes WHERE source = 'span'");
    assert_eq!(keys.trim(), "t");
}

/// What every store has in its tables, but for well-known attributes, which `*` leaves out.
#[test]
fn tables_have_the_columns_of_every_store_and_are_filled_alike() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (open(&server, "s"), SqliteStore::create_or_open(&folder.path().join("runs.db")).unwrap());
    let mut recording = Recording::new(5);
    let mut sinks = [store.sink(SinkOptions::default()).unwrap(), Store::sink(&file, SinkOptions::default()).unwrap()];
    for batch in (0..8).map(|_| recording.batch(25)) {
        sinks.iter_mut().for_each(|sink| sink.write(&batch).unwrap());
    }
    for table in sql_tables() {
        let columns: Vec<&str> =
            table.columns.iter().filter(|column| !column.is_attribute).map(|column| column.name.as_str()).collect();
        let listed = format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 's' AND table_name = '{}'",
            table.name
        );
        let mut there: Vec<String> = server.psql("s", &listed).lines().map(str::to_owned).collect();
        let mut wanted: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        there.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(there, wanted, "{}", table.name);
        for column in columns {
            assert_eq!(filled(&store, table.name, column), filled(&file, table.name, column), "{}.{column}", table.name);
            // In random data spans come after the end of the run that they are in: a file doesn't look for them there.
            let is_of_joined = ["span_count", "error_count"].contains(&column) && table.name == "runs";
            if !is_of_joined && is_number(&store, table.name, column) {
                let pairs = numbers(&store, table.name, column).into_iter().zip(numbers(&file, table.name, column));
                for (found, wanted) in pairs {
                    // Adding up in another order changes the last digits.
                    assert!((found - wanted).abs() <= 1e-9 * wanted.abs(), "{}.{column}: {found} {wanted}", table.name);
                }
            }
        }
    }
}

fn is_number(store: &dyn Store, table: &str, column: &str) -> bool {
    let statement =
        format!("SELECT data_type FROM information_schema.columns WHERE table_name = '{table}' AND column_name = '{column}'");
    let kind = ask(store, &SqlQuestion::new(&statement)).unwrap().rows.remove(0).remove(0);
    ["bigint", "double precision"].map(|kind| SqlValue::Text(kind.to_owned())).contains(&kind)
}

/// The sum, the least and the largest value of a column.
fn numbers(store: &dyn Store, table: &str, column: &str) -> Vec<f64> {
    let minutes = if table == "rollups" { " WHERE period_s = 60" } else { "" };
    let of = |of: &str| format!("coalesce(CAST({of}(1.0 * {column}) AS double precision), 0.0)");
    let statement = format!("SELECT {}, {}, {} FROM {table}{minutes}", of("sum"), of("min"), of("max"));
    let number = |value: SqlValue| match value {
        SqlValue::Real(number) => number,
        other => panic!("{other:?}"),
    };
    ask(store, &SqlQuestion::new(&statement)).unwrap().rows.remove(0).into_iter().map(number).collect()
}

/// How many rows have something in a column.
fn filled(store: &dyn Store, table: &str, column: &str) -> Vec<SqlValue> {
    let minutes = if table == "rollups" { " WHERE period_s = 60" } else { "" };
    let statement = format!("SELECT count({column}) FROM {table}{minutes}");
    ask(store, &SqlQuestion::new(&statement)).unwrap().rows.remove(0)
}

#[test]
fn a_statement_only_reads_and_ends_in_time() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let kind = |statement: &str| ask(&store, &SqlQuestion::new(statement)).map_err(|error| error.kind());
    for writing in [
        "DELETE FROM span RETURNING 1",
        "WITH d AS (DELETE FROM span RETURNING 1) SELECT * FROM d",
        "SELECT nextval('commits')",
        "COMMIT",
        "SELECT 1; DROP TABLE span",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "CREATE TABLE mine (a int)",
        "SELECT * FROM nowhere",
        "SELEC 1",
    ] {
        assert_eq!(kind(writing), Err(StoreErrorKind::Sql), "{writing}");
    }
    let soon = SqlLimits { time: Some(Duration::from_millis(50)), ..SqlLimits::default() };
    let endless = SqlQuestion::new("SELECT count(*) FROM generate_series(1, 100000000000)").within(soon);
    assert_eq!(ask(&store, &endless).unwrap_err().kind(), StoreErrorKind::Limit);
    let large = SqlLimits { value_bytes: 10, ..SqlLimits::default() };
    let large = SqlQuestion::new("SELECT repeat('x', 11)").within(large);
    assert_eq!(ask(&store, &large).unwrap_err().kind(), StoreErrorKind::Limit);
    let error = ask(&store, &SqlQuestion::new("SELECT nmae FROM spans")).unwrap_err();
    assert!(error.to_string().contains("nmae") && error.to_string().contains("character 8"), "{error}");
}

#[test]
fn values_keep_their_types() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let question = SqlQuestion::new(
        "SELECT 1::int2, 2.5::float8, sum(3), 0.5::numeric, true, 'x', '\\x01ff'::bytea, NULL, $1, now() FROM spans RIGHT JOIN (SELECT 1) AS one ON true",
    );
    let row = ask(&store, &question.with([SqlValue::Int(9)])).unwrap().rows.remove(0);
    let text = |text: &str| SqlValue::Text(text.to_owned());
    let wanted = [
        SqlValue::Int(1),
        SqlValue::Real(2.5),
        SqlValue::Int(3),
        SqlValue::Real(0.5),
        SqlValue::Int(1),
        text("x"),
        SqlValue::Blob(vec![1, 255]),
        SqlValue::Null,
        SqlValue::Int(9),
    ];
    assert_eq!(row[..9], wanted);
    assert!(matches!(&row[9], SqlValue::Text(now) if now.starts_with("20")));
}

/// What dashboards ask: how many runs there were each minute, how long they took, how many failed.
#[test]
fn a_dashboard_asks_by_the_minute() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let run = |number: u8| Span {
        trace_id: TraceId::from_bytes([number; 16]),
        span_id: SpanId::from_u64(1),
        span_type: SpanType::Pipeline,
        status: if number.is_multiple_of(4) { Status::Error } else { Status::Ok },
        start_unix_ns: i64::from(number) * 30_000_000_000,
        duration_ns: u64::from(number) * 1_000_000,
        ..Span::default()
    };
    sink.write(&batch(1, 1, &(1..=8).map(run).collect::<Vec<_>>())).unwrap();
    let question = SqlQuestion::new(
        "SELECT extract(epoch FROM date_trunc('minute', start))::bigint AS minute, count(*), avg(duration_ms),
            avg((status = 'error')::int)::float8 FROM runs GROUP BY 1 ORDER BY 1",
    );
    let rows = ask(&store, &question).unwrap().rows;
    let row = |minute: i64, count: i64, mean: f64, failed: f64| {
        vec![SqlValue::Int(60 * minute), SqlValue::Int(count), SqlValue::Real(mean), SqlValue::Real(failed)]
    };
    let wanted = [row(0, 1, 1.0, 0.0), row(1, 2, 2.5, 0.0), row(2, 2, 4.5, 0.5), row(3, 2, 6.5, 0.0), row(4, 1, 8.0, 1.0)];
    assert_eq!(rows, wanted);
}
