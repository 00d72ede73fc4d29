// Sends all three signals with OpenTelemetry's SDK for JavaScript, and prints the ids and times of what it sent.

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

const [packages, protocol, endpoint, compression] = process.argv.slice(2);
const require = createRequire(join(packages, "package.json"));
const { context, trace, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
const { SeverityNumber } = require("@opentelemetry/api-logs");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, BatchSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { LoggerProvider, BatchLogRecordProcessor } = require("@opentelemetry/sdk-logs");

const kind = { grpc: "grpc", "http/protobuf": "proto", "http/json": "http" }[protocol];
const settings = (signal) => ({ url: kind === "grpc" ? endpoint : `${endpoint}/v1/${signal}`, compression });
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${kind}`);
const { OTLPLogExporter } = require(`@opentelemetry/exporter-logs-otlp-${kind}`);

const resource = resourceFromAttributes({ "service.name": "shop", "deployment.tier": "test", replicas: 3 });
const tracers = new BasicTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(settings("traces")))],
});
const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(settings("metrics")) });
const meters = new MeterProvider({ resource, readers: [reader] });
const logExporter = new OTLPLogExporter(settings("logs"));
const loggers = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: logExporter })],
});

const tracer = tracers.getTracer("cart", "1.2");
const attributes = { text: "é✓", flag: true, count: 42, ratio: 0.25, words: ["a", "b"], numbers: [1, 2] };
const checkout = tracer.startSpan("checkout", { kind: SpanKind.SERVER, attributes });
const within = trace.setSpan(context.active(), checkout);
checkout.addEvent("added", { item: "book" });
const links = [{ context: checkout.spanContext(), attributes: { why: "retry" } }];
const charge = tracer.startSpan("charge", { kind: SpanKind.CLIENT, links }, within);
charge.setStatus({ code: SpanStatusCode.ERROR, message: "declined" });
loggers.getLogger("cart", "1.2").emit({
  timestamp: [1_790_000_000, 0],
  severityNumber: SeverityNumber.WARN,
  severityText: "WARN",
  body: "low stock",
  attributes: { item: "book" },
  context: trace.setSpan(within, charge),
});
charge.end();
checkout.end();

const meter = meters.getMeter("cart", "1.2");
const orders = meter.createCounter("orders", { unit: "1", description: "How many" });
orders.add(2, { tier: "gold" });
orders.add(3, { tier: "gold" });
const latency = meter.createHistogram("latency", { unit: "s" });
latency.record(1.5);
latency.record(2.5);
meter.createUpDownCounter("active").add(-1);

await tracers.shutdown();
await meters.shutdown();
await loggers.shutdown();

const exact = ([seconds, nanos]) => (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();
const told = (span) => ({
  trace_id: span.spanContext().traceId,
  span_id: span.spanContext().spanId,
  start_unix_ns: exact(span.startTime),
  end_unix_ns: exact(span.endTime),
});
console.log(JSON.stringify({ checkout: told(checkout), charge: told(charge) }));
