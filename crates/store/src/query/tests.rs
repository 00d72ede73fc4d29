//! The language as a whole: what texts mean, how wrong ones are answered, and that text and tree say the same.

use flowglass_model::{AttributeValue, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId};
use proptest::prelude::*;

use super::*;

const NOW: Now = Now(1_000_000_000_000_000_000);

fn span() -> Span {
    Span {
        trace_id: TraceId::from_bytes([0xab; 16]),
        span_id: SpanId::from_u64(7),
        parent_id: SpanId::from_u64(6),
        name: "node encode".into(),
        kind: SpanKind::Internal,
        span_type: SpanType::Llm,
        status: Status::Error,
        status_message: "the disk is full".into(),
        start_unix_ns: NOW.0 - 60_000_000_000,
        duration_ns: 2_500_000_000,
        attributes: vec![
            ("node.id".into(), "encode".into()),
            ("cache.status".into(), "miss".into()),
            ("cache.saved_ms".into(), 1_500.0.into()),
            ("rows".into(), 12_i64.into()),
            ("fast".into(), true.into()),
            ("tags".into(), AttributeValue::List(vec!["red".into(), 3_i64.into()])),
            ("sort".into(), "yes".into()),
            ("odd name".into(), "x".into()),
        ],
        events: vec![SpanEvent {
            name: "exception".into(),
            unix_ns: 0,
            attributes: vec![("exception.message".into(), "no space left".into())],
            dropped_attributes: 0,
        }],
        ..Span::default()
    }
}

fn matches(text: &str) -> bool {
    let (span, resource) = (span(), vec![("service.name".to_owned(), "mixer".into())]);
    let query = Query::parse(Select::Spans, text).unwrap_or_else(|error| panic!("{error}"));
    query.filter.matches(&SpanRecord { span: &span, resource: &resource, trace: std::slice::from_ref(&span) }, NOW)
}

#[test]
fn texts_mean_what_they_say() {
    for text in [
        "",
        "*",
        "status:error",
        "status=error node:encode duration>2s",
        "status:ok,error",
        "name:enc*",
        "name=\"node encode\"",
        "duration:1s..3s duration:>2s duration:..3s",
        "started:-1h",
        "started<-30s started>=-2m",
        "llm",
        "type:llm -type:node",
        "cache.status=miss cache:miss",
        "cache.saved_ms>1s saved=1500",
        "rows=12 rows>11.5 rows:10..12 rows!=13 rows:12",
        "fast=true",
        "tags:red tags:3 tags:RED",
        "nothing!=1",
        "not nothing:*",
        "\"disk is full\"",
        "full and space",
        "\"sort\":yes",
        "\"odd name\"=x",
        "service=mixer",
        "trace:abab run=abababababababababababababababab",
        "span=0000000000000007 parent:*",
        "event:exception",
        "message:disk",
        "has(status:error llm)",
        "nothing:* or (rows=12 not rows=13)",
        "NOT nothing:* AND rows=12",
        "encode OR nothing",
    ] {
        assert!(matches(text), "{text}");
    }
    for text in [
        "status:ok",
        "name:code",
        "duration<2s",
        "started:-30s",
        "rows=\"12\"",
        "fast=1",
        "nothing=1",
        "nothing:*",
        "\"is full disk\"",
        "tags=red",
        "tags:blue",
        "llm -llm",
        "status:ok or rows=13",
        "not (rows=12)",
        "cache.saved_ms>2s",
        "severity:info",
        "rows:1..11",
    ] {
        assert!(!matches(text), "{text}");
    }
}

#[test]
fn wrong_texts_are_answered_with_the_place_and_the_way_out() {
    let texts = [
        "status:eror",
        "duraton>2s",
        "duration>2",
        "duration:2s",
        "started:1h",
        "started>tomorrow",
        "name>5",
        "node:encode and",
        "or status:ok",
        "(status:ok",
        "status:ok)",
        "()",
        "node:",
        "=5",
        "\"never closed",
        "sort:size",
        "(sort:name)",
        "limit:0",
        "rows>many",
        "run:xyz",
        "a ! b",
        "rows:..",
    ];
    let answers: Vec<String> = texts
        .iter()
        .map(|text| Query::parse(Select::Runs, text).map_or_else(|error| error.to_string(), |_| format!("`{text}` was read")))
        .collect();
    insta::assert_snapshot!(answers.join("\n"));
}

#[test]
fn settings_are_part_of_the_text() {
    let query = Query::parse(Select::Runs, "sort:-duration a or b limit:5").unwrap();
    assert_eq!((query.limit, query.sort.field.name(), query.sort.descending), (5, "duration", true));
    assert_eq!(query.to_string(), "(a or b) sort:-duration limit:5");
}

