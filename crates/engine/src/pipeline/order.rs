//! In which order nodes run, and what stands against it: names that are there twice, and circles.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::draft::Draft;
use super::wiring::error;
use crate::error::Error;

/// Finds for each value the node that makes it.
pub(super) fn makers(drafts: &[Draft]) -> Result<HashMap<&str, usize>, Error> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut makers: HashMap<&str, usize> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        if names.insert(&draft.name, at).is_some() {
            return Err(error(format!("two nodes are called `{}`; give one another name with `named`", draft.name)));
        }
        for made in &draft.makes {
            if let Some(other) = makers.insert(&made.outer, at) {
                return Err(error(format!(
                    "`{}` is made by two nodes, `{}` and `{}`; rename one output",
                    made.outer, drafts[other].name, draft.name
                )));
            }
        }
    }
    Ok(makers)
}

/// Sorts the nodes so that each stands behind those it reads from; ties by name.
pub(super) fn order(drafts: &[Draft], makers: &HashMap<&str, usize>) -> Result<Vec<usize>, Error> {
    let reads: Vec<Vec<usize>> = drafts
        .iter()
        .map(|draft| {
            let mut from: Vec<usize> = draft.wants.iter().filter_map(|want| makers.get(&*want.outer).copied()).collect();
            from.sort_unstable();
            from.dedup();
            from
        })
        .collect();
    let mut left: Vec<usize> = reads.iter().map(Vec::len).collect();
    let mut readers = vec![Vec::new(); drafts.len()];
    for (reader, from) in reads.iter().enumerate() {
        from.iter().for_each(|&maker| readers[maker].push(reader));
    }
    let mut ready: BinaryHeap<_> =
        (0..drafts.len()).filter(|&at| left[at] == 0).map(|at| Reverse((&drafts[at].name, at))).collect();
    let mut order = Vec::with_capacity(drafts.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            left[reader] -= 1;
            if left[reader] == 0 {
                ready.push(Reverse((&drafts[reader].name, reader)));
            }
        }
    }
    if order.len() == drafts.len() { Ok(order) } else { Err(cycle(drafts, &reads, &left)) }
}

/// Names one circle among the nodes that never became ready.
fn cycle(drafts: &[Draft], reads: &[Vec<usize>], left: &[usize]) -> Error {
    let mut at = (0..drafts.len()).find(|&at| left[at] > 0).unwrap_or(0);
    let mut seen: Vec<usize> = Vec::new();
    while !seen.contains(&at) {
        seen.push(at);
        // A node that never became ready reads from at least one other such node.
        at = reads[at].iter().copied().find(|&maker| left[maker] > 0).unwrap_or(at);
    }
    let start = seen.iter().position(|&other| other == at).unwrap_or(0);
    let mut names: Vec<&str> = seen[start..].iter().rev().map(|&at| drafts[at].name.as_str()).collect();
    // The circle has no beginning; the first name in the alphabet makes the message the same each time.
    let first = names.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
    names.rotate_left(first);
    names.push(names[0]);
    error(format!("these nodes need each other in a cycle: {}", names.join(" → ")))
}
