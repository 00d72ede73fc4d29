//! The same graphs in async_dag, the quickest library of its kind, which records nothing.
//!
//! A task of it has a dozen parameters at most, so that its wide graph has no last node that reads all others, but one more
//! in the middle.

use async_dag::{Graph, NodeIndex};
use tokio::runtime::Runtime;

use super::NODES;
use super::graphs::Shape;
use super::turns::Batch;

/// A graph, which runs once: each turn has its own.
pub(super) struct Neighbour<'a> {
    shape: Shape,
    runtime: &'a Runtime,
    graph: Option<(Graph<'static>, NodeIndex)>,
}

impl<'a> Neighbour<'a> {
    pub(super) fn new(shape: Shape, runtime: &'a Runtime) -> Self {
        Self { shape, runtime, graph: None }
    }

    fn build(&self) -> Option<(Graph<'static>, NodeIndex)> {
        let mut graph = Graph::new();
        let first = graph.add_task(|| async { 1u64 });
        let mut last = first;
        for _ in 1..NODES {
            let above = if self.shape == Shape::Chain { last } else { first };
            last = graph.add_child_task(above, next, 0).ok()?;
        }
        Some((graph, last))
    }
}

async fn next(value: u64) -> u64 {
    value + 1
}

impl Batch for Neighbour<'_> {
    fn prepare(&mut self) {
        self.graph = self.build();
    }

    fn run(&mut self) {
        if let Some((graph, _)) = &mut self.graph {
            self.runtime.block_on(graph.run());
        }
    }

    fn check(&mut self) -> Result<(), String> {
        let (graph, last) = self.graph.take().ok_or("the neighbour's graph was not built")?;
        let expected = if self.shape == Shape::Chain { NODES as u64 } else { 2 };
        let made = graph.get_value::<u64>(last);
        if made == Some(expected) { Ok(()) } else { Err(format!("the neighbour made {made:?}, not {expected}")) }
    }
}
