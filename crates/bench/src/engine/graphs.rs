//! The graphs as pipelines of Flowglass.

use std::sync::Arc;

use flowglass::value::Value;
use flowglass::{
    Call, Inputs, Invocation, Node, NodeExt, NodeSpec, Output, Outputs, Param, Pipeline, Recorder, Run, inputs, node, type_of,
};
use tokio::runtime::Runtime;

use super::NODES;
use super::turns::Batch;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Chain,
    Wide,
}

/// Whether runs are recorded.
pub(super) enum Telemetry {
    On(Recorder),
    Off,
}

#[node(output = "next")]
async fn next(value: u64) -> u64 {
    value + 1
}

/// Adds up everything; a function would need a parameter for each.
struct Sum {
    reads: Vec<String>,
}

impl Node for Sum {
    fn spec(&self) -> NodeSpec {
        NodeSpec {
            params: self.reads.iter().map(|read| param(read)).collect(),
            outputs: vec![Output { name: "sum".to_owned(), ty: type_of!(u64) }],
            asynchronous: true,
            ..NodeSpec::new("sum", "function", type_of!(u64))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let values: Result<Vec<u64>, _> = (0..call.len()).map(|input| call.take::<u64>(input)).collect();
        Call::Pending(Box::pin(async move {
            let sum: u64 = values?.into_iter().sum();
            Ok(Outputs::from_elem(Arc::new(sum) as Value, 1))
        }))
    }
}

fn param(name: &str) -> Param {
    Param::new(name, type_of!(u64))
}

/// One graph, run again and again.
pub(super) struct Graph<'a> {
    pipeline: Pipeline,
    telemetry: Telemetry,
    runtime: &'a Runtime,
    /// The last output, and what it must be.
    expected: (String, u64),
    inputs: Inputs,
    run: Option<Result<Run, flowglass::Error>>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(shape: Shape, telemetry: Telemetry, runtime: &'a Runtime) -> Result<Self, String> {
        let (pipeline, expected) = match shape {
            Shape::Chain => (chain(), (format!("v{NODES}"), NODES as u64)),
            Shape::Wide => (wide(), ("sum".to_owned(), 2 * (NODES as u64 - 2))),
        };
        let pipeline = pipeline.map_err(|error| error.to_string())?;
        Ok(Self { pipeline, telemetry, runtime, expected, inputs: Inputs::new(), run: None })
    }
}

impl Batch for Graph<'_> {
    fn prepare(&mut self) {
        self.inputs = inputs! { v0: 0u64 };
    }

    fn run(&mut self) {
        let run = self.pipeline.run(std::mem::take(&mut self.inputs));
        let run = match &self.telemetry {
            Telemetry::On(recorder) => run.telemetry(recorder.clone()),
            Telemetry::Off => run.no_telemetry(),
        };
        self.run = Some(self.runtime.block_on(run.into_future()));
    }

    fn check(&mut self) -> Result<(), String> {
        let run = self.run.take().ok_or("no run")?.map_err(|error| error.to_string())?;
        let (name, expected) = &self.expected;
        let made: u64 = run.get(name).map_err(|error| error.to_string())?;
        if made == *expected { Ok(()) } else { Err(format!("{name} is {made}, not {expected}")) }
    }
}

pub(super) fn chain() -> Result<Pipeline, flowglass::Error> {
    let link =
        |at: usize| next {}.named(format!("n{at}")).input("value", format!("v{at}")).output("next", format!("v{}", at + 1));
    (0..NODES).fold(Pipeline::builder("chain"), |chain, at| chain.node(link(at))).build()
}

fn wide() -> Result<Pipeline, flowglass::Error> {
    let reads: Vec<String> = (2..NODES).map(|at| format!("v{at}")).collect();
    let first = next {}.named("first").input("value", "v0").output("next", "v1");
    let middle = |name: &String| next {}.named(format!("n{name}")).input("value", "v1").output("next", name.clone());
    let wide = reads.iter().fold(Pipeline::builder("wide").node(first), |wide, name| wide.node(middle(name)));
    wide.node(Sum { reads }).build()
}
