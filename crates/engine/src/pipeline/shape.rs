//! The shape of a plan as plain data, and its fingerprint.

use std::sync::Arc;

use flowglass_model::{Fingerprint, Graph, GraphInput, GraphNode, InputSource};

use super::definition::{MapMode, NodeKind};
use super::wiring::{Arg, PlanNode};
use super::{InputPort, Pipeline, Plan};
use crate::value::KeyHasher;

/// Describes a plan as plain data, with its fingerprint.
pub(super) fn graph(plan: &Plan) -> Graph {
    let inputs = plan.inputs.iter().map(|port| GraphInput {
        name: port.name.clone(),
        type_name: port.ty.to_string(),
        default: port.default.as_ref().map(|default| default.shown_as(&port.name)),
        bound: port.bound.is_some(),
    });
    let mut graph = Graph {
        fingerprint: Fingerprint::default(),
        name: plan.name.to_string(),
        version: plan.version.clone(),
        inputs: inputs.collect(),
        nodes: plan.nodes.iter().map(|node| graph_node(plan, node)).collect(),
    };
    graph.fingerprint = fingerprint(&graph, plan);
    graph
}

fn graph_node(plan: &Plan, node: &PlanNode) -> GraphNode {
    let source = |arg: &Arg| match arg.slot.checked_sub(plan.inputs.len()) {
        None => InputSource::Input(plan.inputs[arg.slot].name.clone()),
        Some(output) => {
            let port = &plan.outputs[output];
            InputSource::Node { node: plan.nodes[port.node].name.to_string(), output: port.name.clone() }
        }
    };
    let (node_type, pipeline) = match &node.kind {
        NodeKind::Call { spec, .. } => (spec.node_type.to_owned(), None),
        NodeKind::Pipeline(inner) => ("pipeline".to_owned(), Some(Box::new(Graph::clone(inner.graph())))),
    };
    let ports = &plan.outputs[node.outputs.start - plan.inputs.len()..node.outputs.end - plan.inputs.len()];
    GraphNode {
        name: node.name.to_string(),
        node_type,
        inputs: node.args.iter().map(|arg| (arg.name.clone(), source(arg))).collect(),
        outputs: ports.iter().map(|port| (port.name.clone(), port.ty.to_string())).collect(),
        map_over: node.args.iter().filter(|arg| arg.mapped).map(|arg| arg.name.clone()).collect(),
        cached: node.cache,
        pipeline,
    }
}

/// Digests the graph with the code of its nodes. Defaults of inputs are data, not shape, and don't count; a value that is
/// fixed (bound, or kept at its default inside) makes another pipeline of it.
fn fingerprint(graph: &Graph, plan: &Plan) -> Fingerprint {
    let mut hasher = KeyHasher::default();
    hasher.label("flowglass graph 2");
    hasher.text(&graph.name);
    hasher.text(&graph.version);
    plan.inputs.iter().filter(|port| port.bound.is_some()).for_each(|port| preset(&mut hasher, port));
    for (node, planned) in graph.nodes.iter().zip(&plan.nodes) {
        // A plain struct of texts and lists always serialises.
        let _ = hasher.serialize(&GraphNode { pipeline: None, ..node.clone() });
        if planned.map == Some(MapMode::Product) {
            hasher.label("product");
        }
        match &planned.kind {
            NodeKind::Call { spec, .. } => {
                hasher.text(&spec.version);
                hasher.bytes(spec.code.as_ref().map_or(&[], |code| code.as_slice()));
            }
            NodeKind::Pipeline(inner) => {
                hasher.text(&inner.fingerprint().to_string());
                // Names outside don't say which of the outputs inside they are.
                planned.exposed.iter().for_each(|&output| hasher.text(&inner.0.outputs[output].name));
                let fixed = |at: &usize| planned.args.iter().all(|arg| arg.port != *at);
                (0..inner.0.inputs.len()).filter(fixed).for_each(|at| preset(&mut hasher, &inner.0.inputs[at]));
            }
        }
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finish()[..16]);
    Fingerprint::from_bytes(bytes)
}

/// Digests the value that an input is fixed at.
fn preset(hasher: &mut KeyHasher, port: &InputPort) {
    hasher.label(&port.name);
    // A value without a key can't be told from another; that it is fixed counts all the same.
    let _ = port.default.as_ref().map(|value| value.ty.key(&value.value, hasher));
}

impl Pipeline {
    /// Says whether the fixed values that no fingerprint can tell apart are the same here as in a pipeline that has the same
    /// fingerprint.
    pub(crate) fn has_fixed_values_of(&self, other: &Self) -> bool {
        let mut ports = self.0.inputs.iter().zip(&other.0.inputs);
        let nodes = self.0.nodes.iter().zip(&other.0.nodes);
        let mut inside = nodes.filter_map(|(one, other)| Some((inside(one)?, inside(other)?)));
        ports.all(|(one, other)| is_same(one, other)) && inside.all(|(one, other)| one.has_fixed_values_of(other))
    }
}

fn inside(node: &PlanNode) -> Option<&Pipeline> {
    match &node.kind {
        NodeKind::Pipeline(inner) => Some(inner),
        NodeKind::Call { .. } => None,
    }
}

/// Says whether an input is fixed at the same value, as far as that isn't in the fingerprint.
fn is_same(one: &InputPort, other: &InputPort) -> bool {
    match (&one.default, &other.default) {
        (Some(one), Some(other)) => {
            one.ty.key(&one.value, &mut KeyHasher::default()).is_ok() || Arc::ptr_eq(&one.value, &other.value)
        }
        _ => true,
    }
}
