//! Random pipelines that every copy of the program can build from their names: graphs with maps, pipelines inside, nodes that
//! must wait, that fail, or whose results aren't kept.

use std::sync::Arc;

use flowglass::value::Value;
use flowglass::{Call, Invocation, Node, NodeSpec, Output, Outputs, Param, Pipeline, PipelineBuilder, type_of};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::pipelines::Build;

/// A level: its steps in some order that fits; step `n` makes the value `vn`. What comes into it is called `x`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shape(pub(crate) Vec<Step>);

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Adds up what it reads.
    Sum { reads: Vec<usize>, waits: u8, fails_at: Option<u64>, is_kept: bool },
    /// A pipeline of its own.
    Inside { read: usize, shape: Shape },
    /// A pipeline that is run for each of a few numbers; their sum.
    Each { read: usize, shape: Shape },
    /// A function that is called for each of a few numbers; their sum.
    Every { read: usize, fails_at: Option<u64> },
}

pub(crate) fn shapes() -> impl Strategy<Value = Shape> {
    level(sum().boxed()).prop_recursive(2, 24, 5, |inner| {
        let read = 0usize..8;
        let step = prop_oneof![
            4 => sum(),
            1 => (read.clone(), inner.clone()).prop_map(|(read, shape)| Step::Inside { read, shape }),
            1 => (read.clone(), inner).prop_map(|(read, shape)| Step::Each { read, shape }),
            1 => (read, failure()).prop_map(|(read, fails_at)| Step::Every { read, fails_at }),
        ];
        level(step.boxed())
    })
}

fn level(step: BoxedStrategy<Step>) -> BoxedStrategy<Shape> {
    prop::collection::vec(step, 1..7).prop_map(Shape).boxed()
}

fn sum() -> impl Strategy<Value = Step> {
    let reads = prop::collection::vec(0usize..8, 0..3);
    (reads, 0u8..3, failure(), prop::bool::weighted(0.8)).prop_map(|(reads, waits, fails_at, is_kept)| Step::Sum {
        reads,
        waits,
        fails_at,
        is_kept,
    })
}

/// Most never fail; the others do where what they make can be divided by a number.
fn failure() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.06, 2u64..6)
}

/// Leaves only the first failure in, so that it isn't a matter of time which of several a run ends with.
pub(crate) fn with_one_failure(mut shape: Shape) -> Shape {
    leave_one(&mut shape, &mut false);
    shape
}

fn leave_one(shape: &mut Shape, is_found: &mut bool) {
    for step in &mut shape.0 {
        match step {
            Step::Sum { fails_at, .. } | Step::Every { fails_at, .. } => {
                *fails_at = fails_at.filter(|_| !std::mem::replace(is_found, true));
            }
            Step::Inside { shape, .. } | Step::Each { shape, .. } => leave_one(shape, is_found),
        }
    }
}

const KIND: &str = "shape ";

/// The pipeline of a shape, which stands in its name.
pub(crate) fn pipeline(shape: &Shape) -> Build {
    reading_x(builder(&format!("{KIND}{}", serde_json::to_string(shape).unwrap()), shape)).build()
}

/// The pipeline of a name.
pub(crate) fn named(name: &str) -> Option<Build> {
    let shape: Shape = serde_json::from_str(name.strip_prefix(KIND)?).ok()?;
    Some(pipeline(&shape))
}

/// What a step may read: `x`, or what a step before it made.
fn read(at: usize, read: usize) -> String {
    match read % (at + 1) {
        0 => "x".to_owned(),
        before => format!("v{}", before - 1),
    }
}

fn builder(name: &str, shape: &Shape) -> PipelineBuilder {
    shape.0.iter().enumerate().fold(Pipeline::builder(name), |builder, (at, step)| add(builder, at, step))
}

