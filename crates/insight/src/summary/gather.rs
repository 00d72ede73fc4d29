//! Gathering the executions of each place of a pipeline.

use std::collections::HashMap;

use flowglass_model::{CacheStatus, Span, SpanType, Status};

use super::Place;
use crate::facts::{self, MapCounts};
use crate::lanes::lanes;
use crate::{Distribution, Tree};

/// Returns the places of a tree, depth first.
pub(super) fn places(tree: &Tree<'_>) -> Vec<Place> {
    let weights = weights(tree);
    let mut gathering = Gathering::default();
    let mut place_of: Vec<usize> = Vec::with_capacity(tree.len());
    for (at, node) in tree.nodes().iter().enumerate() {
        let group = gathering.group(node.parent.map(|parent| place_of[parent]), node.span);
        place_of.push(group);
        gathering.groups[group].add(node.span, self_ns(tree, at), weights[at]);
    }
    for (at, lanes) in lanes_by_span(tree) {
        let group = &mut gathering.groups[place_of[at]];
        group.lanes = group.lanes.max(lanes);
    }
    gathering.into_places()
}

/// Returns what hits saved, in milliseconds: each hit's saving once, although what is around a hit repeats it.
pub(super) fn saved_ms(tree: &Tree<'_>) -> f64 {
    let weights = weights(tree);
    let mut saves_below = vec![false; tree.len()];
    let mut saved_ms = 0.0;
    for (at, node) in tree.nodes().iter().enumerate().rev() {
        let saved_here_ms = facts::saved_ms(node.span);
        if !saves_below[at] {
            saved_ms += weights[at] * saved_here_ms;
        }
        if let Some(parent) = node.parent {
            saves_below[parent] |= saves_below[at] || saved_here_ms > 0.0;
        }
    }
    saved_ms
}

/// Returns how many executions each span stands for: more than one below maps that kept spans of only some items.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn weights(tree: &Tree<'_>) -> Vec<f64> {
    let mut weights: Vec<f64> = Vec::with_capacity(tree.len());
    let mut below: Vec<f64> = Vec::with_capacity(tree.len());
    for (at, node) in tree.nodes().iter().enumerate() {
        let weight = node.parent.map_or(1.0, |parent| below[parent]);
        let unsampled = MapCounts::of(node.span).map_or(0, |map| map.unsampled);
        let kept = if unsampled > 0 { tree.children(at).count() } else { 0 };
        let scale = if kept > 0 { 1.0 + unsampled as f64 / kept as f64 } else { 1.0 };
        weights.push(weight);
        below.push(weight * scale);
    }
    weights
}

/// Returns the part of a span's duration that no child covers. A map that left spans out has none of its own: what isn't
/// covered there is its unseen items'.
fn self_ns(tree: &Tree<'_>, at: usize) -> u64 {
    let node = &tree.nodes()[at];
    if MapCounts::of(node.span).is_some_and(|map| map.unsampled > 0) {
        return 0;
    }
    let mut covered_until_ns = node.offset_ns;
    let mut own_ns = 0_u64;
    for child in tree.children(at).map(|child| &tree.nodes()[child]) {
        let start_ns = child.offset_ns.min(node.end_ns());
        own_ns += start_ns.saturating_sub(covered_until_ns);
        covered_until_ns = covered_until_ns.max(child.end_ns().min(node.end_ns()));
    }
    own_ns + node.end_ns().saturating_sub(covered_until_ns)
}

fn lanes_by_span(tree: &Tree<'_>) -> Vec<(usize, u32)> {
    let nodes = tree.nodes();
    let mut found = Vec::new();
    for parent in (0..nodes.len()).filter(|&at| nodes[at].end > at + 1) {
        let mut siblings: HashMap<(SpanType, &str), Vec<usize>> = HashMap::new();
        for child in tree.children(parent) {
            siblings.entry(key(nodes[child].span)).or_default().push(child);
        }
        found.extend(siblings.into_values().map(|same| {
            let intervals = same.iter().map(|&at| (nodes[at].offset_ns, nodes[at].end_ns()));
            (same[0], lanes(intervals).1)
        }));
    }
    found
}

/// Returns what makes two spans below one parent the same place.
fn key(span: &Span) -> (SpanType, &str) {
    match span.span_type {
        SpanType::Item => (SpanType::Item, "[*]"),
        SpanType::Attempt => (SpanType::Attempt, "attempts"),
        other => (other, &span.name),
    }
}

#[derive(Default)]
struct Gathering<'a> {
    places: HashMap<(Option<usize>, SpanType, &'a str), usize>,
    groups: Vec<Group>,
}

