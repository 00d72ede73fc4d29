//! Conditions that a scan understands let the same rows through as if SQLite had looked at all of them.

use proptest::prelude::*;

use super::*;

/// Tests of columns that a scan understands; `{}` stands before the column: nothing, or what keeps the scan from seeing it.
const TESTS: &[&str] = &[
    "{}trace_id = '02020202020202020202020202020202'",
    "{}trace_id = 'nonsense'",
    "{}span_id = '0000000000000007'",
    "{}parent_id = '0000000000000003'",
    "{}name = 'node b'",
    "{}name = 'node B' COLLATE NOCASE",
    "{}status = 'error'",
    "{}status IN ('interrupted', 'cancelled')",
    "{}status = 'odd'",
    "{}start > '2025-11-21 14:00:03'",
    "{}start <= '2025-11-21T14:00:05.123456Z'",
    "{}start < '2025-11-21 14:00:04.123457'",
    "{}start BETWEEN '2025-11-21 14:00:01' AND '2025-11-21 14:00:09'",
    "{}start > 'whenever'",
    "{}start_unix_ns >= 1763733602123456789",
    "{}start_unix_ns < 1763733606000000000.5",
    "{}duration_ms > 7.5",
    "{}duration_ms = 9",
    "{}duration_ns <= 12000000",
    "{}node_id = 'a'",
    "{}node_id = '[1,2]'",
    "{}node_id = 5",
    "{}cache_status = 'hit'",
    "{}name = NULL",
];

fn spans() -> impl Strategy<Value = Vec<Vec<Span>>> {
    let value = prop_oneof![
        Just("a".into()),
        Just("b".into()),
        Just(5i64.into()),
        Just(flowglass_model::AttributeValue::List(vec![1i64.into(), 2i64.into()])),
    ];
    let status = prop_oneof![
        4 => Just(Status::Ok),
        1 => Just(Status::Error),
        1 => Just(Status::Running),
        1 => Just(Status::Interrupted),
        1 => Just(Status::Cancelled)
    ];
    let span = (1..4u8, 1..12u64, 0..6u64, prop_oneof!["a", "b", "B"], 0..10i64, value, status, any::<bool>());
    let span = span.prop_map(|(trace, id, parent, name, second, value, status, hit)| {
        let cache = (conventions::CACHE_STATUS.into(), if hit { "hit" } else { "miss" }.into());
        Span { status, attributes: vec![(conventions::NODE_ID.into(), value), cache], ..node(trace, id, parent, &name, second) }
    });
    prop::collection::vec(prop::collection::vec(span, 1..6), 1..8)
}

fn statement(tests: &[(usize, bool)], hidden: bool) -> String {
    let text = |(at, negated): &(usize, bool)| {
        let test = TESTS[*at].replace("{}", if hidden { "+" } else { "" });
        if *negated { format!("NOT ({test})") } else { test }
    };
    let tests: Vec<String> = tests.iter().map(text).collect();
    // A unary plus takes the column's collation away only where it says so; times keep theirs.
    let start = if hidden { "+start COLLATE MOMENT" } else { "start" };
    let tests = tests.join(" AND ").replace("+start ", "+start COLLATE MOMENT ");
    format!("SELECT trace_id, span_id, name, status, {start}, duration_ns, attributes FROM spans WHERE {tests}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn scans_and_sqlite_agree(
        batches in spans(),
        tests in prop::collection::vec(prop::collection::vec((0..TESTS.len(), prop::bool::weighted(0.2)), 1..4), 24),
    ) {
        let mut fixture = Fixture::new();
        batches.iter().for_each(|batch| fixture.spans(batch));
        for round in 0..2 {
            let sql = fixture.sql();
            for tests in &tests {
                let (mut seen, mut all) = (ask(&sql, &statement(tests, false)), ask(&sql, &statement(tests, true)));
                seen.sort();
                all.sort();
                prop_assert_eq!(seen, all, "{} {}", round, statement(tests, false));
            }
            for (tests, order) in tests.iter().zip(["DESC", "ASC"].iter().cycle()) {
                let first = |column: &str| {
                    let whole = statement(tests, false);
                    let (_, rest) = whole.split_once(" FROM ").unwrap();
                    ask(&sql, &format!("SELECT start_unix_ns FROM {rest} ORDER BY {column} {order} LIMIT 5"))
                };
                let sorted = first("+start_unix_ns");
                prop_assert_eq!(&first("start_unix_ns"), &sorted, "{} {} {}", round, order, statement(tests, false));
                prop_assert_eq!(&first("start"), &sorted, "{} {} {}", round, order, statement(tests, false));
            }
            fixture.store.compact().unwrap();
        }
    }
}
