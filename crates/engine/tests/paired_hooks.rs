//! Hooks pair up on random graphs, however they are scheduled, with nodes that fail and runs that are cancelled half-way.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_engine::value::Value;
use flowglass_engine::{
    BoxError, Call, Callback, CallbackContext, CallbackResult, Callbacks, CancelToken, EventFilter, Execution, Inputs,
    Invocation, LocalBackend, Node, NodeSpec, Outputs, Param, Pipeline, Received, type_of, typed,
};
use flowglass_model::{Event, EventKind, SpanId, Subject};
use parking_lot::Mutex;
use proptest::prelude::*;

/// What a node does when it is called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Works,
    Fails,
    Panics,
    Cancels,
    NeverEnds,
}

#[derive(Debug, Clone)]
struct Step {
    reads: Vec<usize>,
    turns: u8,
    deed: Deed,
}

struct Doer {
    number: usize,
    step: Step,
    cancel: CancelToken,
}

fn name(number: usize) -> String {
    format!("n{number}")
}

fn outputs() -> Outputs {
    Outputs::from_elem(Arc::new(1u64) as Value, 1)
}

impl Node for Doer {
    fn spec(&self) -> NodeSpec {
        let read = |&read: &usize| Param::new(name(read), type_of!(u64));
        let mut params: Vec<Param> = self.step.reads.iter().map(read).collect();
        if self.number == 0 {
            params.push(Param::new("item", type_of!(u64)));
        }
        let asynchronous = self.step.turns > 0;
        NodeSpec { params, asynchronous, ..NodeSpec::new(name(self.number), "function", type_of!(u64)) }
    }

    fn call(&self, _: &mut Invocation<'_>) -> Call {
        let (deed, turns, cancel) = (self.step.deed, self.step.turns, self.cancel.clone());
        let act = move || -> Result<Outputs, BoxError> {
            match deed {
                Deed::Fails => return Err("by design".into()),
                Deed::Panics => std::panic::resume_unwind(Box::new("by design")),
                Deed::Cancels => cancel.cancel(),
                Deed::Works | Deed::NeverEnds => {}
            }
            Ok(outputs())
        };
        if turns == 0 {
            return Call::Ready(act());
        }
        Call::Pending(Box::pin(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            if deed == Deed::NeverEnds {
                std::future::pending::<()>().await;
            }
            act()
        }))
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => Just(Deed::Works),
        1 => Just(Deed::Fails),
        1 => Just(Deed::Panics),
        1 => Just(Deed::Cancels),
        1 => Just(Deed::NeverEnds),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (prop::collection::vec(any::<prop::sample::Index>(), 0..3), 0u8..3, deed());
    prop::collection::vec(step, 1..8).prop_map(|drawn| {
        let read = |at: usize, reads: Vec<prop::sample::Index>| {
            let mut reads: Vec<usize> = reads.iter().filter(|_| at > 0).map(|read| read.index(at.max(1))).collect();
            reads.sort_unstable();
            reads.dedup();
            reads
        };
        let step = |(at, (reads, turns, deed))| Step { reads: read(at, reads), turns, deed };
        drawn.into_iter().enumerate().map(step).collect()
    })
}

/// A pipeline of these steps, inside of a map, inside of another pipeline.
fn pipeline(steps: &[Step], cancel: &CancelToken) -> Pipeline {
    let doer = |(number, step): (usize, &Step)| Doer { number, step: step.clone(), cancel: cancel.clone() };
    let inner = steps.iter().enumerate().map(doer).fold(Pipeline::builder("inner"), |builder, doer| builder.node(doer));
    let inner = inner.build().unwrap().as_node().map_over("item", "items").output(name(0), "all");
    let middle = Pipeline::builder("middle").node(inner).build().unwrap();
    Pipeline::builder("outer").node(middle.as_node()).build().unwrap()
}

/// Keeps what has started and not ended, by the hooks alone.
#[derive(Default)]
struct Pairs {
    open: HashMap<(&'static str, SpanId), u32>,
    wrong: Vec<String>,
    starts: usize,
}

struct Checks(Arc<Mutex<Pairs>>);

impl Checks {
    fn starts(&self, what: &'static str, event: &Event<'_>) -> CallbackResult {
        let mut pairs = self.0.lock();
        pairs.starts += 1;
        *pairs.open.entry((what, event.span)).or_default() += 1;
        Ok(())
    }

