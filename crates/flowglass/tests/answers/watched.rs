//! What somebody who watches asks again and again: a dashboard of an hour, whether something is beyond its threshold, and both through
//! a store that remembers its answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flowglass::insight::answers::{Costs, Health};
use flowglass::model::{Sink, SpanType};
use flowglass::store::query::{Moment, Query, Select};
use flowglass::store::{RememberingStore, SinkOptions, Store};
use serde_json::{Value, json};

use super::fleet::{self, START_UNIX_NS};
use super::{Stores, all, is_same, spans};

const HOUR_NS: i64 = 3_600_000_000_000;
const HOURS_PER_DAY: f64 = 24.0;
const MS: f64 = 1e6;

/// What began in the second hour of the fleet.
fn in_the_hour(query: Query) -> Query {
    query.since(Moment::At(START_UNIX_NS + HOUR_NS)).before(Moment::At(START_UNIX_NS + 2 * HOUR_NS))
}

fn health(store: &dyn Store) -> Health {
    let mut roots = spans(store, in_the_hour(Query::spans().span_type(SpanType::Pipeline)));
    roots.retain(|root| root.is_run_root());
    Health::of(&roots)
}

fn cost(store: &dyn Store) -> f64 {
    Costs::of(&spans(store, in_the_hour(Query::spans().has("model")))).cost
}

/// How an hour went, and what a day of such hours costs.
pub(crate) fn dashboard(store: &dyn Store) -> Value {
    let (health, cost) = (health(store), cost(store));
    json!({
        "total": store.count(&in_the_hour(Query::runs())).unwrap(),
        "completed": health.ok,
        "failed": health.failed,
        "success_rate": 1.0 - health.failure_rate,
        "mean_ms": health.durations.total_ns as f64 / health.durations.count as f64 / MS,
        "p95_ms": health.durations.p95_ns as f64 / MS,
        "hourly_cost": cost,
        "daily_cost": cost * HOURS_PER_DAY,
    })
}

/// What is beyond its threshold in an hour.
pub(crate) fn alerts(store: &dyn Store) -> Value {
    let health = health(store);
    let measured = [
        ("failure_rate", health.failure_rate, 0.05),
        ("p95_latency_s", health.durations.p95_ns as f64 / 1e9, 5.0),
        ("hourly_cost", cost(store), 2.0),
    ];
    let beyond = measured.into_iter().filter(|(_, value, threshold)| value > threshold);
    json!(beyond.map(|(alert, value, _)| json!({ "alert_type": alert, "value": value })).collect::<Vec<_>>())
}

/// A clock that stands until it is told to go on.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn goes_on(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    fn reader(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let (start, passed) = (Instant::now(), Arc::clone(&self.0));
        move || start + Duration::from_secs(passed.load(Ordering::Relaxed))
    }
}

/// A page, a count and roll-ups.
fn asked_again_and_again(store: &dyn Store) -> Value {
    let runs = all(store, Query::parse(Select::Runs, "name:report").unwrap());
    let of_nodes = store.count(&Query::spans().is("node", "encode")).unwrap();
    let rolled_up: u64 = store.rollups(&Default::default()).unwrap().iter().map(|rollup| rollup.count).sum();
    json!([format!("{runs:?}"), of_nodes, rolled_up, dashboard(store), alerts(store)])
}

#[test]
fn answers_are_remembered_for_a_minute_whatever_the_store() {
    let batches = fleet::batches();
    let (first, later) = batches.split_at(batches.len() / 2);
    let (later, last) = later.split_at(later.len() / 2);
    let write = |sink: &mut dyn Sink, part: &[_]| part.iter().for_each(|batch| sink.write(batch).unwrap());
    let mut answers: Vec<[Value; 3]> = Vec::new();
    let stores = Stores::make();
    for store in &stores.all {
        let clock = Clock::default();
        let remembering = RememberingStore::new(Arc::clone(store)).with_clock(clock.reader());
        let mut others = store.sink(SinkOptions::default()).unwrap();
        write(&mut *others, first);
        let half = asked_again_and_again(&remembering);
        write(&mut *others, later);
        clock.goes_on(RememberingStore::TIME - Duration::from_secs(1));
        assert_eq!(asked_again_and_again(&remembering), half, "{}", store.location());
        clock.goes_on(Duration::from_secs(1));
        let whole = asked_again_and_again(&remembering);
        assert_eq!(whole, asked_again_and_again(&**store), "{}", store.location());
        assert_ne!(whole, half);
        // What is written through it is in its answers at once.
        write(&mut *remembering.sink(SinkOptions::default()).unwrap(), last);
        let again = asked_again_and_again(&remembering);
        assert_eq!(again, asked_again_and_again(&**store), "{}", store.location());
        answers.push([half, whole, again]);
    }
    assert!(answers.iter().all(|answers_of_one| is_same("", &json!(answers_of_one), &json!(answers[0]))), "{answers:#?}");
}
