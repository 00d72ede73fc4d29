//! `flowglass sql`.

use serde_json::json;

use crate::harness::Home;

const PIPELINE: &str = "name = 'shop'\n[[node]]\noutput = 'a'\ncommand = ['echo', 'x']\n\
    [[node]]\noutput = 'b'\nshell = 'echo {a}; exit {code}'\n[inputs]\ncode = 0\n";

fn home() -> Home {
    let home = Home::with(PIPELINE);
    home.run(&[]).ok();
    home.run(&["code=3"]).exits(1);
    home
}

#[test]
fn rows_are_tab_separated_away_from_a_terminal() {
    let home = home();
    let ask = |statement: &str| home.flowglass(&["sql", statement]).ok().stdout;
    assert_eq!(ask("SELECT name, status FROM runs ORDER BY start"), "name\tstatus\nshop\tok\nshop\terror\n");
    assert_eq!(ask("SELECT node_id, count(*) AS n FROM spans WHERE type = 'node' GROUP BY 1"), "node_id\tn\na\t2\nb\t2\n");
    assert_eq!(ask("SELECT count(*) AS n FROM spans WHERE start > datetime('now', '-1 hour')"), "n\n6\n");
    assert_eq!(ask("SELECT 1 WHERE 0"), "1\n");
    assert_eq!(ask("SELECT 'a' || char(9, 10) AS x, NULL AS y"), "x\ty\na\\t\\n\t\n");
}

#[test]
fn json_and_csv_are_for_programs() {
    let home = home();
    let rows = home.flowglass(&["sql", "--json", "SELECT attributes, status FROM spans WHERE node_id = 'b' AND status = 'ok'"]);
    let rows = rows.ok().json();
    assert_eq!((&rows[0]["status"], &rows[0]["attributes"]["node.id"]), (&json!("ok"), &json!("b")));
    assert_eq!(home.flowglass(&["sql", "--json", "SELECT 1 AS a WHERE 0"]).ok().stdout, "[]\n");
    assert_eq!(home.flowglass(&["sql", "--csv", "SELECT 'a,b' AS \"x\""]).ok().stdout, "x\r\n\"a,b\"\r\n");
    home.flowglass(&["sql", "--csv", "--json", "SELECT 1"]).exits(2);
}

#[test]
fn a_file_appears_when_all_of_it_is_there() {
    let home = home();
    home.flowglass(&["sql", "SELECT 7 AS n", "-o", "out.tsv"]).ok();
    assert_eq!(home.read("out.tsv"), "n\n7\n");
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
    home.flowglass(&["sql", endless, "-o", "out.tsv", "--timeout", "30ms"])
        .exits(1)
        .tells(&["longer than 0.03 s", "--timeout"]);
    assert_eq!(home.read("out.tsv"), "n\n7\n");
    assert_eq!(std::fs::read_dir(home.root()).unwrap().count(), 3, "nothing is left behind");
}

#[test]
fn what_is_wrong_is_said_with_the_way_out() {
    let home = home();
    let wrong = |statement: &str, words: &[&str]| {
        home.flowglass(&["sql", statement]).refuses(words);
    };
    wrong("SELECT * FROM span", &["no such table: span", "did you mean `spans`?"]);
    wrong("SELECT nmae FROM spans", &["no such column: nmae\n  SELECT nmae FROM spans\n         ^\ndid you mean `name`?"]);
    wrong("DELETE FROM runs", &["only reading is possible here"]);
    wrong("SELECT 1; SELECT 2", &["one at a time"]);
    home.flowglass(&["sql", "SELECT 1", "--store", "none.db"]).refuses(&["none.db"]);
}

#[test]
fn without_a_statement_the_tables_are_listed() {
    let home = Home::new();
    let tables = home.flowglass(&["sql"]).ok().stdout;
    for word in ["runs", "trace_id", "JOIN spans USING (trace_id)", "attributes ->> 'node.id'", "pipeline_name"] {
        assert!(tables.contains(word), "{word}\n{tables}");
    }
}