#[test]
fn deep_and_long_texts_are_refused() {
    let deep = "(".repeat(1_000) + &")".repeat(1_000);
    assert!(Query::parse(Select::Runs, &deep).unwrap_err().message().contains("levels"));
    assert!(Query::parse(Select::Runs, &"not ".repeat(1_000)).is_err());
    assert!(Query::parse(Select::Runs, &"a ".repeat(10_000)).unwrap_err().message().contains("bytes"));
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        prop::sample::select(vec!["name", "message", "event", "node", "sort", "body", "value"]).prop_map(Field::named),
        "[a-z]{1,4}(\\.[a-z]{1,4})?|.{1,6}".prop_map(Field::attribute),
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof!["[a-z*?]{1,6}", "[\\\\\"*a]{1,6}", ".{1,8}"].prop_map(|text| Pattern::new(&text))
}

fn condition() -> impl Strategy<Value = Condition> {
    let text = ".{0,8}".prop_map(Literal::Text);
    let number = any::<i32>().prop_map(|number| Literal::Word(number.to_string()));
    let sides = prop::sample::select(vec![Comparison::Less, Comparison::AtMost, Comparison::More, Comparison::AtLeast]);
    prop_oneof![
        Just(Condition::Exists),
        prop::collection::vec(pattern(), 1..3).prop_map(Condition::Like),
        prop_oneof![text, number.clone()].prop_map(Condition::Equals),
        (sides, number.clone()).prop_map(|(side, number)| Condition::Compare(side, number)),
        (number.clone(), prop::option::of(number)).prop_map(|(first, last)| Condition::Between(Some(first), last)),
    ]
}

fn test() -> impl Strategy<Value = Expr> {
    let times = prop_oneof![any::<i64>().prop_map(Moment::At), (0..u64::MAX / 2).prop_map(Moment::Ago)].prop_map(Literal::Time);
    let durations = (0..u64::MAX / 2).prop_map(Literal::Duration);
    let of = |field: Field| move |condition| Expr::Test(Test { field: field.clone(), condition });
    prop_oneof![
        (field(), condition())
            .prop_filter("text has no larger and smaller", |(field, condition)| {
                field.kind() == FieldKind::Any || !matches!(condition, Condition::Compare(..) | Condition::Between(..))
            })
            .prop_map(|(field, condition)| Expr::Test(Test { field, condition })),
        times.prop_map(|time| Condition::Compare(Comparison::AtLeast, time)).prop_map(of(Field::Started)),
        (durations.clone(), durations)
            .prop_map(|(first, last)| Condition::Between(Some(first), Some(last)))
            .prop_map(of(Field::Duration)),
        prop::sample::select(Status::ALL.to_vec())
            .prop_map(|status| Condition::Equals(Literal::Word(status.as_str().into())))
            .prop_map(of(Field::Status)),
        Just(Condition::Equals(Literal::Word("llm".into()))).prop_map(of(Field::Type)),
        pattern().prop_map(Expr::Text),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    test().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::all),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::any),
            inner.clone().prop_map(Expr::negated),
            inner.prop_map(|inner| Expr::Has(Box::new(inner))),
        ]
    })
}

proptest! {
    #[test]
    fn text_and_tree_say_the_same(filter in expr(), limit in 1_usize..1_000, descending: bool) {
        let sort = Sort { field: Field::Duration, descending };
        let query = Query { filter, ..Query::spans() }.sort(sort).limit(limit);
        let text = query.to_string();
        let read = Query::parse(Select::Spans, &text);
        prop_assert_eq!(read.as_ref(), Ok(&query), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}", pieces in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "\"", "\\", ":", "=", "!=", ">", "..", ",", "-", "not ", "or ", "and ", "has(", "a", "status", "duration", "5s", "é", " ",
    ]), 0..20)) {
        for text in [text, pieces.concat()] {
            match Query::parse(Select::Spans, &text) {
                Ok(query) => prop_assert!(Query::parse(Select::Spans, &query.to_string()).is_ok(), "{query}"),
                Err(error) => prop_assert!(error.place().end <= text.len() && !error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn cursors_come_back(number: i64, text in ".{0,20}", trace: [u8; 16], span: u64, tie: u64, seen: u32) {
        for key in [SortKey::Missing, SortKey::Int(number), SortKey::Text(text.clone())] {
            let cursor = Cursor { key, trace_id: TraceId::from_bytes(trace), span_id: SpanId::from_u64(span), tie, seen };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
            let plain = Cursor { tie: 0, seen: 1, ..cursor };
            prop_assert_eq!(plain.to_string().parse(), Ok(plain));
        }
        prop_assert!(text.parse::<Cursor>().is_err());
    }
}
