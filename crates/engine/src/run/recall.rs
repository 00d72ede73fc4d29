//! The short way to results that lie in the cache: found by what stands for a node's inputs where these lie, and put into their
//! slots unloaded.

use std::sync::Arc;
use std::task::Context;

use flowglass_model::EventKind;
use flowglass_record::{Frame, Tick};

use super::call::{self, Begun, CallSite, Done, Givens};
use super::ended::{CallValues, Ended, seconds};
use super::hit::{Hit, Known, ListedItem, Recipe, Stands};
use super::keyed::{self, Digests, Keyed, Named};
use super::level::LevelWork;
use super::map::Shown;
use super::open_span::OpenSpan;
use super::shared::Level;
use super::slot::Slots;
use super::telling::About;
use super::told::Lot;
use crate::cache::Found;
use crate::node::{Inputs, KeyedBy};
use crate::pipeline::{Arg, NodeKind, meters};
use crate::value::KeyDigest;

/// What became of asking the cache for a node.
pub(super) enum Recalled {
    /// Its results are in their slots.
    Whole,
    /// The cache knows nothing of this signature.
    Unknown(Box<Keyed>),
    /// The cache can't be asked in this way, or not at all.
    Unasked,
}

impl LevelWork {
    /// Asks the cache for the results of a node.
    pub(super) fn recall(&mut self, level: &Arc<Level>, node: usize) -> Recalled {
        let step = &level.pipeline.0.steps.cached[node];
        let Some(cache) = level.config.cache.as_ref().filter(|_| step.is_alone) else { return Recalled::Unasked };
        let digests = match step.keyed_by {
            Some(KeyedBy::Signatures) => self.digests(level, node).map(|digests| (digests, Named::new())),
            Some(KeyedBy::Values) => self.digests_of_values(level, node),
            None => None,
        };
        let Some((mut digests, named)) = digests else { return Recalled::Unasked };
        let signature = keyed::sign(level, &mut digests);
        let ttl = keyed::ttl(level, node);
        match cache.find(&signature, step.outputs as usize, ttl) {
            Found::Hit(entry) => {
                self.take_recalled(level, node, Known { signature, entry, stands: Stands::of(ttl) });
                return Recalled::Whole;
            }
            Found::Damaged(error) => level.run.totals.count_damage(error),
            Found::Miss => {}
        }
        Recalled::Unknown(Box::new(Keyed::of(level, node, signature, (digests, named))))
    }

    /// What a node's signature is made of, if that can be told.
    #[inline]
    fn digests(&mut self, level: &Level, node: usize) -> Option<Digests> {
        let plan = &*level.pipeline.0;
        let mut digests = keyed::begun(level, node);
        for (at, &slot) in plan.steps.args_of(&plan.steps.steps[node]).iter().enumerate() {
            let slot = slot as usize;
            let signature = self.kept.signature(slot);
            digests.push(signature.or_else(|| self.kept.digest(slot, &plan.nodes[node].args[at].have))?);
        }
        Some(digests)
    }

    /// As [`digests`](Self::digests), where the node looks at the values themselves and all of them are here. Why that can't be
    /// told is found out by who computes the node.
    fn digests_of_values(&self, level: &Level, node: usize) -> Option<(Digests, Named)> {
        let plan = &level.pipeline.0.nodes[node];
        let NodeKind::Call { node: call, .. } = &plan.kind else { return None };
        let value = |arg: &Arg| arg.want.adapt(&arg.have, Arc::clone(self.kept.look(arg.slot)?)).ok();
        let inputs = plan.args.iter().map(value).collect::<Option<Inputs>>()?;
        let mut digests = keyed::begun(level, node);
        let named = keyed::by_values(&**call, &inputs, &mut digests).ok()?;
        Some((digests, named))
    }

    fn take_recalled(&mut self, level: &Arc<Level>, node: usize, known: Known) {
        let (saved_ns, signature) = (known.entry.cost_ns, known.signature);
        let passed = self.pass_over(level, node, &signature, saved_ns);
        self.recalled.0 += 1;
        self.recalled.1 += saved_ns;
        self.saved_ns += saved_ns;
        let steps = &*level.pipeline.0.steps;
        let step = &steps.steps[node];
        let given = steps.args_of(step).iter().filter_map(|&slot| self.kept.read(slot as usize)).collect();
        let hit = Hit::new(known, Arc::clone(level), node, Recipe::Node(given));
        if let Some((frame, lookup_ns)) = passed.filter(|_| self.is_heard) {
            self.tell_of_hit(level, &frame, &hit, EventKind::Cached { signature: &signature, lookup_ns, saved_ns });
        }
        for (at, slot) in (step.outputs.0 as usize..).zip(hit.slots()) {
            self.kept.put(at, slot);
        }
        self.agenda.done(steps, node);
    }

