//! Runs, traces, graphs and sizes come back as they were recorded.

use flowglass_model::{AttributeValue, GraphInput, RunId, Sink};

use super::*;

#[test]
fn a_run_comes_back_with_its_trace() {
    let fixture = Fixture::new();
    let mut failed = span(trace(1), 11, 10, Status::Error);
    failed.events = vec![event("second", 20), event("first", 5)];
    let mut done = root(trace(1), 10, Status::Error);
    done.status_message = "n11 failed".into();
    done.attributes = vec![
        (conventions::PIPELINE_NAME.into(), "clean up".into()),
        (conventions::PIPELINE_VERSION.into(), "2".into()),
        (conventions::PIPELINE_FINGERPRINT.into(), "ab".repeat(16).as_str().into()),
        (conventions::NODE_COUNT.into(), 7i64.into()),
        (conventions::CACHE_HITS.into(), 3i64.into()),
        (conventions::NODE_FAILED.into(), 1i64.into()),
        (conventions::CACHE_SAVED_MS.into(), AttributeValue::Float(12.5)),
    ];
    fixture.sink().write(&Recording::new().batch(&[failed.clone(), done.clone()], &[])).unwrap();
    let run = fixture.last_run();
    assert_eq!((run.name.as_str(), run.version.as_str(), run.error.as_str()), ("clean up", "2", "n11 failed"));
    assert_eq!((run.status, run.nodes, run.cache_hits, run.failed, run.saved_ms), (Status::Error, 7, 3, 1, 12.5));
    assert_eq!((run.span_count, run.error_count, run.start_unix_ns, run.duration_ns), (2, 2, 1010, 10));
    assert_eq!(run.fingerprint.unwrap().to_string(), "ab".repeat(16));
    failed.events.reverse();
    assert_eq!(fixture.store.trace(&run).unwrap(), [done, failed]);
}

#[test]
fn runs_are_listed_newest_first_and_filtered() {
    let fixture = Fixture::new();
    let runs: Vec<Span> = (1..=5)
        .map(|number| {
            let status = if number % 2 == 0 { Status::Error } else { Status::Ok };
            Span { name: format!("pipeline p{}", number % 3), ..root(trace(number), u64::from(number), status) }
        })
        .collect();
    fixture.sink().write(&Recording::new().batch(&runs, &[])).unwrap();
    let roots = |filter: RunFilter| {
        let runs = fixture.store.runs(&filter).unwrap();
        runs.iter().map(|run| run.root.to_u64()).collect::<Vec<_>>()
    };
    assert_eq!(roots(RunFilter::default()), [5, 4, 3, 2, 1]);
    assert_eq!(roots(RunFilter { limit: 2, offset: 1, ..RunFilter::default() }), [4, 3]);
    assert_eq!(roots(RunFilter { status: Some(Status::Error), offset: 1, ..RunFilter::default() }), [2]);
    assert_eq!(roots(RunFilter { name: Some("p1".into()), ..RunFilter::default() }), [4, 1]);
    assert!(roots(RunFilter { limit: 0, ..RunFilter::default() }).is_empty());
    assert!(roots(RunFilter { name: Some("p%".into()), ..RunFilter::default() }).is_empty());
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
    let fixture = Fixture::new();
    let kind = |id: &str| fixture.store.find_run(id).unwrap_err().kind();
    assert_eq!(kind("ab"), StoreErrorKind::NotFound);
    let runs = [root(trace(0x11), 1, Status::Ok), root(trace(0x12), 2, Status::Ok), joined_root(trace(0x11), 3, 1, Status::Ok)];
    fixture.sink().write(&Recording::new().batch(&runs, &[])).unwrap();
    assert_eq!(fixture.store.find_run("12").unwrap().root, SpanId::from_u64(2));
    assert_eq!(fixture.store.find_run(" 12121212 ").unwrap().root, SpanId::from_u64(2));
    // The run of the whole trace, although the id of the joined run begins so too.
    assert_eq!(fixture.store.find_run(&"11".repeat(16)).unwrap().root, SpanId::from_u64(1));
    assert_eq!(fixture.store.find_run(&format!("{}-", "11".repeat(16))).unwrap().root, SpanId::from_u64(3));
    let error = fixture.store.find_run("1").unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Ambiguous);
    assert!(error.to_string().contains(&"12".repeat(16)), "{error}");
    for id in ["", "1%", "' OR 1=1 --", "g", "é"] {
        assert!(matches!(kind(id), StoreErrorKind::NotFound | StoreErrorKind::Ambiguous), "{id}");
    }
    assert!(fixture.store.find_run("ff").unwrap_err().to_string().contains(&"12".repeat(16)), "names the last runs");
}

