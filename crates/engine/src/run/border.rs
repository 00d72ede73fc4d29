//! The border between two recorders: a pipeline that isn't recorded by who records what is around it.

use std::pin::Pin;
use std::sync::Arc;

use flowglass_model::{SpanId, WriterId, flags};
use flowglass_record::{Beginning, Context, Frame, Recorder, Scope, Tick, Verdict};
use futures_util::future::Either;

use super::attempts::LevelAttempts;
use super::level::LevelDone;
use super::nested::{self, Served};
use super::open_span::OpenSpan;
use super::root::Activated;
use super::shared::Level;
use super::spanned::Spanned;
use super::told::Lot;
use crate::error::Error;
use crate::pipeline::{NodeKind, Pipeline};

/// A span around a level that its own recorder may not have, and what is around that.
pub(crate) struct Trail {
    span: SpanId,
    /// What it is open in.
    scope: Scope,
    /// Whether sampling keeps it, where its trace is recorded.
    sampled: bool,
    around: Option<Arc<Self>>,
}

/// A pipeline at work, recorded by who records what is around it or by its own recorder.
pub(crate) type Work = Either<LevelAttempts, Pin<Box<dyn Future<Output = LevelDone> + Send>>>;

impl Level {
    /// Says whether a node's span is recorded by the recorder of this level: as the level's others are, or because it is a
    /// pipeline for which that is switched on again.
    pub(crate) fn records(&self, node: &NodeKind, sampled: bool) -> bool {
        sampled && (self.recorded || matches!(node, NodeKind::Pipeline(inner) if self.records_own(inner)))
    }

    fn records_own(&self, inner: &Pipeline) -> bool {
        inner.0.config.own_recorder().is_some_and(|own| !self.config.is_guest && self.is_recorded_by(own))
    }

    /// Returns what a span of this level hangs on: where the level isn't recorded, on what was last recorded around it.
    pub(crate) fn parent_of(&self, recorded: bool) -> SpanId {
        if !recorded || self.recorded {
            return self.span;
        }
        let writer = self.scope.recorder().writer();
        above(self.trail.as_ref()).find(|trail| trail.is_of(writer)).map_or(SpanId::NONE, |trail| trail.span)
    }

    /// Returns the trail of a pipeline inside, whose own span is this one.
    pub(super) fn trail_inside(&self, inner: &Pipeline, span: SpanId, sampled: bool) -> Option<Arc<Trail>> {
        if inner.0.config.telemetry.is_inherited() || !(self.config.telemetry || self.records_own(inner)) {
            return self.trail.clone();
        }
        Some(Arc::new(Trail { span, scope: self.scope.clone(), sampled, around: self.trail.clone() }))
    }

    fn is_recorded_by(&self, recorder: &Recorder) -> bool {
        self.scope.recorder().writer() == recorder.writer()
    }
}

impl Trail {
    fn is_of(&self, writer: WriterId) -> bool {
        self.scope.recorder().writer() == writer
    }
}

fn above(trail: Option<&Arc<Trail>>) -> impl Iterator<Item = &Trail> {
    std::iter::successors(trail.map(|trail| &**trail), |trail| trail.around.as_deref())
}

/// Lets a pipeline be recorded by the recorder that it has itself, if that is another one than around it: there, it has a span
/// of its own below the one, `open`, that it has around. Returns the level that its nodes run in, and that span.
pub(crate) fn cross(around: &Level, level: Arc<Level>, open: &OpenSpan) -> (Arc<Level>, Option<OpenSpan>) {
    let own = level.config.recorder.as_ref().filter(|own| !around.is_recorded_by(own));
    let Some(recorder) = own else { return (level, None) };
    let run = &level.run;
    let beginning = beginning(&level, recorder);
    if beginning.verdict() != Verdict::Never {
        recorder.graph(level.pipeline.graph());
    }
    let scope = recorder.scope_of(&beginning, Arc::clone(&run.layout.templates), run.attributes.clone());
    let parent = beginning.parent_id();
    let elsewhere = if beginning.is_remote() { flags::HAS_IS_REMOTE | flags::IS_REMOTE } else { 0 };
    let frame = Frame { span: scope.next_span(), parent, flags: flags::SAMPLED | elsewhere, ..open.frame };
    if let Some(gate) = &level.gate {
        gate.opened(frame.span, scope.clone());
    }
    let border = Arc::new(Level { scope: scope.clone(), span: parent, recorded: true, ..Level::clone(around) });
    let copy = OpenSpan::start_copy(&border, open.site, frame);
    level.tell_backend(&copy);
    // What sampling says of an item that it leaves out is in the verdict of its scope.
    (Arc::new(Level { scope, span: frame.span, recorded: true, sampled: true, ..Level::clone(&level) }), Some(copy))
}

/// How a pipeline begins in its own recorder: below the nearest span around that this recorder has, or else the nearest of any, which is
/// then elsewhere. Where nothing around is recorded, what the run as a whole hangs on elsewhere is what it hangs on.
fn beginning(level: &Level, recorder: &Recorder) -> Beginning {
    let (run, name, writer) = (&level.run, level.pipeline.name(), recorder.writer());
    let spans = || above(level.trail.as_ref());
    match (spans().find(|trail| trail.is_of(writer)).or_else(|| spans().next()), run.outside) {
        (Some(Trail { span, scope, sampled, .. }), _) => recorder.begin_in(&scope.inside(*span, *sampled), name),
        (None, Some(outside)) => recorder.begin_under(outside, name, &Context::current()),
        (None, None) => recorder.begin_part(run.id.trace, name, &Context::current()),
    }
}

/// Puts the work of a pipeline under the span that it has in its own recorder.
pub(crate) fn under(copy: Option<OpenSpan>, level: &Arc<Level>, attempt: u32, work: LevelAttempts) -> Work {
    let Some(copy) = copy else { return Either::Left(work) };
    let work = Activated { scope: level.scope.clone(), inner: work };
    let level = Arc::clone(level);
    let complete = move |mut copy: OpenSpan, mut done: LevelDone, end: Tick| {
        copy.record_attempts(attempt, &done.attempts);
        done.error = done.error.map(|error| copy.place(error, &level.place.path()));
        let hit = done.hit && level.config.cache.is_some();
        end_copy(copy, &level, done.error.as_ref(), end, Served { hit, saved_ns: done.saved_ns, signature: None });
        done
    };
    Either::Right(Box::pin(Spanned::new(work, copy, complete)))
}

/// Ends the span that a pipeline has in its own recorder.
pub(crate) fn end_copy(copy: OpenSpan, level: &Level, error: Option<&Error>, end: Tick, served: Served) {
    if let Some(gate) = &level.gate {
        gate.ended(copy.span());
    }
    nested::end_span(copy, error, end, served, Lot::Unknown);
}
