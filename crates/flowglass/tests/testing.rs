//! The recorder for tests: what it shows, and what its assertions say where they don't hold.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flowglass::model::Severity;
use flowglass::testing::{SpanCheck, TestRecorder};
use flowglass::{Recorder, span};

fn telemetry() -> TestRecorder {
    let telemetry = TestRecorder::from_builder(Recorder::builder().attribute("all", true));
    {
        let _import = telemetry.recorder().root_span("import");
        span("parse").attr("rows", 3).attr("share", 0.5).event("header skipped", &[]);
        span("write").error("disk full");
        telemetry.recorder().log(Severity::WARN, "nearly full", &[]);
        telemetry.recorder().counter("rows").add(3, &[("kind", "good".into())]);
        telemetry.recorder().counter("rows").add(1, &[("kind", "bad".into())]);
    }
    telemetry.recorder().event("deployed", &[]);
    telemetry
}

fn complaint<T>(work: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).err().expect("it complains");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn everything_is_there_to_be_looked_at() {
    let telemetry = telemetry();
    assert_eq!(telemetry.tree(), "import all=true\n  parse rows=3 share=0.5 all=true\n  write all=true (error: disk full)\n");
    assert_eq!((telemetry.logs()[0].severity, telemetry.loose_events()[0].name.as_str()), (Severity::WARN, "deployed"));
    assert_eq!((telemetry.counted("rows"), telemetry.counted("other"), telemetry.points().len()), (4.0, 0.0, 2));
    let log = &telemetry.logs()[0];
    assert_eq!(log.span_id, telemetry.span("import").span().span_id);
}

#[test]
fn assertions_that_hold_go_on() {
    let telemetry = telemetry();
    telemetry
        .span("parse")
        .has("rows", 3)
        .has("rows", 3.0)
        .has("share", 0.5)
        .has_no("x")
        .has_event("header skipped")
        .is_inside("import")
        .is_ok();
    telemetry.span("write").failed_with("disk");
}

#[test]
fn assertions_that_do_not_hold_say_what_is_there() {
    let telemetry = telemetry();
    let of = |check: fn(SpanCheck) -> SpanCheck| complaint(|| check(telemetry.span("parse")));
    assert_eq!(of(|span| span.has("rows", "3")), "`parse` has Some(Int(3)) as `rows`, not Str(\"3\")");
    assert_eq!(of(|span| span.has_no("rows")), "`parse` has Some(Int(3)) as `rows`");
    assert_eq!(of(|span| span.has_event("x")), "`parse` has no event `x`, only [\"header skipped\"]");
    assert_eq!(of(|span| span.is_inside("write")), "`parse` is not inside of `write`, only of [\"import\"]");
    assert!(of(|span| span.failed_with("x")).contains("`parse` ended as ok"));
    let none = complaint(|| telemetry.span("nothing"));
    assert!(none.starts_with("0 spans are called `nothing`, of these:\nimport"), "{none}");
}

#[test]
fn two_recorders_know_nothing_of_each_other() {
    let (one, other) = (TestRecorder::new(), telemetry());
    drop(one.recorder().root_span("alone"));
    assert_eq!((one.tree().as_str(), other.spans().len()), ("alone\n", 3));
}
