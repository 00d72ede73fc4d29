//! The usual way by hand: a task a node on a `JoinSet`, values by name, and a span of OpenTelemetry around each.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::graphs::Shape;
use super::turns::{self, Batch, Series};
use super::{NODES, number, runtime};
use crate::figures::Figures;

/// Measures both graphs.
pub(super) fn run() -> Result<Figures, String> {
    let runtime = runtime()?;
    let config = BatchConfigBuilder::default().with_max_queue_size(1 << 16).with_max_export_batch_size(512).build();
    let processor = BatchSpanProcessor::builder(Nowhere).with_batch_config(config).build();
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    let graph = |shape| Box::new(Tasks { shape, runtime: &runtime, tracer: provider.tracer("bench"), made: None });
    let mut series = [
        Series::new("chain_joinset_opentelemetry_ns_per_node".to_owned(), graph(Shape::Chain)),
        Series::new("wide_joinset_opentelemetry_ns_per_node".to_owned(), graph(Shape::Wide)),
    ];
    turns::take(&mut series, || provider.force_flush().map_err(|error| error.to_string()))?;
    let mut figures = Figures::default();
    series.iter().for_each(|one| figures.add(&one.name, one.p10_ns() / number(NODES)));
    Ok(figures)
}

/// An exporter that drops what it gets.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

struct Tasks<'a> {
    shape: Shape,
    runtime: &'a Runtime,
    tracer: SdkTracer,
    made: Option<u64>,
}

impl Batch for Tasks<'_> {
    fn run(&mut self) {
        self.made = self.runtime.block_on(async {
            let root = Context::new().with_span(self.tracer.start_with_context("pipeline", &Context::new()));
            match self.shape {
                Shape::Chain => chain(&self.tracer, &root).await,
                Shape::Wide => wide(&self.tracer, &root).await,
            }
        });
    }

    fn check(&mut self) -> Result<(), String> {
        let expected = if self.shape == Shape::Chain { NODES as u64 } else { 2 * (NODES as u64 - 2) };
        if self.made == Some(expected) { Ok(()) } else { Err(format!("the tasks made {:?}, not {expected}", self.made)) }
    }
}

async fn chain(tracer: &SdkTracer, root: &Context) -> Option<u64> {
    let (mut tasks, mut values) = (JoinSet::new(), HashMap::from([("v0".to_owned(), Arc::new(0u64))]));
    for at in 0..NODES {
        let read = Arc::clone(values.get(&format!("v{at}"))?);
        tasks.spawn(node(tracer.clone(), root.clone(), format!("v{}", at + 1), vec![read]));
        let (name, value) = tasks.join_next().await?.ok()?;
        values.insert(name, value);
    }
    values.get(&format!("v{NODES}")).map(|value| **value)
}

async fn wide(tracer: &SdkTracer, root: &Context) -> Option<u64> {
    let (_, first) = node(tracer.clone(), root.clone(), "v1".to_owned(), vec![Arc::new(0)]).await;
    let (mut tasks, mut values) = (JoinSet::new(), HashMap::new());
    for at in 2..NODES {
        tasks.spawn(node(tracer.clone(), root.clone(), format!("v{at}"), vec![Arc::clone(&first)]));
    }
    while let Some(joined) = tasks.join_next().await {
        let (name, value) = joined.ok()?;
        values.insert(name, value);
    }
    let read: Vec<Arc<u64>> = (2..NODES).filter_map(|at| values.get(&format!("v{at}")).cloned()).collect();
    let sum = read.iter().map(|value| **value).sum();
    let (_, _) = node(tracer.clone(), root.clone(), "sum".to_owned(), read).await;
    Some(sum)
}

/// One node under its span.
async fn node(tracer: SdkTracer, root: Context, name: String, reads: Vec<Arc<u64>>) -> (String, Arc<u64>) {
    let builder = tracer.span_builder(name.clone()).with_attributes([KeyValue::new("node.id", name.clone())]);
    let mut span = tracer.build_with_context(builder, &root);
    let value = Arc::new(reads.iter().map(|value| **value).sum::<u64>() + 1);
    span.end();
    (name, value)
}
