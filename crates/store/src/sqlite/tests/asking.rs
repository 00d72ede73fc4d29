//! Filters, counts and statistics answer as a look at every span would, before and after merging.

use flowglass_model::{
    AttributeValue, LogRecord, Metric, MetricKind, MetricPoint, MetricValue, Number, Sink, SpanLink, Temporality,
};
use proptest::prelude::*;

use super::*;

fn random_span(rng: &mut fastrand::Rng, id: u64) -> Span {
    let status = [Status::Ok, Status::Ok, Status::Ok, Status::Error, Status::Cancelled][rng.usize(0..5)];
    Span {
        name: format!("node n{}", rng.u8(0..4)),
        start_unix_ns: rng.i64(0..40) * 7_000_000_000,
        duration_ns: rng.u64(0..1000),
        attributes: vec![
            ("few".into(), i64::from(rng.u8(0..3)).into()),
            ("many".into(), i64::from(rng.u16(0..300)).into()),
            ("random".into(), AttributeValue::Bytes((0..8).map(|_| rng.u8(..)).collect())),
        ],
        ..span(trace(rng.u8(0..6)), id, rng.u64(0..5), status)
    }
}

fn matches(span: &Span, filter: &SpanFilter) -> bool {
    let after =
        |(start, id): (i64, SpanId)| (std::cmp::Reverse(span.start_unix_ns), span.span_id) > (std::cmp::Reverse(start), id);
    filter.trace_id.is_none_or(|trace| span.trace_id == trace)
        && filter.span_id.is_none_or(|id| span.span_id == id)
        && filter.parent_id.is_none_or(|id| span.parent_id == id)
        && (filter.min_start_unix_ns..filter.end_start_unix_ns).contains(&span.start_unix_ns)
        && (filter.min_duration_ns..=filter.max_duration_ns).contains(&span.duration_ns)
        && filter.name.as_ref().is_none_or(|name| span.name == *name)
        && filter.status.is_none_or(|status| span.status == status)
        && filter.attributes.iter().all(|(key, value)| span.attribute(key) == Some(value))
        && filter.after.is_none_or(after)
}

fn by_looking(spans: &[Span], filter: &SpanFilter) -> Vec<Span> {
    let mut found: Vec<Span> = spans.iter().filter(|span| matches(span, filter)).cloned().collect();
    found.sort_by_key(|span| (std::cmp::Reverse(span.start_unix_ns), span.span_id, span.trace_id));
    found
}

fn random_filter(rng: &mut fastrand::Rng, spans: &[Span]) -> SpanFilter {
    let like = spans[rng.usize(0..spans.len())].clone();
    let mut filter = SpanFilter { limit: rng.usize(0..40), ..SpanFilter::default() };
    for _ in 0..rng.usize(0..3) {
        match rng.u8(0..10) {
            0 => filter.trace_id = Some(like.trace_id),
            1 => filter.span_id = Some(like.span_id),
            2 => filter.parent_id = Some(like.parent_id),
            3 => filter.min_start_unix_ns = like.start_unix_ns,
            4 => filter.end_start_unix_ns = like.start_unix_ns,
            5 => filter.name = Some(like.name.clone()),
            6 => filter.status = Some(like.status),
            7 => (filter.min_duration_ns, filter.max_duration_ns) = (like.duration_ns, like.duration_ns + 100),
            8 => filter.after = Some((like.start_unix_ns, like.span_id)),
            _ => filter.attributes.push(like.attributes[rng.usize(0..3)].clone()),
        }
    }
    filter
}

fn assert_answers(store: &SqliteStore, rng: &mut fastrand::Rng, spans: &[Span]) {
    for _ in 0..30 {
        let filter = random_filter(rng, spans);
        let wanted = by_looking(spans, &filter);
        assert_eq!(store.count_spans(&filter).unwrap(), wanted.len() as u64, "{filter:?}");
        assert_eq!(store.spans(&filter).unwrap(), wanted[..wanted.len().min(filter.limit)], "{filter:?}");
    }
}

