//! Callbacks as users write them: named hooks, their context, their failures, and what is heard of nested pipelines.

use std::sync::Arc;

use flowglass::model::{Event, EventKind, EventRecord, Interest, RunId, SpanId, Subject};
use flowglass::prelude::*;
use flowglass::{
    Callback, CallbackContext, CallbackResult, Callbacks, EventFeed, EventFilter, Received, Setting, Subscription, replay,
};
use parking_lot::Mutex;

type Lines = Arc<Mutex<Vec<String>>>;

/// Writes down every hook, with the place and the depth that the context gives.
struct Diary(Lines);

impl Diary {
    fn note(&self, hook: &str, event: &Event<'_>, context: &CallbackContext) -> CallbackResult {
        let index = event.index.map(|index| format!("[{index}]")).unwrap_or_default();
        let place = context.hierarchy().join(" > ");
        self.0.lock().push(format!("{hook} {}{index} in {place} at {}", event.of(), context.depth()));
        Ok(())
    }
}

macro_rules! diary {
    ($($hook:ident)*) => {
        impl Callback for Diary {
            $(fn $hook(&mut self, event: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
                self.note(stringify!($hook).trim_start_matches("on_"), event, context)
            })*
        }
    };
}

diary!(on_pipeline_start on_pipeline_end on_nested_pipeline_start on_nested_pipeline_end on_node_start on_node_end
    on_node_cached on_retry on_skipped on_map_start on_map_end on_map_item_start on_map_item_end on_map_item_cached on_error);

fn diary() -> (Callbacks, Lines) {
    let lines = Lines::default();
    (Callbacks::new().with(Diary(Arc::clone(&lines))), lines)
}

fn written(lines: &Lines) -> String {
    std::mem::take(&mut *lines.lock()).join("\n")
}

#[node(output = "doubled")]
fn double(number: u64) -> u64 {
    number * 2
}

#[node(output = "checked")]
fn check(doubled: u64) -> Result<u64, std::num::TryFromIntError> {
    u8::try_from(doubled).map(u64::from)
}

#[node(output = "said")]
fn say(checked: u64) -> String {
    format!("{checked}!")
}

fn inner() -> Pipeline {
    Pipeline::builder("inner").nodes(nodes![double, check]).build().unwrap()
}

fn outer(inner: &Pipeline) -> Pipeline {
    Pipeline::builder("outer").node(inner.as_node()).node(say {}).build().unwrap()
}

#[test]
fn hooks_come_in_order_and_know_where_they_are() {
    let (callbacks, lines) = diary();
    outer(&inner()).run(inputs! { number: 4u64 }).callbacks(callbacks).wait().unwrap();
    insta::assert_snapshot!(written(&lines), @"
    pipeline_start outer in outer at 0
    nested_pipeline_start inner in outer at 0
    pipeline_start inner in outer > inner at 1
    node_start double in outer > inner at 1
    node_end double in outer > inner at 1
    node_start check in outer > inner at 1
    node_end check in outer > inner at 1
    pipeline_end inner in outer > inner at 1
    nested_pipeline_end inner in outer at 0
    node_start say in outer at 0
    node_end say in outer at 0
    pipeline_end outer in outer at 0
    ");
}

#[test]
fn each_event_is_told_to_all_in_the_order_of_the_list() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let noting = |who: char| {
        let order = Arc::clone(&order);
        move |event: &Event<'_>, _: &mut CallbackContext| order.lock().push((event.seq, who))
    };
    let callbacks = Callbacks::new().with(noting('a')).with(noting('b')).with(noting('c'));
    outer(&inner()).run(inputs! { number: 4u64 }).callbacks(callbacks).wait().unwrap();
    let order = order.lock();
    let expected: Vec<(u64, char)> = (0..10).flat_map(|seq| ['a', 'b', 'c'].map(|who| (seq, who))).collect();
    assert_eq!(*order, expected);
}

