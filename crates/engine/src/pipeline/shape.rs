//! The shape of a plan as plain data, and its fingerprint.

use flowglass_model::{Fingerprint, Graph, GraphInput, GraphNode, InputSource};

use super::Plan;
use super::definition::NodeKind;
use super::wiring::{Arg, PlanNode};
use crate::value::KeyHasher;

/// Describes a plan as plain data, with its fingerprint.
pub(super) fn graph(name: &str, version: &str, plan: &Plan) -> Graph {
    let inputs = plan.inputs.iter().map(|port| GraphInput {
        name: port.name.clone(),
        type_name: port.ty.to_string(),
        default: port.default.as_ref().map(|default| default.ty.preview(&default.value, 80)),
    });
    let mut graph = Graph {
        fingerprint: Fingerprint::default(),
        name: name.to_owned(),
        version: version.to_owned(),
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

/// Digests the graph with the code of its nodes. Defaults of inputs are data, not shape, and don't count.
fn fingerprint(graph: &Graph, plan: &Plan) -> Fingerprint {
    let mut hasher = KeyHasher::default();
    hasher.label("flowglass graph 1");
    hasher.text(&graph.name);
    hasher.text(&graph.version);
    for (node, planned) in graph.nodes.iter().zip(&plan.nodes) {
        // A plain struct of texts and lists always serialises.
        let _ = hasher.serialize(node);
        if let NodeKind::Call { spec, .. } = &planned.kind {
            hasher.text(&spec.version);
            hasher.bytes(spec.code.as_ref().map_or(&[], |code| code.as_slice()));
        }
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finish()[..16]);
    Fingerprint::from_bytes(bytes)
}
