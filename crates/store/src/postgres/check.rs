//! Looking at all that a store on a server has: can it be read, and do its tables fit together?

use super::export;
use super::failure::Failure;
use super::link::Link;
use super::resources::Resources;
use super::rollups;
use super::session::Session;
use crate::{Selection, StoreCheck, StoreError, StoreErrorKind, StoreProblem};

/// What must not be there, as a count; where, and what it means.
const WRONG: [(&str, &str, &str); 5] = [
    (
        "SELECT count(*) FROM span s WHERE NOT EXISTS (SELECT FROM resource r WHERE r.id = s.resource)",
        "table span",
        "spans name a resource that isn't there",
    ),
    (
        "SELECT count(*) FROM log s WHERE NOT EXISTS (SELECT FROM resource r WHERE r.id = s.resource)",
        "table log",
        "log records name a resource that isn't there",
    ),
    (
        "SELECT count(*) FROM (SELECT trace_id, count(*) AS spans FROM span GROUP BY trace_id) s LEFT JOIN trace t USING (trace_id)
         WHERE t.spans IS NULL OR t.spans < s.spans",
        "table trace",
        "traces have more spans than were counted",
    ),
    (
        "SELECT count(*) FROM span s JOIN trace t USING (trace_id) WHERE s.start_unix_ns NOT BETWEEN t.first_unix_ns AND t.last_unix_ns",
        "table trace",
        "spans lie outside of the time of their trace, and aren't found by it",
    ),
    (
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid",
        "indexes",
        "indexes are not valid: `REINDEX` makes them anew",
    ),
];

/// Reads all, and says what is wrong with it. Whether the server can be asked at all is another question.
pub(super) fn check(link: &Link, session: &mut Session, resources: &Resources) -> Result<StoreCheck, StoreError> {
    let mut check = StoreCheck::default();
    let told = |failure: Failure| failure.at(&link.place, "check");
    for batch in export::export(link, resources, &Selection::default())? {
        match batch {
            Ok(batch) => {
                check.blocks += 1;
                check.spans += batch.spans.len() as u64;
                check.runs += batch.spans().filter(|span| span.to_span().is_run_root()).count() as u64;
            }
            Err(error) => note(&mut check, "records", error)?,
        }
    }
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('span')";
    check.segments = session.number(link, partitions, &[]).map_err(told)?.unwrap_or(0).max(0).cast_unsigned();
    if let Err(failure) = rollups::look(link, session) {
        note(&mut check, "rollups", told(failure))?;
    }
    for (sql, place, what) in WRONG {
        let rows = link.wait_long(session.client.query(sql, &[])).map_err(told)?;
        let count: i64 = rows.first().map_or(0, |row| row.get(0));
        if count > 0 {
            check.problems.push(StoreProblem { place: place.to_owned(), what: format!("{count} {what}") });
        }
    }
    Ok(check)
}

/// What can't be read is a problem; that the server is away is an error.
fn note(check: &mut StoreCheck, place: &str, error: StoreError) -> Result<(), StoreError> {
    if error.kind() != StoreErrorKind::Corrupt {
        return Err(error);
    }
    check.problems.push(StoreProblem { place: place.to_owned(), what: error.to_string() });
    Ok(())
}
