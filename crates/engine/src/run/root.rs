//! The root of a run: its trace, its clock, its end.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{self, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowglass_model::{AttributeValue, Attributes, RunId, SpanId, conventions, flags};
use flowglass_record::{Beginning, Context, Frame, NO_INDEX, Recorder, Retained, Scope, Tick, Verdict};
use parking_lot::Mutex;

use super::around::Around;
use super::bind;
use super::ended::{Aggregate, Ended, milliseconds};
use super::gate::Detached;
use super::leaving::securing;
use super::level::{LevelDone, LevelWork};
use super::open_span::OpenSpan;
use super::options::{Joins, Options};
use super::outcome::{Run, Values};
use super::place::Place;
use super::run_builder::RunBuilder;
use super::settled::Settled;
use super::shared::{Clock, Level, RunShared};
use super::spanned::Spanned;
use super::told::Lot;
use super::totals::Totals;
use super::user_code::sleep_or_never;
use crate::callback::Tally;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::feed::{EventFeed, Feeds};
use crate::pipeline::{Layout, LevelConfig, Needs, Pipeline, Setting};
use crate::remote::travel;

/// Runs a pipeline once.
pub(super) async fn run(builder: RunBuilder, around: Around) -> Result<Run, Error> {
    let RunBuilder { pipeline, inputs, options } = builder;
    let layout = Arc::clone(pipeline.run_layout());
    let wanted = bind::wanted(&pipeline, options.outputs.as_deref())?;
    travel::check_run(&pipeline, options.backend.resolve(pipeline.0.config.backend.resolve(None)).as_ref())?;
    let needs = bind::needs(&pipeline, wanted.as_deref());
    let slots = bind::bind(&pipeline, inputs, &[], &needs)?;
    let slots: Vec<_> = slots.into_iter().map(|given| given.map(|given| given.slot)).collect();
    let total = Some(needs.count());
    let given = Lot::Filled { slots: &slots, ports: &pipeline.0.inputs, args: None };
    let started = Started::new(&pipeline, needs, &options, layout, around, (total, given));
    let Started { level, open, retained } = started;
    let inner = under(&level, open.span());
    let work = LevelWork::new(inner, slots);
    let work = securing(&pipeline, wanted.as_deref(), work);
    let timeout = options.timeout.resolve(pipeline.0.config.timeout.resolve(None));
    let place = level.place.clone();
    let span = open.span();
    let complete = move |open: OpenSpan, done: Result<LevelDone, Error>, end: Tick| {
        let (slots, error, hit) = match done {
            Ok(done) => (done.slots, done.error, done.hit),
            Err(error) => (Vec::new(), Some(error), false),
        };
        let error = error.map(|error| error.at(&place.path(), None, open.level.run.id, 1));
        let duration_ns = open.frame.start.elapsed_ns(end);
        let level = Arc::clone(&open.level);
        let plan = &level.pipeline.0;
        let made = Lot::Left { slots: slots.get(plan.inputs.len()..).unwrap_or_default(), ports: &plan.outputs };
        end_root(open, error.as_ref(), hit, end, made);
        (slots, error, duration_ns)
    };
    let spanned = Spanned::new(Box::pin(bounded(work, level.run.cancel.clone(), timeout)), open, complete);
    let (slots, error, duration_ns) = Activated { scope: level.scope.clone(), inner: spanned }.await;
    Ok(Run {
        settled: settled(&level, span, error, duration_ns, retained, options.own_feed),
        values: Values { pipeline, slots, wanted },
    })
}

/// Waits until all callbacks are told, and says how the run ended.
pub(super) fn settled(
    level: &Level,
    root: SpanId,
    error: Option<Error>,
    duration_ns: u64,
    retained: Option<Retained>,
    events: Option<EventFeed>,
) -> Settled {
    let run = &level.run;
    run.tally.end(run.id);
    let (tally, detached, cache) = (Arc::clone(&run.tally), run.detached.paths(), run.totals.cache());
    Settled { id: run.id, root, error, duration_ns, cache, retained, tally, events, detached }
}

/// A run whose root span is open.
pub(super) struct Started {
    pub(super) level: Arc<Level>,
    pub(super) open: OpenSpan,
    pub(super) retained: Option<Retained>,
}

