//! The entry of a pipeline inside another: all that it makes, under one signature, in the cache of the pipeline around.
//!
//! It is asked for before anything inside is. The entries of the nodes inside remain, for when something in there has changed.

use std::sync::Arc;

use flowglass_model::CacheStatus;
use smallvec::SmallVec;

use super::call::{CallSite, Given};
use super::hit::{Hit, Known, Recipe, Stands, any_lost};
use super::keyed::NoKey;
use super::slot::{Slot, Slots};
use crate::cache::{Entry, Found, Part, identity, unix_now_ns};
use crate::pipeline::{Arg, OutputPort, Pipeline};
use crate::value::{KeyDigest, Value, ValueError};

/// A pipeline whose results can be kept as a whole: its signature, and what that is made of.
pub(crate) struct Finished {
    pub(crate) signature: KeyDigest,
    /// How many calls a hit stands for.
    pub(crate) calls: u64,
    /// The head, what stands for each input, and at last the environment, if there is one.
    digests: SmallVec<[KeyDigest; 4]>,
}

/// What a cache has of a pipeline: all that it makes, and what it took to make it.
pub(crate) struct Kept {
    pub(crate) slots: Slots,
    pub(crate) saved_ns: u64,
}

impl Finished {
    /// Works out the signature, if the pipeline may have an entry and there is a cache for it.
    pub(crate) fn find(site: &CallSite, inner: &Pipeline, given: &[Given]) -> Result<Option<Self>, NoKey> {
        let (plan, config) = (site.plan(), &site.level.config);
        let Some(head) = plan.whole().head else { return Ok(None) };
        if config.cache.as_ref().is_none_or(|cache| cache.default_ttl().is_some()) {
            return Ok(None);
        }
        let mut digests = SmallVec::from_slice(&[head.digest]);
        for (arg, given) in plan.args.iter().zip(given) {
            match digest(arg, inner, given) {
                Ok(digest) => digests.push(digest),
                Err(_) if any_lost(std::slice::from_ref(given)) => return Err(NoKey::Lost),
                // Whichever node inside needs the key will say that there is none.
                Err(_) => return Ok(None),
            }
        }
        if let Some(environment) = inner.0.config.environment.resolve(config.environment.clone()) {
            digests.push(blake3::hash(environment.as_bytes()).into());
        }
        let signature = blake3::hash(digests.as_flattened()).into();
        Ok(Some(Self { signature, calls: head.calls, digests }))
    }

    /// Asks the cache around the pipeline for all that it makes.
    pub(crate) fn lookup(&self, site: &CallSite, given: &[Given]) -> Option<Kept> {
        let exposed = &site.plan().exposed;
        let entry = match site.level.config.cache.as_ref()?.find(&self.signature, exposed.len(), None) {
            Found::Hit(entry) => entry,
            Found::Damaged(error) => {
                site.level.run.totals.count_damage(error);
                return None;
            }
            Found::Miss => return None,
        };
        let (saved_ns, outputs) = (entry.cost_ns, u32::try_from(exposed.len()).unwrap_or(u32::MAX));
        let known = Known { signature: self.signature, entry, stands: Stands::AsMade };
        let recipe = Recipe::Item(Box::new((site.clone(), given.into())));
        let hit = Hit::new(known, Arc::clone(&site.level), site.node, recipe);
        let slot = |at| Slot::Cached { hit: Arc::clone(&hit), output: at, place: at };
        Some(Kept { slots: (0..outputs).map(slot).collect(), saved_ns })
    }

    /// Keeps what the pipeline made. What is still in the cache, because nobody needed it yet, isn't loaded for this.
    pub(crate) fn store(&self, site: &CallSite, inner: &Pipeline, made: &Slots, cost_ns: u64) -> CacheStatus {
        let (exposed, config) = (&site.plan().exposed, &site.level.config);
        let ports = || exposed.iter().map(|&output| &inner.0.outputs[output]);
        let encode = |(port, slot): (&OutputPort, &Slot)| {
            let value = slot.here()?;
            Some((port.ty.encode(value).ok()?, port.ty.to_string()))
        };
        let encoded: Option<Vec<_>> = ports().zip(made).map(encode).collect();
        let (Some(cache), Some(encoded)) = (&config.cache, encoded) else { return CacheStatus::Miss };
        let identity = |(slot, (bytes, _)): (&Slot, &(Vec<u8>, String))| {
            slot.signature().unwrap_or_else(|| identity::of_content(blake3::hash(bytes).as_bytes()))
        };
        let identities = made.iter().zip(&encoded).map(identity);
        let identities = ports().zip(identities).map(|(port, digest)| part(format!("output.{}", port.name), digest));
        let entry = Entry {
            path: site.level.site(site.site).path.to_string(),
            cost_ns,
            stored_unix_ns: unix_now_ns(),
            ttl_ns: None,
            parts: self.parts(site).into_iter().chain(identities).collect(),
            outputs: Vec::with_capacity(encoded.len()),
        };
        match cache.keep(&self.signature, entry, encoded) {
            Ok(()) => CacheStatus::Write,
            Err(error) => {
                site.level.run.totals.note_problem(error);
                CacheStatus::Miss
            }
        }
    }

    /// The parts of the signature by their names.
    fn parts(&self, site: &CallSite) -> Vec<Part> {
        let inputs = site.plan().args.iter().map(|arg| format!("input.{}", arg.name));
        let names = std::iter::once("pipeline".to_owned()).chain(inputs).chain(["environment".to_owned()]);
        names.zip(&self.digests).map(|(name, digest)| part(name, *digest)).collect()
    }
}

/// What stands for an input: what is given, or what an adapter makes of it.
fn digest(arg: &Arg, inner: &Pipeline, given: &Given) -> Result<KeyDigest, ValueError> {
    let Some(adapter) = &arg.adapter else { return given.slot.digest(&given.have) };
    let value = arg.want.adapt(&given.have, given.slot.value(&given.have)?)?;
    let adapted: Value = adapter(&value)?;
    Slot::unsigned(adapted).digest(&inner.0.inputs[arg.port].ty)
}

/// What stands for an output in the keys of those who read it: the same as when the pipeline had made it. The outputs' are the
/// last of the parts, one for each.
pub(super) fn identity(entry: &Entry, output: usize) -> Option<KeyDigest> {
    let first = entry.parts.len().checked_sub(entry.outputs.len())?;
    entry.parts.get(first + output).map(|part| part.digest)
}

fn part(name: String, digest: KeyDigest) -> Part {
    Part { name, digest }
}
