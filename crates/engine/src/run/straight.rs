//! The straight path: a node that nothing stands in the way of is called where its inputs lie, and has most often run then.

use std::slice;
use std::sync::Arc;
use std::task::Context;

use flowglass_model::{CacheStatus, EventKind, Status, flags};
use flowglass_record::{Frame, NO_INDEX, Tick};

use super::call::{self, Begun};
use super::level::LevelWork;
use super::open_span::OpenSpan;
use super::shared::Level;
use super::slot::Slot;
use super::spanned::Spanned;
use super::telling::About;
use super::told::Lot;
use super::user_code::{self, Attempt, First, Guarded};
use crate::error::BoxError;
use crate::invocation::{Invocation, Whereabouts};
use crate::node::{NodeContext, Outputs};
use crate::value::Value;

/// Where a direct call stands.
struct Here<'a> {
    level: &'a Level,
    frame: &'a Frame,
}

impl Whereabouts for Here<'_> {
    fn context(&self) -> NodeContext {
        call::context(self.level, self.frame, self.level.recorded, None)
    }
}

impl LevelWork {
    /// Calls a node, if there is no cache to ask, no policy and no thread of its own, and its inputs are here. Says whether
    /// that was so.
    #[inline]
    pub(super) fn call_directly(&mut self, level: &Arc<Level>, node: usize, cx: &mut Context<'_>) -> bool {
        let steps = &*level.pipeline.0.steps;
        let step = &steps.steps[node];
        let Some(code) = step.direct.as_deref().filter(|_| step.unless & self.obstacles == 0) else { return false };
        let slots = steps.args_of(step);
        if slots.iter().any(|&slot| self.kept.look(slot as usize).is_none()) {
            return false;
        }
        let frame = self.enter(level, node);
        let here = Here { level, frame: &frame };
        let first = user_code::first_poll(code, &mut Invocation::reading(&mut self.kept, slots, &here), cx);
        if !matches!(first, Ok(First::One(_) | First::Ready(Ok(_)))) {
            self.lend_what_is_left(node, slots);
        }
        slots.iter().for_each(|&slot| self.kept.was_read(slot as usize));
        let (first_slot, count) = (step.outputs.0 as usize, step.outputs.1 as usize);
        match first {
            Ok(First::One(value)) if count == 1 => {
                self.leave(level, node, &frame, slice::from_ref(&value));
                self.kept.put_value(first_slot, value);
                self.agenda.done(steps, node);
            }
            Ok(First::One(value)) => self.conclude(node, &frame, Ok(Outputs::from_buf([value]))),
            Ok(First::Ready(Ok(outputs))) if outputs.len() == count => self.take_all(level, node, &frame, outputs),
            Ok(First::Ready(result)) => self.conclude(node, &frame, result),
            Ok(First::Pending(future)) => self.wait(node, &frame, future),
            Err(error) => self.conclude(node, &frame, Err(error.into())),
        }
        true
    }

    /// Takes what a node made, where that isn't one value.
    #[cold]
    fn take_all(&mut self, level: &Level, node: usize, frame: &Frame, outputs: Outputs) {
        self.leave(level, node, frame, &outputs);
        let steps = &*level.pipeline.0.steps;
        let first = steps.steps[node].outputs.0 as usize;
        (first..).zip(outputs).for_each(|(slot, value)| self.kept.put(slot, Slot::Plain(value)));
        self.agenda.done(steps, node);
    }

    /// Holds on to what a node has not taken for itself.
    #[cold]
    fn lend_what_is_left(&mut self, node: usize, slots: &[u32]) {
        let left = |&slot: &u32| self.kept.look(slot as usize).map(|value| Slot::Plain(Arc::clone(value)));
        let given = slots.iter().map(left).collect();
        self.lend(node, given);
    }

    /// Opens a node's span: where the last node ended, this one starts.
    #[inline]
    pub(super) fn enter(&mut self, level: &Level, node: usize) -> Frame {
        let scope = &level.scope;
        let frame = Frame {
            span: scope.next_span(),
            parent: level.span,
            template: level.sites.nodes[node].site,
            index: NO_INDEX,
            start: self.now,
            flags: if level.recorded { flags::SAMPLED } else { 0 },
        };
        scope.enter(&frame);
        if self.is_heard {
            self.tell_start(level, node, &frame);
        }
        frame
    }

    /// Tells of a start. Out of line, as all that few runs need: what every node passes is to be short.
    #[cold]
    fn tell_start(&self, level: &Level, node: usize, frame: &Frame) {
        let given = Lot::Read { kept: &self.kept, args: &level.pipeline.0.nodes[node].args };
        level.tell_of(&About::node(frame, frame.start), EventKind::Started { total: None }, given);
    }

    /// Ends the span of a node that has run well.
    #[expect(clippy::inline_always, reason = "it is passed by every node, and one of its two callers is never in a hurry")]
    #[inline(always)]
    fn leave(&mut self, level: &Level, node: usize, frame: &Frame, outputs: &[Value]) {
        let Some(_passing) = level.pass() else { return };
        if self.is_timed {
            self.now = Tick::now();
        }
        let scope = &level.scope;
        if level.recorded {
            scope.leave(frame, self.now, &[]);
        } else {
            scope.exit();
            if level.config.telemetry {
                scope.count_end(frame, self.now, Status::Ok);
            }
        }
        self.called += 1;
        if self.is_heard {
            self.tell_end(level, node, frame, outputs);
        }
    }

    /// Tells of an end.
    #[cold]
    fn tell_end(&mut self, level: &Level, node: usize, frame: &Frame, outputs: &[Value]) {
        let kind = EventKind::Finished { duration_ns: frame.start.elapsed_ns(self.now), cache: CacheStatus::Off };
        let made = Lot::Gave { values: outputs, ports: level.pipeline.0.ports_of(node) };
        level.tell_of(&About::node(frame, self.now), kind, made);
        // What was told may have taken its time, which is not the next node's.
        self.now = Tick::now();
    }

    /// Ends a call that gave what isn't right.
    #[cold]
    fn conclude(&mut self, node: usize, frame: &Frame, result: Result<Outputs, BoxError>) {
        let open = OpenSpan::entered(&self.level, frame.template, *frame);
        let done = call::conclude(open, node, result, Tick::now());
        self.finish(node, done);
    }

    /// Lets a call wait: from now on its span is current only while its future is polled.
    #[cold]
    fn wait(&mut self, node: usize, frame: &Frame, future: Attempt) {
        let mut open = OpenSpan::entered(&self.level, frame.template, *frame);
        open.park();
        let complete =
            move |open: OpenSpan, result: Result<Outputs, BoxError>, end: Tick| call::conclude(open, node, result, end);
        self.begun(node, Begun::Running(Box::pin(Spanned::new(Guarded::new(future, &self.level.cancel), open, complete))));
    }
}
