//! Random graphs give the same values and the same spans, whoever runs their nodes.

use std::sync::Arc;

use flowglass::value::Value;
use flowglass::{
    Backend, Call, Execution, Inputs, Invocation, LocalBackend, Node, NodeSpec, Output, Outputs, Param, Pipeline, Run, type_of,
};

use crate::pipelines::Build;
use crate::spans::paths;
use crate::workers;

/// How many graphs there are; every copy of the program knows them by their seeds.
pub(crate) const SEEDS: u64 = 16;

/// Adds up what it reads and its own number, at once or after some turns of the executor.
struct Sum {
    number: usize,
    reads: Vec<usize>,
    turns: u64,
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
            version: format!("{} after {}", self.number, self.turns),
            code: Some([7; 32]),
            asynchronous: self.turns > 0,
            ..NodeSpec::new(name(self.number), "function", type_of!(u64))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let _span = flowglass::span("adding");
        let sum =
            (0..call.len()).map(|input| *call.borrow::<u64>(input).unwrap()).fold(self.number as u64 + 1, u64::wrapping_add);
        let (turns, outputs) = (self.turns, move || Ok(Outputs::from_elem(Arc::new(sum) as Value, 1)));
        if turns == 0 {
            return Call::Ready(outputs());
        }
        Call::Pending(Box::pin(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            outputs()
        }))
    }
}

/// Numbers that look random and are the same in every process: https://prng.di.unimi.it/splitmix64.c
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).unwrap()
    }
}

fn nodes(draw: &mut Draw) -> Vec<Sum> {
    let count = 1 + draw.below(12);
    let node = |number| {
        let mut reads: Vec<usize> = (0..if number > 0 { draw.below(4) } else { 0 }).map(|_| draw.below(number)).collect();
        reads.sort_unstable();
        reads.dedup();
        Sum { number, reads, turns: draw.below(3) as u64 }
    };
    (0..count).map(node).collect()
}

/// The graph of this seed: some nodes, of which the first few are a pipeline inside.
pub(crate) fn pipeline(seed: u64) -> Build {
    let mut draw = Draw(seed);
    let mut nodes = nodes(&mut draw);
    let rest = nodes.split_off(draw.below(nodes.len()));
    let mut outer = Pipeline::builder(format!("graph {seed}"));
    if !nodes.is_empty() {
        let inner = nodes.into_iter().fold(Pipeline::builder("inner"), |inner, node| inner.node(node)).build()?;
        outer = outer.node(inner);
    }
    rest.into_iter().fold(outer, |outer, node| outer.node(node)).build()
}

#[test]
fn every_way_of_running_a_graph_gives_the_same() {
    let local = |execution| LocalBackend { node_execution: execution, map_execution: execution, max_workers: Some(3) };
    let away = workers(2);
    for seed in 0..SEEDS {
        let pipeline = pipeline(seed).unwrap();
        let run = |backend: Backend| pipeline.run(Inputs::new()).backend(backend).wait().unwrap();
        let expected = facts(&run(local(Execution::Sequential).into()));
        for execution in [Execution::Async, Execution::Threads] {
            assert_eq!(facts(&run(local(execution).into())), expected, "seed {seed}, {execution:?}");
        }
        assert_eq!(facts(&run(away.clone().into())), expected, "seed {seed}, workers");
    }
}

/// The values of a run and its tree of spans.
fn facts(run: &Run) -> (Vec<(String, u64)>, Vec<String>) {
    let value = |name: &str| (name.to_owned(), run.get::<u64>(name).unwrap());
    let mut values: Vec<_> = run.outputs().map(|(name, _)| value(name)).collect();
    values.sort();
    (values, paths(&run.trace()))
}
