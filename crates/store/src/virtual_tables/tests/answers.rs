//! Each table tells what was recorded.

use super::*;

#[test]
fn runs_are_told_as_the_list_tells_them() {
    let fixture = shop();
    let runs = fixture.ask("SELECT trace_id, name, status, start, duration_ms, span_count, error FROM runs ORDER BY start");
    assert_eq!(
        runs,
        [
            format!("{}|orders|ok|2025-11-21 14:00:00.123456|16.5|3|", trace(1)),
            format!("{}|orders|error|2025-11-21 14:01:00.123456|31.5|2|no answer", trace(2)),
        ]
    );
    assert_eq!(
        fixture.ask("SELECT runs.run_id = trace_id, count(*) FROM runs JOIN spans USING (trace_id) GROUP BY 1"),
        ["1|5"]
    );
}

#[test]
fn an_alias_is_never_what_makes_a_name_ambiguous() {
    let fixture = shop();
    let counted = "SELECT run_id = trace_id, count(*) FROM runs JOIN spans USING (trace_id) GROUP BY 1";
    assert_eq!(fixture.ask(counted), ["1|5"]);
    assert_eq!(fixture.ask("SELECT count(*) FROM runs JOIN spans USING (run_id)"), ["5"]);
    let sql = fixture.sql();
    let error = |statement| sql.prepare(statement).map(|_| ()).unwrap_err().to_string();
    let of_both = error("SELECT run_id, status FROM runs JOIN spans USING (trace_id)");
    assert!(of_both.contains("ambiguous column name: status"), "{of_both}");
    let of_neither = error("SELECT run_id FROM spans JOIN events USING (span_id)");
    assert!(of_neither.contains("ambiguous column name: run_id"), "{of_neither}");
}

#[test]
fn spans_have_columns_attributes_and_json() {
    let fixture = shop();
    let spans = "SELECT span_id, parent_id, type, status, node_id, attributes ->> 'node.id', resource ->> 'service.name'
        FROM spans WHERE name = 'node fetch' ORDER BY start";
    assert_eq!(
        fixture.ask(spans),
        [
            "000000000000000c|000000000000000b|node|ok|fetch|fetch|shop",
            "0000000000000016|0000000000000015|node|error|fetch|fetch|shop",
        ]
    );
    assert_eq!(fixture.ask("SELECT node_id FROM spans WHERE node_id = 'encode' AND cache_status = 'miss'"), ["encode"]);
    assert_eq!(fixture.ask("SELECT count(*) FROM spans"), ["5"]);
    assert_eq!(fixture.ask("SELECT name FROM spans WHERE parent_id IS NULL ORDER BY 1"), ["pipeline orders"; 2]);
}

#[test]
fn times_are_asked_for_as_sqlite_writes_them_and_as_others_do() {
    let fixture = shop();
    let after = |moment: &str| fixture.ask(&format!("SELECT count(*) FROM spans WHERE start > {moment}")).remove(0);
    assert_eq!(after("'2025-11-21 14:01'"), "2");
    assert_eq!(after("'2025-11-21T14:01:00Z'"), "2");
    assert_eq!(after("'2025-11-21T15:01:00+01:00'"), "2");
    assert_eq!(after("datetime('2025-11-21 15:01', '-1 hour')"), "2");
    assert_eq!(after("datetime('now', '-1 hour')"), "0");
    assert_eq!(after("'2025-11-21'"), "5");
    let by_ns = format!("SELECT count(*) FROM spans WHERE start_unix_ns BETWEEN {START} AND {}", START + 2 * SECOND);
    assert_eq!(fixture.ask(&by_ns), ["2"]);
    assert_eq!(fixture.ask("SELECT strftime('%H:%M', start), count(*) FROM spans GROUP BY 1"), ["14:00|3", "14:01|2"]);
}

