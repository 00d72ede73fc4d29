//! Recording allocates nothing once a thread has its buffer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use flowglass_model::{Attributes, SpanKind, SpanType, Status, TraceId, flags};
use flowglass_record::{
    Frame, NO_INDEX, Recorder, Scope, ScopeSpec, SpanEnd, SpanMeter, SpanTemplate, Tick, Value, Verdict, span,
};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator is unsafe to implement; this one passes everything on")]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of(work: impl Fn()) -> u64 {
    work();
    let before = ALLOCATIONS.get();
    (0..100).for_each(|_| work());
    ALLOCATIONS.get() - before
}

fn scope(recorder: &Recorder) -> Scope {
    let template = SpanTemplate {
        meter: SpanMeter::default(),
        name: "node n".into(),
        indexed: false,
        kind: SpanKind::Internal,
        span_type: SpanType::Node,
        attributes: Attributes::new(),
        keys: vec!["a", "b", "c", "d"],
    };
    let (trace_id, attributes) = (TraceId::random(), Attributes::new());
    recorder.scope(ScopeSpec { trace_id, verdict: Verdict::Record, templates: [template].into(), attributes })
}

fn record_node(scope: &Scope) {
    let (span, parent, start) = (scope.next_span(), scope.current(), Tick::now());
    let frame = Frame { span, parent, template: 0, index: NO_INDEX, start, flags: flags::SAMPLED };
    scope.enter(&frame);
    scope.exit();
    scope.record(&SpanEnd {
        frame,
        end: Tick::now(),
        status: Status::Ok,
        message: "",
        values: &[Value::Str("0123456789abcdef"), Value::Int(1), Value::Float(0.5), Value::Bool(true)],
        extra: &[("extra", Value::Bytes(&[1, 2, 3]))],
        failure: None,
    });
}

#[test]
fn a_nodes_span_allocates_nothing() {
    let recorder = Recorder::in_memory();
    let scope = scope(&recorder);
    assert_eq!(allocations_of(|| record_node(&scope)), 0);
}

#[test]
fn a_users_span_allocates_nothing() {
    let recorder = Recorder::in_memory();
    let scope = scope(&recorder);
    let _active = scope.activate();
    let work = || {
        let guard = span("work");
        guard.attr("text", "0123456789abcdef").attr("number", 1).attr("float", 0.5).attr("flag", true);
        guard.event("event", &[("row", Value::Int(1))]);
    };
    assert_eq!(allocations_of(work), 0);
}

#[test]
fn activating_a_scope_allocates_nothing() {
    let recorder = Recorder::in_memory();
    let scope = scope(&recorder);
    assert_eq!(allocations_of(|| drop(scope.activate())), 0);
}

#[test]
fn a_span_that_is_not_recorded_allocates_nothing() {
    assert_eq!(allocations_of(|| _ = span("nowhere").attr("key", "value")), 0);
}
