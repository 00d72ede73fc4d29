-- What version 2 left out of the tables that people ask: who recorded, what distributions say, percentiles; and what it told differently
-- than every other store. New columns come last, so that views of others over ours go on; rows from before have nothing there.

ALTER TABLE span ADD COLUMN scope text COLLATE "C";
ALTER TABLE open_span ADD COLUMN scope text COLLATE "C";
ALTER TABLE log ADD COLUMN scope text COLLATE "C";

-- What a distribution says. The rest of it stands in `data`.
ALTER TABLE point ADD COLUMN count bigint, ADD COLUMN sum float8, ADD COLUMN min float8, ADD COLUMN max float8,
    ADD COLUMN p50 float8, ADD COLUMN p95 float8, ADD COLUMN p99 float8,
    ADD COLUMN temporality text COLLATE "C", ADD COLUMN start_unix_ns bigint;

-- When somebody last asked for its number: what nobody refers to any more goes some time after that.
ALTER TABLE resource ADD COLUMN used timestamptz NOT NULL DEFAULT clock_timestamp();

ALTER TABLE rollup ADD COLUMN p50_ns float8, ADD COLUMN p95_ns float8, ADD COLUMN p99_ns float8;

CREATE OR REPLACE VIEW spans AS
SELECT s.trace_id, s.span_id, nullif(s.parent_id, '') AS parent_id, s.name, s.type, s.status,
    to_timestamp(s.start_unix_ns / 1e9) AS start, (s.duration_ns / 1e6)::float8 AS duration_ms, nullif(s.message, '') AS message,
    s.kind, s.attributes, r.attributes AS resource, s.start_unix_ns, s.duration_ns, nullif(s.scope, '') AS scope, s.trace_id AS run_id
FROM span s LEFT JOIN resource r ON r.id = s.resource
UNION ALL
SELECT o.trace_id, o.span_id, nullif(o.parent_id, ''), o.name, o.type, o.stands,
    to_timestamp(o.start_unix_ns / 1e9), (o.lasts_ns / 1e6)::float8, nullif(o.message, ''),
    o.kind, o.attributes, r.attributes, o.start_unix_ns, o.lasts_ns, nullif(o.scope, ''), o.trace_id
FROM (
    SELECT o.*, CASE WHEN k.ended IS NULL AND k.seen > clock_timestamp() - k.heartbeat THEN 'running' ELSE 'interrupted' END AS stands,
        greatest(o.duration_ns, (extract(epoch FROM k.seen) * 1000000000)::bigint - o.start_unix_ns) AS lasts_ns
    FROM open_span o LEFT JOIN sink k ON k.id = o.sink
) o LEFT JOIN resource r ON r.id = o.resource
WHERE NOT EXISTS (
    SELECT FROM span e WHERE e.trace_id = o.trace_id AND e.span_id = o.span_id AND e.start_unix_ns = o.start_unix_ns
);

CREATE OR REPLACE VIEW events AS
SELECT nullif(e.trace_id, '') AS trace_id, nullif(e.span_id, '') AS span_id, e.name, to_timestamp(e.unix_ns / 1e9) AS time,
    e.attributes, r.attributes AS resource, e.unix_ns, nullif(e.trace_id, '') AS run_id
FROM event e LEFT JOIN resource r ON r.id = e.resource;

CREATE OR REPLACE VIEW logs AS
SELECT nullif(l.trace_id, '') AS trace_id, nullif(l.span_id, '') AS span_id, to_timestamp(l.unix_ns / 1e9) AS time,
    (CASE WHEN l.severity BETWEEN 1 AND 24 THEN
        (ARRAY['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'])[(l.severity + 3) / 4]
        || CASE (l.severity - 1) % 4 WHEN 0 THEN '' ELSE ((l.severity - 1) % 4 + 1)::text END
        END) COLLATE "C" AS severity,
    l.severity::bigint AS severity_number, l.body #>> '{}' AS body, nullif(l.name, '') AS event_name, l.attributes,
    r.attributes AS resource, l.unix_ns, nullif(l.scope, '') AS scope, nullif(l.trace_id, '') AS run_id
FROM log l LEFT JOIN resource r ON r.id = l.resource;

