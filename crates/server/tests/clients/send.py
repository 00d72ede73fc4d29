"""Sends all three signals with OpenTelemetry's SDK for Python, and prints the ids and times of what it sent."""

import json
import sys

from opentelemetry import metrics, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

protocol, endpoint, compression = sys.argv[1:4]


def exporters():
    if protocol == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        packing = Compression.Gzip if compression == "gzip" else Compression.NoCompression
        settings = {"endpoint": endpoint, "insecure": True, "compression": packing}
        return OTLPSpanExporter(**settings), OTLPMetricExporter(**settings), OTLPLogExporter(**settings)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    packing = Compression.Gzip if compression == "gzip" else Compression.NoCompression
    return (
        OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", compression=packing),
        OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics", compression=packing),
        OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", compression=packing),
    )


to_spans, to_metrics, to_logs = exporters()
resource = Resource.create({"service.name": "shop", "deployment.tier": "test", "replicas": 3})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(to_spans))
meters = MeterProvider([PeriodicExportingMetricReader(to_metrics)], resource=resource)
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(to_logs))

tracer = tracers.get_tracer("cart", "1.2")
attributes = {"text": "é✓", "flag": True, "count": 42, "ratio": 0.25, "words": ["a", "b"], "numbers": [1, 2]}
with tracer.start_as_current_span("checkout", kind=SpanKind.SERVER, attributes=attributes) as checkout:
    checkout.add_event("added", {"item": "book"})
    link = Link(checkout.get_span_context(), {"why": "retry"})
    with tracer.start_as_current_span("charge", kind=SpanKind.CLIENT, links=[link]) as charge:
        charge.set_status(Status(StatusCode.ERROR, "declined"))
    loggers.get_logger("cart", "1.2").emit(
        LogRecord(
            timestamp=1_790_000_000_000_000_000,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body="low stock",
            attributes={"item": "book"},
        )
    )

meter = meters.get_meter("cart", "1.2")
orders = meter.create_counter("orders", "1", "How many")
orders.add(2, {"tier": "gold"})
orders.add(3, {"tier": "gold"})
latency = meter.create_histogram("latency", "s")
latency.record(1.5)
latency.record(2.5)
meter.create_up_down_counter("active").add(-1)

tracers.shutdown()
meters.shutdown()
loggers.shutdown()


def told(span):
    return {
        "trace_id": f"{span.context.trace_id:032x}",
        "span_id": f"{span.context.span_id:016x}",
        "start_unix_ns": span.start_time,
        "end_unix_ns": span.end_time,
    }


print(json.dumps({"checkout": told(checkout), "charge": told(charge)}))
