//! A result that lies in the cache: loaded when somebody needs it, and computed again if it can't be.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use flowglass_record::Tick;
use smallvec::SmallVec;
use tokio::sync::OnceCell;

use super::call::{self, Begun, CallSite, Done, Given, Givens};
use super::finished;
use super::map::{Items, Shown};
use super::shared::Level;
use super::slot::{Slot, Slots};
use crate::cache::{Cache, CachedOutput, Entry, identity};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Arg, PlanNode};
use crate::value::{KeyDigest, Type, Value, ValueError};

/// A computation whose results lie in the cache, with what it takes to do it once more.
pub(crate) struct Hit {
    signature: KeyDigest,
    entry: Arc<Entry>,
    level: Arc<Level>,
    node: usize,
    stands: Stands,
    recipe: Recipe,
    /// What takes the place of results that turned out to be lost, once it is computed.
    again: OnceLock<Box<OnceCell<Slots>>>,
}

/// What a computation is given.
pub(crate) enum Recipe {
    /// A node of the level itself: what its parameters read.
    Node(SmallVec<[Slot; 2]>),
    /// An item of a map, or something else that the level knows nothing of.
    Item(Box<(CallSite, Givens)>),
    /// An item of lists, which are taken apart again if need be.
    Listed(Arc<Items>, ListedItem),
    /// Nothing: what was found can't be computed again from here.
    Gone,
}

/// Which item it is, and what becomes of its span.
#[derive(Clone, Copy)]
pub(crate) struct ListedItem {
    pub(crate) index: u64,
    pub(crate) site: u32,
    pub(crate) recorded: bool,
    pub(crate) sampled: bool,
}

/// What a cache has of a computation.
pub(crate) struct Known {
    pub(crate) signature: KeyDigest,
    pub(crate) entry: Arc<Entry>,
    pub(crate) stands: Stands,
}

/// What stands for results in the keys of those who read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// The signature of the computation.
    BySignature,
    /// Their content: they hold for a time only.
    ByContent,
    /// What stood for them when they were made, inside of a pipeline: the entry has it.
    AsMade,
}

impl Stands {
    /// What stands for the results of a node that hold for this time, or for ever.
    pub(crate) const fn of(ttl: Option<Duration>) -> Self {
        if ttl.is_some() { Self::ByContent } else { Self::BySignature }
    }
}

impl Hit {
    pub(crate) fn new(Known { signature, entry, stands }: Known, level: Arc<Level>, node: usize, recipe: Recipe) -> Arc<Self> {
        Arc::new(Self { signature, entry, level, node, stands, recipe, again: OnceLock::new() })
    }

    /// Returns slots for the outputs that the pipeline knows.
    pub(crate) fn slots(self: Arc<Self>) -> impl Iterator<Item = Slot> {
        let steps = &self.level.pipeline.0.steps;
        let (exposed, exposes_all) = (steps.steps[self.node].outputs.1, steps.cached[self.node].exposes_all);
        std::iter::repeat_n(self, exposed as usize).zip(0..exposed).map(move |(hit, place)| {
            let output = if exposes_all { place } else { hit.output(place) };
            Slot::Cached { hit, output, place }
        })
    }

    fn plan(&self) -> &PlanNode {
        &self.level.pipeline.0.nodes[self.node]
    }

    /// Returns the type of an output that the pipeline knows.
    pub(crate) fn type_of(&self, place: u32) -> Option<&Type> {
        self.level.pipeline.0.ports_of(self.node).get(place as usize).map(|port| &port.ty)
    }

    /// Returns the place in the entry of an output that the pipeline knows.
    fn output(&self, place: u32) -> u32 {
        let output = self.plan().exposed.get(place as usize);
        output.and_then(|&output| u32::try_from(output).ok()).unwrap_or(u32::MAX)
    }

    /// Returns what stands for an output in the keys of those who read it.
    #[inline]
    pub(crate) fn identity(&self, output: u32) -> KeyDigest {
        match self.stands {
            Stands::BySignature => identity::of_signature(&self.signature, output as usize),
            Stands::ByContent => self.content(output as usize),
            Stands::AsMade => finished::identity(&self.entry, output as usize).unwrap_or_else(|| self.content(output as usize)),
        }
    }