#[test]
fn events_logs_metrics_and_attributes_are_told() {
    let fixture = shop();
    assert_eq!(
        fixture.ask("SELECT span_id, name, exception_type, time FROM events"),
        ["0000000000000016|exception|Timeout|2025-11-21 14:01:01.000000"]
    );
    assert_eq!(
        fixture.ask("SELECT severity, body, attributes FROM logs WHERE severity_number >= 13"),
        ["WARN|trying again|{\"attempt\":2}"]
    );
    assert_eq!(
        fixture.ask("SELECT name, value, unit, node_id FROM metrics WHERE name = 'node.errors'"),
        ["node.errors|1|{error}|fetch"]
    );
    let durations = "SELECT count, sum, min, max, round(p50), value FROM metrics WHERE name = 'node.duration'";
    assert_eq!(fixture.ask(durations), ["100|5050|1|100|51|"]);
    let of_keys = "SELECT source, value, count(*) FROM attributes WHERE key = 'node.id' GROUP BY 1, 2 ORDER BY 1, 2";
    assert_eq!(fixture.ask(of_keys), ["metric|fetch|2", "span|encode|1", "span|fetch|2"]);
    assert_eq!(fixture.ask("SELECT type FROM attributes WHERE source = 'log'"), ["int"]);
}

#[test]
fn rollups_count_each_span_once_unless_a_length_is_asked_for() {
    let fixture = shop();
    assert_eq!(fixture.ask("SELECT sum(count), sum(errors), count(DISTINCT start) FROM rollups"), ["5|2|2"]);
    assert_eq!(
        fixture.ask("SELECT sum(count), min(start) FROM rollups WHERE period_s = 86400"),
        ["5|2025-11-21 00:00:00.000000"]
    );
    fixture.store.compact().unwrap();
    assert_eq!(fixture.ask("SELECT sum(count), sum(errors) FROM rollups WHERE period_s = 3600"), ["5|2"]);
}

#[test]
fn spans_that_have_not_ended_are_there_and_no_span_is_there_twice() {
    let mut fixture = Fixture::new();
    fixture.spans(&[Span { status: Status::Running, ..node(1, 12, 11, "slow", 1) }]);
    assert_eq!(fixture.ask("SELECT status, name FROM spans"), ["running|node slow"]);
    drop(fixture.sink.take());
    assert_eq!(fixture.ask("SELECT status FROM spans"), ["interrupted"]);
    // The next writer notes that the span was interrupted; then its real end comes after all.
    fixture.sink = Some(fixture.store.sink(SinkOptions::default()).unwrap());
    fixture.spans(&[node(1, 12, 11, "slow", 1)]);
    assert_eq!(fixture.ask("SELECT status, duration_ms FROM spans"), ["ok|18"]);
    assert_eq!(fixture.ask("SELECT count(*) FROM spans"), ["1"]);
    assert_eq!(fixture.ask("SELECT count(*) FROM attributes WHERE key = 'node.id'"), ["1"]);
}

#[test]
fn a_statement_sees_one_state_of_the_store_and_the_next_one_what_came_since() {
    let mut fixture = shop();
    let sql = fixture.sql();
    let mut statement = sql.prepare("SELECT name FROM spans UNION ALL SELECT name FROM spans").unwrap();
    let mut rows = statement.query(&[]).unwrap();
    assert!(rows.next().unwrap().is_some());
    fixture.spans(&[node(3, 31, 0, "late", 90)]);
    let mut count = 1;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 10);
    drop(rows);
    drop(statement);
    assert_eq!(ask(&sql, "SELECT count(*) FROM spans"), ["6"]);
}

#[test]
fn a_join_of_spans_with_their_parents_opens_each_block_once() {
    let mut fixture = Fixture::new();
    for batch in 0..40u64 {
        let spans: Vec<Span> = (1..=500).map(|at| node(1, batch * 500 + at, (batch * 500 + at) / 11, "n", 1)).collect();
        fixture.spans(&spans);
    }
    // Without the index of ids this opens 40 blocks for each of 20,000 spans, and runs into the limit.
    let parents = "SELECT count(*) FROM spans child JOIN spans parent ON parent.span_id = child.parent_id";
    assert_eq!(fixture.ask(parents), ["19990"]);
    let both = "SELECT count(*) FROM spans a JOIN spans b ON b.trace_id = a.trace_id AND b.span_id = a.parent_id";
    assert_eq!(fixture.ask(both), ["19990"]);
    let children = "SELECT count(*) FROM spans a JOIN spans b ON b.parent_id = a.span_id";
    assert_eq!(fixture.ask(children), ["19990"]);
}

