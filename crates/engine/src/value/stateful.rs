//! Values that are built where they are used, and once there: models, clients, pools of connections.

use std::any::Any;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::OnceCell;

use super::description::short_name;
use super::{CacheKey, KeyHasher};
use crate::error::{BoxError, NodeError};

/// A type whose values are built from arguments, which are plain data: a model from its path, a client from its address.
///
/// Only the arguments travel to another process; there, the value is built anew.
pub trait State: Sized + Send + Sync + 'static {
    /// What a value is built from.
    type Arguments: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Builds the value: `async fn construct(path: &String) -> Result<Self, BoxError>`. It may wait for what it needs; what it
    /// does without waiting is done on the thread of the node that needs the value.
    ///
    /// # Errors
    /// Whatever stands in its way; the node that needs the value fails with it.
    fn construct(arguments: &Self::Arguments) -> impl Future<Output = Result<Self, BoxError>> + Send;
}

/// Something that is built at its first use, and once, however many nodes, items and threads use it.
///
/// Its cache key comes from the arguments, or from [`keyed`](Self::keyed). Cheap to clone: clones share what is built.
pub struct Stateful<T>(Arc<Shared<T>>);

struct Shared<T> {
    arguments: Arc<dyn Any + Send + Sync>,
    construct: Constructor<T>,
    /// Whether another process could build the same from the arguments.
    travels: bool,
    key: String,
    given_key: Option<String>,
    built: OnceCell<Arc<T>>,
}

/// What builds a value, and what it is called in errors.
struct Constructor<T> {
    name: String,
    call: Arc<dyn Fn() -> Constructing<T> + Send + Sync>,
}

type Constructing<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// A value that is being built, by whoever polls this or by somebody else.
type Building = Pin<Box<dyn Future<Output = Result<(), NodeError>> + Send>>;

impl<T: State> Stateful<T> {
    /// Keeps the arguments from which the value is built at its first use.
    #[must_use]
    pub fn new(arguments: impl Into<T::Arguments>) -> Self {
        let arguments = Arc::new(arguments.into());
        let kept = Arc::clone(&arguments);
        let call = move || -> Constructing<T> {
            let arguments = Arc::clone(&kept);
            Box::pin(async move { T::construct(&arguments).await })
        };
        let name = format!("`{}::construct`", Self::type_name());
        Self::kept(arguments, Constructor { name, call: Arc::new(call) }, true)
    }
}