fn assert_statistics(store: &SqliteStore, spans: &[Span]) {
    let found = store.statistics(None, None).unwrap();
    let exact = store.exact_quantiles(0.95).unwrap();
    assert_eq!((found.len(), exact.len()), (4, 4));
    for name in found {
        let of_name: Vec<&Span> = spans.iter().filter(|span| span.name == name.name).collect();
        assert_eq!(name.count, of_name.len() as u64);
        assert_eq!(name.errors, of_name.iter().filter(|span| span.status == Status::Error).count() as u64);
        assert_eq!(name.total_ns, of_name.iter().map(|span| span.duration_ns).sum::<u64>());
        assert!(exact[&name.name] <= name.max_ns as f64);
    }
    let minute = store.statistics(Some(60_000_000_000), Some(120_000_000_000)).unwrap();
    let in_it = spans.iter().filter(|span| (60_000_000_000..120_000_000_000).contains(&span.start_unix_ns));
    assert_eq!(minute.iter().map(|name| name.count).sum::<u64>(), in_it.count() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn answers_are_those_of_a_look_at_every_span(seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let spans: Vec<Span> = (1..1500).map(|id| random_span(&mut rng, id)).collect();
        let fixture = Fixture::new();
        let (mut sink, mut recording) = (fixture.sink(), Recording::new());
        for some in spans.chunks(rng.usize(5..200)) {
            sink.write(&recording.batch(some, &[])).unwrap();
        }
        assert_answers(&fixture.store, &mut rng, &spans);
        assert_statistics(&fixture.store, &spans);
        drop(sink);
        fixture.store.compact().unwrap();
        prop_assert_eq!(fixture.store.info().unwrap().segments, 1);
        assert_answers(&fixture.store, &mut rng, &spans);
        assert_statistics(&fixture.store, &spans);
    }
}

#[test]
fn pages_follow_each_other_without_gaps() {
    let mut rng = fastrand::Rng::with_seed(3);
    let spans: Vec<Span> = (1..200).map(|id| random_span(&mut rng, id)).collect();
    let fixture = Fixture::new();
    fixture.sink().write(&Recording::new().batch(&spans, &[])).unwrap();
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.store.spans(&SpanFilter { after, limit: 7, ..SpanFilter::default() }).unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.start_unix_ns, last.span_id));
        paged.extend(page);
    }
    assert_eq!(paged, by_looking(&spans, &SpanFilter::default()));
}

#[test]
fn open_spans_are_found_as_they_stand() {
    let fixture = Fixture::new();
    let mut sink = fixture.sink();
    sink.write(&Recording::new().batch(&[root(trace(1), 1, Status::Running), span(trace(1), 2, 1, Status::Ok)], &[])).unwrap();
    let with = |status| SpanFilter { status: Some(status), ..SpanFilter::default() };
    let ids = |status| fixture.store.spans(&with(status)).unwrap().iter().map(|span| span.span_id.to_u64()).collect::<Vec<_>>();
    assert_eq!((ids(Status::Running), ids(Status::Ok), ids(Status::Interrupted)), (vec![1], vec![2], vec![]));
    let by_attribute = SpanFilter { attributes: vec![("k".into(), "v".into())], ..SpanFilter::default() };
    assert_eq!(fixture.store.count_spans(&by_attribute).unwrap(), 2);
    sink.known = Default::default();
    drop(sink);
    assert_eq!((ids(Status::Running), ids(Status::Interrupted)), (vec![], vec![1]));
}

#[test]
fn a_span_that_was_written_twice_is_found_once() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let first = span(trace(1), 1, 0, Status::Ok);
    let second = Span { name: "node later".into(), ..first.clone() };
    sink.write(&recording.batch(&[first], &[])).unwrap();
    sink.write(&recording.batch(std::slice::from_ref(&second), &[])).unwrap();
    assert_eq!(fixture.store.spans(&SpanFilter::default()).unwrap(), [second]);
}

#[test]
fn logs_links_and_metrics_come_back_before_and_after_merging() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let mut linked = span(trace(1), 1, 0, Status::Ok);
    linked.links = vec![SpanLink { trace_id: trace(9), ..SpanLink::default() }];
    linked.trace_state = "vendor=1".into();
    sink.write(&recording.batch(std::slice::from_ref(&linked), &[])).unwrap();
    let log = |number: u8| LogRecord {
        unix_ns: i64::from(number),
        trace_id: trace(number),
        body: "said".into(),
        ..LogRecord::default()
    };
    for number in 1..4 {
        let mut builder = BatchBuilder::new(recording.writer, 100 + u64::from(number), Arc::default());
        builder.push_owned_log(&log(number));
        let metric = builder.push_owned_metric(&metric());
        builder.push_owned_point(metric, &point(number));
        sink.write(&Arc::new(builder.finish())).unwrap();
    }
    let check = || {
        assert_eq!(fixture.store.logs(Some(trace(2))).unwrap(), [log(2)]);
        assert_eq!(fixture.store.logs(None).unwrap(), [log(1), log(2), log(3)]);
        let points: Vec<_> =
            fixture.store.metrics(Some("queue.depth")).unwrap().into_iter().flat_map(|(_, points)| points).collect();
        assert_eq!(points, [point(1), point(2), point(3)]);
        assert!(fixture.store.metrics(Some("other")).unwrap().is_empty());
        assert_eq!(fixture.store.spans(&SpanFilter::default()).unwrap()[0].trace_state, "vendor=1");
    };
    check();
    drop(sink);
    fixture.store.compact().unwrap();
    check();
}

fn metric() -> Metric {
    Metric::new("queue.depth", MetricKind::Gauge, Temporality::Unspecified)
}

fn point(number: u8) -> MetricPoint {
    MetricPoint {
        start_unix_ns: 0,
        unix_ns: i64::from(number),
        value: MetricValue::Number(Number::Int(i64::from(number))),
        attributes: Vec::new(),
        exemplars: Vec::new(),
    }
}
