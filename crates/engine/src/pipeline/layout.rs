//! The places of a plan and the spans they make, flattened over nested pipelines when a pipeline is first run.

use std::sync::Arc;

use flowglass_model::conventions as names;
use flowglass_model::{Attributes, Site, SiteId, SpanKind, SpanType, Subject};
use flowglass_record::{SpanMeter, SpanTemplate};

use super::meters;
use super::{Inside, Needs, NodeKind, Pipeline, PlanNode, Surroundings};

/// Sites and span templates of one root pipeline. Site `i` has template `i`; templates of attempts come behind.
pub(crate) struct Layout {
    pub(crate) sites: Arc<[Site]>,
    pub(crate) templates: Arc<[SpanTemplate]>,
    pub(crate) root: u32,
    /// A top-level map: its map's and item's sites.
    pub(crate) map: Option<(u32, u32)>,
    pub(crate) level: Arc<LevelSites>,
    pub(crate) surroundings: Arc<Surroundings>,
}

/// The sites of one pipeline's nodes, in the order of its plan.
pub(crate) struct LevelSites {
    pub(crate) nodes: Vec<NodeSites>,
}

/// The sites of one node.
pub(crate) struct NodeSites {
    /// The node's, nested pipeline's or map's own site.
    pub(crate) site: u32,
    /// The site of its items, if it is mapped.
    pub(crate) item: Option<u32>,
    /// The template of its attempts.
    pub(crate) attempt: u32,
    /// What is inside, if it is a pipeline.
    pub(crate) inner: Option<Arc<LevelSites>>,
}

/// Keys of the values that a node's or an item's span gets at its end, in this order.
pub(crate) const CALL_KEYS: &[&str] = &[
    names::CACHE_STATUS,
    names::CACHE_SIGNATURE,
    names::CACHE_DURATION_MS,
    names::CACHE_SAVED_MS,
    names::RETRY_ATTEMPT,
    names::TRACE_INCOMPLETE,
    names::MAP_ITEM,
];

/// Keys of the values that a map's span gets at its end, in this order.
pub(crate) const MAP_KEYS: &[&str] = &[
    names::MAP_TOTAL,
    names::MAP_FAILED,
    names::MAP_CACHED,
    names::MAP_DURATIONS,
    names::MAP_UNSAMPLED,
    names::MAP_UNSAMPLED_CACHED,
    names::MAP_UNSAMPLED_DURATIONS,
    names::CACHE_STATUS,
    names::CACHE_SAVED_MS,
];

/// Keys of the values that a pipeline's span gets at its end, in this order.
pub(crate) const PIPELINE_KEYS: &[&str] = &[
    names::NODE_COUNT,
    names::CACHE_HITS,
    names::NODE_FAILED,
    names::CACHE_SAVED_MS,
    names::CACHE_STATUS,
    names::CALLBACK_DURATION_MS,
    names::CALLBACK_SLOWEST,
    names::CALLBACK_FAILED,
];

pub(crate) fn of_run(pipeline: &Pipeline) -> Layout {
    let mut drawing = Drawing::default();
    let root = drawing.pipeline(pipeline, pipeline.name(), None, 0);
    let level = drawing.level(pipeline, Some(pipeline.0.everything()), root, 1);
    drawing.finish(pipeline, root, None, level)
}

pub(crate) fn of_map(pipeline: &Pipeline) -> Layout {
    let mut drawing = Drawing::default();
    let root = drawing.pipeline(pipeline, pipeline.name(), None, 0);
    drawing.sites[root as usize].children = 1;
    let map = drawing.map(pipeline.name(), pipeline.name(), root, 1);
    let item = drawing.item(pipeline.name(), map, 1, pipeline.0.nodes.len());
    let attributes = drawing.templates[map as usize].attributes.clone();
    let of_item = &mut drawing.templates[item as usize];
    (of_item.attributes, of_item.meter) = (attributes, meters::of_item(pipeline.name(), pipeline.name(), false));
    let level = drawing.level(pipeline, Some(pipeline.0.everything()), item, 2);
    drawing.finish(pipeline, root, Some((map, item)), level)
}

#[derive(Default)]
struct Drawing {
    sites: Vec<Site>,
    templates: Vec<SpanTemplate>,
    attempts: Vec<SpanTemplate>,
    /// Whether nobody needs what is drawn just now.
    is_unneeded: bool,
}

impl Drawing {
    /// Puts the attempts' templates behind the sites' and points the sites at them.
    fn finish(mut self, pipeline: &Pipeline, root: u32, map: Option<(u32, u32)>, mut level: LevelSites) -> Layout {
        shift_attempts(&mut level, number(self.sites.len()));
        self.templates.append(&mut self.attempts);
        let surroundings = Arc::new(Surroundings::of_plan(pipeline, self.sites.len(), &level));
        let (sites, templates) = (self.sites.into(), self.templates.into());
        Layout { sites, templates, root, map, level: Arc::new(level), surroundings }
    }

    /// Draws the nodes of a pipeline of which so much is needed where all is asked for that can be had; of one that nobody needs,
    /// nothing.
    fn level(&mut self, pipeline: &Pipeline, needs: Option<&Needs>, parent: u32, depth: u16) -> LevelSites {
        let (within, around) = (pipeline.name(), self.is_unneeded);
        let node = |(at, node): (usize, &PlanNode)| {
            self.is_unneeded = !needs.is_some_and(|needs| needs.running.has(at));
            self.node(node, needs.and_then(|needs| needs.inside(at)), (within, parent), depth)
        };
        let nodes = pipeline.0.nodes.iter().enumerate().map(node).collect();
        self.is_unneeded = around;
        LevelSites { nodes }
    }

