//! Items that run on a thread of their own, several in one go.

use std::sync::Arc;
use std::task::{Context, Waker};

use flowglass_model::{EventKind, SpanId, Status, flags};
use flowglass_record::{Frame, NO_INDEX, Scope, SpanEnd, Tick};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::super::call::{Begun, Done};
use super::super::level::cancelled;
use super::super::open_span::DETACHED;
use super::super::shared::Level;
use super::item::{Starter, Target};
use super::supply::Item;
use super::work::Ended;

/// A chunk should take about this long, so that handing it over costs little beside it.
const CHUNK_NS: u64 = 1_000_000;
const MOST_ITEMS: u64 = 1_024;

/// How many items go to a thread at once: as many as take about a millisecond, by what items have taken so far.
#[derive(Default)]
pub(super) struct Pace {
    items: u64,
    taken_ns: u64,
}

impl Pace {
    pub(super) fn next(&self) -> usize {
        let each_ns = self.taken_ns.checked_div(self.items).map(|each_ns| each_ns.max(1));
        let fitting = each_ns.map_or(1, |each_ns| (CHUNK_NS / each_ns).clamp(1, MOST_ITEMS));
        usize::try_from(fitting).unwrap_or(1)
    }

    pub(super) fn saw(&mut self, items: usize, taken_ns: u64) {
        self.items += items as u64;
        self.taken_ns += taken_ns;
    }
}

/// What a thread hands back: the ends of its items, and its starter for the next chunk.
pub(super) struct Chunk {
    pub(super) ended: Vec<Ended>,
    pub(super) starter: Starter,
    pub(super) taken_ns: u64,
}

/// Makes a starter for another thread: its spans are opened in a scope of its own.
pub(super) fn fork(starter: &Starter, frame: &Frame) -> Starter {
    let scope = starter.level.scope.fork(frame);
    let gate = Some(Arc::default());
    let level = Level { scope, is_on_thread: true, gate, ..Level::clone(&starter.level) };
    Starter { level: Arc::new(level), ..starter.clone() }
}

/// Runs items on a thread, one behind the other, until they are through or somebody says stop.
pub(super) fn spawn(runtime: &Handle, starter: Starter, items: Vec<(Item, bool)>) -> JoinHandle<Chunk> {
    let handle = runtime.clone();
    runtime.spawn_blocking(move || {
        let begin = Tick::now();
        let ended = {
            let _active = starter.level.scope.activate();
            let is_stopped = || starter.level.cancel.is_cancelled();
            items.into_iter().take_while(|_| !is_stopped()).map(|(item, kept)| run(&handle, &starter, item, kept)).collect()
        };
        Chunk { ended, taken_ns: begin.elapsed_ns(Tick::now()), starter }
    })
}

/// Runs one item to its end.
fn run(runtime: &Handle, starter: &Starter, item: Item, kept: bool) -> Ended {
    let (index, start) = (item.index, Tick::now());
    let mut cx = Context::from_waker(Waker::noop());
    let done = match starter.start(item, kept, start, &mut cx) {
        Begun::Done(done) => done,
        Begun::Running(work) => runtime.block_on(work),
    };
    Ended { index, start, kept, done }
}

/// Ends what is open in the level of a thread that nobody waits for any more. Returns the ends of its items.
pub(super) fn give_up(starter: &Starter, level: &Level) -> Vec<Ended> {
    if let Some(gate) = &level.gate {
        gate.close();
    }
    let end = Tick::now();
    level
        .gate
        .iter()
        .flat_map(|gate| gate.take_scopes())
        .for_each(|(first, scope)| give_up_elsewhere(level, first, scope, end));
    let frames = level.scope.give_up();
    let is_item = |frame: &Frame| frame.template == starter.site && frame.index != NO_INDEX;
    for frame in frames.iter().rev() {
        level.run.detached.add(frame.span, is_item(frame).then(|| path(starter, frame.index)));
        record_detached(&level.scope, frame, end);
        tell_detached(level, frame, end);
    }
    let ended = |frame: &Frame| {
        let error = cancelled().at(&path(starter, frame.index), Some(frame.index), level.run.id, 1);
        let done = Done { result: Err(error), hit: false, saved_ns: 0, end, began: None };
        Ended { index: frame.index, start: frame.start, kept: frame.flags & flags::SAMPLED != 0, done }
    };
    frames.iter().filter(|frame| is_item(frame)).map(ended).collect()
}

fn path(starter: &Starter, index: u64) -> String {
    let level = &starter.level;
    match starter.target {
        Target::Root => level.place.item(index).path(),
        Target::Node(node) => level.place.inside(&level.pipeline.0.nodes[node].name, Some(index)).path(),
    }
}

/// Ends what is open in the scope of another recorder. Its first span only stands there for one that is ended here.
fn give_up_elsewhere(level: &Level, first: SpanId, scope: Scope, end: Tick) {
    for frame in scope.give_up().iter().rev() {
        level.run.detached.add(frame.span, None);
        record_detached(&scope, frame, end);
        if frame.span != first {
            tell_detached(level, frame, end);
        }
    }
}

/// Writes the end of a span whose thread can't.
fn record_detached(scope: &Scope, frame: &Frame, end: Tick) {
    if frame.flags & flags::SAMPLED == 0 {
        return;
    }
    scope.record(&SpanEnd {
        frame: *frame,
        end,
        status: Status::Cancelled,
        message: "",
        values: &[],
        extra: DETACHED,
        failure: None,
    });
}

/// Tells of the end of a span whose thread can't, by the level around.
fn tell_detached(level: &Level, frame: &Frame, end: Tick) {
    let index = (frame.index != NO_INDEX).then_some(frame.index);
    let open = Level { gate: None, ..Level::clone(level) };
    let duration_ns = frame.start.elapsed_ns(end);
    open.tell(frame.template, frame.span, index, end, EventKind::Cancelled { duration_ns });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_take_about_a_millisecond() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(), 1);
        pace.saw(1, 10_000);
        assert_eq!(pace.next(), 100);
        pace.saw(100, 100_000_000);
        assert_eq!(pace.next(), 1);
        let mut quick = Pace::default();
        quick.saw(10, 0);
        assert_eq!(quick.next(), 1_024);
    }
}
