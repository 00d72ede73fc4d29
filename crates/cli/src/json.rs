//! Runs as JSON, for `--json`.

use flowglass::insight::progress::{SiteProgress, State};
use flowglass::model::{CacheStatus, Subject};
use flowglass::store::RunRecord;
use serde_json::{Map, Value, json};

use crate::live;

/// The nodes of a run, one entry a path and never an item. Of what nobody needed nothing is told.
pub(crate) fn nodes(state: &live::State<'_>) -> Value {
    let sites = state.progress.sites();
    let entry = |at: usize| {
        let progress = &sites[at];
        let site = &progress.site;
        let mut entry = Map::new();
        entry.insert("id".to_owned(), json!(&*site.name));
        entry.insert("path".to_owned(), json!(&*site.path));
        let taken_whole = state.progress.is_cached_with_what_is_around(at);
        let status = if taken_whole { State::Cached } else { state.progress.state(at) };
        entry.insert("status".to_owned(), json!(word(status)));
        let unheard_of = if taken_whole { CacheStatus::Hit } else { CacheStatus::Off };
        let cache = state.cache.get(at).copied().flatten().unwrap_or(unheard_of);
        entry.insert("cache_status".to_owned(), json!(cache.as_str()));
        entry.insert("duration_ms".to_owned(), json!(milliseconds(progress.busy_ns)));
        if site.subject == Subject::Map {
            let items = sites.iter().find(|other| other.site.subject == Subject::Item && other.site.parent == Some(site.id));
            let count = |of: fn(&SiteProgress) -> u64| items.map_or(0, of);
            entry.insert("count".to_owned(), json!(progress.total.unwrap_or(0)));
            entry.insert("failed".to_owned(), json!(count(|items| items.failed)));
            entry.insert("hits".to_owned(), json!(count(|items| items.cached)));
        }
        Value::Object(entry)
    };
    let is_node = |at: &usize| sites[*at].site.subject != Subject::Item && sites[*at].site.parent.is_some();
    let is_told = |at: &usize| !is_untouched(&sites[*at]) || state.progress.is_cached_with_what_is_around(*at);
    Value::Array((0..sites.len()).filter(is_node).filter(is_told).map(entry).collect())
}

/// Says whether no event told of a site: not even that it was skipped.
fn is_untouched(site: &SiteProgress) -> bool {
    site.started + site.ended() == 0
}

fn word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Finished | State::Cached => "ok",
        State::Failed => "error",
        State::Cancelled => "cancelled",
        _ => "skipped",
    }
}

/// A run of the store.
pub(crate) fn record(run: &RunRecord) -> Value {
    json!({
        "run_id": run.id.to_string(),
        "name": run.name,
        "version": run.version,
        "fingerprint": run.fingerprint.map(|fingerprint| fingerprint.to_string()),
        "status": run.status.as_str(),
        "start": start_text(run.start_unix_ns, true),
        "start_unix_ns": run.start_unix_ns,
        "duration_ms": milliseconds(run.duration_ns),
        "spans": run.span_count,
        "nodes": run.nodes,
        "cache_hits": run.cache_hits,
        "failed": run.failed,
        "saved_ms": run.saved_ms,
        "error": run.error,
    })
}

/// A moment in RFC 3339 (UTC), or in local time for people.
pub(crate) fn start_text(unix_ns: i64, for_programs: bool) -> String {
    let Ok(moment) = jiff::Timestamp::from_nanosecond(i128::from(unix_ns)) else { return String::new() };
    if for_programs {
        return moment.to_string();
    }
    moment.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for people and programs")]
pub(crate) fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}
