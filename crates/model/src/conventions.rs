//! Attribute names in one place. OpenTelemetry's own wherever it has one.
//!
//! Names are dotted; JSON fields, SQL columns and Rust fields are the same words with `_`.

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub const $name: &str = $text;)+

        /// Every name in this module.
        pub const ALL: &[&str] = &[$($text),+];
    };
}

names! {
    /// What the span stands for; see [`SpanType`](crate::SpanType).
    SPAN_TYPE = "span.type";
    /// How the span ended, where a format has no status for it: `cancelled`, `interrupted`; see [`Status`](crate::Status).
    SPAN_STATUS = "span.status";
    /// The pipeline's stable id.
    PIPELINE_ID = "pipeline.id";
    /// The pipeline's name.
    PIPELINE_NAME = "pipeline.name";
    /// Where the pipeline stands: `outer > inner`.
    PIPELINE_PATH = "pipeline.path";
    /// How deep the pipeline stands; the root's depth is 0.
    PIPELINE_DEPTH = "pipeline.depth";
    /// The version that the pipeline's author gave.
    PIPELINE_VERSION = "pipeline.version";
    /// The fingerprint of the pipeline's graph.
    PIPELINE_FINGERPRINT = "pipeline.fingerprint";
    /// The node's name.
    NODE_ID = "node.id";
    /// What the node is: `function`, `command`, `shell`, `pipeline`, `closure`.
    NODE_TYPE = "node.type";
    /// Set where a thread took no notice that it should stop and was left behind.
    NODE_DETACHED = "node.detached";
    /// How many nodes a run executed, failed ones included and cached ones not (on the run's root span).
    NODE_COUNT = "node.count";
    /// How many nodes of a run failed (on the run's root span).
    NODE_FAILED = "node.failed";
    /// How many items a map has.
    MAP_TOTAL = "map.total";
    /// How many items of a map failed.
    MAP_FAILED = "map.failed";
    /// How many items of a map came whole from the cache.
    MAP_CACHED = "map.cached";
    /// How many items of a map have no span of their own.
    MAP_UNSAMPLED = "map.unsampled";
    /// How many of the items without a span came whole from the cache.
    MAP_UNSAMPLED_CACHED = "map.unsampled_cached";
    /// Durations of the items without a span, in the form of `map.durations`.
    MAP_UNSAMPLED_DURATIONS = "map.unsampled_durations";
    /// Durations of a map's items, as an exponential histogram: `{scale, zero, offset, counts, sum_ns, min_ns, max_ns}`.
    MAP_DURATIONS = "map.durations";
    /// The item's place in its map, from 0.
    MAP_INDEX = "map.index";
    /// What the item works on: the beginning of the mapped value, or of each by its name.
    MAP_ITEM = "map.item";
    /// What the cache said; see [`CacheStatus`](crate::CacheStatus).
    CACHE_STATUS = "cache.status";
    /// The signature of the computation.
    CACHE_SIGNATURE = "cache.signature";
    /// How long the cache took to answer, in milliseconds.
    CACHE_DURATION_MS = "cache.duration_ms";
    /// What the hit saved: the duration of the computation that made the entry, in milliseconds.
    CACHE_SAVED_MS = "cache.saved_ms";
    /// How many nodes of a run came from the cache (on the run's root span), or of all (a metric).
    CACHE_HITS = "cache.hits";
    /// How often nodes were computed, failed computations included (a metric).
    NODE_EXECUTIONS = "node.executions";
    /// How long computations of nodes took, in seconds (a metric).
    NODE_DURATION = "node.duration";
    /// How often nodes failed (a metric).
    NODE_ERRORS = "node.errors";
    /// How many attempts came after the first (a metric).
    NODE_RETRIES = "node.retries";
    /// How often pipelines ran (a metric).
    PIPELINE_EXECUTIONS = "pipeline.executions";
    /// How long pipelines ran, in seconds (a metric).
    PIPELINE_DURATION = "pipeline.duration";
    /// How often pipelines failed (a metric).
    PIPELINE_ERRORS = "pipeline.errors";
    /// How long items of maps took, in seconds (a metric).
    ITEM_DURATION = "item.duration";
    /// How many items of a map ended in a second (a metric).
    MAP_THROUGHPUT = "map.throughput";
    /// How often a result was looked for in the cache in vain (a metric).
    CACHE_MISSES = "cache.misses";
    /// How many results were put into the cache (a metric).
    CACHE_WRITES = "cache.writes";
    /// How long the computations took that hits made unnecessary, in seconds (a metric).
    CACHE_SAVED = "cache.saved";
    /// How many jobs workers have in hand (a metric).
    WORKER_ACTIVE = "worker.active";
    /// How many calls and items wait for a worker (a metric).
    QUEUE_DEPTH = "queue.depth";
    /// Where the node ran.
    BACKEND_NAME = "backend.name";
    /// How the backend schedules: `sequential`, `async`, `threads`.
    BACKEND_MODE = "backend.mode";
    /// What work asked of its worker: `gpu=a100`.
    BACKEND_RESOURCES = "backend.resources";
    /// The backend that work comes from (on the events and log records `backend.entered` and `backend.left`).
    BACKEND_FROM = "backend.from";
    /// The backend that work goes to (on the events and log records `backend.entered` and `backend.left`).
    BACKEND_TO = "backend.to";
    /// Which attempt this was, from 1; absent where there was only one.
    RETRY_ATTEMPT = "retry.attempt";
    /// The worker that ran it.
    WORKER_ID = "worker.id";
    /// Where a program printed what is a log record now: `stdout` or `stderr`.
    LOG_IOSTREAM = "log.iostream";
    /// How many spans a worker had open when it was lost, which are interrupted (on the event `worker.lost`).
    WORKER_INTERRUPTED = "worker.interrupted";
    /// Why a worker was lost or ended (on the events and log records that tell of it).
    WORKER_REASON = "worker.reason";
    /// The run that this run resumes.
    RUN_RESUMES = "run.resumes";
    /// Set where the trace was not sampled and a failure made this span recorded all the same.
    TRACE_INCOMPLETE = "trace.incomplete";
    /// The log record of a recorder that became nearly full, or whose queue for a destination did.
    RECORDER_NEARLY_FULL = "recorder.nearly_full";
    /// The destination whose queue it is (on the log record `recorder.nearly_full`).
    RECORDER_QUEUE = "recorder.queue";
    /// What names a piece of work across all systems: in the baggage, and as the header `X-Correlation-ID`.
    CORRELATION_ID = "correlation.id";
    /// What it was given, by name: names and values, up to 16 KiB of them (on the spans of calls, with `Capture::Full`).
    VALUE_INPUTS = "value.inputs";
    /// What it made, likewise.
    VALUE_OUTPUTS = "value.outputs";
    /// Where it failed (on the spans of the pipelines around a failure): `outer > inner[3] > node`.
    FAILURE_PATH = "failure.path";
    /// What the failed node was given: names and the beginnings of the values, without secrets (on the innermost pipeline's
    /// span, or the item's).
    FAILURE_INPUTS = "failure.inputs";
    /// Where the failed node ran: `local, async` (on the innermost pipeline's span, or the item's).
    FAILURE_BACKEND = "failure.backend";
    /// The nodes of the pipeline that never started, because another failed.
    FAILURE_SKIPPED = "failure.skipped";
    /// How long the callbacks of a run took together, in milliseconds (on the run's root span).
    CALLBACK_DURATION_MS = "callback.duration_ms";
    /// The callback that took longest (on the run's root span).
    CALLBACK_SLOWEST = "callback.slowest";
    /// The callbacks that failed, and how (on the run's root span).
    CALLBACK_FAILED = "callback.failed";
    /// The type of an error.
    ERROR_TYPE = "error.type";
    /// The type of an exception (on an `exception` event).
    EXCEPTION_TYPE = "exception.type";
    /// The message of an exception (on an `exception` event).
    EXCEPTION_MESSAGE = "exception.message";
    /// The causes of an exception, one a line (on an `exception` event).
    EXCEPTION_STACKTRACE = "exception.stacktrace";
    /// The name of the service that a resource is.
    SERVICE_NAME = "service.name";
    /// The version of the service that a resource is.
    SERVICE_VERSION = "service.version";
    /// The name of the host.
    HOST_NAME = "host.name";
    /// The process's id.
    PROCESS_PID = "process.pid";
    /// The program's file.
    PROCESS_EXECUTABLE_NAME = "process.executable.name";
    /// The process's exit code.
    PROCESS_EXIT_CODE = "process.exit.code";
    /// How long the threads of the process were at work, in seconds (a metric).
    PROCESS_CPU_TIME = "process.cpu.time";
    /// The memory that the process has in RAM, in bytes (a metric).
    PROCESS_MEMORY_USAGE = "process.memory.usage";
    /// How many threads the process has (a metric).
    PROCESS_THREAD_COUNT = "process.thread.count";
    /// How many files and sockets the process has open (a metric).
    PROCESS_FILE_DESCRIPTOR_COUNT = "process.unix.file_descriptor.count";
}