#[test]
fn a_limit_opens_no_more_blocks_than_it_needs() {
    let mut fixture = Fixture::new();
    (0..200).for_each(|batch| fixture.spans(&[node(1, batch + 1, 0, "n", 1)]));
    let sql = fixture.store.sql(SqlLimits { time: None, ..SqlLimits::default() }).unwrap();
    assert_eq!(ask(&sql, "SELECT node_id FROM spans LIMIT 3").len(), 3);
    let mut statement = sql.prepare("SELECT attributes FROM spans LIMIT 3").unwrap();
    let mut rows = statement.query(&[]).unwrap();
    (0..3).for_each(|_| assert!(rows.next().unwrap().is_some()));
    // Merging may have joined some of the 200.
    assert!((1..=3).contains(&sql.opened_blocks()));
}

/// Batches of a few minutes each, of which neighbours overlap: a span, a log and an event a second.
fn hours() -> Fixture {
    let mut fixture = Fixture::new();
    for batch in 0..60i64 {
        fixture.write(|builder| {
            for second in [batch * 100 + 60, batch * 100, batch * 100 + 130] {
                builder.push(&node(1, second.unsigned_abs() + 1, 0, "n", second));
                let unix_ns = START + second * SECOND;
                builder.push_owned_log(&LogRecord { unix_ns, body: second.into(), ..LogRecord::default() });
                let event = SpanEvent {
                    name: "tick".into(),
                    unix_ns,
                    attributes: vec![("at".into(), second.into())],
                    ..SpanEvent::default()
                };
                builder.push_owned_event((trace(1), SpanId::NONE), &event);
            }
        });
    }
    fixture
}

#[test]
fn an_order_by_time_opens_no_more_blocks_than_its_limit_needs() {
    let fixture = hours();
    for (statement, first) in [
        ("SELECT start, attributes FROM spans ORDER BY start DESC LIMIT 3", "2025-11-21 15:40:30.123456"),
        ("SELECT time, body FROM logs ORDER BY time DESC LIMIT 3", "2025-11-21 15:40:30.000000"),
        ("SELECT time, attributes FROM events ORDER BY unix_ns DESC LIMIT 3", "2025-11-21 15:40:30.000000"),
        ("SELECT start, attributes FROM spans ORDER BY start_unix_ns LIMIT 3", "2025-11-21 14:00:00.123456"),
        ("SELECT time FROM logs WHERE time > '2025-11-21 15:40:00'", "2025-11-21 15:40:30.000000"),
    ] {
        let sql = fixture.sql();
        let mut prepared = sql.prepare(statement).unwrap();
        let mut rows = prepared.query(&[]).unwrap();
        assert_eq!(told(&rows.next().unwrap().unwrap().value(0)), first, "{statement}");
        while rows.next().unwrap().is_some() {}
        // Neighbours overlap, and merging may have joined some.
        assert!((1..=4).contains(&sql.opened_blocks()), "{statement}: {}", sql.opened_blocks());
    }
}

#[test]
fn records_come_in_the_order_of_their_times() {
    let fixture = hours();
    for compacted in [false, true] {
        for (table, time) in [("spans", "start_unix_ns"), ("logs", "unix_ns"), ("events", "unix_ns")] {
            for order in ["DESC", "ASC"] {
                let times = fixture.ask(&format!("SELECT {time} FROM {table} ORDER BY {time} {order}"));
                let sorted = fixture.ask(&format!("SELECT {time} FROM {table} ORDER BY +{time} {order}"));
                assert_eq!((times.len(), times), (180, sorted), "{table} {order} {compacted}");
            }
        }
        fixture.store.compact().unwrap();
    }
    let runs = "SELECT start FROM runs WHERE trace_id IS NOT NULL ORDER BY start";
    assert_eq!(shop().ask(&format!("{runs} DESC")), shop().ask(runs).into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn a_run_is_named_by_its_id_everywhere() {
    let fixture = shop();
    let run = fixture.ask("SELECT run_id FROM runs WHERE status = 'error'").remove(0);
    for (table, count) in [("spans", "2"), ("events", "1"), ("logs", "1")] {
        assert_eq!(fixture.ask(&format!("SELECT count(*) FROM {table} WHERE run_id = '{run}'")), [count], "{table}");
    }
    assert!(fixture.ask("SELECT * FROM logs").iter().all(|row| row.matches(&run).count() == 1), "`*` leaves it out");
}
