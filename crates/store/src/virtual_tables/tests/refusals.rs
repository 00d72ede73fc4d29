//! What can't be asked, and what takes too long.

use std::time::Duration;

use super::*;
use crate::StoreErrorKind;

fn refused(statement: &str) -> String {
    let error = shop().sql().prepare(statement).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Sql, "{statement}");
    error.to_string()
}

#[test]
fn nothing_can_be_changed_or_reached() {
    let fixture = shop();
    for statement in [
        "DELETE FROM spans",
        "INSERT INTO runs (name) VALUES ('x')",
        "UPDATE runs SET name = 'x'",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "DROP TABLE spans",
        "ATTACH 'other.db' AS other",
        "VACUUM INTO 'copy.db'",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = 1",
        "PRAGMA temp_store_directory = '/tmp'",
        "BEGIN",
        "SAVEPOINT a",
        "SELECT load_extension('x')",
        "ANALYZE",
    ] {
        let Err(error) = fixture.sql().prepare(statement).map(|_| ()) else { panic!("{statement}") };
        assert_eq!(error.kind(), StoreErrorKind::Sql, "{statement}");
        assert!(error.to_string().starts_with("only reading is possible here"), "{statement}: {error}");
    }
}

#[test]
fn wrong_statements_are_answered_with_the_place_and_the_way_out() {
    let wrong = [
        "SELECT name FROM spanz",
        "SELECT name,\n  durationms FROM spans",
        "SELECT * FROM spans WHERE node.id = 'x'",
        "SELEC 1",
        "SELECT 'é' FROM spans WHERE",
        "  -- nothing",
        "SELECT 1; DELETE FROM spans",
        "SELECT name FROM block",
        "SELECT median(1)",
    ];
    let told: Vec<String> = wrong.iter().map(|wrong| format!("{wrong}\n=> {}\n", refused(wrong))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn names_of_tables_and_columns_can_be_asked_for() {
    let columns = shop().ask("SELECT name FROM pragma_table_info('logs') LIMIT 3");
    assert_eq!(columns, ["trace_id", "span_id", "time"]);
    assert_eq!(shop().ask("SELECT 1;"), ["1"]);
    assert_eq!(shop().ask("WITH n AS (VALUES (1), (2)) SELECT sum(column1) FROM n"), ["3"]);
}

#[test]
fn what_takes_too_long_or_grows_too_large_is_given_up() {
    let fixture = shop();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
    let failed = |limits: SqlLimits, text: &str| {
        let sql = fixture.store.sql(limits).unwrap();
        let mut statement = sql.prepare(text).unwrap();
        statement.query(&[]).unwrap().next().map(|_| ()).unwrap_err()
    };
    let error = failed(SqlLimits { time: Some(Duration::from_millis(20)), ..SqlLimits::default() }, endless);
    assert_eq!((error.kind(), error.to_string().contains("longer than 0.02 s")), (StoreErrorKind::Limit, true), "{error}");
    let error = failed(SqlLimits { time: Some(Duration::ZERO), ..SqlLimits::default() }, "SELECT node_id FROM spans");
    assert_eq!(error.kind(), StoreErrorKind::Limit, "{error}");
    let large = "SELECT group_concat(hex(zeroblob(10000))) FROM spans, spans s";
    let error = failed(SqlLimits { value_bytes: 100_000, ..SqlLimits::default() }, large);
    assert_eq!(error.kind(), StoreErrorKind::Limit, "{error}");
}

#[test]
fn values_must_be_as_many_as_places() {
    let fixture = shop();
    let sql = fixture.sql();
    let mut statement = sql.prepare("SELECT ?1, ?2").unwrap();
    let error = statement.query(&["a".into()]).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "the statement has 2 places for values, and 1 were given");
    let mut rows = statement.query(&["a".into(), 2i64.into()]).unwrap();
    let row = rows.next().unwrap().unwrap();
    assert_eq!([row.value(0), row.value(1), row.value(7)], ["a".into(), 2i64.into(), SqlValue::Null]);
}

#[test]
fn a_damaged_block_is_told_as_such() {
    let fixture = shop();
    let raw = rusqlite::Connection::open(fixture.store.path()).unwrap();
    raw.execute("UPDATE block SET body = x'00'", []).unwrap();
    let sql = fixture.sql();
    let mut statement = sql.prepare("SELECT attributes FROM spans").unwrap();
    let error = statement.query(&[]).unwrap().next().map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
}