#[test]
fn an_error_is_told_once_and_everything_that_started_ends() {
    let (callbacks, lines) = diary();
    let run = outer(&inner()).run(inputs! { number: 400u64 }).callbacks(callbacks).wait();
    assert!(run.is_err());
    insta::assert_snapshot!(written(&lines), @"
    pipeline_start outer in outer at 0
    nested_pipeline_start inner in outer at 0
    pipeline_start inner in outer > inner at 1
    node_start double in outer > inner at 1
    node_end double in outer > inner at 1
    node_start check in outer > inner at 1
    error check in outer > inner at 1
    node_end check in outer > inner at 1
    pipeline_end inner in outer > inner at 1
    nested_pipeline_end inner in outer at 0
    skipped say in outer at 0
    pipeline_end outer in outer at 0
    ");
}

#[test]
fn a_map_knows_its_pipeline_before_it_starts() {
    let (callbacks, lines) = diary();
    let seen: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let note = Arc::clone(&seen);
    let callbacks = callbacks.with(move |event: &Event<'_>, context: &mut CallbackContext| {
        if let (Subject::Pipeline, EventKind::Started { .. }) = (event.site.subject, event.kind) {
            let pipelines = context.pipelines().map(|pipeline| (pipeline.path().to_owned(), pipeline.nodes().len()));
            note.lock().extend(pipelines);
        }
    });
    inner().map(inputs! { number: vec![1u64, 200] }, ["number"]).callbacks(callbacks.clone()).wait().unwrap();
    insta::assert_snapshot!(written(&lines), @"
    pipeline_start inner in inner at 0
    map_start inner in inner at 0
    map_item_start inner[0] in inner at 0
    node_start double[0] in inner at 0
    node_end double[0] in inner at 0
    node_start check[0] in inner at 0
    node_end check[0] in inner at 0
    map_item_end inner[0] in inner at 0
    map_item_start inner[1] in inner at 0
    node_start double[1] in inner at 0
    node_end double[1] in inner at 0
    node_start check[1] in inner at 0
    error check[1] in inner at 0
    node_end check[1] in inner at 0
    map_item_end inner[1] in inner at 0
    map_end inner in inner at 0
    pipeline_end inner in inner at 0
    ");
    assert_eq!(*seen.lock(), [("inner".to_owned(), 2)]);
    seen.lock().clear();
    let run = outer(&inner()).run(inputs! { number: 1u64 }).callbacks(callbacks).wait();
    assert!(run.is_ok());
    let pipelines = [("outer".to_owned(), 2), ("outer > inner".to_owned(), 2)];
    assert_eq!(*seen.lock(), [pipelines.clone(), pipelines].concat());
}

#[test]
fn a_cached_node_starts_and_a_cached_item_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let cache = DiskCache::open(folder.path()).unwrap();
    let (callbacks, lines) = diary();
    let run = |number: u64| inner().run(inputs! { number: number }).cache(cache.clone()).callbacks(callbacks.clone());
    run(3).wait().unwrap();
    written(&lines);
    run(3).wait().unwrap();
    assert!(written(&lines).contains("node_start double in inner at 0\nnode_cached double in inner at 0"));
    let items = inputs! { number: vec![3u64] };
    inner().map(items, ["number"]).cache(cache.clone()).callbacks(callbacks.clone()).wait().unwrap();
    insta::assert_snapshot!(written(&lines), @"
    pipeline_start inner in inner at 0
    map_start inner in inner at 0
    map_item_cached inner[0] in inner at 0
    map_end inner in inner at 0
    pipeline_end inner in inner at 0
    ");
}

#[test]
fn callbacks_of_a_child_replace_those_around_it() {
    let ((around, heard_around), (own, heard_inside)) = (diary(), diary());
    let run = |inner: Setting<Callbacks>| {
        outer(&self::inner().with_callbacks(inner)).run(inputs! { number: 1u64 }).callbacks(around.clone()).wait().unwrap()
    };
    run(Setting::Set(own));
    insta::assert_snapshot!(written(&heard_around), @"
    pipeline_start outer in outer at 0
    nested_pipeline_start inner in outer at 0
    nested_pipeline_end inner in outer at 0
    node_start say in outer at 0
    node_end say in outer at 0
    pipeline_end outer in outer at 0
    ");
    insta::assert_snapshot!(written(&heard_inside), @"
    pipeline_start inner in outer > inner at 1
    node_start double in outer > inner at 1
    node_end double in outer > inner at 1
    node_start check in outer > inner at 1
    node_end check in outer > inner at 1
    pipeline_end inner in outer > inner at 1
    ");
    run(Setting::Off);
    assert!(!written(&heard_around).contains("double"));
    run(Setting::Inherit);
    assert!(written(&heard_around).contains("node_start double in outer > inner at 1"));
}

/// Leaves the span of each pipeline for others, as a tracer would.
struct Leaves;

impl Callback for Leaves {
    fn on_pipeline_start(&mut self, pipeline: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        let around = context.get::<SpanId>("span").copied();
        context.set(format!("around {}", pipeline.of()), around);
        context.set("span", pipeline.span);
        Ok(())
    }

    fn on_pipeline_end(&mut self, pipeline: &Event<'_>, context: &mut CallbackContext) -> CallbackResult {
        if let Some(around) = context.take::<Option<SpanId>>(&format!("around {}", pipeline.of())).flatten() {
            context.set("span", around);
        }
        Ok(())
    }
}

#[test]
fn one_callback_leaves_a_span_and_another_reads_it_three_levels_deep() {
    let level2 = Pipeline::builder("level2").node(double {}).build().unwrap();
    let level1 = Pipeline::builder("level1").node(level2.as_node()).node(check {}).build().unwrap();
    let root = Pipeline::builder("root").node(level1.as_node()).node(say {}).build().unwrap();
    let read: Arc<Mutex<Vec<(String, String, SpanId)>>> = Arc::default();
    let note = Arc::clone(&read);
    let reads = move |event: &Event<'_>, context: &mut CallbackContext| {
        if event.site.subject == Subject::Node && matches!(event.kind, EventKind::Finished { .. }) {
            let span = context.get::<SpanId>("span").copied().unwrap_or_default();
            note.lock().push((event.of().to_owned(), context.hierarchy().join(" > "), span));
        }
    };
    let callbacks = Callbacks::new().with(Leaves).with(reads);
    let run = root.run(inputs! { number: 1u64 }).callbacks(callbacks).wait().unwrap();
    let spans = run.trace();
    let named = |span: SpanId| spans.iter().find(|other| other.span_id == span).map(|span| span.name.clone()).unwrap();
    let read: Vec<String> = read.lock().iter().map(|(node, path, span)| format!("{node}: {path}, {}", named(*span))).collect();
    assert_eq!(
        read,
        [
            "double: root > level1 > level2, pipeline level2",
            "check: root > level1, pipeline level1",
            "say: root, pipeline root"
        ]
    );
}

#[test]
fn contexts_belong_to_one_run() {
    let counts: Arc<Mutex<Vec<u64>>> = Arc::default();
    let note = Arc::clone(&counts);
    let callbacks = Callbacks::new().with(move |_: &Event<'_>, context: &mut CallbackContext| {
        let events = context.get::<u64>("events").copied().unwrap_or_default() + 1;
        context.set("events", events);
        note.lock().push(events);
    });
    for _ in 0..2 {
        inner().run(inputs! { number: 1u64 }).callbacks(callbacks.clone()).wait().unwrap();
    }
    assert_eq!(*counts.lock(), [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn one_that_fails_is_reported_once_and_hurts_nobody() {
    struct Fails;
    impl Callback for Fails {
        fn name(&self) -> std::borrow::Cow<'static, str> {
            "fails".into()
        }
        fn on_node_start(&mut self, _: &Event<'_>, _: &mut CallbackContext) -> CallbackResult {
            Err("no more room".into())
        }
    }
    let panics = |event: &Event<'_>, _: &mut CallbackContext| assert!(event.of() != "check", "not this one");
    let (others, lines) = diary();
    let callbacks = others.with(Fails).with(panics).with(Diary(Arc::clone(&lines)));
    let run = inner().run(inputs! { number: 1u64 }).callbacks(callbacks.clone()).wait().unwrap();
    assert_eq!(run.get::<u64>("checked").unwrap(), 2);
    let failures: Vec<String> = run.callback_failures().iter().map(ToString::to_string).collect();
    assert_eq!(failures[0], "callback `fails` failed at node.started of inner > double: no more room (2 times)");
    assert!(failures[1].contains("panicked at node.started of inner > check: not this one"), "{failures:?}");
    assert_eq!(failures.len(), 2);
    let lines = written(&lines);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 12, "both diaries heard all");
    assert!(lines.chunks(2).all(|pair| pair[0] == pair[1]), "in the order of the list: {lines:?}");
    let again = inner().run(inputs! { number: 1u64 }).callbacks(callbacks).wait().unwrap();
    let failures = again.callback_failures();
    assert!(failures.iter().any(|failure| failure.message().contains("panicked in an earlier run")), "{failures:?}");
    assert!(run.callback_times().iter().any(|time| time.callback() == "fails" && time.calls() == 6));
}

#[test]
fn a_callback_may_run_a_pipeline_with_its_own_callbacks() {
    let (callbacks, lines) = diary();
    let mut own = Some(callbacks.clone());
    let callbacks = callbacks.with(move |event: &Event<'_>, _: &mut CallbackContext| {
        // Only once: the run that it starts is told here, too.
        if let Some(own) = own.take_if(|_| event.of() == "double") {
            let run = move || inner().run(inputs! { number: 1u64 }).callbacks(own).wait().unwrap().id();
            std::thread::spawn(run).join().unwrap();
        }
    });
    let run = inner().run(inputs! { number: 1u64 }).callbacks(callbacks).wait().unwrap();
    assert!(run.callback_failures().is_empty(), "{:?}", run.callback_failures());
    let lines = written(&lines);
    assert_eq!(lines.lines().filter(|line| line.starts_with("pipeline_end")).count(), 2, "{lines}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_may_do_so_on_its_own_thread() {
    let (callbacks, lines) = diary();
    let mut own = Some(callbacks.clone());
    let callbacks = callbacks.with(move |event: &Event<'_>, _: &mut CallbackContext| {
        if let Some(own) = own.take_if(|_| event.of() == "check") {
            let run = inner().run(inputs! { number: 1u64 }).callbacks(own);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run.into_future())).unwrap();
        }
    });
    inner().run(inputs! { number: 1u64 }).callbacks(callbacks).await.unwrap();
    assert_eq!(written(&lines).lines().filter(|line| line.starts_with("pipeline_end")).count(), 2);
}

