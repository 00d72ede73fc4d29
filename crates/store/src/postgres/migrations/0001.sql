-- The tables of version 1. Ids are lower-case hexadecimal digits, as people write them; texts are ordered by their bytes.
-- `data` holds what has no column, exactly as it was recorded.

-- Numbers commits, so that what was written later is known.
CREATE SEQUENCE commits AS bigint;

-- Who recorded.
CREATE TABLE resource (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text COLLATE "C" NOT NULL UNIQUE,
    attributes jsonb NOT NULL,
    data bytea NOT NULL
);

-- A sink is a process that writes. It says again and again that it lives; times are the server's.
CREATE TABLE sink (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    heartbeat interval NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz
);

CREATE TABLE writer (
    writer text COLLATE "C" PRIMARY KEY,
    sink bigint NOT NULL,
    resource bigint NOT NULL,
    sequence bigint NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Where a trace lies in time, and how much there is of it.
CREATE TABLE trace (
    trace_id text COLLATE "C" PRIMARY KEY,
    first_unix_ns bigint NOT NULL,
    last_unix_ns bigint NOT NULL,
    spans bigint NOT NULL,
    errors bigint NOT NULL
);

CREATE TABLE span (
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    -- Empty for a root.
    parent_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    message text COLLATE "C" NOT NULL,
    -- The pipeline, where the span is the root of a run.
    run text COLLATE "C",
    start_unix_ns bigint NOT NULL,
    duration_ns bigint NOT NULL,
    attributes jsonb NOT NULL,
    resource bigint NOT NULL,
    written bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (trace_id, span_id, start_unix_ns)
) PARTITION BY RANGE (start_unix_ns);
CREATE INDEX span_start ON span (start_unix_ns);
CREATE INDEX span_run ON span (start_unix_ns) WHERE run IS NOT NULL;
CREATE INDEX span_not_ok ON span (start_unix_ns) WHERE status <> 'ok';
CREATE INDEX span_duration ON span (duration_ns);
CREATE INDEX span_name ON span (name, start_unix_ns);
CREATE INDEX span_attributes ON span USING gin (attributes jsonb_path_ops);
CREATE TABLE span_other PARTITION OF span DEFAULT;

-- Spans that have not ended, as their sinks told of them.
CREATE TABLE open_span (
    LIKE span,
    sink bigint NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);
CREATE INDEX open_span_sink ON open_span (sink);

CREATE TABLE event (
    -- Empty for an event of no span.
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    unix_ns bigint NOT NULL,
    attributes jsonb NOT NULL,
    resource bigint NOT NULL,
    written bigint NOT NULL,
    data bytea NOT NULL
) PARTITION BY RANGE (unix_ns);
CREATE INDEX event_owner ON event (trace_id, span_id);
CREATE INDEX event_time ON event (unix_ns);
CREATE INDEX event_attributes ON event USING gin (attributes jsonb_path_ops);
CREATE TABLE event_other PARTITION OF event DEFAULT;

-- Links have no time of their own.
CREATE TABLE link (
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    written bigint NOT NULL,
    data bytea NOT NULL
);
CREATE INDEX link_owner ON link (trace_id, span_id);

CREATE TABLE log (
    trace_id text COLLATE "C" NOT NULL,
    span_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    severity smallint NOT NULL,
    severity_text text COLLATE "C" NOT NULL,
    body jsonb NOT NULL,
    unix_ns bigint NOT NULL,
    attributes jsonb NOT NULL,
    resource bigint NOT NULL,
    written bigint NOT NULL,
    data bytea NOT NULL
) PARTITION BY RANGE (unix_ns);
CREATE INDEX log_owner ON log (trace_id, span_id) WHERE trace_id <> '';
CREATE INDEX log_time ON log USING btree (unix_ns);
CREATE INDEX log_attributes ON log USING gin (attributes jsonb_path_ops);
CREATE TABLE log_other PARTITION OF log DEFAULT;

CREATE TABLE point (
    name text COLLATE "C" NOT NULL,
    unit text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    description text COLLATE "C" NOT NULL,
    -- Nothing for a distribution.
    value double precision,
    unix_ns bigint NOT NULL,
    attributes jsonb NOT NULL,
    resource bigint NOT NULL,
    written bigint NOT NULL,
    metric bytea NOT NULL,
    data bytea NOT NULL
) PARTITION BY RANGE (unix_ns);
CREATE INDEX point_name ON point (name, unix_ns);
CREATE INDEX point_time ON point USING brin (unix_ns);
CREATE TABLE point_other PARTITION OF point DEFAULT;

CREATE TABLE graph (
    fingerprint text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    data text NOT NULL
);

-- Counts and durations of a commit, until they are added to the roll-ups.
CREATE TABLE tally (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    data bytea NOT NULL
);

CREATE TABLE rollup (
    period_s bigint NOT NULL,
    start_unix_s bigint NOT NULL,
    pipeline text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    node text COLLATE "C" NOT NULL,
    count bigint NOT NULL,
    errors bigint NOT NULL,
    cached bigint NOT NULL,
    total_ns bigint NOT NULL,
    max_ns bigint NOT NULL,
    durations bytea NOT NULL,
    PRIMARY KEY (period_s, start_unix_s, pipeline, name, node)
);
