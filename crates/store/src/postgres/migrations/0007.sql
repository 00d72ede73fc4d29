-- How often what spans say occurs on each day, so that a count takes as long as there are days, not as there are spans.

-- A key of an attribute stands behind a dot; the others are columns, and '' is every span. A text stands behind an `s`, a number behind
-- an `n`, a truth behind a `b`; `z` is nothing, `?` is any value at all, and `*` says that the values are too many to be counted.
CREATE TABLE facet (
    key text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    day bigint NOT NULL,
    spans bigint NOT NULL,
    -- How many of these are roots of runs.
    runs bigint NOT NULL,
    -- They lie between these; some that are gone may have, too.
    first_unix_ns bigint NOT NULL,
    last_unix_ns bigint NOT NULL,
    PRIMARY KEY (key, value, day)
);
CREATE INDEX facet_day ON facet (day);

-- What was written and taken away since, a row for each key of a commit, until it is added: so no writer waits for another's row.
CREATE TABLE facet_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL,
    texts text[] NOT NULL,
    days bigint[] NOT NULL,
    spans bigint[] NOT NULL,
    runs bigint[] NOT NULL,
    firsts bigint[] NOT NULL,
    lasts bigint[] NOT NULL
);

-- Days on which somebody wrote or took away spans without counting them: in which transaction, and when.
CREATE TABLE uncounted (
    day bigint NOT NULL,
    noted_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    noted timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (day, noted_in)
);

CREATE FUNCTION day_of(unix_ns bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
$$ SELECT unix_ns / 86400000000000 - (unix_ns % 86400000000000 < 0)::int $$;

-- What a span is counted by.
CREATE FUNCTION facets_of(name text, kind text, type text, status text, run text, resource bigint, attributes jsonb)
RETURNS TABLE (key text, value text) LANGUAGE sql IMMUTABLE AS $$
    SELECT f.key, f.value FROM (
        SELECT * FROM (VALUES ('', '?'), ('name', 's' || name), ('kind', 's' || kind), ('type', 's' || type),
            ('status', 's' || status), ('run', 's' || run), ('resource', 's' || resource)) c (key, value)
        UNION ALL SELECT '.' || a.key, v.value FROM jsonb_each(attributes) a CROSS JOIN LATERAL (VALUES ('?'),
            (CASE jsonb_typeof(a.value) WHEN 'string' THEN 's' || (a.value #>> '{}') WHEN 'boolean' THEN 'b' || (a.value)::text
                WHEN 'number' THEN 'n' || trim_scale((a.value)::numeric)::text WHEN 'null' THEN 'z' END)) v (value)
    ) f WHERE octet_length(f.key) <= 200 AND octet_length(f.value) <= 200
$$;

-- Whoever counts what it changes says so; earlier versions don't, nor do people.
CREATE FUNCTION note_uncounted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO uncounted (day) VALUES (day_of(CASE TG_OP WHEN 'DELETE' THEN OLD.start_unix_ns ELSE NEW.start_unix_ns END))
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER span_uncounted AFTER INSERT OR DELETE ON span FOR EACH ROW
    WHEN (current_setting('flowglass.counts', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION note_uncounted();

-- A span that is replaced is counted here, whoever does it: only the server knows what was there before.
CREATE FUNCTION count_replaced() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO facet_change (key, texts, days, spans, runs, firsts, lasts)
    SELECT c.key, array_agg(c.value), array_agg(c.day), array_agg(c.sign), array_agg(c.sign * c.is_run), array_agg(c.start),
        array_agg(c.start)
    FROM (
        SELECT f.key, f.value, -1::bigint AS sign, (OLD.run IS NOT NULL)::int AS is_run, OLD.start_unix_ns AS start,
            day_of(OLD.start_unix_ns) AS day
        FROM facets_of(OLD.name, OLD.kind, OLD.type, OLD.status, OLD.run, OLD.resource, OLD.attributes) f
        UNION ALL SELECT f.key, f.value, 1, (NEW.run IS NOT NULL)::int, NEW.start_unix_ns, day_of(NEW.start_unix_ns)
        FROM facets_of(NEW.name, NEW.kind, NEW.type, NEW.status, NEW.run, NEW.resource, NEW.attributes) f
    ) c GROUP BY c.key;
    RETURN NULL;
END $$;
CREATE TRIGGER span_replaced AFTER UPDATE ON span FOR EACH ROW
    WHEN ((OLD.name, OLD.kind, OLD.type, OLD.status, OLD.run, OLD.resource, OLD.attributes, OLD.start_unix_ns)
        IS DISTINCT FROM (NEW.name, NEW.kind, NEW.type, NEW.status, NEW.run, NEW.resource, NEW.attributes, NEW.start_unix_ns))
    EXECUTE FUNCTION count_replaced();

-- What is there already is counted later, day by day, by those who write.
INSERT INTO uncounted (day, noted)
WITH RECURSIVE days (day) AS (
    SELECT day_of(min(start_unix_ns)) FROM span
    UNION ALL SELECT (SELECT day_of(min(s.start_unix_ns)) FROM span s WHERE s.start_unix_ns >= (d.day + 1) * 86400000000000)
    FROM days d WHERE d.day < 106751
)
SELECT day, '-infinity' FROM days WHERE day IS NOT NULL;
