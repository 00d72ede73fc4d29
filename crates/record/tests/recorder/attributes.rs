//! What spans and events are given arrives as it was given, whatever those before them had and wherever the collector looked.

use std::time::Duration;

use flowglass_model::{AttributeValue, Span};
use flowglass_record::{Recorder, RecorderStats, SpanGuard, SpanLimits, Value, span};
use proptest::prelude::*;

use crate::support::{PATIENCE, Taken, assert_conserved};

/// What a program does inside of a trace.
#[derive(Debug, Clone)]
enum Step {
    /// Opens a span inside of the innermost one.
    Open(&'static str),
    /// Ends the innermost span.
    End,
    Give(&'static str, AttributeValue),
    Happens(&'static str, Option<(&'static str, AttributeValue)>),
    /// Lets the collector look.
    Look,
}

/// A span as it should arrive.
#[derive(Debug, Default, Clone, PartialEq)]
struct Expected {
    name: &'static str,
    attributes: Vec<(String, AttributeValue)>,
    events: Vec<(String, Vec<(String, AttributeValue)>)>,
}

fn keys() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c", "model", "everywhere", "a key that is a little longer than others"])
}

fn values() -> impl Strategy<Value = AttributeValue> {
    let long = "x".repeat(70);
    prop_oneof![
        (-2_i64..3).prop_map(AttributeValue::Int),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Float(0.5)),
        prop::sample::select(vec![String::new(), "text".into(), "0123456789abcdef".into(), "düne".into(), long])
            .prop_map(AttributeValue::Str),
        Just(AttributeValue::Bytes(vec![1, 2, 3])),
        Just(AttributeValue::List(vec![true.into()])),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let names = || prop::sample::select(vec!["root", "child", "other"]);
    let step = prop_oneof![
        4 => names().prop_map(Step::Open),
        4 => Just(Step::End),
        8 => (keys(), values()).prop_map(|(key, value)| Step::Give(key, value)),
        2 => (names(), prop::option::of((keys(), values()))).prop_map(|(name, of)| Step::Happens(name, of)),
        1 => Just(Step::Look),
    ];
    prop::collection::vec(step, 0..60)
}

/// Returns a value as a program gives it: by its own type, where it has one.
fn plain(value: &AttributeValue) -> Value<'_> {
    match value {
        AttributeValue::Int(number) => Value::Int(*number),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::Float(number) => Value::Float(*number),
        AttributeValue::Str(text) => Value::Str(text),
        AttributeValue::Bytes(bytes) => Value::Bytes(bytes),
        nested => Value::Json(nested),
    }
}

/// A program under way: its open spans, and what is expected of them and of those that have ended.
#[derive(Default)]
struct Program {
    open: Vec<(SpanGuard, Expected)>,
    ended: Vec<Expected>,
}

impl Program {
    fn take(&mut self, recorder: &Recorder, step: &Step) {
        match step {
            Step::Open(name) => self.open.push((span(name), Expected { name, ..Expected::default() })),
            Step::End => self.end(),
            Step::Look => recorder.flush(PATIENCE).unwrap(),
            Step::Give(key, value) => {
                if let Some((guard, expected)) = self.open.last_mut() {
                    guard.attr(key, plain(value));
                    match expected.attributes.iter_mut().find(|(known, _)| known == key) {
                        Some(known) => known.1 = value.clone(),
                        None => expected.attributes.push(((*key).to_owned(), value.clone())),
                    }
                }
            }
            Step::Happens(name, of) => {
                if let Some((guard, expected)) = self.open.last_mut() {
                    let given: Vec<(&'static str, Value<'_>)> = of.iter().map(|(key, value)| (*key, plain(value))).collect();
                    guard.event(name, &given);
                    let attributes = of.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
                    expected.events.push(((*name).to_owned(), attributes));
                }
            }
        }
    }

    fn end(&mut self) {
        if let Some((guard, expected)) = self.open.pop() {
            drop(guard);
            self.ended.push(expected);
        }
    }
}

/// Runs a program in a trace, and returns what should have arrived, in the order in which it ended, and what has.
fn run(steps: &[Step], limits: SpanLimits) -> (Vec<Expected>, Vec<Expected>, RecorderStats) {
    let taken = Taken::default();
    let builder = Recorder::builder().export_interval(Duration::from_secs(3600)).limits(limits);
    let recorder = builder.attribute("everywhere", "here").sink("taken", taken.clone()).build();
    let root = recorder.root_span("root");
    let mut program = Program::default();
    steps.iter().for_each(|step| program.take(&recorder, step));
    while !program.open.is_empty() {
        program.end();
    }
    drop(root);
    program.ended.push(Expected { name: "root", ..Expected::default() });
    recorder.flush(PATIENCE).unwrap();
    (program.ended, arrived(&taken), recorder.stats())
}

fn arrived(taken: &Taken) -> Vec<Expected> {
    let batches = taken.batches();
    let events = |span: &Span| {
        let of_span = batches.iter().flat_map(|batch| batch.events()).filter(|event| event.owner().1 == span.span_id);
        of_span.map(|event| event.to_event()).map(|event| (event.name, event.attributes)).collect()
    };
    let names = ["root", "child", "other"];
    let expected = |span: Span| Expected {
        name: names.into_iter().find(|name| *name == span.name).unwrap_or_default(),
        events: events(&span),
        attributes: span.attributes,
    };
    taken.spans().into_iter().map(expected).collect()
}

/// Adds what all spans have.
fn with_common(mut expected: Vec<Expected>) -> Vec<Expected> {
    for span in &mut expected {
        if span.attributes.iter().all(|(key, _)| key != "everywhere") {
            span.attributes.push(("everywhere".to_owned(), "here".into()));
        }
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_that_is_said_arrives(steps in steps()) {
        let (expected, arrived, stats) = run(&steps, SpanLimits::default());
        assert_conserved(&stats);
        prop_assert_eq!(arrived, with_common(expected));
    }

    #[test]
    fn limits_hold_wherever_the_collector_looks(steps in steps()) {
        let looks = |step: &Step| matches!(step, Step::Look);
        let limits = SpanLimits { attributes: 2, events: 2, ..SpanLimits::default() };
        let unseen: Vec<Step> = steps.iter().filter(|step| !looks(step)).cloned().collect();
        let ((_, seen, stats), (_, at_once, _)) = (run(&steps, limits), run(&unseen, limits));
        assert_conserved(&stats);
        let attributes = |spans: Vec<Expected>| -> Vec<_> { spans.into_iter().map(|span| (span.name, span.attributes)).collect() };
        prop_assert_eq!(attributes(seen), attributes(at_once));
    }
}