#[test]
fn a_joined_run_is_the_part_below_its_root() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let t = trace(7);
    let open =
        [joined_root(t, 100, 1, Status::Running), joined_root(t, 200, 1, Status::Running), span(t, 101, 100, Status::Running)];
    let early = span(t, 102, 101, Status::Error);
    sink.write(&recording.batch(&[&open[..], &[early]].concat(), &[])).unwrap();
    let ended = [
        span(t, 201, 200, Status::Ok),
        span(t, 101, 100, Status::Ok),
        joined_root(t, 100, 1, Status::Ok),
        joined_root(t, 200, 1, Status::Ok),
        span(t, 1, 0, Status::Ok),
    ];
    sink.write(&recording.batch(&ended, &[&open[0], &open[1], &open[2]])).unwrap();
    let run = fixture.store.find_run(&format!("{t}-{}", SpanId::from_u64(100))).unwrap();
    assert_eq!((run.id, run.span_count, run.error_count), (RunId { trace: t, joined_at: SpanId::from_u64(100) }, 3, 1));
    let ids: Vec<_> = fixture.store.trace(&run).unwrap().iter().map(|span| span.span_id.to_u64()).collect();
    assert_eq!(ids, [100, 101, 102]);
    assert_eq!(fixture.store.find_run(&format!("{t}-{}", SpanId::from_u64(200))).unwrap().span_count, 2);
}

#[test]
fn parents_in_a_circle_end() {
    let fixture = Fixture::new();
    let t = trace(7);
    let spans =
        [joined_root(t, 1, 9, Status::Ok), span(t, 2, 3, Status::Ok), span(t, 3, 2, Status::Ok), span(t, 4, 4, Status::Ok)];
    fixture.sink().write(&Recording::new().batch(&spans, &[])).unwrap();
    let run = fixture.last_run();
    assert_eq!((run.span_count, fixture.store.trace(&run).unwrap().len()), (1, 1));
}

#[test]
fn a_span_that_comes_twice_replaces_itself() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let mut first = root(trace(1), 1, Status::Ok);
    first.events = vec![event("once", 1), event("twice", 2), event("twice", 2)];
    let mut second = Span { name: "pipeline later".into(), ..first.clone() };
    second.events.push(event("new", 3));
    sink.write(&recording.batch(&[first], &[])).unwrap();
    sink.write(&recording.batch(&[second.clone()], &[])).unwrap();
    let late = Span { status: Status::Interrupted, events: Vec::new(), ..second.clone() };
    sink.write(&recording.batch(&[late], &[])).unwrap();
    let run = fixture.last_run();
    assert_eq!(run.status, Status::Ok, "an end is not replaced by the news of a death");
    let names = |span: &Span| span.events.iter().map(|event| event.name.clone()).collect::<Vec<_>>();
    let found = fixture.store.trace(&run).unwrap().remove(0);
    assert_eq!((found.name.as_str(), found.status), ("pipeline later", Status::Ok));
    assert_eq!(names(&found), ["once", "twice", "twice", "new"]);
}

#[test]
fn many_traces_in_many_segments_are_kept_apart() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    for number in 0..50 {
        let id = u64::from(number) + 1;
        let spans = [root(trace(number), id, Status::Ok), span(trace(number), 500 + id, id, Status::Ok)];
        sink.write(&recording.batch(&spans, &[])).unwrap();
    }
    drop(sink);
    fixture.store.compact().unwrap();
    let info = fixture.store.info().unwrap();
    assert_eq!((info.runs, info.spans, info.segments, info.format_version), (50, 100, 1, schema::FORMAT_VERSION));
    assert!(info.size_bytes > 0 && info.path == fixture.path());
    let run = fixture.store.find_run(&trace(33).to_string()).unwrap();
    assert!(fixture.store.trace(&run).unwrap().iter().all(|span| span.trace_id == trace(33)));
}

#[test]
fn a_graph_is_kept_once_for_its_fingerprint() {
    let fixture = Fixture::new();
    let input = GraphInput { name: "path".into(), type_name: "String".into(), default: None, bound: false };
    let graph = Graph {
        fingerprint: Fingerprint::random(),
        name: "demo".into(),
        version: String::new(),
        inputs: vec![input],
        nodes: Vec::new(),
    };
    let mut recording = Recording::new();
    for _ in 0..2 {
        let mut batch = Arc::unwrap_or_clone(recording.batch(&[], &[]));
        batch.graphs = vec![Arc::new(graph.clone())];
        fixture.sink().write(&Arc::new(batch)).unwrap();
    }
    assert_eq!(fixture.store.graph(graph.fingerprint).unwrap(), Some(graph));
    assert_eq!(fixture.store.graph(Fingerprint::random()).unwrap(), None);
    assert_eq!(fixture.store.info().unwrap().segments, 0);
}

#[test]
fn any_sqlite_shell_reads_the_runs() {
    let fixture = Fixture::new();
    fixture.sink().write(&Recording::new().batch(&[root(trace(1), 1, Status::Ok)], &[])).unwrap();
    let shell = connection::open_writer(&fixture.path()).unwrap();
    let row: (String, String, i64) = shell
        .query_row("SELECT name, status, span_count FROM runs", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert_eq!(row, ("demo".into(), "ok".into(), 1));
}