    fn ends(&self, what: &'static str, event: &Event<'_>) -> CallbackResult {
        let mut pairs = self.0.lock();
        if pairs.open.remove(&(what, event.span)) != Some(1) {
            pairs.wrong.push(format!("{what}: {event:?}"));
        }
        Ok(())
    }
}

macro_rules! pairs {
    ($($start:ident $end:ident)*) => {
        impl Callback for Checks {
            $(
                fn $start(&mut self, event: &Event<'_>, _: &mut CallbackContext) -> CallbackResult {
                    self.starts(stringify!($start), event)
                }
                fn $end(&mut self, event: &Event<'_>, _: &mut CallbackContext) -> CallbackResult {
                    self.ends(stringify!($start), event)
                }
            )*
        }
    };
}

pairs!(on_pipeline_start on_pipeline_end on_nested_pipeline_start on_nested_pipeline_end on_node_start on_node_end
    on_map_start on_map_end on_map_item_start on_map_item_end);

/// Everything that an event of a run tells, in order.
fn run(steps: &[Step], execution: Execution) -> (Arc<Mutex<Pairs>>, Vec<String>) {
    let cancel = CancelToken::new();
    let pairs: Arc<Mutex<Pairs>> = Arc::default();
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (note, ender) = (Arc::clone(&told), cancel.clone());
    let has_hanging = steps.iter().any(|step| step.deed == Deed::NeverEnds && step.turns > 0);
    let mut turns = 0;
    let callbacks =
        Callbacks::new().with(Checks(Arc::clone(&pairs))).with(move |event: &Event<'_>, _: &mut CallbackContext| {
            note.lock().push(format!("{} {} {}", event.seq, event.name(), event.site.path));
            // A node that never ends is stopped when enough else has happened.
            turns += 1;
            if has_hanging
                && matches!((event.site.subject, event.kind), (Subject::Node, EventKind::Started { .. }))
                && turns > 4
            {
                ender.cancel();
            }
        });
    let backend = LocalBackend { node_execution: execution, map_execution: execution, max_workers: Some(2) };
    let inputs = Inputs::new().with("items", typed!(vec![1u64, 2, 3]));
    let mut builder =
        pipeline(steps, &cancel).run(inputs).backend(backend).callbacks(callbacks).cancel_with(cancel).timeout(STUCK);
    let mut events = builder.subscribe(EventFilter::all());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let run = runtime.block_on(builder.settle()).unwrap();
    assert!(run.callback_failures().is_empty());
    drop(run);
    let heard = std::iter::from_fn(|| match events.recv_blocking()? {
        Received::Event(event) => Some(format!("{} {} {}", event.seq, event.name(), event.site.path)),
        Received::Lost(lost) => panic!("{lost} are lost"),
    });
    let (heard, told) = (heard.collect::<Vec<_>>(), told.lock().clone());
    assert_eq!(heard, told, "feeds and callbacks hear the same in one order");
    (pairs, told)
}

/// The clock is paused: it jumps here when nothing can happen any more.
const STUCK: std::time::Duration = std::time::Duration::from_secs(3_600);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_starts_ends_exactly_once(steps in steps()) {
        for execution in [Execution::Sequential, Execution::Async, Execution::Threads] {
            let (pairs, told) = run(&steps, execution);
            let pairs = pairs.lock();
            prop_assert!(pairs.open.is_empty(), "{:?} have not ended: {:#?}", pairs.open, told);
            prop_assert!(pairs.wrong.is_empty(), "{:?}", pairs.wrong);
            prop_assert!(pairs.starts >= 1);
            for (seq, event) in told.iter().enumerate() {
                prop_assert!(event.starts_with(&format!("{seq} ")), "{} is number {}", event, seq);
            }
            let last = told.last().cloned().unwrap_or_default();
            prop_assert!(last.contains(" pipeline.") && last.ends_with(" outer"), "{}", last);
        }
    }
}
