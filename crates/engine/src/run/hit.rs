//! A result that lies in the cache: loaded when somebody needs it, and computed again if it can't be.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use flowglass_record::Tick;
use tokio::sync::OnceCell;

use super::call::{self, Begun, CallSite, Done, Given, Givens};
use super::slot::Slots;
use crate::cache::Entry;
use crate::error::Error;
use crate::value::{KeyDigest, Type, Value, ValueError};

/// A computation whose results lie in the cache, with what it takes to do it once more.
pub(crate) struct Hit {
    signature: KeyDigest,
    entry: Arc<Entry>,
    site: CallSite,
    given: Givens,
    lost: AtomicBool,
    computed: OnceCell<Slots>,
}

impl Hit {
    pub(crate) fn new(signature: KeyDigest, entry: Arc<Entry>, site: CallSite, given: Givens) -> Self {
        Self { signature, entry, site, given, lost: AtomicBool::new(false), computed: OnceCell::new() }
    }

    /// Returns an output, by its place in the entry and among the slots of the computation: computed again, or loaded.
    pub(crate) fn value(&self, output: u32, place: u32, ty: &Type) -> Result<Value, ValueError> {
        match self.computed.get().and_then(|slots| slots.get(place as usize)) {
            Some(slot) => slot.value(ty),
            None => self.load(output, ty).inspect_err(|error| self.lose(error)),
        }
    }

    /// The places in the entry of the outputs that the pipeline knows.
    pub(crate) fn exposed(&self) -> &[usize] {
        &self.site.plan().exposed
    }

    /// Says whether an output lies in the entry itself.
    pub(crate) fn is_small(&self, output: u32) -> bool {
        self.entry.outputs.get(output as usize).is_some_and(|output| output.inline.is_some())
    }

    fn load(&self, output: u32, ty: &Type) -> Result<Value, ValueError> {
        let output = self.entry.outputs.get(output as usize);
        let output = output.ok_or_else(|| ValueError::new("the cached entry lacks an output"))?;
        let cache = self.site.level.config.cache.as_ref().ok_or_else(|| ValueError::new("the run has no cache"))?;
        let bytes = cache.load(output).map_err(|error| ValueError::new(error.to_string()))?;
        ty.decode(&bytes)
    }

    /// Notes that the results can't be had, so that they are computed when they are needed.
    fn lose(&self, problem: &ValueError) {
        if !self.lost.swap(true, Relaxed) {
            self.site
                .level
                .run
                .totals
                .count_damage(format_args!("a cached result of `{}` is lost: {problem}", self.entry.path));
            if let Some(cache) = &self.site.level.config.cache {
                cache.forget(&self.signature);
            }
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Relaxed) && self.computed.get().is_none()
    }

    /// Computes the results again, once for all who need them.
    pub(crate) async fn restore(&self) -> Result<(), Error> {
        let compute = async {
            let begun = poll_fn(|cx| Poll::Ready(call::again(self.site.clone(), self.given.clone(), cx))).await;
            match begun {
                Begun::Done(done) => done.result,
                Begun::Running(future) => future.await.result,
            }
        };
        self.computed.get_or_try_init(|| compute).await.map(|_| ())
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