fn names(events: &[Arc<EventRecord>]) -> Vec<String> {
    events.iter().map(|event| format!("{} {} {}", event.seq, event.name(), event.site.path)).collect()
}

fn read(mut subscription: Subscription) -> Vec<Arc<EventRecord>> {
    let next = || match subscription.recv_blocking()? {
        Received::Event(event) => Some(event),
        Received::Lost(lost) => panic!("{lost} are lost"),
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn subscribers_hear_what_callbacks_hear() {
    let heard: Arc<Mutex<Vec<EventRecord>>> = Arc::default();
    let note = Arc::clone(&heard);
    let callbacks =
        Callbacks::new().with(move |event: &Event<'_>, _: &mut CallbackContext| note.lock().push(event.to_record()));
    let feed = EventFeed::keeping(4);
    let mut run = outer(&inner()).run(inputs! { number: 1u64 }).callbacks(callbacks).feed(&feed).keep_events();
    let all = run.subscribe(EventFilter::all());
    let nodes = run.subscribe(Interest::in_subjects([Subject::Node]));
    let below = run.subscribe(EventFilter::all().below("outer > inner"));
    let run = run.wait().unwrap();
    let (all, heard) = (read(all), heard.lock().clone());
    assert_eq!(all.iter().map(|event| (**event).clone()).collect::<Vec<_>>(), heard);
    assert_eq!((run.events(), run.events_lost()), (all.clone(), 0));
    assert!(names(&read(nodes)).iter().all(|name| name.contains("node.")));
    assert_eq!(names(&read(below)), names(&all)[1..7]);
    let mut late = feed.subscribe(EventFilter::all().of_run(run.id()), 3);
    let last: Vec<_> = std::iter::from_fn(|| late.try_recv()).collect();
    let expected: Vec<_> = all[all.len() - 3..].iter().cloned().map(Received::Event).collect();
    assert_eq!(last, expected);
    feed.close();
    assert_eq!((late.recv_blocking(), feed.subscribe(EventFilter::all(), 0).recv_blocking()), (None, None));
}

#[tokio::test]
async fn who_does_not_keep_up_is_told_how_much_is_lost() {
    let feed = EventFeed::new();
    let mut lazy = feed.subscribe(EventFilter::all(), 0);
    let items: Vec<u64> = (0..3_000).map(|number| number % 100).collect();
    inner().map(inputs! { number: items }, ["number"]).feed(&feed).await.unwrap();
    let Some(Received::Lost(lost)) = lazy.recv().await else { panic!("nothing is lost") };
    drop(feed);
    let mut rest = 0;
    while let Some(received) = lazy.recv().await {
        assert!(matches!(received, Received::Event(_)));
        rest += 1;
    }
    assert_eq!((lost, rest), (3_000 * 6 + 4 - 8_192, 8_192));
}

#[test]
fn recorded_events_are_told_again() {
    let (callbacks, lines) = diary();
    let run = outer(&inner()).run(inputs! { number: 400u64 }).callbacks(callbacks.clone()).keep_events();
    let events: Vec<EventRecord> = {
        let mut run = run;
        let events = run.subscribe(EventFilter::all());
        assert!(run.wait().is_err());
        read(events).iter().map(|event| (**event).clone()).collect()
    };
    let live = written(&lines);
    let text: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    let mut events: Vec<EventRecord> = text.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let replayed = replay(&events, &callbacks);
    assert_eq!((written(&lines), replayed.told, replayed.unknown), (live, events.len() as u64, 0));
    events[1].verb = flowglass::model::EventVerb::Other;
    assert_eq!(replay(&events, &callbacks).unknown, 1);
    assert_ne!(events[0].run, RunId::from(flowglass::model::TraceId::random()));
}
