//! What happens inside of a pipeline that is with a worker, told to callbacks as if it happened here.

use std::sync::Arc;

use flowglass_model::SpanId;
use flowglass_record::Tick;

use super::super::nested;
use super::super::shared::Level;
use super::super::telling::About;
use super::super::told::Lot;
use crate::pipeline::NodeKind;
use crate::remote::{Listener, RemoteEvent};

/// Tells of what happens inside of a pipeline that is away as if it happened here.
pub(super) struct Retold {
    /// For each site inside, the level that its events are told by; the first is that of `first`.
    levels: Vec<Arc<Level>>,
    first: u32,
}

impl Retold {
    pub(super) fn all(level: &Arc<Level>) -> Self {
        let first = level.sites.nodes.first().map_or(0, |node| node.site);
        let mut levels = Vec::new();
        levels_inside(level, &mut levels);
        Self { levels, first }
    }
}

/// The level of each site inside of a level, in the order in which sites are numbered.
fn levels_inside(level: &Arc<Level>, levels: &mut Vec<Arc<Level>>) {
    for (at, (node, sites)) in level.pipeline.0.nodes.iter().zip(&level.sites.nodes).enumerate() {
        levels.push(Arc::clone(level));
        levels.extend(sites.item.map(|_| Arc::clone(level)));
        if let NodeKind::Pipeline(inner) = &node.kind
            && let Some(inside) = nested::inner_level(level, at, inner, None, SpanId::NONE, level.sampled)
        {
            levels_inside(&inside, levels);
        }
    }
}

impl Listener for Retold {
    fn happened(&mut self, event: &RemoteEvent) {
        if let Some(level) = self.levels.get(event.site as usize) {
            let site = self.first + event.site;
            let RemoteEvent { span, index, from_inside, .. } = *event;
            let about = About { site, span, index, at: Tick::now(), from_inside };
            level.tell_of(&about, event.kind.as_kind(), Lot::Unknown);
        }
    }
}
