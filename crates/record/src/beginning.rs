//! Where a run begins, or a part of one that another recorder records: in a trace of its own, or inside of what is around it.
//!
//! Here is decided what sampling says of it. As with OpenTelemetry's parent-based samplers, who begins a trace chooses it, by its id and
//! the rules; what hangs on a span does as that does, wherever that is: in this recorder it shares what becomes of it, in another one or
//! in another process it goes by what is known of it where it begins. Only a rate of zero stands above that.

use std::sync::Arc;

use flowglass_model::{Attributes, Propagation, SpanId, TraceId, TraceParent, flags};

use crate::context::Standing;
use crate::core::Core;
use crate::fate::Fate;
use crate::{Context, Recorder, Scope, ScopeSpec, SpanTemplate, Verdict};

/// Says where nobody else says it what a run hangs on: another library's contexts. See
/// [`RecorderBuilder::ambient`](crate::RecorderBuilder::ambient).
pub(crate) type Ambient = Arc<dyn Fn() -> Option<Propagation> + Send + Sync>;

/// Where a run begins: its trace, what its root hangs on, and what sampling says of it.
#[derive(Debug, Clone)]
pub struct Beginning {
    trace_id: TraceId,
    parent_id: SpanId,
    is_remote: bool,
    verdict: Verdict,
    /// What it shares with the trace that it is in, if the same recorder records that.
    fate: Option<Arc<Fate>>,
    carried: Option<Arc<Propagation>>,
}

impl Beginning {
    /// Returns the run's trace.
    #[must_use]
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Returns what the run's root hangs on; [`SpanId::NONE`] in a trace of its own.
    #[must_use]
    pub const fn parent_id(&self) -> SpanId {
        self.parent_id
    }

    /// Returns what becomes of the run's spans.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Says whether it hangs on a span that another recorder or another process has.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// Returns the bits of [`flags`] that say how the run's root hangs on its parent.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        match (self.parent_id.is_none(), self.is_remote) {
            (true, _) => 0,
            (false, true) => flags::HAS_IS_REMOTE | flags::IS_REMOTE,
            (false, false) => flags::IS_RUN_ROOT,
        }
    }
}

impl Recorder {
    /// Says how a run of this name begins a trace.
    #[must_use]
    pub fn begin(&self, name: &str, context: &Context) -> Beginning {
        self.begin_part(TraceId::random(), name, context)
    }

    /// Says how something of this name begins in a trace of which nobody has recorded anything that is around it.
    #[must_use]
    pub fn begin_part(&self, trace_id: TraceId, name: &str, context: &Context) -> Beginning {
        let verdict = self.sample(trace_id, name, None);
        let carried = context.carried();
        Beginning { trace_id, parent_id: SpanId::NONE, is_remote: false, verdict, fate: None, carried }
    }

    /// Says how a run of this name hangs on a span in another process. It is recorded if that is, unless its own rate is zero. In the
    /// trace that is current in the context, and is this recorder's, it shares what becomes of that.
    #[must_use]
    pub fn begin_under(&self, parent: TraceParent, name: &str, context: &Context) -> Beginning {
        let TraceParent { trace_id, parent_id, sampled } = parent;
        let here = context.standing().filter(|standing| standing.scope.trace_id == trace_id && self.has(standing));
        let (verdict, fate) = match here {
            Some(here) => self.share(here, name, sampled),
            None => (self.sample(trace_id, name, Some(sampled)), None),
        };
        Beginning { trace_id, parent_id, is_remote: true, verdict, fate, carried: context.carried() }
    }

    /// Says how a run of this name hangs on what is current in a context: a span of this recorder, with which it shares whether it
    /// is recorded; one of another recorder or process; or, where there is none, what the recorder's
    /// [`ambient`](crate::RecorderBuilder::ambient) source tells of. Where there is nothing at all, it begins a trace. So does a run
    /// that isn't recorded.
    #[must_use]
    pub fn begin_in(&self, context: &Context, name: &str) -> Beginning {
        let Some(core) = self.core() else { return self.begin(name, context) };
        let Some(standing) = context.standing() else { return self.begin_behind(core, context, name) };
        let Some(parent) = standing.parent() else { return self.begin(name, context) };
        if self.has(standing) {
            self.begin_inside((standing, parent), context, name)
        } else {
            self.begin_beside(parent, context, name)
        }
    }

    /// Makes the scope of a run that begins here.
    #[must_use]
    pub fn scope_of(&self, beginning: &Beginning, templates: Arc<[SpanTemplate]>, attributes: Attributes) -> Scope {
        let Beginning { trace_id, verdict, .. } = *beginning;
        let spec = ScopeSpec { trace_id, verdict, templates, attributes };
        let make = |core: &Core| core.make_sharing(spec, beginning.carried.clone(), beginning.fate.clone());
        Scope::new(trace_id, self.clone(), self.core().map(make))
    }

    /// Begins inside of a span that this recorder has, or would have if its trace were recorded.
    fn begin_inside(&self, (standing, parent): (&Standing, TraceParent), context: &Context, name: &str) -> Beginning {
        let TraceParent { trace_id, parent_id, sampled } = parent;
        let carried = context.carried();
        let caller = carried.as_ref().and_then(|carried| carried.parent);
        let is_remote = caller.is_some_and(|caller| caller.parent_id == parent_id);
        let (verdict, fate) = self.share(standing, name, sampled);
        Beginning { trace_id, parent_id, is_remote, verdict, fate, carried }
    }

    /// Says what becomes of something inside of what this recorder has: what becomes of that.
    fn share(&self, standing: &Standing, name: &str, sampled: bool) -> (Verdict, Option<Arc<Fate>>) {
        let scope = &standing.scope;
        let verdict = match self.sample(scope.trace_id, name, Some(sampled)) {
            Verdict::Never => Verdict::Never,
            _ => scope.verdict().inside(sampled),
        };
        (verdict, scope.fate_of_fork(verdict))
    }

    fn has(&self, standing: &Standing) -> bool {
        self.core().is_some_and(|core| core.lanes.id() == standing.scope.lanes.id())
    }

    /// Begins inside of a span that another recorder has: as with one in another process.
    fn begin_beside(&self, parent: TraceParent, context: &Context, name: &str) -> Beginning {
        let carried = Propagation { parent: Some(parent), ..context.propagation() };
        Beginning { carried: Some(Arc::new(carried)), ..self.begin_under(parent, name, context) }
    }

    /// Begins where no span is current here: behind a call from another process, or inside of what other libraries record.
    fn begin_behind(&self, core: &Core, context: &Context, name: &str) -> Beginning {
        let carried = context.carried();
        if let Some(parent) = carried.as_ref().and_then(|carried| carried.parent) {
            return self.begin_under(parent, name, context);
        }
        let ambient = core.ambient.as_ref().and_then(|ambient| ambient()).filter(|ambient| ambient.parent.is_some());
        let Some(Propagation { parent: Some(parent), state, mut baggage }) = ambient else {
            return self.begin(name, context);
        };
        for entry in carried.iter().flat_map(|carried| carried.baggage.entries()) {
            baggage.set(&*entry.key, &*entry.value);
        }
        let carried = Some(Arc::new(Propagation { parent: Some(parent), state, baggage }));
        Beginning { carried, ..self.begin_under(parent, name, context) }
    }
}
