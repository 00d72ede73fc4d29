//! Nodes that wait for each other.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::file::Node;
use crate::source::SourceFile;

/// Reports every group of nodes that wait for each other, once, with one way around.
pub(super) fn check(nodes: &[Node], source: &Arc<SourceFile>, problems: &mut Diagnostics) {
    let edges = edges(nodes);
    for cycle in cycles(&edges) {
        let first = &nodes[cycle[0]];
        let names: Vec<&str> = cycle.iter().chain(&cycle[..1]).map(|&node| nodes[node].name.as_str()).collect();
        // An arrow is the way of a value, so the cycle of waiting is shown backwards.
        let way: Vec<&str> = names.into_iter().rev().collect();
        let problem = Diagnostic::at(source, first.span.clone(), format!("cycle: {}", way.join(" → ")));
        problems.push(
            problem.with_label("waits for itself").with_help("each arrow is a value that the next node needs: take one away"),
        );
    }
}

/// For each node, the nodes whose values it needs.
fn edges(nodes: &[Node]) -> Vec<Vec<usize>> {
    let given_by: HashMap<&str, usize> = nodes
        .iter()
        .enumerate()
        .flat_map(|(at, node)| node.outputs.iter().map(move |output| (output.name.as_str(), at)))
        .collect();
    let needs =
        |node: &Node| node.bindings.iter().filter_map(|binding| given_by.get(binding.outer.as_str()).copied()).collect();
    nodes.iter().map(needs).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Finds cycles depth first, without recursion, so that a long chain can't exhaust the stack.
fn cycles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut marks = vec![Mark::New; edges.len()];
    let mut found = Vec::new();
    for root in 0..edges.len() {
        if marks[root] == Mark::New {
            walk(root, edges, &mut marks, &mut found);
        }
    }
    found
}

fn walk(root: usize, edges: &[Vec<usize>], marks: &mut [Mark], found: &mut Vec<Vec<usize>>) {
    let mut path = vec![(root, 0)];
    marks[root] = Mark::Open;
    while let Some((node, next)) = path.last_mut() {
        let Some(&target) = edges[*node].get(*next) else {
            marks[*node] = Mark::Done;
            path.pop();
            continue;
        };
        *next += 1;
        match marks[target] {
            Mark::New => {
                marks[target] = Mark::Open;
                path.push((target, 0));
            }
            Mark::Open => {
                let from = path.iter().position(|(node, _)| *node == target).unwrap_or(0);
                found.push(path[from..].iter().map(|(node, _)| *node).collect());
            }
            Mark::Done => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_cycle() {
        assert!(cycles(&[vec![1], vec![2], vec![]]).is_empty());
        assert_eq!(cycles(&[vec![0]]), [vec![0]]);
        assert_eq!(cycles(&[vec![1], vec![2], vec![0], vec![2, 3]]), [vec![0, 1, 2], vec![3]]);
        assert!(cycles(&[vec![1, 2], vec![3], vec![3], vec![]]).is_empty());
    }

    #[test]
    fn a_long_chain_is_no_danger() {
        let chain: Vec<Vec<usize>> = (0..200_000).map(|node| vec![(node + 1) % 200_000]).collect();
        assert_eq!(cycles(&chain)[0].len(), 200_000);
    }
}
