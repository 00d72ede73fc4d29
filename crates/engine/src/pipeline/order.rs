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
    let order = sorted(&reads, |at| drafts[at].name.as_str());
    if order.len() == drafts.len() {
        return Ok(order);
    }
    let mut is_left = vec![true; drafts.len()];
    order.into_iter().for_each(|at| is_left[at] = false);
    Err(cycle(drafts, &reads, &is_left))
}

/// Sorts nodes so that each stands behind those it reads from, ties by the key; those in a circle, or behind one, are missing.
/// Takes as many steps as there are nodes and edges, and as many comparisons as sorting the nodes by their keys.
fn sorted<K: Ord>(reads: &[Vec<usize>], key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut left: Vec<usize> = reads.iter().map(Vec::len).collect();
    let mut readers = vec![Vec::new(); reads.len()];
    for (reader, from) in reads.iter().enumerate() {
        from.iter().for_each(|&maker| readers[maker].push(reader));
    }
    let mut ready: BinaryHeap<_> = (0..reads.len()).filter(|&at| left[at] == 0).map(|at| Reverse((key(at), at))).collect();
    let mut order = Vec::with_capacity(reads.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            left[reader] -= 1;
            if left[reader] == 0 {
                ready.push(Reverse((key(reader), reader)));
            }
        }
    }
    order
}

/// Names one circle among the nodes that never became ready.
fn cycle(drafts: &[Draft], reads: &[Vec<usize>], is_left: &[bool]) -> Error {
    let mut at = (0..drafts.len()).find(|&at| is_left[at]).unwrap_or(0);
    let mut seen: Vec<usize> = Vec::new();
    while !seen.contains(&at) {
        seen.push(at);
        // A node that never became ready reads from at least one other such node.
        at = reads[at].iter().copied().find(|&maker| is_left[maker]).unwrap_or(at);
    }
    let start = seen.iter().position(|&other| other == at).unwrap_or(0);
    let mut names: Vec<&str> = seen[start..].iter().rev().map(|&at| drafts[at].name.as_str()).collect();
    // The circle has no beginning; the first name in the alphabet makes the message the same each time.
    let first = names.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
    names.rotate_left(first);
    names.push(names[0]);
    error(format!("these nodes need each other in a cycle: {}", names.join(" → ")))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::cmp::Ordering;

    use super::*;

    /// A name that counts how often it is compared.
    #[derive(Clone, Copy)]
    struct Counted<'a>(usize, &'a Cell<usize>);

    impl Ord for Counted<'_> {
        fn cmp(&self, other: &Self) -> Ordering {
            self.1.set(self.1.get() + 1);
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Counted<'_> {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.cmp(other) == Ordering::Equal
        }
    }

    impl Eq for Counted<'_> {}

    const NODES: usize = 10_000;

    /// Sorts a graph, and returns how often a name was asked for or compared.
    fn steps(reads: impl Fn(usize) -> Vec<usize>) -> usize {
        let steps = Cell::new(0);
        let reads: Vec<Vec<usize>> = (0..NODES).map(reads).collect();
        let order = sorted(&reads, |at| {
            steps.set(steps.get() + 1);
            // Names in another order than the nodes.
            Counted(at.wrapping_mul(7_919) % NODES, &steps)
        });
        let mut place = vec![0; NODES];
        order.iter().enumerate().for_each(|(at, &node)| place[node] = at);
        assert_eq!(order.len(), NODES);
        assert!(reads.iter().enumerate().all(|(node, from)| from.iter().all(|&maker| place[maker] < place[node])));
        steps.get()
    }

    /// Elsewhere the sort took a number of steps that grew with the square of the number of nodes.
    #[test]
    fn sorting_ten_thousand_nodes_takes_a_few_steps_a_node() {
        let chain = steps(|node| node.checked_sub(1).into_iter().collect());
        let wide = steps(|node| if node == NODES - 1 { (0..NODES - 1).collect() } else { Vec::new() });
        let layers = steps(|node| if node < 100 { Vec::new() } else { vec![node - 100, node - 99 - node % 2] });
        // A heap takes at most about two comparisons for each of its levels, of which there are fourteen.
        for steps in [chain, wide, layers] {
            assert!(steps <= NODES * 40, "{steps} steps for {NODES} nodes");
        }
    }
}