    #[cold]
    fn content(&self, output: usize) -> KeyDigest {
        match self.entry.outputs.get(output) {
            Some(cached) => identity::of_content(&cached.digest),
            None => identity::of_signature(&self.signature, output),
        }
    }

    /// Returns an output, by its place in the entry and among those that the pipeline knows: computed again, or loaded.
    pub(crate) fn value(&self, output: u32, place: u32, ty: &Type) -> Result<Value, ValueError> {
        match self.computed_again(place) {
            Some(slot) => slot.value(ty),
            None => self.load(output, ty).inspect_err(|error| self.lose(error)),
        }
    }

    /// Returns what was computed again for an output, because the cache had lost it.
    pub(crate) fn computed_again(&self, place: u32) -> Option<&Slot> {
        self.computed()?.get(place as usize)
    }

    /// Makes an output of another cache of one that lies in this hit's, if that can be done without loading it.
    pub(crate) fn adopted(&self, output: u32, by: &Cache) -> Option<CachedOutput> {
        by.adopt(self.entry.outputs.get(output as usize)?, self.level.config.cache.as_ref()?)
    }

    fn computed(&self) -> Option<&Slots> {
        self.again.get()?.get()
    }

    /// Says whether an output lies in the entry itself.
    pub(crate) fn is_small(&self, output: u32) -> bool {
        self.entry.outputs.get(output as usize).is_some_and(|output| output.inline.is_some())
    }

    /// Returns what is known of an output that lies in the cache by itself, unless it was computed again.
    pub(crate) fn stored(&self, output: u32) -> Option<&CachedOutput> {
        let output = self.entry.outputs.get(output as usize)?;
        (output.inline.is_none() && self.again.get().is_none()).then_some(output)
    }

    fn load(&self, output: u32, ty: &Type) -> Result<Value, ValueError> {
        let output = self.entry.outputs.get(output as usize);
        let output = output.ok_or_else(|| ValueError::new("the cached entry lacks an output"))?;
        let cache = self.level.config.cache.as_ref().ok_or_else(|| ValueError::new("the run has no cache"))?;
        let bytes = cache.load(output).map_err(|error| ValueError::new(error.to_string()))?;
        ty.decode(&bytes)
    }

