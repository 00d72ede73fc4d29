//! Runs: their counts, their ids, their graphs, and roll-ups.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, BatchBuilder, Fingerprint, Graph, Resource, Rollup, Span, SpanId, SpanType, Status, TraceId, WriterId,
    conventions as names,
};

use super::lifecycle::{Teller, root};
use super::{expect, told};
use crate::query::Query;
use crate::{RollupFilter, RunRecord, SinkOptions, Store, StoreErrorKind};

fn node(number: u8, id: u64, status: Status) -> Span {
    Span {
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(1),
        span_type: SpanType::Node,
        name: "node clean".into(),
        attributes: vec![(names::NODE_ID.to_owned(), "clean".into())],
        ..root(number, status)
    }
}

pub(super) fn found(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut teller = Teller::new(&*store, 1)?;
    let ids = [0x11, 0x12, 0x2a];
    for (number, trace) in (1..).zip(ids) {
        let trace_id = TraceId::from_bytes([trace; 16]);
        let nodes = (2..3 + u64::from(number)).map(|id| node(number, id, if id == 3 { Status::Error } else { Status::Ok }));
        let spans = nodes.chain([root(number, Status::Ok)]).map(|span| Span { trace_id, ..span });
        teller.tell(&spans.collect::<Vec<_>>(), &[])?;
    }
    let run = store.find_run(&"12".repeat(16)).map_err(told)?;
    let counts = |run: &RunRecord| (run.name.clone(), run.span_count, run.error_count);
    expect("a run's counts", &counts(&run), &("demo".to_owned(), 4, 1))?;
    expect("a beginning", &store.find_run("2a").map_err(told)?.id.trace, &TraceId::from_bytes([0x2a; 16]))?;
    let kind = |id: &str| store.find_run(id).map(|run| run.id).map_err(|error| error.kind());
    expect("two that begin so", &kind("1"), &Err(StoreErrorKind::Ambiguous))?;
    expect("none that begins so", &kind("77"), &Err(StoreErrorKind::NotFound))?;
    expect("no id at all", &kind("%_"), &Err(StoreErrorKind::NotFound))?;
    expect("how many runs", &store.count(&Query::runs().name("demo")).map_err(told)?, &3)
}

pub(super) fn graphs_and_rollups(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let mut sink = store.sink(SinkOptions::default()).map_err(told)?;
    let fingerprint = Fingerprint::from_bytes([5; 16]);
    let (inputs, nodes) = (Vec::new(), Vec::new());
    let graph = Graph { fingerprint, name: "demo".into(), version: "1".into(), inputs, nodes };
    let mut builder = BatchBuilder::new(WriterId::from_bytes([1; 16]), 1, Arc::new(Resource::default()));
    for (id, duration_ns) in (2..).zip([100, 300, 200]) {
        builder.push(&Span { duration_ns, ..node(1, id, if id == 2 { Status::Error } else { Status::Ok }) });
    }
    builder.batch_mut().graphs = vec![Arc::new(graph.clone())];
    sink.write(&Arc::new(builder.finish())).map_err(|error| error.to_string())?;
    expect("a graph", &store.graph(graph.fingerprint).map_err(told)?.as_ref(), &Some(&graph))?;
    expect("no graph", &store.graph(Fingerprint::from_bytes([6; 16])).map_err(told)?, &None)?;
    let rollups = store.rollups(&RollupFilter { period_minutes: Some(60), ..RollupFilter::default() }).map_err(told)?;
    let told_of: Vec<_> = rollups.iter().map(plain).collect();
    let hour = 1_699_999_200_000_000_000;
    expect("a roll-up", &told_of, &vec![(Some(hour), "node clean".to_owned(), "clean".to_owned(), [3, 1, 0, 600, 300])])?;
    let median = rollups[0].quantile_ns(0.5);
    if median.abs_diff(200) > 2 {
        return Err(format!("the median of 100, 200 and 300 ns is {median} ns"));
    }
    let earlier = RollupFilter { end_unix_ns: Some(hour), ..RollupFilter::default() };
    expect("roll-ups of an earlier time", &store.rollups(&earlier).map_err(told)?, &Vec::new())
}

/// A map of six items, two of which have spans: the others took 0, 1, 50 and 50 ns.
pub(super) fn rollups_of_items(make: &mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String> {
    let store = make();
    let named = |name: &str, span_type, id, status| {
        let attributes = vec![(names::NODE_ID.to_owned(), "files".into())];
        Span { name: name.into(), span_type, attributes, duration_ns: 100, ..node(1, id, status) }
    };
    let mut counts = vec![0_i64; 364];
    (counts[0], counts[362]) = (1, 2);
    let list = AttributeValue::List(counts.into_iter().map(AttributeValue::Int).collect());
    let (zero, offset) = (AttributeValue::Int(1), AttributeValue::Int(-1));
    let times = [("scale", AttributeValue::Int(6)), ("zero", zero), ("offset", offset), ("counts", list)];
    let ends = [("sum_ns", 101), ("min_ns", 0), ("max_ns", 50)].map(|(key, ns)| (key, AttributeValue::Int(ns)));
    let durations = times.into_iter().chain(ends).map(|(key, value)| (key.to_owned(), value)).collect();
    let mut map = named("map files", SpanType::Map, 2, Status::Ok);
    map.attributes.extend([
        (names::MAP_UNSAMPLED.to_owned(), AttributeValue::Int(4)),
        (names::MAP_UNSAMPLED_CACHED.to_owned(), AttributeValue::Int(3)),
        (names::MAP_UNSAMPLED_DURATIONS.to_owned(), AttributeValue::Map(durations)),
    ]);
    let items = [(7, 3, Status::Ok), (1_234, 4, Status::Error)]
        .map(|(index, id, status)| named(&format!("item {index}"), SpanType::Item, id, status));
    Teller::new(&*store, 1)?.tell(&[map, items[0].clone(), items[1].clone()], &[])?;
    let rollups = store.rollups(&RollupFilter::default()).map_err(told)?;
    let counted: Vec<_> = rollups.iter().map(|rollup| (rollup.name.as_str(), plain(rollup).3)).collect();
    expect("how often they count", &counted, &vec![("item *", [6, 1, 3, 301, 100]), ("map files", [1, 0, 0, 100, 100])])?;
    let quantiles = [0.0, 0.5, 1.0].map(|share| rollups[0].quantile_ns(share));
    if quantiles[0] > 1 || quantiles[1].abs_diff(50) > 1 || quantiles[2] != 100 {
        return Err(format!("0, 1, 50, 50, 100 and 100 ns have the quantiles {quantiles:?}"));
    }
    Ok(())
}

fn plain(rollup: &Rollup) -> (Option<i64>, String, String, [u64; 5]) {
    let Rollup { count, errors, cached, total_ns, max_ns, .. } = *rollup;
    (rollup.start_unix_ns, rollup.name.clone(), rollup.node.clone(), [count, errors, cached, total_ns, max_ns])
}