CREATE OR REPLACE VIEW metrics AS
SELECT p.name, to_timestamp(p.unix_ns / 1e9) AS time, p.value, nullif(p.unit, '') AS unit, p.kind,
    nullif(p.description, '') AS description, p.attributes, r.attributes AS resource, p.unix_ns,
    p.count, p.sum, p.min, p.max, p.p50, p.p95, p.p99, p.temporality, p.start_unix_ns
FROM point p LEFT JOIN resource r ON r.id = p.resource;

CREATE OR REPLACE VIEW attributes AS
SELECT a.source, a.trace_id, a.span_id, nullif(a.name, '') AS name, e.key, e.value #>> '{}' AS value,
    CASE jsonb_typeof(e.value) WHEN 'string' THEN 'text' WHEN 'boolean' THEN 'bool' WHEN 'object' THEN 'json' WHEN 'array' THEN 'json'
        WHEN 'number' THEN
            CASE WHEN e.value::text ~ '[.]' THEN 'float' ELSE 'int' END
        ELSE jsonb_typeof(e.value) END AS type, a.time, a.trace_id AS run_id
FROM (
    SELECT 'span' AS source, trace_id, span_id, name, attributes, start AS time FROM spans
    UNION ALL SELECT 'event', trace_id, span_id, name, attributes, time FROM events
    UNION ALL SELECT 'log', trace_id, span_id, event_name, attributes, time FROM logs
    UNION ALL SELECT 'metric', NULL, NULL, name, attributes, time FROM metrics
) a CROSS JOIN LATERAL jsonb_each(a.attributes) e;

CREATE OR REPLACE VIEW rollups AS
SELECT period_s, to_timestamp(start_unix_s) AS start, pipeline, name, nullif(node, '') AS node, count, errors, cached,
    (total_ns / 1e6)::float8 AS total_ms, (max_ns / 1e6)::float8 AS max_ms,
    p50_ns / 1e6 AS p50_ms, p95_ns / 1e6 AS p95_ms, p99_ns / 1e6 AS p99_ms
FROM rollup;

CREATE OR REPLACE VIEW runs AS
SELECT CASE WHEN s.parent_id IS NULL THEN s.trace_id ELSE s.trace_id || '-' || s.span_id END AS run_id,
    s.trace_id, s.span_id AS root_span,
    CASE jsonb_typeof(s.attributes -> 'pipeline.name') WHEN 'string' THEN s.attributes ->> 'pipeline.name'
        ELSE regexp_replace(s.name, '^(pipeline )*', '') END AS name,
    nullif(s.attributes ->> 'pipeline.version', '') AS version, s.status, s.start, s.duration_ms,
    coalesce(t.spans, 0) AS span_count, coalesce(t.errors, 0) AS error_count,
    attribute_number(s.attributes, 'node.count')::bigint AS nodes,
    attribute_number(s.attributes, 'cache.hits')::bigint AS cache_hits,
    attribute_number(s.attributes, 'node.failed')::bigint AS failed,
    attribute_number(s.attributes, 'cache.saved_ms') AS saved_ms,
    s.message AS error, s.attributes ->> 'pipeline.fingerprint' AS fingerprint, s.start_unix_ns, s.duration_ns
FROM (
    SELECT s.trace_id, s.span_id, nullif(s.parent_id, '') AS parent_id, s.name, s.status, to_timestamp(s.start_unix_ns / 1e9) AS start,
        (s.duration_ns / 1e6)::float8 AS duration_ms, nullif(s.message, '') AS message, s.attributes, s.start_unix_ns, s.duration_ns
    FROM span s WHERE s.run IS NOT NULL
    UNION ALL
    SELECT v.trace_id, v.span_id, v.parent_id, v.name, v.status, v.start, v.duration_ms, v.message, v.attributes, v.start_unix_ns,
        v.duration_ns
    FROM open_span o JOIN spans v USING (trace_id, span_id, start_unix_ns) WHERE o.run IS NOT NULL
        AND NOT EXISTS (SELECT FROM span e WHERE e.trace_id = o.trace_id AND e.span_id = o.span_id AND e.start_unix_ns = o.start_unix_ns)
) s LEFT JOIN trace t ON t.trace_id = s.trace_id;
