//! The entry of a whole pipeline: all that it makes, under one signature. One inside of another has it in the cache of the pipeline
//! around, an item of a top-level map in that of the map.
//!
//! It is asked for before anything inside is. The entries of the nodes inside remain, for when something in there has changed.

use std::sync::Arc;

use smallvec::SmallVec;

use super::call::{CallSite, Given};
use super::hit::{Hit, Known, Recipe, Stands, any_lost};
use super::keyed::NoKey;
use super::laid_out::{LayingOut, put_together};
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::cache::{Cache, Entry, Found, Part, unix_now_ns};
use crate::pipeline::{Arg, Head, NodeKind, Pipeline, WholeItem};
use crate::value::{KeyDigest, Type, Value, ValueError};

/// A pipeline whose results can be kept as a whole: its signature, and what that is made of.
#[derive(Clone)]
pub(crate) struct Finished {
    pub(crate) signature: KeyDigest,
    /// How many calls a hit stands for.
    pub(crate) calls: u64,
    /// The head, what stands for each input, and at last the environment, if there is one.
    digests: Digests,
}

type Digests = SmallVec<[KeyDigest; 4]>;

/// What a cache has of a pipeline: all that it makes, and what it took to make it.
pub(crate) struct Kept {
    pub(crate) slots: Slots,
    pub(crate) saved_ns: u64,
}

impl Finished {
    /// Works out the signature of a pipeline inside of another, if it may have an entry and there is a cache for it.
    pub(crate) fn find(site: &CallSite, inner: &Pipeline, given: &[Given]) -> Result<Option<Self>, NoKey> {
        let (plan, level) = (site.plan(), &site.level);
        let Some(inside) = level.inside(site.node) else { return Ok(None) };
        let Some(head) = inside.whole(plan).head.filter(|_| keeps_wholes(level)) else { return Ok(None) };
        let mut digests = Digests::from_slice(&[head.digest]);
        for (arg, given) in plan.args.iter().zip(given).filter(|(arg, _)| inside.needs.reads_input(arg.port)) {
            match digest(arg, inner, given) {
                Ok(digest) => digests.push(digest),
                Err(_) if any_lost(std::slice::from_ref(given)) => return Err(NoKey::Lost),
                // Whichever node inside needs the key will say that there is none.
                Err(_) => return Ok(None),
            }
        }
        let environment = inner.0.config.environment.resolve(level.config.environment.clone());
        Ok(Some(Self::signed(head, digests, environment.as_deref())))
    }

    /// Works out the signature of an item of a top-level map, if it may have an entry; `slots` are its inputs.
    pub(crate) fn of_item(level: &Level, whole: &WholeItem, slots: &[Option<Slot>]) -> Option<Self> {
        let mut digests = Digests::from_slice(&[whole.head.digest]);
        for &at in &whole.reads {
            digests.push(slots.get(at)?.as_ref()?.digest(&level.pipeline.0.inputs[at].ty).ok()?);
        }
        Some(Self::signed(whole.head, digests, level.config.environment.as_deref()))
    }

    fn signed(head: Head, mut digests: Digests, environment: Option<&str>) -> Self {
        digests.extend(environment.map(|environment| blake3::hash(environment.as_bytes()).into()));
        Self { signature: blake3::hash(digests.as_flattened()).into(), calls: head.calls, digests }
    }

    /// Asks the cache around a pipeline for all that it makes.
    pub(crate) fn lookup(&self, site: &CallSite, inner: &Pipeline, given: &[Given]) -> Option<Kept> {
        let recipe = Recipe::Item(Box::new((site.clone(), given.into())));
        ask(self.signature, (&site.level, site.node), inner, site.outputs(), recipe)
            .or_else(|| Self::part_of_all(site, inner, given))
    }

    /// Where only a part of a pipeline is needed: takes it out of the entry that a run of all of it has left.
    fn part_of_all(site: &CallSite, inner: &Pipeline, given: &[Given]) -> Option<Kept> {
        let places = site.level.places(site.node)?;
        let needs = Arc::clone(site.level.pipeline.0.everything());
        let level = Arc::new(Level { needs, ..Level::clone(&site.level) });
        let all = CallSite { level, ..site.clone() };
        let kept = Self::find(&all, inner, given).ok()??.lookup(&all, inner, given)?;
        let slots = places.iter().filter_map(|&place| kept.slots.get(place).cloned()).collect();
        Some(Kept { slots, ..kept })
    }

    /// Asks the cache of a map for all that an item makes. What of it is lost is no hit: who asks loads all at once.
    pub(crate) fn lookup_item(&self, level: &Arc<Level>) -> Option<Kept> {
        ask(self.signature, (level, 0), &level.pipeline, &level.needs.outputs, Recipe::Gone)
    }

    /// Keeps what a pipeline made inside of another.
    pub(crate) fn store(&self, site: &CallSite, inner: &Pipeline, made: &Slots, cost_ns: u64) {
        let Some(inside) = site.level.inside(site.node) else { return };
        let read = site.plan().args.iter().filter(|arg| inside.needs.reads_input(arg.port));
        let inputs = read.map(|arg| &*arg.name);
        self.keep((&site.level, site.site), inputs, types(inner, &inside.needs.outputs).zip(made), cost_ns);
    }