    /// Tells of a hit, and where its results lie.
    #[cold]
    fn tell_of_hit(&mut self, level: &Level, frame: &Frame, hit: &Arc<Hit>, kind: EventKind<'_>) {
        let slots: Slots = Arc::clone(hit).slots().collect();
        level.tell_of(&About::node(frame, self.now), kind, Lot::Recalled { slots: &slots, is_item: false });
        // What was told may have taken its time, which is not the next node's.
        self.now = Tick::now();
    }

    /// Starts and ends the span of a node whose results the cache has. Returns it with how long the cache took to answer, if
    /// that is still to be told.
    fn pass_over(&mut self, level: &Level, node: usize, signature: &KeyDigest, saved_ns: u64) -> Option<(Frame, u64)> {
        let frame = self.enter(level, node);
        let _passing = level.pass()?;
        if self.is_timed {
            self.now = Tick::now();
        }
        let lookup_ns = frame.start.elapsed_ns(self.now);
        if level.recorded {
            level.scope.leave(&frame.uncounted(), self.now, &CallValues::of_hit(Some(signature), lookup_ns, saved_ns).0);
        } else {
            level.scope.exit();
        }
        if level.config.telemetry {
            level.scope.count(frame.template, meters::HITS, 1);
            level.scope.count(frame.template, meters::SAVED, seconds(saved_ns));
        }
        Some((frame, lookup_ns))
    }
}

/// Begins a call for an item of a map: from the cache, if that can be asked for what stands for its inputs where they lie.
pub(super) fn begin(site: CallSite, given: Givens, start: Tick, cx: &mut Context<'_>) -> Begun {
    let (level, node) = (&site.level, site.node);
    let step = &level.pipeline.0.steps.cached[node];
    let (Some(cache), Some(KeyedBy::Signatures)) = (&level.config.cache, step.keyed_by) else {
        return call::begin(site, given, start, cx);
    };
    let mut digests = keyed::begun(level, node);
    for given in &given {
        digests.extend(given.slot.digest(&given.have).ok());
    }
    if digests.len() != given.len() + 1 {
        // Why not is found out the long way.
        return call::begin(site, given, start, cx);
    }
    let signature = keyed::sign(level, &mut digests);
    let ttl = keyed::ttl(level, node);
    match cache.find(&signature, step.outputs as usize, ttl) {
        Found::Hit(entry) => {
            return Begun::Done(recalled(site, given, start, Known { signature, entry, stands: Stands::of(ttl) }));
        }
        Found::Damaged(error) => level.run.totals.count_damage(error),
        Found::Miss => {}
    }
    let keyed = Keyed::of(level, node, signature, (digests, Named::new()));
    call::begin_unknown(site, given, keyed, start, cx)
}

/// Ends an item whose results the cache has.
fn recalled(site: CallSite, given: Givens, start: Tick, known: Known) -> Done {
    let open = OpenSpan::start_quiet(&site.level, site.site, site.index, site.recorded, start).showing(site.shown.clone());
    let (end, saved_ns, signature) = (Tick::now(), known.entry.cost_ns, known.signature);
    let lookup_ns = start.elapsed_ns(end);
    let (level, node) = (Arc::clone(&site.level), site.node);
    let recipe = match (site.index, &site.shown) {
        (Some(index), Some(Shown::Listed(items))) => {
            let item = ListedItem { index, site: site.site, recorded: site.recorded, sampled: site.sampled };
            Recipe::Listed(Arc::clone(items), item)
        }
        _ => Recipe::Item(Box::new((site, given))),
    };
    let slots: Slots = Hit::new(known, level, node, recipe).slots().collect();
    let ended = Ended::Hit { signature: Some(&signature), saved_ns, lookup_ns };
    open.end_with(&ended, end, Lot::Recalled { slots: &slots, is_item: true });
    Done { result: Ok(slots), hit: true, saved_ns, end, began: None }
}
