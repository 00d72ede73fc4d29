//! Random graphs: each needed node runs exactly once and never before its inputs, events pair up, and every way of
//! scheduling gives the same values and the same spans.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flowglass_engine::value::Value;
use flowglass_engine::{
    Call, CancelToken, DiskCache, Execution, Inputs, Invocation, LocalBackend, Node, NodeSpec, Output, Outputs, Param,
    Pipeline, type_of, typed,
};
use flowglass_model::{AttributeValue, EventVerb, Span, SpanId, SpanType, Status, Subject};
use parking_lot::Mutex;
use proptest::prelude::*;

type Log = Arc<Mutex<Vec<usize>>>;
/// What was told of each node.
type Told = Arc<Mutex<BTreeMap<String, Vec<EventVerb>>>>;

/// Adds up what it reads and its own number, at once or after some turns of the executor.
struct Sum {
    number: usize,
    reads: Vec<usize>,
    turns: u8,
    log: Log,
}

fn name(number: usize) -> String {
    // Names out of order, so that ties by name differ from the order of the nodes.
    format!("n{}_{number}", (number * 7919) % 101)
}

impl Node for Sum {
    fn spec(&self) -> NodeSpec {
        NodeSpec {
            params: self.reads.iter().map(|&read| Param::new(name(read), type_of!(u64))).collect(),
            outputs: vec![Output { name: name(self.number), ty: type_of!(u64) }],
            code: Some([7; 32]),
            version: self.number.to_string(),
            asynchronous: self.turns > 0,
            ..NodeSpec::new(name(self.number), "function", type_of!(u64))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let read = |input| *call.borrow::<u64>(input).unwrap();
        let sum = (0..call.len()).map(read).fold(0, u64::wrapping_add);
        let sum = sum.wrapping_add(self.number as u64 + 1);
        let (log, number, turns) = (Arc::clone(&self.log), self.number, self.turns);
        let outputs = move || Ok(Outputs::from_elem(Arc::new(sum) as Value, 1));
        if turns == 0 {
            log.lock().push(number);
            return Call::Ready(outputs());
        }
        Call::Pending(Box::pin(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            log.lock().push(number);
            outputs()
        }))
    }
}

#[derive(Debug, Clone)]
struct Shape {
    /// For each node, which earlier nodes it reads, and how many turns it takes.
    nodes: Vec<(Vec<usize>, u8)>,
}

fn shape() -> impl Strategy<Value = Shape> {
    prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..4), 0u8..3), 1..14).prop_map(|drawn| {
        let node = |(at, (reads, turns)): (usize, &(Vec<prop::sample::Index>, u8))| {
            let mut reads: Vec<usize> = reads.iter().filter(|_| at > 0).map(|read| read.index(at.max(1))).collect();
            reads.sort_unstable();
            reads.dedup();
            (reads, *turns)
        };
        Shape { nodes: drawn.iter().enumerate().map(node).collect() }
    })
}

fn pipeline(shape: &Shape, log: &Log) -> Pipeline {
    let mut builder = Pipeline::builder("random");
    for (number, (reads, turns)) in shape.nodes.iter().enumerate().rev() {
        builder = builder.node(Sum { number, reads: reads.clone(), turns: *turns, log: Arc::clone(log) });
    }
    builder.build().unwrap()
}

fn expected(shape: &Shape) -> Vec<u64> {
    let mut sums: Vec<u64> = Vec::new();
    for (number, (reads, _)) in shape.nodes.iter().enumerate() {
        let sum = reads.iter().fold(0u64, |sum, &read| sum.wrapping_add(sums[read]));
        sums.push(sum.wrapping_add(number as u64 + 1));
    }
    sums
}

/// Everything that the nodes asked for need, themselves included.
fn needed(shape: &Shape, wanted: &[usize]) -> Vec<usize> {
    let mut needed = vec![false; shape.nodes.len()];
    wanted.iter().for_each(|&number| needed[number] = true);
    for number in (0..shape.nodes.len()).rev().filter(|&number| needed[number]).collect::<Vec<_>>() {
        mark(shape, number, &mut needed);
    }
    (0..shape.nodes.len()).filter(|&number| needed[number]).collect()
}