impl Started {
    pub(super) fn new(
        pipeline: &Pipeline,
        needs: Arc<Needs>,
        options: &Options,
        layout: Arc<Layout>,
        around: Around,
        (total, given): (Option<u64>, Lot<'_>),
    ) -> Self {
        let plan = &pipeline.0;
        let around = around.or_here();
        let recorder = recorder(pipeline, options, &around);
        let beginning = beginning(&recorder, options, &plan.name, &around);
        let retained = (!recorder.is_off()).then(|| recorder.retain(beginning.trace_id()));
        if beginning.verdict() != Verdict::Never {
            recorder.graph(&plan.graph);
        }
        let attributes = attributes(options);
        let scope = recorder.scope_of(&beginning, Arc::clone(&layout.templates), attributes.clone());
        let (start, span, parent, root) = (Tick::now(), scope.next_span(), beginning.parent_id(), layout.root);
        let flags = flags::SAMPLED | beginning.flags();
        let frame = Frame { span, parent, template: root, index: NO_INDEX, start, flags };
        let joined_at = if parent.is_none() { SpanId::NONE } else { span };
        let id = RunId { trace: beginning.trace_id(), joined_at };
        let run = Arc::new(shared(pipeline, options, &layout, &recorder, (id, start, attributes)));
        let level = Arc::new(Level {
            scope,
            is_on_thread: false,
            cancel: run.cancel.child(),
            run,
            gate: None,
            pipeline: pipeline.clone(),
            needs,
            sites: Arc::clone(&layout.level),
            config: config(pipeline, options, &recorder),
            span: parent,
            recorded: !recorder.is_off(),
            sampled: true,
            trail: None,
            place: Place::root(&plan.name),
        });
        let open = OpenSpan::start_root(&level, root, frame, (total, given));
        level.tell_backend(&open);
        Self { level, open, retained }
    }
}

/// Decides which trace a run is in, below which span, and whether it is recorded.
fn beginning(recorder: &Recorder, options: &Options, name: &str, around: &Context) -> Beginning {
    match options.joins {
        Joins::Current => recorder.begin_in(around, name),
        Joins::Remote(parent) => recorder.begin_under(parent, name, around),
        Joins::Nothing => recorder.begin(name, around),
    }
}

/// Returns what is said of a run as a whole.
fn attributes(options: &Options) -> Attributes {
    let mut attributes = options.attributes.clone();
    if let Some(resumed) = options.resumes {
        attributes.push((conventions::RUN_RESUMES.to_owned(), resumed.to_string().into()));
    }
    attributes
}

/// Returns what holds on the outermost level: what the run says, or else its pipeline.
fn config(pipeline: &Pipeline, options: &Options, recorder: &Recorder) -> LevelConfig {
    let own = &pipeline.0.config;
    let config = LevelConfig {
        cache: options.cache.resolve(own.cache.resolve(None)),
        callbacks: options.callbacks.resolve(own.callbacks.resolve(None)),
        telemetry: !recorder.is_off(),
        environment: own.environment.resolve(None),
        capture: options.capture.or(own.capture).unwrap_or_default(),
        ..LevelConfig::default()
    };
    config.on(options.backend.resolve(own.backend.resolve(None)))
}

/// Makes what all levels of a run share.
fn shared(
    pipeline: &Pipeline,
    options: &Options,
    layout: &Arc<Layout>,
    recorder: &Recorder,
    (id, start, attributes): (RunId, Tick, Attributes),
) -> RunShared {
    let outside = if let Joins::Remote(parent) = options.joins { Some(parent) } else { None };
    RunShared {
        id,
        outside,
        layout: Arc::clone(layout),
        observer: options.observer.clone(),
        cancel: options.cancel.child(),
        grace: options.grace.0,
        detached: Detached::default(),
        most_nodes: options.max_nodes.map(|most| (most, Default::default())),
        clock: Clock { start, start_unix_ns: unix_now_ns() },
        totals: Totals::default(),
        map_items: options.map_items.or(pipeline.0.config.map_items).unwrap_or_default(),
        redaction: recorder.redaction(),
        attributes,
        next_event: Mutex::default(),
        tally: Arc::default(),
        feeds: Feeds::new(options.feeds.clone(), options.own_feed.clone()),
    }
}

/// Returns what records a run: what it says, or its pipeline, or else what records where it starts, or the pipeline's own.
fn recorder(pipeline: &Pipeline, options: &Options, around: &Context) -> Recorder {
    let plan = &pipeline.0;
    let own = || plan.own_recorder.get_or_init(Recorder::in_memory).clone();
    match (&options.telemetry, &plan.config.telemetry) {
        (Setting::Set(recorder), _) | (Setting::Inherit, Setting::Set(recorder)) => recorder.clone(),
        (Setting::Off, _) | (Setting::Inherit, Setting::Off) => Recorder::off(),
        (Setting::Inherit, Setting::Inherit) => around.recorder().unwrap_or_else(own),
    }
}

fn unix_now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The same level with its spans under this one.
pub(super) fn under(level: &Arc<Level>, span: SpanId) -> Arc<Level> {
    Arc::new(Level { span, cancel: level.cancel.child(), ..Level::clone(level) })
}

pub(super) fn end_root(mut open: OpenSpan, error: Option<&Error>, hit: bool, end: Tick, made: Lot<'_>) {
    use flowglass_model::CacheStatus::{Hit, Off, Write};
    let totals = &open.level.run.totals;
    let hits = totals.hits.load(Relaxed);
    let cached = open.level.config.cache.is_some();
    let cache = if !cached {
        Off
    } else if hit {
        Hit
    } else {
        Write
    };
    let saved_ns = totals.saved_ns.load(Relaxed);
    open.aggregates = vec![
        Aggregate::Int(totals.nodes.load(Relaxed)),
        Aggregate::Int(hits),
        Aggregate::Int(totals.failed.load(Relaxed)),
        if hits > 0 { Aggregate::Float(milliseconds(saved_ns)) } else { Aggregate::None },
        if cached && error.is_none() { Aggregate::Cache(cache) } else { Aggregate::None },
    ];
    open.aggregates.extend(callbacks(&open.level.run.tally));
    let ended = match error {
        Some(error) => Ended::Failed { error },
        None => Ended::Computed { cache, signature: None },
    };
    open.end_with(&ended, end, made);
}

/// What the root's span tells of callbacks: how long they took together, the slowest, and which failed. The last event, which
/// tells of the run's own end, is not in it.
fn callbacks(tally: &Tally) -> [Aggregate; 3] {
    let (times, failures) = (tally.times(), tally.failures());
    let all_ns: u128 = times.iter().map(|time| time.duration().as_nanos()).sum();
    let all_ns = u64::try_from(all_ns).unwrap_or(u64::MAX);
    let text = |text: String| if text.is_empty() { Aggregate::None } else { Aggregate::Nested(AttributeValue::Str(text)) };
    let failed = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    [
        if times.is_empty() { Aggregate::None } else { Aggregate::Float(milliseconds(all_ns)) },
        text(times.first().map(|time| time.callback().to_owned()).unwrap_or_default()),
        text(failed),
    ]
}

/// Sees to it that work stops when its time is over, and says what stopped it. Whoever asks it to stop does so by its token;
/// it ends when everything in it has.
pub(super) async fn bounded<F: Future + Unpin>(
    work: F,
    cancel: CancelToken,
    timeout: Option<Duration>,
) -> Result<F::Output, Error> {
    let mut work = work;
    let mut late = pin!(sleep_or_never(timeout));
    let mut is_late = false;
    let done = std::future::poll_fn(|cx| {
        // The work comes first: what has ended has ended.
        if let Poll::Ready(done) = Pin::new(&mut work).poll(cx) {
            return Poll::Ready(done);
        }
        if !is_late && late.as_mut().poll(cx).is_ready() {
            is_late = true;
            cancel.cancel();
            return Pin::new(&mut work).poll(cx);
        }
        Poll::Pending
    });
    let done = done.await;
    match timeout {
        Some(timeout) if is_late => Err(Error::new(ErrorKind::Timeout, format!("the run took longer than {timeout:?}"))),
        _ => Ok(done),
    }
}

/// Makes a run's scope the current one of the thread that polls it.
pub(super) struct Activated<F> {
    pub(super) scope: Scope,
    pub(super) inner: F,
}

impl<F: Future + Unpin> Future for Activated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let _active = this.scope.activate();
        Pin::new(&mut this.inner).poll(cx)
    }
}
