//! What hits in memory cost that aren't those of a plain node: items of a map inside a run, items of a top-level map, nodes that
//! are keyed by their inputs' values. All are recorded.

use std::future::IntoFuture;
use std::sync::Arc;

use flowglass::value::{KeyHasher, Value, ValueError};
use flowglass::{
    BoxError, Cache, Call, Error, Inputs, IntoNode, Invocation, KeyedBy, MapItems, MemoryCache, Node, NodeExt, NodeSpec,
    Outputs, Param, Pipeline, Recorder, inputs, node, type_of,
};
use tokio::runtime::Runtime;

use super::turns::{self, Batch, Series};
use super::{NODES, PATIENCE, number, runtime};
use crate::figures::Figures;

#[node(output = "next")]
fn add_one(number: u64) -> u64 {
    number + 1
}

/// Measures the three in turns.
pub(super) fn run() -> Result<Figures, String> {
    let runtime = runtime()?;
    let recorder = Recorder::builder().build();
    let contenders = [("hit_item_us", Kind::Item), ("hit_top_item_us", Kind::TopItem), ("hit_by_value_us", Kind::ByValue)];
    let mut series = Vec::new();
    for (name, kind) in contenders {
        let hits = Hits::new(kind, &recorder, &runtime).map_err(|error| error.to_string())?;
        series.push(Series::new(name.to_owned(), Box::new(hits)));
    }
    turns::take(&mut series, || recorder.flush(PATIENCE).map_err(|error| error.to_string()))?;
    let mut figures = Figures::default();
    for one in &series {
        figures.add(&one.name, one.p10_ns() / 1e3 / number(NODES));
        figures.add(&one.name.replace("_us", "_allocs"), one.allocations() / number(NODES));
    }
    Ok(figures)
}

/// What is a hit.
#[derive(Clone, Copy)]
enum Kind {
    Item,
    TopItem,
    ByValue,
}

/// A thousand hits.
struct Hits<'a> {
    kind: Kind,
    pipeline: Pipeline,
    cache: Cache,
    recorder: &'a Recorder,
    runtime: &'a Runtime,
    inputs: Inputs,
    hits: Option<Result<u64, Error>>,
}

impl<'a> Hits<'a> {
    fn new(kind: Kind, recorder: &'a Recorder, runtime: &'a Runtime) -> Result<Self, Error> {
        let builder = Pipeline::builder("numbers");
        let pipeline = match kind {
            Kind::Item => builder.node(add_one {}.map_over("number", "numbers")).build(),
            Kind::TopItem => builder.node(add_one {}).build(),
            Kind::ByValue => {
                builder.nodes((0..NODES).map(|at| ByValue(format!("n{at}")).into_node()).collect::<Vec<_>>()).build()
            }
        }?;
        let cache = Cache::from(MemoryCache::new());
        let mut hits = Self { kind, pipeline, cache, recorder, runtime, inputs: Inputs::new(), hits: None };
        // The first run fills the cache.
        hits.prepare();
        hits.run();
        Ok(hits)
    }
}

impl Batch for Hits<'_> {
    fn prepare(&mut self) {
        let numbers: Vec<u64> = (0..NODES as u64).collect();
        self.inputs = match self.kind {
            Kind::Item => inputs! { numbers: numbers },
            Kind::TopItem => inputs! { number: numbers },
            Kind::ByValue => inputs! { number: 7u64 },
        };
    }

    fn run(&mut self) {
        let inputs = std::mem::take(&mut self.inputs);
        self.hits = Some(if let Kind::TopItem = self.kind {
            let map = self.pipeline.map(inputs, ["number"]).cache(self.cache.clone()).telemetry(self.recorder.clone());
            let run = self.runtime.block_on(map.map_items(MapItems::Each).into_future());
            run.map(|run| run.cache_stats().hits)
        } else {
            let run = self.pipeline.run(inputs).cache(self.cache.clone()).telemetry(self.recorder.clone());
            let run = self.runtime.block_on(run.map_items(MapItems::Each).into_future());
            run.map(|run| run.cache_stats().hits)
        });
    }

    fn check(&mut self) -> Result<(), String> {
        match self.hits.take().ok_or("no run")?.map_err(|error| error.to_string())? {
            hits if hits == NODES as u64 => Ok(()),
            hits => Err(format!("{hits} came from the cache")),
        }
    }
}

/// Adds one, and is keyed by the value that it reads, as commands are.
struct ByValue(String);

impl Node for ByValue {
    fn spec(&self) -> NodeSpec {
        NodeSpec {
            params: vec![Param::new("number", type_of!(u64))],
            code: Some([1; 32]),
            keyed_by: KeyedBy::Values,
            ..NodeSpec::new(self.0.clone(), "function", type_of!(u64))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let next = call.take::<u64>(0).map(|number| number + 1);
        Call::Ready(next.map(|next| Outputs::from_elem(Arc::new(next) as Value, 1)).map_err(Into::into))
    }

    fn cache_key(&self, inputs: &[Value], hasher: &mut KeyHasher) -> Result<(), BoxError> {
        let number = inputs.first().ok_or_else(|| ValueError::new("no input"))?;
        Ok(type_of!(u64).key(number, hasher)?)
    }
}
