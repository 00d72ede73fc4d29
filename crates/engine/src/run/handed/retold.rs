//! What happens inside of a pipeline that is with a worker, told to callbacks as if it happened here.

use std::sync::Arc;

use flowglass_model::SpanId;
use flowglass_record::Tick;

use super::super::nested;
use super::super::shared::Level;
use super::super::slot::Slot;
use super::super::telling::About;
use super::super::told::{Away, Lot};
use crate::pipeline::{InputPort, NodeKind, Pipeline, PlanNode};
use crate::remote::{Listener, RemoteEvent, RemoteKind};
use crate::value::KeyDigest;

/// Tells of what happens inside of a pipeline that is away as if it happened here.
pub(super) struct Retold {
    /// The sites inside, in their order; the first is `first`.
    places: Vec<Place>,
    first: u32,
}

/// What a site inside is: a node of a level, by which its events are told, or the items of one.
struct Place {
    level: Arc<Level>,
    node: usize,
    is_item: bool,
    given: Given,
}

/// What fills the inputs of a level, as far as this process has it.
type Given = Arc<[Option<Slot>]>;

impl Retold {
    /// Tells of all that is inside of a level, which was given these values.
    pub(super) fn all(level: &Arc<Level>, given: &[Option<Slot>]) -> Self {
        let first = level.sites.nodes.first().map_or(0, |node| node.site);
        let mut places = Vec::new();
        let given = given.iter().take(level.pipeline.0.inputs.len()).cloned().collect();
        places_inside(level, &given, &mut places);
        Self { places, first }
    }
}

/// Each site inside of a level, in the order in which sites are numbered.
fn places_inside(level: &Arc<Level>, given: &Given, places: &mut Vec<Place>) {
    for (at, (node, sites)) in level.pipeline.0.nodes.iter().zip(&level.sites.nodes).enumerate() {
        let place = |is_item| Place { level: Arc::clone(level), node: at, is_item, given: Arc::clone(given) };
        places.push(place(false));
        places.extend(sites.item.map(|_| place(true)));
        if let NodeKind::Pipeline(inner) = &node.kind
            && let Some(inside) = nested::inner_level(level, at, inner, None, SpanId::NONE, level.sampled)
        {
            places_inside(&inside, &given_inside(node, inner, given), places);
        }
    }
}

/// What of that a pipeline inside is given as it is.
fn given_inside(node: &PlanNode, inner: &Pipeline, given: &Given) -> Given {
    let own = |port: &InputPort| port.default.as_ref().map(|own| Slot::shared(Arc::clone(&own.value)));
    let mut inside: Vec<_> = inner.0.inputs.iter().map(own).collect();
    for arg in &node.args {
        let is_same = !arg.mapped && arg.adapter.is_none() && inner.0.inputs[arg.port].ty.has_form_of(&arg.have);
        inside[arg.port] = if is_same { given.get(arg.slot).cloned().flatten() } else { None };
    }
    inside.into()
}

impl Place {
    /// The values of an event: with the worker, but for what came from here, and what it has found in a cache that is ours, too.
    fn lot<'a>(&'a self, kind: &'a RemoteKind) -> Lot<'a> {
        let Self { ref level, node, is_item, ref given } = *self;
        let away = |is_start, signature| Lot::Away(Away { level, node, is_item, is_start, given, signature });
        match kind {
            RemoteKind::Started { .. } => away(true, None),
            RemoteKind::Finished { .. } => away(false, None),
            RemoteKind::Cached { signature, .. } => away(false, Some(signature).filter(|signature| self.can_read(signature))),
            _ => Lot::Unknown,
        }
    }

    /// Says whether the results with this signature lie where this process can read them. What has none was found node by node.
    fn can_read(&self, signature: &KeyDigest) -> bool {
        let is_shared = self.level.config.cache.as_ref().is_some_and(|cache| cache.address().is_some());
        is_shared && *signature != KeyDigest::default()
    }
}

impl Listener for Retold {
    fn happened(&mut self, event: &RemoteEvent) {
        if let Some(place) = self.places.get(event.site as usize) {
            let site = self.first + event.site;
            let RemoteEvent { span, index, from_inside, .. } = *event;
            let about = About { site, span, index, at: Tick::now(), from_inside };
            place.level.tell_of(&about, event.kind.as_kind(), place.lot(&event.kind));
        }
    }
}