    /// Keeps what an item of a top-level map made.
    pub(crate) fn store_item(&self, at: (&Level, u32), whole: &WholeItem, made: &Slots, cost_ns: u64) {
        let (pipeline, outputs) = (&at.0.pipeline, &at.0.needs.outputs);
        let inputs = whole.reads.iter().map(|&input| &*pipeline.0.inputs[input].name);
        self.keep(at, inputs, types(pipeline, outputs).zip(made), cost_ns);
    }

    /// Keeps what was made. What is still in a cache, because nobody needed it yet, isn't loaded for this; where that would have
    /// to be, the entries of what is inside must do.
    fn keep<'a>(
        &self,
        (level, site): (&Level, u32),
        inputs: impl Iterator<Item = &'a str>,
        mut made: impl Iterator<Item = (&'a Type, &'a Slot)>,
        cost_ns: u64,
    ) {
        let Some(cache) = &level.config.cache else { return };
        let mut outputs = LayingOut::into(cache);
        if made.try_for_each(|(ty, slot)| outputs.add(ty, slot)).is_none() {
            return;
        }
        let entry = outputs.complete(Entry {
            path: level.site(site).path.to_string(),
            cost_ns,
            stored_unix_ns: unix_now_ns(),
            ttl_ns: None,
            parts: self.parts(inputs),
            outputs: Vec::new(),
            pipeline: None,
        });
        if let Err(error) = cache.put(&self.signature, entry) {
            level.run.totals.note_problem(error);
        }
    }

    /// The parts of the signature by their names.
    fn parts<'a>(&self, inputs: impl Iterator<Item = &'a str>) -> Vec<Part> {
        let inputs = inputs.map(|name| format!("input.{name}"));
        let names = std::iter::once("pipeline".to_owned()).chain(inputs).chain(["environment".to_owned()]);
        names.zip(&self.digests).map(|(name, &digest)| Part { name, digest }).collect()
    }
}

/// What the cache of a level has of a node that is a pipeline under this signature.
pub(super) fn under(signature: &KeyDigest, level: &Arc<Level>, node: usize) -> Option<Slots> {
    let NodeKind::Pipeline(inner) = &level.pipeline.0.nodes[node].kind else { return None };
    let outputs = &level.inside(node)?.needs.outputs;
    Some(ask(*signature, (level, node), inner, outputs, Recipe::Gone)?.slots)
}

fn ask(
    signature: KeyDigest,
    (level, node): (&Arc<Level>, usize),
    inner: &Pipeline,
    outputs: &[usize],
    recipe: Recipe,
) -> Option<Kept> {
    let entry = match level.config.cache.as_ref()?.find_pipeline(&signature) {
        Found::Hit(entry) => entry,
        Found::Damaged(error) => {
            level.run.totals.count_damage(error);
            return None;
        }
        Found::Miss => return None,
    };
    let saved_ns = entry.cost_ns;
    let known = Known { signature, entry: Arc::clone(&entry), stands: Stands::AsMade };
    let hit = Hit::new(known, Arc::clone(level), node, recipe);
    let value = |at| Slot::Cached { hit: Arc::clone(&hit), output: at, place: at };
    let slots = put_together(types(inner, outputs), &entry, value)?;
    Some(Kept { slots, saved_ns })
}

/// The types of what a pipeline made when it was computed again, and what that is, as its entry has it.
pub(super) fn computed_again(site: &CallSite, slots: Slots) -> Slots {
    let NodeKind::Pipeline(inner) = &site.plan().kind else { return slots };
    super::laid_out::one_by_one(types(inner, site.outputs()), slots)
}

/// Says whether a level's cache keeps whole pipelines: what holds for a time only is as old as the oldest result in it.
pub(crate) fn keeps_wholes(level: &Level) -> bool {
    level.config.cache.as_ref().is_some_and(|cache: &Cache| cache.default_ttl().is_none())
}

fn types<'a>(inner: &'a Pipeline, outputs: &'a [usize]) -> impl Iterator<Item = &'a Type> {
    outputs.iter().map(|&output| &inner.0.outputs[output].ty)
}

/// What stands for an input: what is given, or what an adapter makes of it.
fn digest(arg: &Arg, inner: &Pipeline, given: &Given) -> Result<KeyDigest, ValueError> {
    let Some(adapter) = &arg.adapter else { return given.slot.digest(&given.have) };
    let value = arg.want.adapt(&given.have, given.slot.value(&given.have)?)?;
    let adapted: Value = adapter(&value)?;
    Slot::unsigned(adapted).digest(&inner.0.inputs[arg.port].ty)
}

/// What stands for an output in the keys of those who read it: the same as when the pipeline had made it.
pub(super) fn identity(entry: &Entry, output: usize) -> Option<KeyDigest> {
    entry.pipeline.as_ref()?.identities.get(output).copied()
}
