//! Keeping the counts: changes are added to the table, days that somebody didn't count are counted, and days that are gone are forgotten.

use tokio_postgres::Client;

use super::super::failure::Failure;
use super::super::link::Link;
use super::super::schema;
use super::super::session::Session;
use super::{COLUMNS, bounds};

/// So many changes are added at once, at most.
const AT_ONCE: i64 = 16_384;
/// A key with more values on a day is not counted by value.
const MOST_VALUES: i64 = 256;
/// Of a day with more keys, no attributes are counted.
const MOST_KEYS: i64 = 1024;

/// What has too many values, or belongs to too many keys, on the day of `$OF`.
const GIVEN_UP: &str = "EXISTS (SELECT FROM facet m WHERE m.value = '*' AND m.day = $OF.day
    AND (m.key = $OF.key AND $OF.value <> '?' OR m.key = '.' AND starts_with($OF.key, '.')))";

/// Takes changes, the first ones, and adds them; returns their days. What has too many values already is counted by value no more.
const TAKE_UP: &str = "
WITH taken AS (
    DELETE FROM facet_change WHERE id IN (SELECT id FROM facet_change ORDER BY id LIMIT $1) RETURNING *
), summed AS (
    SELECT t.key, c.value COLLATE \"C\" AS value, c.day, sum(c.spans)::bigint AS spans, sum(c.runs)::bigint AS runs,
        min(c.first) AS first_unix_ns, max(c.last) AS last_unix_ns
    FROM taken t CROSS JOIN LATERAL unnest(t.texts, t.days, t.spans, t.runs, t.firsts, t.lasts)
        AS c (value, day, spans, runs, first, last)
    GROUP BY 1, 2, 3
), put AS (
    INSERT INTO facet AS f (key, value, day, spans, runs, first_unix_ns, last_unix_ns)
    SELECT s.* FROM summed s WHERE s.value = '*' OR NOT $GIVEN_UP
    ON CONFLICT (key, value, day) DO UPDATE SET spans = f.spans + excluded.spans, runs = f.runs + excluded.runs,
        first_unix_ns = least(f.first_unix_ns, excluded.first_unix_ns), last_unix_ns = greatest(f.last_unix_ns, excluded.last_unix_ns)
    RETURNING day
)
SELECT DISTINCT day FROM put";

/// Gives up counting by value on these days where there are too many.
const GIVE_UP: &str = "
INSERT INTO facet (key, value, day, spans, runs, first_unix_ns, last_unix_ns)
SELECT f.key, '*', f.day, 0, 0, 0, 0 FROM facet f WHERE f.day = ANY($1) AND f.value NOT IN ('?', '*')
GROUP BY f.key, f.day HAVING count(*) > $2
UNION ALL SELECT '.', '*', f.day, 0, 0, 0, 0 FROM facet f WHERE f.day = ANY($1) AND f.value = '?' AND starts_with(f.key, '.')
GROUP BY f.day HAVING count(*) > $3 ON CONFLICT DO NOTHING";

/// Takes away what is counted no more on these days, and what occurs no more.
const CLEAR: &str = "
DELETE FROM facet f WHERE f.day = ANY($1) AND f.value <> '*' AND (f.spans = 0 OR $GIVEN_UP)";

fn given_up(sql: &str, of: &str) -> String {
    sql.replace("$GIVEN_UP", &GIVEN_UP.replace("$OF", of))
}

/// Adds the changes that wait to the table, unless somebody else does.
pub(in super::super) fn take_up(link: &Link, session: &mut Session) -> Result<(), Failure> {
    session.run(link, "BEGIN")?;
    if is_ours(link, session)? {
        add(link, session, AT_ONCE)?;
    }
    session.run(link, "COMMIT")
}

fn lock(link: &Link) -> i64 {
    schema::lock(&link.options.schema, 3)
}

/// Of two who change the table at once, one leaves it to the other.
fn is_ours(link: &Link, session: &mut Session) -> Result<bool, Failure> {
    let ours = session.rows(link, "SELECT pg_try_advisory_xact_lock($1)", &[&lock(link)])?;
    Ok(ours.first().is_some_and(|row| row.get(0)))
}

