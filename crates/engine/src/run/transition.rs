//! Transitions from one backend to another: work that makes one says so, as an event of its span, as a log record
//! and to callbacks.

use std::sync::Arc;

use flowglass_model::{EventKind, Severity, SpanId, conventions as names};
use flowglass_record::{Scope, Tick, Value as AttributeInput};

use super::handed;
use super::open_span::OpenSpan;
use super::place::Place;
use super::shared::Level;
use crate::backend::LOCAL;
use crate::pipeline::{LevelConfig, NodeKind};
use crate::remote::travel;

/// A transition, as it is made on the way in.
#[derive(Clone)]
pub(super) struct Transition {
    pub(super) from: Arc<str>,
    pub(super) to: Arc<str>,
}

impl Transition {
    /// The transition of a pipeline that stays in this process, inside of one whose nodes are handed out.
    pub(super) fn home(around: &LevelConfig, inside: &LevelConfig) -> Option<Self> {
        let remote = around.remote.as_ref().filter(|_| inside.remote.is_none())?;
        Some(Self { from: remote.name().into(), to: LOCAL.into() })
    }

    /// The transition of the items of a map over a level's pipeline.
    pub(super) fn of_items(level: &Level) -> Option<Self> {
        let remote = level.config.remote.as_ref().filter(|_| handed::takes_whole(level, true))?;
        Some(Self { from: LOCAL.into(), to: remote.name().into() })
    }

    /// The transition of the items of a mapped node.
    pub(super) fn of_node_items(level: &Level, node: usize) -> Option<Self> {
        let away = |remote: &str| Self { from: LOCAL.into(), to: remote.into() };
        match &level.pipeline.0.nodes[node].kind {
            NodeKind::Call { .. } => level.config.remote.as_ref().map(|remote| away(remote.name())),
            NodeKind::Pipeline(inner) => {
                let inside = level.config.inside(&inner.0.config);
                let remote = inside.remote.as_ref().filter(|_| travel::items_travel_whole(inner));
                remote.map(|remote| away(remote.name())).or_else(|| Self::home(&level.config, &inside))
            }
        }
    }

    /// Tells that the work of a span goes to the other backend.
    pub(super) fn enter(&self, at: &Whereabouts<'_>) {
        at.tell("backend.entered", (&self.from, &self.to), None);
    }

    /// Tells that the work of a span comes back.
    pub(super) fn leave(&self, at: &Whereabouts<'_>, worker: Option<&str>) {
        at.tell("backend.left", (&self.to, &self.from), worker);
    }
}

/// The span that makes a transition: where it is recorded, and where it stands.
pub(super) struct Whereabouts<'a> {
    pub(super) scope: &'a Scope,
    pub(super) span: SpanId,
    pub(super) place: &'a Place,
    /// By which level, and of which of its places, callbacks are told.
    pub(super) level: &'a Level,
    pub(super) site: u32,
    pub(super) recorded: bool,
}

impl<'a> Whereabouts<'a> {
    pub(super) fn of(open: &'a OpenSpan, place: &'a Place) -> Self {
        Self {
            scope: &open.level.scope,
            span: open.span(),
            place,
            level: &open.level,
            site: open.site,
            recorded: open.recorded,
        }
    }

    fn tell(&self, event: &'static str, (from, to): (&str, &str), worker: Option<&str>) {
        self.level.tell(self.site, self.span, None, Tick::now(), EventKind::Moved { from, to, worker });
        if !self.recorded {
            return;
        }
        let both = [(names::BACKEND_FROM, AttributeInput::Str(from)), (names::BACKEND_TO, AttributeInput::Str(to))];
        let by = worker.map(|worker| (names::WORKER_ID, AttributeInput::Str(worker)));
        let about: Vec<_> = both.into_iter().chain(by).collect();
        self.scope.event(self.span, event, &about);
        let body = format!("`{}` goes from `{from}` to `{to}`", self.place.path());
        self.scope.log(self.span, event, (Severity::DEBUG, &body), &about);
    }
}
