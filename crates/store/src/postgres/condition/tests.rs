//! Conditions of filters, as they are sent.

use std::collections::HashMap;

use super::*;
use crate::query::Query;

fn condition(select: Select, text: &str) -> (Condition, Vec<Value>) {
    let query = Query::parse(select, text).unwrap();
    let traces = HashMap::new();
    let mut none = |_: &str, _: &Values| Ok(Vec::new());
    let mut builder =
        Builder { select, now: Now(1_000_000_000_000), traces: &traces, find_resources: &mut none, values: Values::default() };
    let condition = builder.expr(&query.filter).unwrap();
    (condition, builder.values.0)
}

fn sql(text: &str) -> String {
    let (condition, _) = condition(Select::Spans, text);
    format!("{}{}", condition.sql, if condition.is_exact { "" } else { " ~" })
}

#[test]
fn filters_become_conditions() {
    assert_eq!(sql(""), "TRUE");
    assert_eq!(sql("name=x duration>2s"), "(s.name = $1 AND s.duration_ns > $2)");
    assert_eq!(sql("status:error"), "(s.status <> 'ok' AND s.status = ANY($1))");
    assert_eq!(sql("node=encode"), "(s.attributes @> ($1::text)::jsonb)");
    assert_eq!(sql("name:enc*"), "s.name COLLATE \"C\" ILIKE ANY($1) ~");
    assert_eq!(sql("severity:warn"), "FALSE");
}

#[test]
fn the_opposite_of_too_much_is_everything() {
    assert_eq!(sql("not name:enc*"), "TRUE ~");
    assert_eq!(sql("not name=x"), "(NOT s.name = $1)");
    assert_eq!(sql("not severity:warn"), "TRUE");
}

#[test]
fn it_is_known_what_an_index_finds() {
    let finds = |text: &str| condition(Select::Spans, text).0.finds;
    let id = "0123456789abcdef0123456789abcdef";
    for text in [format!("trace={id}"), format!("trace:{id} name=x"), format!("node=x trace={id}")] {
        assert_eq!(finds(&text), Finds::Few, "{text}");
    }
    for text in ["node=encode", "name:enc* node=encode", "duration>2s", "node=a or node=b", "trace:0"] {
        assert_eq!(finds(text), Finds::Some, "{text}");
    }
    for text in ["", "name=x", "not node=encode", "node=encode or name=x", "node:enc*", "node"] {
        assert_eq!(finds(text), Finds::Unknown, "{text}");
    }
    assert_eq!(condition(Select::Metrics, "node=encode").0.finds, Finds::Unknown);
}

#[test]
fn what_belongs_to_known_traces_is_looked_for_on_their_days() {
    let of_traces = |text: &str| condition(Select::Spans, text).0.of_traces;
    let id = "0123456789abcdef0123456789abcdef";
    assert_eq!(of_traces(&format!("trace={id} name=x")).as_deref(), Some("s.trace_id = $1"));
    assert_eq!(
        of_traces(&format!("trace={id} or trace:{id}")).as_deref(),
        Some("(s.trace_id = $1 OR ((s.trace_id >= $2 AND s.trace_id < $3)))")
    );
    for text in ["trace:01", "name=x", &format!("trace={id} or name=x"), &format!("not trace={id}")] {
        assert_eq!(of_traces(text), None, "{text}");
    }
}

#[test]
fn what_a_user_writes_stands_beside_the_sql() {
    let hostile = "'; DROP TABLE span; --";
    for query in
        [format!("name=\"{hostile}\""), format!("\"{hostile}\""), format!("node=\"{hostile}\""), format!("node:\"{hostile}\"")]
    {
        let (condition, values) = condition(Select::Spans, &query);
        assert!(!condition.sql.contains("DROP"), "{}", condition.sql);
        assert!(!values.is_empty());
    }
}
