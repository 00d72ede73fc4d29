//! A run about to start.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use flowglass_model::{GraphSettings, Site};

use super::around::Around;
use super::options::Options;
use super::outcome::Run;
use super::root;
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Inputs, Pipeline};

/// A run about to start. Await it for a [`Run`] that went well, or [`settle`](Self::settle) it for the run whatever it came to.
#[must_use = "a run starts when it is awaited, or by `wait`"]
pub struct RunBuilder {
    pub(crate) pipeline: Pipeline,
    pub(crate) inputs: Inputs,
    pub(crate) options: Options,
}

impl RunBuilder {
    pub(crate) fn new(pipeline: Pipeline, inputs: Inputs) -> Self {
        Self { pipeline, inputs, options: Options::default() }
    }

    /// Returns the places that the run's events will tell of.
    #[must_use]
    pub fn sites(&self) -> Arc<[Site]> {
        self.pipeline.sites()
    }

    /// A pipeline's paths are those of its run.
    pub(super) fn placed(_: &Pipeline, settings: GraphSettings) -> GraphSettings {
        settings
    }

    /// Runs, and returns the run whatever it came to: its status and error say how it ended.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] or [`ErrorKind::Output`] if it can't even start.
    pub fn settle(self) -> impl Future<Output = Result<Run, Error>> + Send {
        root::run(self, Around::here())
    }

    /// Runs on this thread, for programs without an async runtime.
    ///
    /// # Errors
    /// As awaiting the run, and [`ErrorKind::Environment`] inside an async runtime, where it would block it.
    pub fn wait(self) -> Result<Run, Error> {
        blocking(self.into_future())
    }
}

impl IntoFuture for RunBuilder {
    type Output = Result<Run, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let settled = self.settle();
        Box::pin(async { settled.await?.into_result() })
    }
}

/// Waits on this thread for what needs an async runtime.
///
/// # Errors
/// The future's own, and [`ErrorKind::Environment`] inside an async runtime, or where there can be none.
pub(super) fn blocking<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if tokio::runtime::Handle::try_current().is_ok() {
        return Err(Error::new(ErrorKind::Environment, "`wait` would block an async runtime; await the run instead"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::new(ErrorKind::Environment, format!("no async runtime: {error}")))?;
    runtime.block_on(future)
}