    /// Notes that the results can't be had, so that they are computed when they are needed.
    #[cold]
    fn lose(&self, problem: &ValueError) {
        let mut is_news = false;
        self.again.get_or_init(|| {
            is_news = true;
            Box::default()
        });
        if is_news {
            let lost = format_args!("a cached result of `{}` is lost: {problem}", self.entry.path);
            self.level.run.totals.count_damage(lost);
            if let Some(cache) = &self.level.config.cache {
                cache.forget(&self.signature);
            }
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.again.get().is_some_and(|again| again.get().is_none())
    }

    /// Computes the results again, once for all who need them. What they are computed from may be lost, too, as deep as a
    /// chain is long: what lies deepest comes first, one after the other.
    pub(crate) async fn restore(self: &Arc<Self>) -> Result<(), Error> {
        let mut due = vec![Arc::clone(self)];
        while let Some(hit) = due.last().cloned() {
            let waiting = due.len();
            if hit.is_lost() {
                hit.find_lost_below(&mut due);
            }
            if due.len() == waiting {
                hit.compute().await?;
                due.pop();
            }
        }
        Ok(())
    }

    /// Finds what of the computation's inputs can't be had.
    fn find_lost_below(&self, lost: &mut Vec<Arc<Self>>) {
        match &self.recipe {
            Recipe::Node(slots) => {
                self.plan().args.iter().zip(slots).for_each(|(arg, slot)| slot.find_lost(&arg.have, lost));
            }
            Recipe::Item(item) => item.1.iter().for_each(|given| given.slot.find_lost(&given.have, lost)),
            Recipe::Listed(items, item) => {
                items.item(item.index).iter().flatten().for_each(|given| given.slot.find_lost(&given.have, lost));
            }
            Recipe::Gone => {}
        }
    }

    async fn compute(&self) -> Result<(), Error> {
        let Some(again) = self.again.get() else { return Ok(()) };
        let compute = async {
            let Some((site, given)) = self.call() else { return Err(self.is_gone()) };
            let begun = poll_fn(|cx| Poll::Ready(call::again(site.clone(), given.clone(), cx))).await;
            let made = match begun {
                Begun::Done(done) => done.result?,
                Begun::Running(future) => future.await.result?,
            };
            Ok(if self.stands == Stands::AsMade { finished::computed_again(&site, made) } else { made })
        };
        again.get_or_try_init(|| compute).await.map(|_| ())
    }

    #[cold]
    fn is_gone(&self) -> Error {
        Error::new(ErrorKind::Cache, format!("a cached result of `{}` is lost", self.entry.path))
    }

    /// The call that computes the results, if they can be computed from here.
    fn call(&self) -> Option<(CallSite, Givens)> {
        Some(match &self.recipe {
            Recipe::Gone => return None,
            Recipe::Item(item) => (**item).clone(),
            Recipe::Listed(items, item) => (item.call(self, items), items.item(item.index)?),
            Recipe::Node(slots) => {
                let given = |(arg, slot): (&Arg, &Slot)| Given { slot: slot.clone(), have: arg.have.clone() };
                let given = self.plan().args.iter().zip(slots).map(given).collect();
                (CallSite::of_node(&self.level, self.node), given)
            }
        })
    }
}

impl ListedItem {
    fn call(self, hit: &Hit, items: &Arc<Items>) -> CallSite {
        let Self { index, site, recorded, sampled } = self;
        let shown = Some(Shown::Listed(Arc::clone(items)));
        CallSite { level: Arc::clone(&hit.level), node: hit.node, site, index: Some(index), recorded, sampled, shown }
    }
}

impl Recipe {
    /// Takes what the computation is given.
    fn take(&mut self) -> SmallVec<[Slot; 2]> {
        match self {
            Self::Node(slots) => std::mem::take(slots),
            Self::Item(item) => std::mem::take(&mut item.1).into_iter().map(|given| given.slot).collect(),
            Self::Listed(items, _) => Arc::get_mut(items).map(Items::take_slots).unwrap_or_default(),
            Self::Gone => SmallVec::new(),
        }
    }
}

/// A hit holds what it would be computed from, which are hits again, as deep as a chain is long. They go one after the other,
/// not one inside of the other.
impl Drop for Hit {
    fn drop(&mut self) {
        let mut going = self.recipe.take();
        while let Some(mut slot) = going.pop() {
            slot.take_apart(&mut going);
        }
    }
}

impl Slot {
    /// Takes out what the slot alone holds on to.
    fn take_apart(&mut self, parts: &mut SmallVec<[Self; 2]>) {
        match self {
            Self::Plain(_) | Self::Unread => {}
            Self::Cached { hit, .. } => {
                if let Some(hit) = Arc::get_mut(hit) {
                    parts.extend(hit.recipe.take());
                }
            }
            Self::Rich(rich) => {
                if let Some(rich) = Arc::get_mut(rich) {
                    parts.extend(rich.take_items());
                }
            }
        }
    }
}

/// Says whether something that is given was found to be lost.
pub(crate) fn any_lost(given: &[Given]) -> bool {
    given.iter().any(|given| given.slot.is_lost())
}

/// Computes again what is lost of what is given, and then begins.
pub(crate) fn restore_first(
    given: Givens,
    begin: impl FnOnce(Givens, &mut Context<'_>) -> Begun + Send + 'static,
    cx: &mut Context<'_>,
) -> Begun {
    let work: Pin<Box<dyn Future<Output = Done> + Send>> = Box::pin(async move {
        for hit in given.iter().flat_map(|given| given.slot.hits()).filter(|hit| hit.is_lost()) {
            if let Err(error) = hit.restore().await {
                return Done { result: Err(error), hit: false, saved_ns: 0, end: Tick::now(), began: None };
            }
        }
        let mut begin = Some((begin, given));
        let begun = poll_fn(move |cx| match begin.take() {
            Some((begin, given)) => Poll::Ready(begin(given, cx)),
            None => Poll::Pending,
        });
        match begun.await {
            Begun::Done(done) => done,
            Begun::Running(future) => future.await,
        }
    });
    Begun::poll_once(work, cx)
}