fn add(link: &Link, session: &mut Session, most: i64) -> Result<(), Failure> {
    let rows = session.rows(link, &given_up(TAKE_UP, "s"), &[&most])?;
    clear(link, session, &rows.iter().map(|row| row.get(0)).collect::<Vec<i64>>())
}

fn clear(link: &Link, session: &mut Session, days: &[i64]) -> Result<(), Failure> {
    if !days.is_empty() {
        session.execute(link, GIVE_UP, &[&days, &MOST_VALUES, &MOST_KEYS])?;
        session.execute(link, &given_up(CLEAR, "f"), &[&days])?;
    }
    Ok(())
}

/// Keeps everybody else from changing the table until the transaction ends. Who wants to lock a part of the
/// table of spans does this before: whoever counts a day reads these.
pub(in super::super) fn hold(link: &Link, session: &Session) -> Result<(), Failure> {
    // To count a day takes its time.
    link.wait_long(session.client.query("SELECT pg_advisory_xact_lock($1)", &[&lock(link)])).map(|_| ())
}

/// Forgets a day of which no span is left, and to which nobody can add one before the transaction ends. The table must be held.
pub(in super::super) fn forget_day(link: &Link, session: &mut Session, day: i64) -> Result<(), Failure> {
    add(link, session, i64::MAX)?;
    session.execute(link, "DELETE FROM facet WHERE day = $1", &[&day])?;
    session.execute(link, "DELETE FROM uncounted WHERE day = $1", &[&day]).map(|_| ())
}

/// Returns a statement that notes a change: that rows, which have the columns of `span`, came (1) or went (-1).
pub(in super::super) fn change(rows: &str, sign: i64) -> String {
    format!(
        "INSERT INTO facet_change ({COLUMNS})
        SELECT c.key, array_agg(c.value), array_agg(c.day), array_agg(c.spans), array_agg(c.runs), array_agg(c.first), array_agg(c.last)
        FROM (
            SELECT g.key, CASE WHEN g.is_many AND g.value <> '?' THEN '*' ELSE g.value END AS value, g.day,
                (sum(g.spans) FILTER (WHERE NOT g.is_many OR g.value = '?'))::bigint AS spans,
                (sum(g.runs) FILTER (WHERE NOT g.is_many OR g.value = '?'))::bigint AS runs,
                min(g.first) AS first, max(g.last) AS last
            FROM (
                SELECT f.key, f.value, day_of(r.start_unix_ns) AS day, {sign} * count(*) AS spans, {sign} * count(r.run) AS runs,
                    min(r.start_unix_ns) AS first, max(r.start_unix_ns) AS last,
                    count(*) OVER (PARTITION BY f.key, day_of(r.start_unix_ns)) > {MOST_VALUES} + 1 AS is_many
                FROM {rows} r
                CROSS JOIN LATERAL facets_of(r.name, r.kind, r.type, r.status, r.run, r.resource, r.attributes) f
                GROUP BY f.key, f.value, day_of(r.start_unix_ns)
            ) g GROUP BY 1, 2, 3
        ) c GROUP BY c.key"
    )
}

/// Counts the spans of a day, each value that is not one of too many.
const COUNT: &str = "
INSERT INTO facet (key, value, day, spans, runs, first_unix_ns, last_unix_ns)
WITH each AS MATERIALIZED (
    SELECT f.key COLLATE \"C\" AS key, f.value COLLATE \"C\" AS value, count(*) AS spans, count(s.run) AS runs,
        min(s.start_unix_ns) AS first_unix_ns, max(s.start_unix_ns) AS last_unix_ns
    FROM span s CROSS JOIN LATERAL facets_of(s.name, s.kind, s.type, s.status, s.run, s.resource, s.attributes) f
    WHERE s.start_unix_ns BETWEEN $2 AND $3 GROUP BY 1, 2
), many AS (
    SELECT key FROM each WHERE value <> '?' GROUP BY key HAVING count(*) > $4
)
SELECT e.key, e.value, $1::bigint, e.spans, e.runs, e.first_unix_ns, e.last_unix_ns FROM each e
WHERE e.value = '?' OR e.key NOT IN (SELECT key FROM many)
UNION ALL SELECT m.key, '*', $1, 0, 0, 0, 0 FROM many m";

