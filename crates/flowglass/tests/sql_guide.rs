//! The guide to SQL tells the tables as they are, and every question in it is answered.

use flowglass::prelude::*;
use flowglass::store::{SqlLimits, SqliteStore, sql_tables};

const GUIDE: &str = include_str!("../src/guide/sql.md");

#[node(output = "words")]
fn count(text: String) -> usize {
    text.split_whitespace().count()
}

fn questions() -> Vec<&'static str> {
    GUIDE.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_question_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowglass.db");
    let recorder = telemetry::sqlite(&path).unwrap();
    let pipeline = Pipeline::builder("words").nodes(nodes![count]).telemetry(recorder.clone()).build().unwrap();
    pipeline.run(inputs! { text: "one two" }).wait().unwrap();
    recorder.flush(std::time::Duration::from_secs(30)).unwrap();
    let sql = SqliteStore::open(&path).unwrap().sql(SqlLimits::default()).unwrap();
    assert!(questions().len() >= 9);
    for question in questions() {
        let mut statement = sql.prepare(question).unwrap_or_else(|error| panic!("{question}{error}"));
        let mut rows = statement.query(&[]).unwrap();
        while rows.next().unwrap_or_else(|error| panic!("{question}{error}")).is_some() {}
    }
}

#[test]
fn the_tables_are_told_as_they_are() {
    for table in sql_tables() {
        let start = format!("| `{}` |", table.name);
        let row = GUIDE.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{}", table.name));
        let columns: Vec<String> =
            table.columns.iter().filter(|column| !column.is_attribute).map(|column| format!("`{}`", column.name)).collect();
        assert!(row.ends_with(&format!("| {} |", columns.join(" "))), "{}: {}", table.name, columns.join(" "));
    }
}