    /// Draws a node of the pipeline `within`.
    fn node(&mut self, node: &PlanNode, inside: Option<&Arc<Inside>>, (within, parent): (&str, u32), depth: u16) -> NodeSites {
        let attempt = number(self.attempts.len());
        self.attempts.push(template("attempt", true, SpanType::Attempt, node_attributes(node, within), &[]));
        let (site, item) = match (&node.map, &node.kind) {
            (Some(_), kind) => {
                let map = self.map(&node.name, within, parent, depth);
                let children = if let NodeKind::Pipeline(inner) = kind { inner.0.nodes.len() } else { 0 };
                let item = self.item(&node.name, map, depth, children);
                self.templates[item as usize].meter = meters::of_item(within, &node.name, children == 0);
                self.templates[item as usize].attributes.extend(node_attributes(node, within));
                (map, Some(item))
            }
            (None, NodeKind::Pipeline(inner)) => (self.pipeline(inner, &node.name, Some(parent), depth), None),
            (None, NodeKind::Call { .. }) => (self.call(node, within, parent, depth), None),
        };
        let inner = match &node.kind {
            NodeKind::Pipeline(inner) => {
                let needs = inside.map(|inside| &*inside.needs);
                Some(Arc::new(self.level(inner, needs, item.unwrap_or(site), depth + 1)))
            }
            NodeKind::Call { .. } => None,
        };
        NodeSites { site, item, attempt, inner }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, name: &str, parent: Option<u32>, depth: u16) -> u32 {
        let site = self.site(Subject::Pipeline, name, parent, depth, pipeline.0.nodes.len());
        let path = Arc::clone(&self.sites[site as usize].path);
        let mut attributes: Attributes = vec![
            (names::PIPELINE_ID.into(), pipeline.id().into()),
            (names::PIPELINE_NAME.into(), pipeline.name().into()),
            (names::PIPELINE_PATH.into(), (&*path).into()),
            (names::PIPELINE_DEPTH.into(), i64::from(depth).into()),
            (names::PIPELINE_FINGERPRINT.into(), pipeline.fingerprint().to_string().into()),
        ];
        if !pipeline.version().is_empty() {
            attributes.push((names::PIPELINE_VERSION.into(), pipeline.version().into()));
        }
        if parent.is_some() {
            attributes.push((names::NODE_ID.into(), name.into()));
        }
        let meter = meters::of_pipeline(pipeline.name());
        let template = template(&format!("pipeline {name}"), false, SpanType::Pipeline, attributes, PIPELINE_KEYS);
        self.templates.push(SpanTemplate { meter, ..template });
        site
    }

    fn call(&mut self, node: &PlanNode, within: &str, parent: u32, depth: u16) -> u32 {
        let site = self.site(Subject::Node, &node.name, Some(parent), depth, 0);
        let name = format!("node {}", node.name);
        let meter = meters::of_node(within, &node.name);
        self.templates
            .push(SpanTemplate { meter, ..template(&name, false, SpanType::Node, node_attributes(node, within), CALL_KEYS) });
        site
    }

    fn map(&mut self, name: &str, within: &str, parent: u32, depth: u16) -> u32 {
        let site = self.site(Subject::Map, name, Some(parent), depth, 0);
        let attributes = vec![(names::NODE_ID.to_owned(), name.into()), (names::PIPELINE_NAME.to_owned(), within.into())];
        let meter = meters::of_map(within, name);
        let template = template(&format!("map {name}"), false, SpanType::Map, attributes, MAP_KEYS);
        self.templates.push(SpanTemplate { meter, ..template });
        site
    }

    fn item(&mut self, name: &str, map: u32, depth: u16, children: usize) -> u32 {
        let site = number(self.sites.len());
        let path = Arc::clone(&self.sites[map as usize].path);
        let parent = Some(SiteId(map));
        let children = number(children);
        let (id, needed) = (SiteId(site), !self.is_unneeded);
        self.sites.push(Site { id, parent, subject: Subject::Item, name: name.into(), path, depth, children, needed });
        self.templates.push(template("item", true, SpanType::Item, Vec::new(), CALL_KEYS));
        site
    }

    fn site(&mut self, subject: Subject, name: &str, parent: Option<u32>, depth: u16, children: usize) -> u32 {
        let id = number(self.sites.len());
        let path = match parent {
            Some(parent) => format!("{} > {name}", self.sites[parent as usize].path).into(),
            None => name.into(),
        };
        let parent = parent.map(SiteId);
        let (children, needed) = (number(children), !self.is_unneeded);
        self.sites.push(Site { id: SiteId(id), parent, subject, name: name.into(), path, depth, children, needed });
        id
    }
}

fn shift_attempts(level: &mut LevelSites, by: u32) {
    for node in &mut level.nodes {
        node.attempt += by;
        if let Some(inner) = node.inner.as_mut().and_then(Arc::get_mut) {
            shift_attempts(inner, by);
        }
    }
}

fn template(name: &str, indexed: bool, span_type: SpanType, attributes: Attributes, keys: &[&'static str]) -> SpanTemplate {
    let (name, keys, meter) = (name.to_owned(), keys.to_vec(), SpanMeter::default());
    SpanTemplate { name, indexed, kind: SpanKind::Internal, span_type, attributes, keys, meter }
}

/// What spans of a node say of it, and of the pipeline that it is in: counts of nodes are told apart by that.
fn node_attributes(node: &PlanNode, within: &str) -> Attributes {
    let node_type = match &node.kind {
        NodeKind::Call { spec, .. } => spec.node_type,
        NodeKind::Pipeline(_) => "pipeline",
    };
    vec![
        (names::NODE_ID.into(), (&*node.name).into()),
        (names::NODE_TYPE.into(), node_type.into()),
        (names::PIPELINE_NAME.into(), within.into()),
    ]
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