fn add(builder: PipelineBuilder, at: usize, step: &Step) -> PipelineBuilder {
    let made = format!("v{at}");
    match step {
        Step::Sum { reads, waits, fails_at, is_kept } => {
            let mut reads: Vec<String> = reads.iter().map(|&by| read(at, by)).collect();
            reads.sort();
            reads.dedup();
            builder.node(Sum { reads, makes: made, waits: *waits, fails_at: *fails_at, is_kept: *is_kept })
        }
        Step::Inside { read: by, shape } => {
            let inner = inner(&made, shape);
            builder.node(inner.as_node().named(made.as_str()).input("x", read(at, *by)).output(last(shape), made.as_str()))
        }
        Step::Each { read: by, shape } => {
            let (few, all) = (format!("few{at}"), format!("all{at}"));
            let each = inner(&made, shape).as_node().named(format!("each{at}")).map_over("x", few.as_str());
            let each = each.output(last(shape), all.as_str());
            builder.node(Few { read: read(at, *by), makes: few, least: 0 }).node(each).node(Total { read: all, makes: made })
        }
        Step::Every { read: by, fails_at } => {
            let (few, all) = (format!("few{at}"), format!("all{at}"));
            let one = Sum { reads: vec!["x".into()], makes: "y".into(), waits: 0, fails_at: *fails_at, is_kept: true };
            let every = flowglass::IntoNode::into_node(one).named(format!("every{at}")).map_over("x", few.as_str());
            let every = every.output("y", all.as_str());
            builder.node(Few { read: read(at, *by), makes: few, least: 0 }).node(every).node(Total { read: all, makes: made })
        }
    }
}

fn inner(name: &str, shape: &Shape) -> Pipeline {
    reading_x(builder(&format!("inside {name}"), shape)).build().unwrap()
}

/// What comes in is read even where no step needs it.
fn reading_x(builder: PipelineBuilder) -> PipelineBuilder {
    builder.node(Sum { reads: vec!["x".into()], makes: "seen".into(), waits: 0, fails_at: None, is_kept: true })
}

fn last(shape: &Shape) -> String {
    format!("v{}", shape.0.len() - 1)
}

/// Adds up what it reads and the length of its own name, at once or after some turns of the executor.
pub(crate) struct Sum {
    pub(crate) reads: Vec<String>,
    pub(crate) makes: String,
    pub(crate) waits: u8,
    pub(crate) fails_at: Option<u64>,
    pub(crate) is_kept: bool,
}

/// Makes a few numbers of one.
pub(crate) struct Few {
    pub(crate) read: String,
    pub(crate) makes: String,
    /// How many at least.
    pub(crate) least: u64,
}

/// Adds up a list.
pub(crate) struct Total {
    pub(crate) read: String,
    pub(crate) makes: String,
}

fn spec(name: &str, version: String, reads: Vec<Param>, output: flowglass::value::Type) -> NodeSpec {
    let outputs = vec![Output { name: name.to_owned(), ty: output.clone() }];
    NodeSpec { params: reads, outputs, version, code: Some([7; 32]), ..NodeSpec::new(name, "function", output) }
}

fn give(value: impl Send + Sync + 'static) -> Outputs {
    Outputs::from_elem(Arc::new(value) as Value, 1)
}

impl Node for Sum {
    fn spec(&self) -> NodeSpec {
        let reads = self.reads.iter().map(|read| Param::new(read.clone(), type_of!(u64))).collect();
        let version = format!("{} {} {:?}", self.makes, self.waits, self.fails_at);
        let spec = spec(&self.makes, version, reads, type_of!(u64));
        NodeSpec { asynchronous: self.waits > 0, code: spec.code.filter(|_| self.is_kept), ..spec }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let _span = flowglass::span("adding");
        let own = self.makes.bytes().map(u64::from).sum::<u64>();
        let sum = (0..call.len()).map(|input| *call.borrow::<u64>(input).unwrap()).fold(own, u64::wrapping_add);
        let result = match self.fails_at {
            Some(by) if sum.is_multiple_of(by) => Err(format!("{sum} can be divided by {by}").into()),
            _ => Ok(give(sum)),
        };
        let turns = self.waits;
        if turns == 0 {
            return Call::Ready(result);
        }
        Call::Pending(Box::pin(async move {
            for _ in 0..turns {
                tokio::task::yield_now().await;
            }
            result
        }))
    }
}

impl Node for Few {
    fn spec(&self) -> NodeSpec {
        let reads = vec![Param::new(self.read.clone(), type_of!(u64))];
        spec(&self.makes, self.makes.clone(), reads, type_of!(Vec<u64>))
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let number = *call.borrow::<u64>(0).unwrap();
        Call::Ready(Ok(give((0..self.least + number % 4).map(|add| number.wrapping_add(add)).collect::<Vec<u64>>())))
    }
}

impl Node for Total {
    fn spec(&self) -> NodeSpec {
        let reads = vec![Param::new(self.read.clone(), type_of!(Vec<u64>))];
        spec(&self.makes, self.makes.clone(), reads, type_of!(u64))
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let numbers = call.borrow::<Vec<u64>>(0).unwrap();
        Call::Ready(Ok(give(numbers.iter().fold(1u64, |sum, number| sum.wrapping_add(*number)))))
    }
}