impl<T: Send + Sync + 'static> Stateful<T> {
    /// As [`new`](Self::new), for types that aren't [`State`]: built by a closure, which can't travel to other processes.
    ///
    /// The closure's code doesn't count in cache keys; only the arguments do.
    pub fn with<A, E, C>(arguments: A, construct: C) -> Self
    where
        A: Serialize + Send + Sync + 'static,
        E: Into<BoxError>,
        C: Fn(&A) -> Result<T, E> + Send + Sync + 'static,
    {
        let (arguments, construct) = (Arc::new(arguments), Arc::new(construct));
        let kept = Arc::clone(&arguments);
        let call = move || -> Constructing<T> {
            let (arguments, construct) = (Arc::clone(&kept), Arc::clone(&construct));
            Box::pin(async move { construct(&arguments).map_err(Into::into) })
        };
        Self::kept(arguments, Constructor { name: closure_name::<C>(), call: Arc::new(call) }, false)
    }

    /// As [`with`](Self::with), for what is built by something that waits: a pool of connections, a download.
    pub fn with_async<A, E, C, F>(arguments: A, construct: C) -> Self
    where
        A: Serialize + Send + Sync + 'static,
        E: Into<BoxError>,
        C: Fn(Arc<A>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let arguments = Arc::new(arguments);
        let kept = Arc::clone(&arguments);
        let call = move || -> Constructing<T> {
            let constructing = construct(Arc::clone(&kept));
            Box::pin(async move { constructing.await.map_err(Into::into) })
        };
        Self::kept(arguments, Constructor { name: closure_name::<C>(), call: Arc::new(call) }, false)
    }

    /// Lets this text stand for the arguments in cache keys: a model's name rather than its path, say. Leave secrets out.
    #[must_use]
    pub fn keyed(self, key: impl Into<String>) -> Self {
        let (shared, key) = (&self.0, key.into());
        let (arguments, construct) = (Arc::clone(&shared.arguments), shared.construct.clone());
        Self(Arc::new(Shared { given_key: Some(key.clone()), key, ..Shared::new(arguments, construct, shared.travels) }))
    }

    /// Returns the value, building it if this is its first use. What failed once is tried again at the next use.
    ///
    /// Where the constructor waits for something, so does this, and its thread with it; async code awaits
    /// [`ready`](Self::ready) instead. What a node takes as `#[state]` is built before the function is called.
    ///
    /// # Errors
    /// If it can't be built: an error of the type `state`, with what the constructor said as its source.
    pub fn get(&self) -> Result<&T, NodeError> {
        self.build().map(|built| &**built)
    }

    /// As [`get`](Self::get), without keeping a thread while the constructor waits.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn ready(&self) -> Result<&T, NodeError> {
        // One builds and the others wait: a model must not lie in memory twice.
        let build = || async {
            let built = (self.0.construct.call)().await;
            built.map(Arc::new).map_err(|error| self.failure(error))
        };
        self.0.built.get_or_try_init(build).await.map(|built| &**built)
    }

    /// Sees to it that the value is built: at once where its constructor doesn't wait, else by what is added to `building`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    #[doc(hidden)]
    pub fn prepare(&self, building: &mut Vec<Building>) -> Result<(), NodeError> {
        if self.is_built() {
            return Ok(());
        }
        let this = self.clone();
        let mut work: Building = Box::pin(async move { this.ready().await.map(|_| ()) });
        match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(built) => built,
            Poll::Pending => {
                building.push(work);
                Ok(())
            }
        }
    }

    /// As [`get`](Self::get), for nodes that keep the value longer than the call.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn share(&self) -> Result<Arc<T>, NodeError> {
        self.build().map(Arc::clone)
    }

    /// Says whether the value has been built in this process.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.0.built.get().is_some()
    }

    fn build(&self) -> Result<&Arc<T>, NodeError> {
        if self.0.built.get().is_none() {
            wait(self.ready())?;
        }
        // Once built, it stays.
        self.0.built.get().ok_or_else(|| self.failure("it is gone".into()))
    }

    fn failure(&self, error: BoxError) -> NodeError {
        let message = format!("the state `{}` couldn't be built by {}", Self::type_name(), self.0.construct.name);
        NodeError::new("state", message).with_source(error)
    }

    fn kept<A: Serialize + Send + Sync + 'static>(arguments: Arc<A>, construct: Constructor<T>, travels: bool) -> Self {
        let mut hasher = KeyHasher::default();
        let key = match hasher.serialize(&*arguments) {
            Ok(()) => hasher.finish().iter().map(|byte| format!("{byte:02x}")).collect(),
            // Arguments that have no key must never be taken for others.
            Err(_) => format!("no key {:032x}", fastrand::u128(..)),
        };
        Self(Arc::new(Shared { key, ..Shared::new(arguments, construct, travels) }))
    }
}

impl<T> Stateful<T> {
    fn type_name() -> String {
        short_name(std::any::type_name::<T>())
    }
}

impl<T> Shared<T> {
    fn new(arguments: Arc<dyn Any + Send + Sync>, construct: Constructor<T>, travels: bool) -> Self {
        Self { arguments, construct, travels, key: String::new(), given_key: None, built: OnceCell::new() }
    }
}

impl<T> Clone for Constructor<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), call: Arc::clone(&self.call) }
    }
}

/// Names a closure by where it is written.
fn closure_name<C>() -> String {
    let name = std::any::type_name::<C>();
    match name.strip_suffix("::{{closure}}") {
        Some(place) => format!("a closure in `{place}`"),
        None => format!("`{name}`"),
    }
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future on this thread.
fn wait<F: Future>(future: F) -> F::Output {
    let (mut future, waker) = (pin!(future), Waker::from(Arc::new(Unpark(thread::current()))));
    let mut cx = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

impl<T> Clone for Stateful<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> CacheKey for Stateful<T> {
    fn cache_key(&self) -> String {
        self.0.key.clone()
    }
}

impl<T> fmt::Debug for Stateful<T> {
    /// Writes the type alone: arguments may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Self::type_name())
    }
}

/// What travels.
#[derive(Serialize, Deserialize)]
struct Travelling<A> {
    arguments: A,
    key: Option<String>,
}

impl<T: State> Serialize for Stateful<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let arguments = self.0.arguments.downcast_ref::<T::Arguments>().filter(|_| self.0.travels);
        let problem = || S::Error::custom(format!("this `{}` is built by a closure, which can't travel", Self::type_name()));
        Travelling { arguments: arguments.ok_or_else(problem)?, key: self.0.given_key.clone() }.serialize(serializer)
    }
}

impl<'de, T: State> Deserialize<'de> for Stateful<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let travelled = Travelling::<T::Arguments>::deserialize(deserializer)?;
        let state = Self::new(travelled.arguments);
        Ok(match travelled.key {
            Some(key) => state.keyed(key),
            None => state,
        })
    }
}

#[cfg(test)]
mod tests;
