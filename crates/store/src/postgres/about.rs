//! What a store on a server is like: how large, how old, who writes to it.

use flowglass_model::conventions;
use tokio_postgres::Row;

use super::failure::Failure;
use super::heartbeat::ALIVE;
use super::link::Link;
use super::retention::size_bytes;
use super::schema::VERSION;
use super::session::Session;
use crate::{StoreDetails, StoreInfo, WriterInfo};

/// Returns where the store is and how much it holds.
pub(super) fn info(link: &Link, session: &mut Session) -> Result<StoreInfo, Failure> {
    let runs =
        "SELECT (SELECT count(*) FROM span WHERE run IS NOT NULL) + (SELECT count(*) FROM open_span WHERE run IS NOT NULL)";
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('span')";
    Ok(StoreInfo {
        path: link.place.clone().into(),
        size_bytes: size_bytes(link, session)?,
        runs: count(link, session, runs)?,
        spans: count(link, session, "SELECT count(*) FROM span")?,
        segments: count(link, session, partitions)?,
        format_version: VERSION.unsigned_abs(),
    })
}

/// Returns how old and how new records are, what has not ended, and who writes.
pub(super) fn details(link: &Link, session: &mut Session) -> Result<StoreDetails, Failure> {
    let others = "SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM link) + (SELECT count(*) FROM log) \
                  + (SELECT count(*) FROM point)";
    Ok(StoreDetails {
        open_spans: count(link, session, "SELECT count(*) FROM open_span")?,
        others: count(link, session, others)?,
        oldest_unix_ns: session.number(link, "SELECT min(start_unix_ns) FROM span", &[])?,
        newest_unix_ns: session.number(link, "SELECT max(start_unix_ns) FROM span", &[])?,
        writers: writers(link, session)?,
    })
}

/// Returns those whose sinks live. What they are stands in who they say they are.
fn writers(link: &Link, session: &mut Session) -> Result<Vec<WriterInfo>, Failure> {
    let sql = format!(
        "SELECT coalesce(r.attributes ->> '{}', ''), coalesce(r.attributes ->> '{}', ''),
            (extract(epoch FROM w.started) * 1000000000)::bigint, (extract(epoch FROM w.seen) * 1000000000)::bigint
        FROM writer w JOIN sink k ON k.id = w.sink LEFT JOIN resource r ON r.id = w.resource
        WHERE {ALIVE} ORDER BY w.started",
        conventions::PROCESS_PID,
        conventions::HOST_NAME,
    );
    let writer = |row: &Row| {
        let pid: &str = row.try_get(0)?;
        Ok(WriterInfo {
            pid: pid.parse().unwrap_or(0),
            host: row.try_get(1)?,
            started_unix_ns: row.try_get(2)?,
            last_seen_unix_ns: row.try_get(3)?,
        })
    };
    session.rows(link, &sql, &[])?.iter().map(writer).collect()
}

fn count(link: &Link, session: &mut Session, sql: &str) -> Result<u64, Failure> {
    Ok(session.number(link, sql, &[])?.unwrap_or(0).max(0).cast_unsigned())
}
