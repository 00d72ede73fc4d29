-- From here on, `data` holds only what columns don't keep: attributes stand in `attributes` alone. Rows from before stay as they are.

-- Where rows from before version 4 lie, which have nothing in the columns that it added: those who write fill them, some at a time.
CREATE TABLE unfilled (
    part text COLLATE "C" PRIMARY KEY,
    -- The table of which it is a part.
    source text COLLATE "C" NOT NULL,
    -- The first block that nobody has looked at, and the first one behind the rows from before.
    next_block bigint NOT NULL DEFAULT 0,
    end_block bigint NOT NULL
);

-- A store that began with version 4 got all versions in one transaction, and has no such rows.
INSERT INTO unfilled (part, source, end_block)
SELECT c.relname, p.source, pg_relation_size(p.part) / current_setting('block_size')::bigint
FROM (
    SELECT i.inhrelid AS part, t.source FROM (VALUES ('span'), ('log'), ('point')) AS t (source)
    JOIN pg_inherits i ON i.inhparent = to_regclass(t.source)
    UNION ALL SELECT to_regclass('rollup'), 'rollup'
) p JOIN pg_class c ON c.oid = p.part
WHERE pg_relation_size(p.part) > 0 AND (SELECT count(DISTINCT applied) FROM schema_version WHERE version <= 4) > 1;

-- How many spans of a trace have ended below one of them, and how many of these failed.
CREATE FUNCTION ended_below(of_trace text, root text, OUT spans bigint, OUT errors bigint) LANGUAGE sql STABLE AS $$
    WITH RECURSIVE below (span_id, status) AS (
        SELECT root COLLATE "C", ''::text COLLATE "C"
        UNION SELECT s.span_id, s.status FROM span s JOIN below b ON s.parent_id = b.span_id WHERE s.trace_id = of_trace
    )
    SELECT count(*) FILTER (WHERE span_id <> root), count(*) FILTER (WHERE status = 'error') FROM below
$$;

-- A run that joined a trace is only a part of it, and so are its counts.
CREATE OR REPLACE VIEW runs AS
SELECT CASE WHEN s.parent_id IS NULL THEN s.trace_id ELSE s.trace_id || '-' || s.span_id END AS run_id,
    s.trace_id, s.span_id AS root_span,
    CASE jsonb_typeof(s.attributes -> 'pipeline.name') WHEN 'string' THEN s.attributes ->> 'pipeline.name'
        ELSE regexp_replace(s.name, '^(pipeline )*', '') END AS name,
    nullif(s.attributes ->> 'pipeline.version', '') AS version, s.status, s.start, s.duration_ms,
    CASE WHEN s.parent_id IS NULL THEN coalesce(t.spans, 0)
        ELSE (ended_below(s.trace_id, s.span_id)).spans + (s.status <> 'running')::int END AS span_count,
    CASE WHEN s.parent_id IS NULL THEN coalesce(t.errors, 0)
        ELSE (ended_below(s.trace_id, s.span_id)).errors + (s.status = 'error')::int END AS error_count,
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