struct Group {
    parent: Option<usize>,
    label: String,
    span_type: SpanType,
    computed_ns: Vec<u64>,
    lookups_ns: Vec<u64>,
    count: f64,
    total_ns: f64,
    self_ns: f64,
    saved_ms: f64,
    cached: f64,
    asked_cache: f64,
    failed: u64,
    lanes: u32,
}

impl<'a> Gathering<'a> {
    fn group(&mut self, parent: Option<usize>, span: &'a Span) -> usize {
        let (span_type, name) = key(span);
        *self.places.entry((parent, span_type, name)).or_insert_with(|| {
            let label = match span_type {
                SpanType::Item | SpanType::Attempt => name.to_owned(),
                _ => facts::label(span).into_owned(),
            };
            self.groups.push(Group::new(parent, label, span_type));
            self.groups.len() - 1
        })
    }

    fn into_places(self) -> Vec<Place> {
        let work_ns: f64 = self.groups.iter().map(|group| group.self_ns).sum();
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); self.groups.len()];
        let mut stack: Vec<(usize, usize)> = Vec::new();
        for (at, group) in self.groups.iter().enumerate().rev() {
            match group.parent {
                Some(parent) => below[parent].push(at),
                None => stack.push((at, 0)),
            }
        }
        let kinds: Vec<SpanType> = self.groups.iter().map(|group| group.span_type).collect();
        let mut groups: Vec<Option<Group>> = self.groups.into_iter().map(Some).collect();
        let mut paths: HashMap<usize, String> = HashMap::new();
        let mut places = Vec::with_capacity(groups.len());
        while let Some((at, depth)) = stack.pop() {
            let Some(group) = groups[at].take() else { continue };
            let path = group.path(group.parent.and_then(|parent| paths.get(&parent)));
            let is_leaf = !below[at].iter().any(|&child| kinds[child] != SpanType::Attempt);
            places.push(group.into_place(path.clone(), (depth, is_leaf), work_ns));
            if !below[at].is_empty() {
                paths.insert(at, path);
            }
            stack.extend(below[at].iter().map(|&child| (child, depth + 1)));
        }
        places
    }
}

impl Group {
    fn new(parent: Option<usize>, label: String, span_type: SpanType) -> Self {
        Self {
            parent,
            label,
            span_type,
            computed_ns: Vec::new(),
            lookups_ns: Vec::new(),
            count: 0.0,
            total_ns: 0.0,
            self_ns: 0.0,
            saved_ms: 0.0,
            cached: 0.0,
            asked_cache: 0.0,
            failed: 0,
            lanes: 1,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sums of durations, shown with three digits")]
    fn add(&mut self, span: &Span, self_ns: u64, weight: f64) {
        let cache = facts::cache(span);
        let is_hit = cache == Some(CacheStatus::Hit);
        if is_hit { &mut self.lookups_ns } else { &mut self.computed_ns }.push(span.duration_ns);
        self.count += weight;
        self.total_ns += weight * span.duration_ns as f64;
        self.self_ns += weight * self_ns as f64;
        self.saved_ms += weight * facts::saved_ms(span);
        self.cached += if is_hit { weight } else { 0.0 };
        self.asked_cache += if cache.is_some_and(|said| said != CacheStatus::Off) { weight } else { 0.0 };
        // Failed items always keep their spans, so that they stand for themselves alone.
        self.failed += u64::from(span.status == Status::Error);
    }

    fn path(&self, above: Option<&String>) -> String {
        match above {
            Some(above) if above.len() > 1_000 => format!("… > {}", self.label),
            Some(above) if self.span_type == SpanType::Item => format!("{above}{}", self.label),
            Some(above) => format!("{above} > {}", self.label),
            None => self.label.clone(),
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float becomes the nearest u64 there is")]
    fn into_place(mut self, path: String, (depth, is_leaf): (usize, bool), work_ns: f64) -> Place {
        let recorded = self.computed_ns.len() + self.lookups_ns.len();
        let measured = if self.computed_ns.is_empty() { &mut self.lookups_ns } else { &mut self.computed_ns };
        Place {
            durations: Distribution::of(measured),
            label: self.label,
            path,
            depth,
            span_type: self.span_type,
            is_work: matches!(self.span_type, SpanType::Node | SpanType::Item) && is_leaf,
            count: self.count.round() as u64,
            is_estimate: self.count.round() as usize != recorded,
            total_ns: self.total_ns as u64,
            self_ns: self.self_ns as u64,
            share: if work_ns > 0.0 { self.self_ns / work_ns } else { 0.0 },
            lanes: self.lanes,
            cached: self.cached.round() as u64,
            asked_cache: self.asked_cache.round() as u64,
            saved_ms: self.saved_ms,
            failed: self.failed,
        }
    }
}
