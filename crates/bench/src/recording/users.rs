//! Flowglass: spans that user code makes.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use flowglass_model::{Attributes, Batch, Sink, SinkError, SpanRef, TraceId};
use flowglass_record::{Recorder, ScopeSpec, Verdict, span};

use super::check::Check;
use super::instructions::count_instructions;
use super::payload::{ATTEMPT, CACHED, CHILDREN, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling::{self, Cost};

const PATIENCE: Duration = Duration::from_secs(60);
/// So often two threads record at once, and one alone.
const ROUNDS_TOGETHER: usize = 9;
/// What costs about a nanosecond is done so many times as often: else reading the clock would count.
const PASSES_UNRECORDED: usize = 100;

impl Sink for Check {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        if self.count(batch.spans.len()) {
            for child in batch.spans().filter(|span| span.name() == "child") {
                self.child(is_right(&child) && batch.events().any(|event| event.owner().1 == child.row().span_id));
            }
        }
        Ok(())
    }
}

/// Measures recorded spans.
pub(super) fn recorded() -> Result<Figures, String> {
    let check = Check::default();
    let recorder = Recorder::builder().sink("check", check.clone()).build();
    let cost = measure(&recorder, || {})?;
    check.result(sampling::batches() * SPANS)?;
    let mut figures = Figures::default();
    figures.add("user_span_ns", cost.wall_ns);
    figures.add("user_span_allocs", cost.allocations);
    Ok(figures)
}

/// Records a batch while its instructions are counted.
pub(super) fn counted() -> Result<Figures, String> {
    let recorder = Recorder::builder().sink("check", Check::default()).build();
    let keys = keys();
    traces(&recorder, &keys);
    recorder.flush(PATIENCE).map_err(|error| error.to_string())?;
    Ok(count_instructions(SPANS as u32, &mut || traces(&recorder, &keys)))
}

/// Measures spans of a trace that isn't sampled.
pub(super) fn unsampled() -> Result<Figures, String> {
    let recorder = Recorder::in_memory();
    let (trace_id, attributes) = (TraceId::random(), Attributes::new());
    let scope = recorder.scope(ScopeSpec { trace_id, verdict: Verdict::Never, templates: Arc::new([]), attributes });
    let _active = scope.activate();
    Ok(one("unsampled_ns", children_alone()))
}

/// Measures spans outside of any trace, and how much of that is the loop around them.
pub(super) fn disabled() -> Result<Figures, String> {
    let mut figures = one("disabled_ns", children_alone());
    figures.add("empty_loop_ns", each_key(|_| {}));
    Ok(figures)
}

/// Measures what a span costs each of two threads that record at once, against one alone; and beside it the same of arithmetic, and of
/// writing into memory of their own, for which two threads share nothing: processors that share units or caches slow each other down,
/// whatever they do.
pub(super) fn two_threads() -> Result<Figures, String> {
    let (mut recording, mut arithmetic, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS_TOGETHER {
        let (alone, both) = (Check::default(), Check::default());
        let record = |check: &Check| Recorder::builder().sink("check", check.clone()).build();
        let alone_ns = measure(&record(&alone), || {})?.cpu_ns;
        let (recorder, meeting) = (record(&both), Barrier::new(2));
        recording.push(together(|| Ok(measure(&recorder, || _ = meeting.wait())?.cpu_ns))? / alone_ns);
        alone.result(sampling::batches() * SPANS)?;
        both.result(2 * sampling::batches() * SPANS)?;
        arithmetic.push(together(|| Ok(calculate()))? / calculate());
        memory.push(together(|| Ok(write_memory()))? / write_memory());
    }
    let mut figures = one("two_thread_cpu_ratio", middle(recording));
    figures.add("two_thread_arithmetic_ratio", middle(arithmetic));
    figures.add("two_thread_memory_ratio", middle(memory));
    Ok(figures)
}

/// Returns the mean of what two threads measure that begin at once.
fn together(measure: impl Fn() -> Result<f64, String> + Sync) -> Result<f64, String> {
    let start = Barrier::new(2);
    let [first, second] = std::thread::scope(|threads| {
        let measure = || {
            start.wait();
            measure()
        };
        let threads = [threads.spawn(measure), threads.spawn(measure)];
        threads.map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned()).flatten())
    });
    Ok(f64::midpoint(first?, second?))
}

/// Returns what some arithmetic costs a thread, about as much as recording does.
fn calculate() -> f64 {
    const STEPS: u64 = 20_000;
    let batch = || _ = black_box((0..STEPS).fold(1u64, |sum, step| black_box(sum.wrapping_mul(31).wrapping_add(step))));
    sampling::measure(1, batch, || {}).cpu_ns
}

/// Returns what it costs a thread to write as much memory as recording does: a batch's records, and eight times as much until the same
/// memory comes again, as with a flush.
fn write_memory() -> f64 {
    const WORDS: usize = SPANS * 20;
    let mut memory = vec![0_u64; WORDS * 8];
    let mut turn = 0;
    let batch = || {
        let part = turn % 8 * WORDS;
        (0_u64..).zip(&mut memory[part..part + WORDS]).for_each(|(at, word)| *word = black_box(at));
        turn += 1;
    };
    sampling::measure(1, batch, || {}).cpu_ns
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Measures from nothing to the first span at a sink.
pub(super) fn startup() -> Result<Figures, String> {
    let start = Instant::now();
    let recorder = Recorder::builder().sink("check", Check::default()).build();
    drop(recorder.root_span("first"));
    recorder.flush(PATIENCE).map_err(|error| error.to_string())?;
    Ok(one("startup_ms", start.elapsed().as_secs_f64() * 1e3))
}

/// Measures recording; `meet` waits before and after each flush for others that record, so that no flush of theirs is in the measured time.
fn measure(recorder: &Recorder, meet: impl Fn()) -> Result<Cost, String> {
    let keys = keys();
    let mut failure = None;
    let flush = || {
        meet();
        failure = recorder.flush(PATIENCE).err().or(failure.take());
        meet();
    };
    let cost = sampling::measure(SPANS, || traces(recorder, &keys), flush);
    failure.map_or(Ok(cost), |error| Err(error.to_string()))
}

/// Records one batch.
pub(super) fn traces(recorder: &Recorder, keys: &[String]) {
    for _ in 0..TRACES {
        let _root = recorder.root_span("root");
        keys.iter().for_each(|key| child(key));
    }
}

fn children_alone() -> f64 {
    each_key(child)
}

fn each_key(say: impl Fn(&str)) -> f64 {
    let keys = keys();
    let passes = PASSES_UNRECORDED * TRACES;
    let batch = || (0..passes).for_each(|_| keys.iter().for_each(|key| say(black_box(key))));
    sampling::measure(passes * CHILDREN, batch, || {}).wall_ns
}

/// In place, here and in the peers' own: what a span costs is asked, and not what a call does.
#[inline(always)]
fn child(key: &str) {
    let child = span("child");
    child.attr("model", MODEL).attr("key", key).attr("rows", ROWS).attr("attempt", ATTEMPT);
    child.attr("cached", CACHED).attr("score", SCORE);
    child.event("loaded", &[]);
}

pub(super) fn is_right(child: &SpanRef<'_>) -> bool {
    let span = child.to_span();
    let number = |key| span.attribute(key).and_then(|value| value.as_f64());
    span.attributes.len() == 6
        && span.text("key").is_some_and(|key| key.len() == 16)
        && number("rows") == Some(ROWS as f64)
        && number("score") == Some(SCORE)
}

fn one(name: &str, figure: f64) -> Figures {
    let mut figures = Figures::default();
    figures.add(name, figure);
    figures
}