fn mark(shape: &Shape, number: usize, needed: &mut [bool]) {
    for &read in &shape.nodes[number].0 {
        if !std::mem::replace(&mut needed[read], true) {
            mark(shape, read, needed);
        }
    }
}

/// The spans as lines of their ancestors' names and their own, in an order that knows of no time.
fn tree(spans: &[Span]) -> Vec<String> {
    let by_id: HashMap<SpanId, &Span> = spans.iter().map(|span| (span.span_id, span)).collect();
    let line = |span: &Span| {
        let above = std::iter::successors(Some(span), |span| by_id.get(&span.parent_id).copied());
        let mut names: Vec<&str> = above.map(|span| span.name.as_str()).collect();
        names.reverse();
        names.join(" / ")
    };
    let mut lines: Vec<String> = spans.iter().map(line).collect();
    lines.sort();
    lines
}

/// Puts a pipeline into so many others.
fn nested(inner: &Pipeline, times: usize) -> Pipeline {
    (0..times).fold(inner.clone(), |inner, at| Pipeline::builder(format!("around{at}")).node(inner.as_node()).build().unwrap())
}

fn backend(execution: Execution) -> LocalBackend {
    LocalBackend { node_execution: execution, map_execution: execution, max_workers: Some(3) }
}

const EXECUTIONS: [Execution; 3] = [Execution::Sequential, Execution::Async, Execution::Threads];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_way_of_scheduling_is_right(shape in shape(), wanted in prop::collection::vec(any::<prop::sample::Index>(), 1..3)) {
        let wanted: Vec<usize> = wanted.iter().map(|wanted| wanted.index(shape.nodes.len())).collect();
        let mut trees = Vec::new();
        for execution in EXECUTIONS {
            let log = Log::default();
            let told = Told::default();
            let hear = Arc::clone(&told);
            let run = pipeline(&shape, &log)
                .run(Inputs::new())
                .outputs(wanted.iter().map(|&number| name(number)))
                .backend(backend(execution))
                .observe(move |event| {
                    if event.site.subject == Subject::Node {
                        hear.lock().entry(event.site.name.to_string()).or_default().push(event.kind.verb());
                    }
                })
                .wait()
                .unwrap();
            let sums = expected(&shape);
            for &number in &wanted {
                prop_assert_eq!(run.get::<u64>(&name(number)).unwrap(), sums[number]);
            }
            let order = log.lock().clone();
            let mut ran = order.clone();
            ran.sort_unstable();
            prop_assert_eq!(&ran, &needed(&shape, &wanted), "each needed node, exactly once");
            for (at, &number) in order.iter().enumerate() {
                for read in &shape.nodes[number].0 {
                    prop_assert!(order[..at].contains(read), "{} ran before {}", number, read);
                }
            }
            let told = told.lock();
            prop_assert_eq!(told.len(), ran.len());
            for verbs in told.values() {
                prop_assert_eq!(verbs.as_slice(), [EventVerb::Started, EventVerb::Finished]);
            }
            trees.push(tree(&run.trace()));
        }
        prop_assert!(trees.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", trees);
    }

    #[test]
    fn depth_and_path_are_right_at_every_level(shape in shape(), times in 0usize..5) {
        let pipeline = nested(&pipeline(&shape, &Log::default()), times);
        let mut names: Vec<String> = (0..times).rev().map(|at| format!("around{at}")).collect();
        names.push("random".to_owned());
        let mut trees = Vec::new();
        for execution in EXECUTIONS {
            let spans = pipeline.run(Inputs::new()).backend(backend(execution)).wait().unwrap().trace();
            let mut levels: Vec<(i64, String)> = Vec::new();
            for span in spans.iter().filter(|span| span.span_type == SpanType::Pipeline) {
                let Some(AttributeValue::Int(depth)) = span.attribute("pipeline.depth") else { panic!("no depth") };
                levels.push((*depth, span.text("pipeline.path").unwrap_or_default().to_owned()));
            }
            levels.sort();
            let right = (0..names.len()).map(|depth| (i64::try_from(depth).unwrap(), names[..=depth].join(" > ")));
            prop_assert_eq!(levels, right.collect::<Vec<_>>());
            let tree = tree(&spans);
            let around: String = names.iter().map(|name| format!("pipeline {name} / ")).collect();
            let nodes = (0..shape.nodes.len()).map(|number| format!("{around}node {}", name(number)));
            prop_assert!(nodes.into_iter().all(|node| tree.contains(&node)), "{:#?}", tree);
            trees.push(tree);
        }
        prop_assert!(trees.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", trees);
    }

    #[test]
    fn cancellation_reaches_all(shape in shape(), times in 0usize..3, after in 1usize..6) {
        for execution in EXECUTIONS {
            let log = Log::default();
            let (token, told) = (CancelToken::new(), Told::default());
            let (hear, stop) = (Arc::clone(&told), token.clone());
            let run = nested(&pipeline(&shape, &log), times).run(Inputs::new()).backend(backend(execution)).cancel_with(token);
            let run = run.observe(move |event| {
                if event.site.subject == Subject::Node {
                    let mut told = hear.lock();
                    told.entry(event.site.name.to_string()).or_default().push(event.kind.verb());
                    if told.len() == after {
                        stop.cancel();
                    }
                }
            });
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let run = runtime.block_on(run.settle()).unwrap();
            let told = told.lock();
            let is_over = |verbs: &[EventVerb]| match verbs {
                [EventVerb::Started, end] => matches!(end, EventVerb::Finished | EventVerb::Cancelled),
                verbs => *verbs == [EventVerb::Skipped],
            };
            prop_assert!(told.values().all(|verbs| is_over(verbs)), "{:?}", told);
            prop_assert_eq!(told.len(), shape.nodes.len(), "each is told of");
            let finished = told.values().filter(|verbs| verbs.contains(&EventVerb::Finished)).count();
            let right = if finished == shape.nodes.len() { Status::Ok } else { Status::Cancelled };
            prop_assert_eq!(run.status(), right);
            prop_assert!(run.trace().iter().all(|span| span.status != Status::Running), "no span stays open");
        }
    }

    #[test]
    fn a_second_run_computes_nothing(shape in shape()) {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::default();
        let pipeline = pipeline(&shape, &log);
        let run = || pipeline.run(Inputs::new()).cache(DiskCache::open(folder.path()).unwrap()).wait().unwrap();
        let first: Vec<u64> = (0..shape.nodes.len()).map(|number| run().get(&name(number)).unwrap()).collect();
        prop_assert_eq!(&first, &expected(&shape));
        prop_assert_eq!(log.lock().len(), shape.nodes.len());
        prop_assert!(run().trace().iter().skip(1).all(|span| span.text("cache.status") == Some("hit")));
    }

    #[test]
    fn a_map_over_a_graph_is_the_graph_for_each(shape in shape(), items in prop::collection::vec(0u64..50, 0..6)) {
        let log = Log::default();
        let scaled = Pipeline::builder("scaled")
            .node(Sum { number: 1, reads: vec![0], turns: 1, log: Arc::clone(&log) })
            .node(pipeline(&shape, &log).as_node().output(name(0), "unused"))
            .build()
            .unwrap();
        let read = name(0);
        let inputs = Inputs::new().with(read.clone(), typed!(items.clone()));
        for execution in EXECUTIONS {
            let map = scaled.map(inputs.clone(), [read.clone()]).backend(backend(execution)).wait().unwrap();
            prop_assert_eq!(map.status(), Status::Ok);
            let right: Vec<u64> = items.iter().map(|item| item + 2).collect();
            prop_assert_eq!(map.column::<u64>(&name(1)).unwrap(), right);
        }
    }
}