/// A day on which somebody wrote without counting: the last one, but for those on which that may go on.
const NEXT: &str = "
SELECT max(day) FROM (SELECT day FROM uncounted GROUP BY day HAVING max(noted) < clock_timestamp() - interval '10 minutes') u";

/// Says whether a day waits for being counted.
pub(in super::super) fn some_day_waits(link: &Link, client: &Client) -> Result<bool, Failure> {
    Ok(link.wait(client.query_one(NEXT, &[]))?.try_get::<_, Option<i64>>(0)?.is_some())
}

/// Counts a day on which somebody didn't; says whether there was one. What is committed meanwhile is not seen, and neither is what it
/// changes, which is added later.
pub(in super::super) fn count_day(link: &Link, session: &mut Session) -> Result<bool, Failure> {
    session.run(link, "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'")?;
    match count_next(link, session) {
        // Somebody changed what was there, and this comes again.
        Err(failure) if failure.is_race() => session.run(link, "ROLLBACK").map(|()| false),
        Ok(counted) => session.run(link, "COMMIT").map(|()| counted),
        failed => failed,
    }
}

fn count_next(link: &Link, session: &mut Session) -> Result<bool, Failure> {
    if !is_ours(link, session)? {
        return Ok(false);
    }
    let Some(day) = session.number(link, NEXT, &[])? else { return Ok(false) };
    add(link, session, i64::MAX)?;
    session.execute(link, "DELETE FROM facet WHERE day = $1", &[&day])?;
    let (first_unix_ns, last_unix_ns) = bounds(day);
    link.wait_long(session.client.execute(COUNT, &[&day, &first_unix_ns, &last_unix_ns, &MOST_VALUES]))?;
    clear(link, session, &[day])?;
    session.execute(link, "DELETE FROM uncounted WHERE day = $1", &[&day])?;
    Ok(true)
}

/// Tells how many values of a day are counted otherwise than they occur.
const WRONG: &str = "
WITH told AS (
    SELECT t.key, t.value, sum(t.spans) AS spans, sum(t.runs) AS runs FROM (
        SELECT f.key, f.value, f.spans, f.runs FROM facet f WHERE f.day = $1
        UNION ALL SELECT w.key, c.value COLLATE \"C\", c.spans, c.runs
        FROM facet_change w CROSS JOIN LATERAL unnest(w.texts, w.days, w.spans, w.runs) AS c (value, day, spans, runs) WHERE c.day = $1
    ) t GROUP BY 1, 2
), found AS (
    SELECT f.key COLLATE \"C\" AS key, f.value COLLATE \"C\" AS value, count(*) AS spans, count(s.run) AS runs
    FROM span s CROSS JOIN LATERAL facets_of(s.name, s.kind, s.type, s.status, s.run, s.resource, s.attributes) f
    WHERE s.start_unix_ns BETWEEN $2 AND $3 GROUP BY 1, 2
)
SELECT count(*) FROM (
    SELECT key, value, coalesce(t.spans, 0) AS told, coalesce(t.runs, 0) AS told_runs, coalesce(f.spans, 0) AS found,
        coalesce(f.runs, 0) AS found_runs
    FROM told t FULL JOIN found f USING (key, value)
) b
WHERE (b.told, b.told_runs) <> (b.found, b.found_runs) AND b.value <> '*' AND $1 NOT IN (SELECT day FROM uncounted)
    AND NOT EXISTS (SELECT FROM told m
        WHERE m.value = '*' AND (m.key = b.key AND b.value <> '?' OR m.key = '.' AND starts_with(b.key, '.')))";

/// Returns how many counts are wrong.
pub(in super::super) fn wrong(link: &Link, session: &mut Session) -> Result<u64, Failure> {
    let days = "SELECT DISTINCT day_of(start_unix_ns) FROM span UNION SELECT day FROM facet
        UNION SELECT DISTINCT unnest(days) FROM facet_change";
    let mut wrong = 0;
    for day in link.wait_long(session.client.query(days, &[]))? {
        let day: i64 = day.try_get(0)?;
        let (first_unix_ns, last_unix_ns) = bounds(day);
        let found = link.wait_long(session.client.query_one(WRONG, &[&day, &first_unix_ns, &last_unix_ns]))?;
        wrong += found.try_get::<_, i64>(0)?.max(0).cast_unsigned();
    }
    Ok(wrong)
}
