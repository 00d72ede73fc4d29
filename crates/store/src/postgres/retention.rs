//! Forgetting runs: what a policy names, how much that is, and when it is time for it.

use std::sync::Arc;

use super::failure::Failure;
use super::forgetting::{forget, goes, name_traces, number_of, once};
use super::link::Link;
use super::partitions::Table;
use super::records::stored;
use super::session::Session;
use crate::{Forgotten, RetentionPolicy};

/// How often a store that is too large is looked at again: what a day takes is an estimate.
const MOST_ROUNDS: usize = 8;

/// Forgets what the policy says.
pub(super) fn retain(link: &Link, session: &mut Session, policy: &RetentionPolicy) -> Result<Forgotten, Failure> {
    let size_before_bytes = size_bytes(link, session)?;
    let mut forgotten = Forgotten { size_before_bytes, size_after_bytes: size_before_bytes, ..Forgotten::default() };
    for _ in 0..MOST_ROUNDS {
        let Some(chosen) = choose(link, session, policy)? else { break };
        let (runs, spans) = forget(link, session, policy, &chosen)?;
        forgotten.runs += runs;
        forgotten.spans += spans;
        forgotten.size_after_bytes = size_bytes(link, session)?;
        if policy.max_size_bytes.is_none() || runs + spans == 0 {
            break;
        }
    }
    Ok(forgotten)
}

/// Takes it upon itself to let the store forget, unless somebody did within the hour.
const CLAIM: &str = "INSERT INTO retained (one, at) VALUES (true, clock_timestamp()) ON CONFLICT (one) DO UPDATE SET at = excluded.at \
     WHERE retained.at NOT BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()";

/// Forgets what the policy says if nobody did for an hour.
pub(super) fn retain_if_due(link: &Arc<Link>, policy: &RetentionPolicy) -> Result<(), Failure> {
    let claimed = link.borrow()?.ask(|link, client| link.wait(client.execute(CLAIM, &[])))?;
    if claimed > 0 {
        retain(link, &mut Session::new(link)?, policy)?;
    }
    Ok(())
}

/// Says what would be forgotten at once, and changes nothing. A span is taken to be as large as any other.
pub(super) fn preview(link: &Link, session: &mut Session, policy: &RetentionPolicy) -> Result<Forgotten, Failure> {
    let size_before_bytes = size_bytes(link, session)?;
    let mut forgotten = Forgotten { size_before_bytes, size_after_bytes: size_before_bytes, ..Forgotten::default() };
    let Some(chosen) = choose(link, session, policy)? else { return Ok(forgotten) };
    session.run(link, "BEGIN")?;
    forgotten.runs = name_traces(link, session, policy, &chosen)?;
    let before = chosen.before_unix_ns.unwrap_or(i64::MIN);
    let going = format!("SELECT count(*) FROM span s WHERE {}", goes(Table::Span));
    forgotten.spans = number_of(&once(link, session, &going, &[&before])?);
    let all = number_of(&once(link, session, "SELECT count(*) FROM span", &[])?);
    session.run(link, "ROLLBACK")?;
    let freed = u128::from(size_before_bytes) * u128::from(forgotten.spans) / u128::from(all.max(1));
    forgotten.size_after_bytes = size_before_bytes.saturating_sub(u64::try_from(freed).unwrap_or(u64::MAX));
    Ok(forgotten)
}

/// Returns how much the store takes.
pub(super) fn size_bytes(link: &Link, session: &mut Session) -> Result<u64, Failure> {
    let sql = "SELECT coalesce(sum(pg_table_size(c.oid) + pg_indexes_size(c.oid)), 0)::bigint FROM pg_class c \
               WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r'";
    let schema = super::link::quoted(&link.options.schema);
    Ok(session.number(link, sql, &[&schema])?.unwrap_or(0).max(0).cast_unsigned())
}

/// What a policy names.
pub(super) struct Chosen {
    /// Runs that began before this may go.
    pub(super) end_unix_ns: i64,
    /// What belongs to no run and is from before this goes, too.
    pub(super) before_unix_ns: Option<i64>,
}

fn choose(link: &Link, session: &mut Session, policy: &RetentionPolicy) -> Result<Option<Chosen>, Failure> {
    let by_age = match policy.max_age {
        Some(age) => {
            let now = session.number(link, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint", &[])?;
            now.map(|now| now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)))
        }
        None => None,
    };
    let by_size = match policy.max_size_bytes {
        Some(most) => end_of_excess(link, session, policy, most)?,
        None => None,
    };
    // The later one names what either of them does.
    let named = by_age.max(by_size);
    let Some(end) = named.or(policy.keep_last.map(|_| i64::MAX)) else { return Ok(None) };
    let end_unix_ns = end.min(start_of_kept(link, session, policy.keep_last)?);
    // What belongs to no run is none of those that a number counts.
    let before_unix_ns = (policy.statuses.is_empty() && named.is_some()).then_some(end_unix_ns);
    Ok(Some(Chosen { end_unix_ns, before_unix_ns }))
}

/// Returns when the first of so many newest runs began, which stay.
fn start_of_kept(link: &Link, session: &mut Session, keep_last: Option<u64>) -> Result<i64, Failure> {
    let Some(before) = keep_last.unwrap_or(0).checked_sub(1) else { return Ok(i64::MAX) };
    let sql = "SELECT start_unix_ns FROM span WHERE run IS NOT NULL ORDER BY start_unix_ns DESC LIMIT 1 OFFSET $1";
    // Where there are no more than so many, all of them stay.
    Ok(session.number(link, sql, &[&stored(before)])?.unwrap_or(i64::MIN))
}

/// Returns until when what is stored has to go so that the rest fits; nothing if all fits. All spans are taken to be equally large.
fn end_of_excess(link: &Link, session: &mut Session, policy: &RetentionPolicy, most: u64) -> Result<Option<i64>, Failure> {
    let used = size_bytes(link, session)?;
    if used <= most {
        return Ok(None);
    }
    let part = (used - most) as f64 / used.max(1) as f64;
    let (of_runs, statuses) = (!policy.statuses.is_empty(), words(policy));
    let sql = "
        WITH part AS (
            SELECT t.first_unix_ns AS start, t.spans FROM trace t WHERE NOT $2 OR EXISTS (
                SELECT FROM span s WHERE s.trace_id = t.trace_id AND s.run IS NOT NULL AND s.status = ANY($3))
        ), summed AS (
            SELECT start, sum(spans) OVER (ORDER BY start) AS until, sum(spans) OVER () AS all_spans FROM part
        )
        SELECT min(start) + 1 FROM summed WHERE until >= all_spans * $1::float8";
    session.number(link, sql, &[&part, &of_runs, &statuses])
}

pub(super) fn words(policy: &RetentionPolicy) -> Vec<String> {
    policy.statuses.iter().map(|status| status.as_str().to_owned()).collect()
}
