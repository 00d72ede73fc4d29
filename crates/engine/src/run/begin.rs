//! How a node of a level begins that can't be called directly: from the cache, as a call with policies, as a map or a pipeline.

use std::sync::Arc;
use std::task::Context;

use flowglass_record::Tick;

use super::call::{self, Begun, CallSite, Given, Givens};
use super::keyed::Keyed;
use super::level::LevelWork;
use super::map;
use super::nested;
use super::recall::Recalled;
use super::shared::Level;
use super::slot::Slot;
use crate::pipeline::{CACHED, Inside, NodeKind, PlanNode};

impl LevelWork {
    /// Takes a node's results from the cache, or starts it the long way. Never inlined: the straight path beside it is to be short.
    #[inline(never)]
    pub(super) fn recall_or_begin(&mut self, level: &Arc<Level>, node: usize, cx: &mut Context<'_>) {
        let asked = match self.recall(level, node) {
            Recalled::Whole => return,
            Recalled::Unknown(keyed) => Some(*keyed),
            Recalled::Unasked => None,
        };
        let begun = self.begin(level, node, asked, cx);
        self.begun(node, begun);
    }

    /// Starts a node the long way; `asked` if the cache was asked and knows nothing of it.
    fn begin(&mut self, level: &Arc<Level>, node: usize, asked: Option<Keyed>, cx: &mut Context<'_>) -> Begun {
        let start = if self.is_timed { self.now } else { Tick::now() };
        let plan = &level.pipeline.0.nodes[node];
        let given = self.given(plan, level.needs.inside(node));
        let site = || CallSite::of_node(level, node);
        match (&plan.kind, plan.map, asked) {
            (_, Some(mode), _) => map::begin_node(level, node, given, mode, start, cx),
            (NodeKind::Call { .. }, None, Some(keyed)) => call::begin_unknown(site(), given, keyed, start, cx),
            (NodeKind::Call { .. }, None, None) => call::begin(site(), given, start, cx),
            (NodeKind::Pipeline(_), None, _) => nested::begin(site(), given, true, start, cx),
        }
    }

    /// Takes what a node reads; of a pipeline, what of it is needed may not read all.
    fn given(&mut self, plan: &PlanNode, inside: Option<&Arc<Inside>>) -> Givens {
        let mut given = Givens::with_capacity(plan.args.len());
        let is_keyed = plan.cache && self.obstacles & CACHED != 0;
        for arg in &plan.args {
            if inside.is_some_and(|inside| !inside.reads(arg)) {
                given.push(Given { slot: Slot::Unread, have: arg.have.clone() });
                continue;
            }
            if is_keyed {
                self.kept.share_digest(arg.slot);
            }
            given.extend(self.kept.read(arg.slot).map(|slot| Given { slot, have: arg.have.clone() }));
        }
        given
    }
}
