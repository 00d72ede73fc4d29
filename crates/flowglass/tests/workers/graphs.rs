//! Random graphs of raw pipelines in pipelines, with maps in maps: all that is inside is seen outside, so that what must run depends
//! at every depth on what is asked for. Beside them stands what must run, worked out on the drawing alone.

use std::collections::BTreeSet;

use flowglass::{IntoNode, NodeDef, Pipeline, PipelineBuilder};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::pipelines::Build;
use crate::shapes::{Few, Sum, Total};

/// A level: what comes in is `a` and `b`, and each step makes further values.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Graph(pub(crate) Vec<Step>);

/// One step. It reads values by their numbers: those that come in are the first two.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Adds up what it reads.
    Sum(Vec<usize>, u8),
    /// A pipeline of its own, of which everything is seen.
    Inside(usize, usize, Graph),
    /// The same, run for each of a few numbers made of the first; each list that comes of it is added up.
    Each(usize, usize, Graph),
}

pub(crate) fn graphs() -> impl Strategy<Value = Graph> {
    let sum = || (prop::collection::vec(0usize..12, 1..3), 0u8..2).prop_map(|(reads, waits)| Step::Sum(reads, waits));
    let level = |step: BoxedStrategy<Step>| prop::collection::vec(step, 1..5).prop_map(Graph).boxed();
    level(sum().boxed()).prop_recursive(3, 16, 4, move |inner| {
        let read = || 0usize..12;
        level(
            prop_oneof![
                3 => sum(),
                2 => (read(), read(), inner.clone()).prop_map(|(a, b, graph)| Step::Inside(a, b, graph)),
                1 => (read(), read(), inner).prop_map(|(a, b, graph)| Step::Each(a, b, graph)),
            ]
            .boxed(),
        )
    })
}

const KIND: &str = "graph ";

/// A node that no pipeline around needs.
pub(crate) const SEEN: &str = "seen";

pub(crate) fn pipeline(graph: &Graph) -> Build {
    graph.builder(&format!("{KIND}{}", serde_json::to_string(graph).unwrap())).build()
}

/// The pipeline of a name.
pub(crate) fn named(name: &str) -> Option<Build> {
    Some(pipeline(&serde_json::from_str(name.strip_prefix(KIND)?).ok()?))
}

/// What must run for some values of a level.
pub(crate) struct Needed {
    /// The functions, by their paths.
    pub(crate) nodes: BTreeSet<String>,
    /// The inputs that are read.
    pub(crate) inputs: BTreeSet<&'static str>,
}

impl Graph {
    /// The names of all values that are made, in order.
    pub(crate) fn made(&self) -> Vec<String> {
        let made = |(at, step): (usize, &Step)| match step {
            Step::Sum(..) => vec![format!("v{at}")],
            Step::Inside(.., graph) | Step::Each(.., graph) => {
                graph.made().iter().map(|inner| format!("v{at}_{inner}")).collect()
            }
        };
        self.0.iter().enumerate().flat_map(made).collect()
    }

    /// What must run so that these values are made; `path` is that of the level.
    pub(crate) fn needed(&self, path: &str, wanted: &BTreeSet<String>) -> Needed {
        let (mut wanted, mut nodes) = (wanted.clone(), BTreeSet::new());
        for (at, step) in self.0.iter().enumerate().rev() {
            let (own, inside) = (format!("v{at}"), format!("v{at}_"));
            let inner: BTreeSet<String> =
                wanted.iter().filter_map(|name| name.strip_prefix(&*inside)).map(str::to_owned).collect();
            match step {
                Step::Sum(reads, _) if wanted.contains(&own) => {
                    nodes.insert(format!("{path} > {own}"));
                    wanted.extend(reads.iter().map(|&by| self.value(at, by)));
                }
                Step::Inside(a, b, graph) if !inner.is_empty() => {
                    let needed = graph.needed(&format!("{path} > {own}"), &inner);
                    nodes.extend(needed.nodes);
                    wanted.extend(needed.inputs.iter().map(|&input| self.value(at, if input == "a" { *a } else { *b })));
                }
                Step::Each(a, b, graph) if !inner.is_empty() => {
                    let needed = graph.needed(&format!("{path} > {own}"), &inner);
                    nodes.extend(needed.nodes);
                    nodes.insert(format!("{path} > few{at}"));
                    nodes.extend(inner.iter().map(|inner| format!("{path} > {inside}{inner}")));
                    // How many there are is known by the list, whether or not its numbers are read.
                    wanted.insert(self.value(at, *a));
                    wanted.extend(needed.inputs.contains("b").then(|| self.value(at, *b)));
                }
                _ => {}
            }
        }
        let inputs = ["a", "b"].into_iter().filter(|&input| wanted.contains(input)).collect();
        Needed { nodes, inputs }
    }

    /// The value of a number, of those that are there before a step.
    fn value(&self, at: usize, number: usize) -> String {
        let before = Self(self.0[..at].to_vec()).made();
        let all: Vec<&str> = ["a", "b"].into_iter().chain(before.iter().map(String::as_str)).collect();
        all[number % all.len()].to_owned()
    }

    fn builder(&self, name: &str) -> PipelineBuilder {
        // What comes in is read even where no step needs it, by what nobody needs outside.
        let seen = Sum { reads: vec!["a".into(), "b".into()], makes: SEEN.into(), waits: 0, fails_at: None, is_kept: true };
        (0..self.0.len()).fold(Pipeline::builder(name), |builder, at| self.add(builder, at)).node(seen)
    }

    fn add(&self, builder: PipelineBuilder, at: usize) -> PipelineBuilder {
        let made = format!("v{at}");
        match &self.0[at] {
            Step::Sum(reads, waits) => {
                let reads: BTreeSet<String> = reads.iter().map(|&by| self.value(at, by)).collect();
                builder.node(Sum {
                    reads: reads.into_iter().collect(),
                    makes: made,
                    waits: *waits,
                    fails_at: None,
                    is_kept: true,
                })
            }
            Step::Inside(a, b, graph) => {
                builder
                    .node(self.inner(at, graph, (&self.value(at, *a), &self.value(at, *b)), |inner| format!("{made}_{inner}")))
            }
            Step::Each(a, b, graph) => {
                let (few, list) = (format!("few{at}"), |inner: &str| format!("all{at}_{inner}"));
                let each = self.inner(at, graph, ("", &self.value(at, *b)), list).map_over("a", few.as_str());
                let builder = builder.node(Few { read: self.value(at, *a), makes: few, least: 1 }).node(each);
                let total = |inner: &String| Total { read: list(inner), makes: format!("{made}_{inner}") };
                graph.made().iter().map(total).fold(builder, PipelineBuilder::node)
            }
        }
    }

    /// A pipeline inside, all of whose steps' values are seen under names of their own.
    fn inner(&self, at: usize, graph: &Self, (a, b): (&str, &str), outer: impl Fn(&str) -> String) -> NodeDef {
        let inner = graph.builder(&format!("inside v{at}")).build().unwrap();
        let given = [("a", a), ("b", b)].into_iter().filter(|(_, from)| !from.is_empty());
        let node = given.fold(inner.into_node().named(format!("v{at}")), |node, (input, from)| node.input(input, from));
        graph.made().iter().fold(node, |node, inner| node.output(inner.as_str(), outer(inner)))
    }
}
