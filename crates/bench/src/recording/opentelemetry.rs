//! The OpenTelemetry SDK: spans with an explicit parent through a batch processor, with an exporter that counts.

use opentelemetry::trace::{Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter};

use super::check::Check;
use super::payload::{ATTEMPT, CACHED, MODEL, ROWS, SCORE, SPANS, TRACES, keys};
use crate::figures::Figures;
use crate::sampling;

impl SpanExporter for Check {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.count(batch.len()) {
            for child in batch.iter().filter(|span| span.name == "child") {
                let key = child.attributes.iter().find(|attribute| attribute.key.as_str() == "key");
                let has_key = key.is_some_and(|key| matches!(&key.value, Value::String(text) if text.as_str().len() == 16));
                self.child(has_key && child.events.len() == 1);
            }
        }
        Ok(())
    }
}

/// Measures recorded spans.
pub(super) fn run() -> Result<Figures, String> {
    let check = Check::default();
    let provider = provider(&check);
    let tracer = provider.tracer("bench");
    let keys = keys();
    let batch = || {
        for _ in 0..TRACES {
            let root = Context::new().with_span(tracer.start_with_context("root", &Context::new()));
            keys.iter().for_each(|key| child(&tracer, &root, key));
        }
    };
    let mut failure = None;
    let cost = sampling::measure(SPANS, batch, || failure = provider.force_flush().err().or(failure.take()));
    failure.map_or(Ok(()), |error| Err(error.to_string()))?;
    check.result(sampling::batches() * SPANS)?;
    let mut figures = Figures::default();
    figures.add("opentelemetry_ns", cost.wall_ns);
    Ok(figures)
}

/// Makes a provider whose queue holds what is recorded between two flushes.
pub(super) fn provider(check: &Check) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default().with_max_queue_size(1 << 16).with_max_export_batch_size(512).build();
    let processor = BatchSpanProcessor::builder(check.clone()).with_batch_config(config).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

#[inline(always)]
fn child(tracer: &SdkTracer, parent: &Context, key: &str) {
    let builder = tracer.span_builder("child").with_attributes([
        KeyValue::new("model", MODEL),
        KeyValue::new("key", key.to_owned()),
        KeyValue::new("rows", ROWS),
        KeyValue::new("attempt", ATTEMPT),
        KeyValue::new("cached", CACHED),
        KeyValue::new("score", SCORE),
    ]);
    let mut child = tracer.build_with_context(builder, parent);
    child.add_event("loaded", Vec::new());
    child.end();
}
