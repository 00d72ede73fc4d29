//! What callbacks may know of a plan before anything happens: its pipelines, and which place is in which.

use std::sync::Arc;

use flowglass_model::{EventRecord, Subject};

use super::layout::LevelSites;
use super::setting::Setting;
use super::{NodeKind, Pipeline, PlanNode};
use crate::callback::Callbacks;
use crate::capture::Capture;

/// What is known of a pipeline of a run before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineInfo {
    id: Arc<str>,
    name: Arc<str>,
    path: Arc<str>,
    depth: usize,
    nodes: Vec<Arc<str>>,
    /// The pipeline around, by its number.
    pub(crate) parent: Option<usize>,
}

impl PipelineInfo {
    /// Returns its stable id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns its name; inside of another pipeline, the name of the node that it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the names from the run's own pipeline to this one: `outer > inner`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns how many pipelines are around it.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Returns the names of its nodes, in the order in which they were given to its builder.
    #[must_use]
    pub fn nodes(&self) -> &[Arc<str>] {
        &self.nodes
    }

    fn inside(around: Option<(usize, &Self)>, id: &str, name: &Arc<str>) -> Self {
        let path = around.map_or_else(|| Arc::clone(name), |(_, around)| format!("{} > {name}", around.path).into());
        let depth = around.map_or(0, |(_, around)| around.depth + 1);
        Self { id: id.into(), name: Arc::clone(name), path, depth, nodes: Vec::new(), parent: around.map(|(at, _)| at) }
    }
}

/// What is known of one site.
#[derive(Debug, Clone, Default)]
pub(crate) struct SiteFacts {
    /// The pipeline that it is in, by its number; a pipeline is in itself.
    pub(crate) pipeline: usize,
    /// Shared by all sites that are the root's: a long plan has many.
    pub(crate) inputs: Arc<[Arc<str>]>,
    pub(crate) outputs: Arc<[Arc<str>]>,
    /// What is shown of its values, where the node says so itself.
    pub(crate) capture: Option<Capture>,
}

/// The pipelines of a plan, the outer before the inner, and what is known of each site.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) pipelines: Vec<PipelineInfo>,
    pub(crate) sites: Vec<SiteFacts>,
    /// The sites of pipelines that have callbacks of their own, or none at all.
    pub(crate) own_callbacks: Vec<(u32, Option<Callbacks>)>,
}

impl Surroundings {
    /// Looks at a plan; every site that isn't below a node of it is the root's.
    pub(super) fn of_plan(pipeline: &Pipeline, sites: usize, level: &LevelSites) -> Self {
        let own = SiteFacts {
            pipeline: 0,
            inputs: pipeline.0.inputs.iter().map(|port| port.name.as_str().into()).collect(),
            outputs: pipeline.0.outputs.iter().map(|port| port.name.as_str().into()).collect(),
            capture: None,
        };
        let mut found = Self { sites: vec![own; sites], ..Self::default() };
        found.pipelines.push(PipelineInfo::inside(None, pipeline.id(), &pipeline.0.name));
        found.look(pipeline, level, 0);
        found
    }

    fn look(&mut self, pipeline: &Pipeline, level: &LevelSites, at: usize) {
        let mut nodes: Vec<&PlanNode> = pipeline.0.nodes.iter().collect();
        nodes.sort_by_key(|node| node.declared);
        self.pipelines[at].nodes = nodes.into_iter().map(|node| Arc::clone(&node.name)).collect();
        for (node, sites) in pipeline.0.nodes.iter().zip(&level.nodes) {
            for site in [Some(sites.site), sites.item].into_iter().flatten() {
                self.sites[site as usize] = SiteFacts { pipeline: at, ..names(pipeline, node) };
            }
            if let (NodeKind::Pipeline(inner), Some(level)) = (&node.kind, &sites.inner) {
                let info = PipelineInfo::inside(Some((at, &self.pipelines[at])), inner.id(), &node.name);
                self.pipelines.push(info);
                let inside = self.pipelines.len() - 1;
                let own = sites.item.unwrap_or(sites.site);
                // An item is told of where its map is.
                self.sites[own as usize].pipeline = if sites.item.is_some() { at } else { inside };
                match &inner.0.config.callbacks {
                    Setting::Inherit => {}
                    Setting::Set(callbacks) => self.own_callbacks.push((own, Some(callbacks.clone()))),
                    Setting::Off => self.own_callbacks.push((own, None)),
                }
                self.look(inner, level, inside);
            }
        }
    }

    /// Gathers what records tell of the places in which they happened.
    pub(crate) fn of_records(records: &[&EventRecord]) -> Self {
        let mut sites: Vec<_> = records.iter().map(|record| &record.site).collect();
        sites.sort_by_key(|site| site.id);
        sites.dedup_by_key(|site| site.id);
        let mut found = Self::default();
        for site in sites {
            let around = site.parent.and_then(|parent| found.sites.get(parent.0 as usize)).map(|facts| facts.pipeline);
            let mut pipeline = around.unwrap_or_default();
            if site.subject == Subject::Pipeline {
                let around = around.and_then(|at| Some((at, found.pipelines.get(at)?)));
                found.pipelines.push(PipelineInfo::inside(around, &site.name, &site.name));
                pipeline = found.pipelines.len() - 1;
            }
            if let Some(above) = around.and_then(|at| found.pipelines.get_mut(at)).filter(|_| site.subject != Subject::Item) {
                above.nodes.push(Arc::clone(&site.name));
            }
            let at = site.id.0 as usize;
            // What no record tells of is passed over, so that a number that nobody could have made costs nothing.
            if at < MANY_SITES {
                found.sites.resize_with(found.sites.len().max(at + 1), SiteFacts::default);
                found.sites[at].pipeline = pipeline;
            }
        }
        found
    }
}

/// More places than any plan has.
const MANY_SITES: usize = 1 << 20;

fn names(pipeline: &Pipeline, node: &PlanNode) -> SiteFacts {
    let outputs = node.outputs.clone().filter_map(|slot| {
        let port = pipeline.0.outputs.get(slot.checked_sub(pipeline.0.inputs.len())?)?;
        Some(port.name.as_str().into())
    });
    let inputs = node.args.iter().map(|arg| arg.name.as_str().into()).collect();
    SiteFacts { pipeline: 0, inputs, outputs: outputs.collect(), capture: node.capture }
}
