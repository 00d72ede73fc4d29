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
