//! What callbacks may know of where they are, and what they leave for each other.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::SiteId;

use super::CallbackResult;
use super::set::View;
use crate::pipeline::{PipelineInfo, Surroundings};

/// One run, as the callbacks of one set see it: where the event that they are told of happened, and values that one of them
/// leaves and another reads. There is one for each run, and it is gone when the run ends.
#[derive(Default)]
pub struct CallbackContext {
    values: HashMap<String, Box<dyn Any + Send>>,
    now: Option<Now>,
}

/// Where the event stands that is being told.
struct Now {
    surroundings: Arc<Surroundings>,
    site: SiteId,
    view: View,
    /// The pipeline that the callback stands in, by its number.
    pipeline: usize,
}

impl CallbackContext {
    /// Leaves a value for other callbacks, and for later events of the run; returns what was there, if it was of this type.
    pub fn set<T: Send + 'static>(&mut self, key: impl Into<String>, value: T) -> Option<T> {
        let before = self.values.insert(key.into(), Box::new(value))?;
        before.downcast().ok().map(|before| *before)
    }

    /// Returns a value that was left, if it is there and of this type.
    #[must_use]
    pub fn get<T: 'static>(&self, key: &str) -> Option<&T> {
        self.values.get(key)?.downcast_ref()
    }

    /// Returns a value that was left, to be changed.
    #[must_use]
    pub fn get_mut<T: 'static>(&mut self, key: &str) -> Option<&mut T> {
        self.values.get_mut(key)?.downcast_mut()
    }

    /// Takes a value that was left. One of another type stays.
    pub fn take<T: 'static>(&mut self, key: &str) -> Option<T> {
        self.get::<T>(key)?;
        self.values.remove(key)?.downcast().ok().map(|value| *value)
    }

    /// Returns the pipeline in which the event happened; none outside of a run.
    #[must_use]
    pub fn pipeline(&self) -> Option<&PipelineInfo> {
        let now = self.now.as_ref()?;
        now.surroundings.pipelines.get(now.pipeline)
    }

    /// Returns the pipeline around the current one; none for the run's own.
    #[must_use]
    pub fn parent_pipeline(&self) -> Option<&PipelineInfo> {
        self.above(self.pipeline()?)
    }

    /// Returns how many pipelines are around the current one: 0 for the run's own.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.pipeline().map_or(0, PipelineInfo::depth)
    }

    /// Returns the names of the pipelines from the run's own to the current one.
    #[must_use]
    pub fn hierarchy(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            std::iter::successors(self.pipeline(), |pipeline| self.above(pipeline)).map(PipelineInfo::name).collect();
        names.reverse();
        names
    }

    /// Returns all pipelines of the run, the outer before the inner. They are known before the run starts.
    pub fn pipelines(&self) -> impl Iterator<Item = &PipelineInfo> {
        self.now.iter().flat_map(|now| &now.surroundings.pipelines)
    }

    /// Returns a pipeline of the run by its id.
    #[must_use]
    pub fn pipeline_with_id(&self, id: &str) -> Option<&PipelineInfo> {
        self.pipelines().find(|pipeline| pipeline.id() == id)
    }

    /// Returns the names of the inputs of what the event is about.
    #[must_use]
    pub fn input_names(&self) -> &[Arc<str>] {
        self.place().map_or(&[], |place| &place.inputs)
    }

    /// Returns the names of the outputs of what the event is about.
    #[must_use]
    pub fn output_names(&self) -> &[Arc<str>] {
        self.place().map_or(&[], |place| &place.outputs)
    }

    fn place(&self) -> Option<&crate::pipeline::SiteFacts> {
        let now = self.now.as_ref()?;
        now.surroundings.sites.get(now.site.0 as usize)
    }

    fn above(&self, pipeline: &PipelineInfo) -> Option<&PipelineInfo> {
        self.now.as_ref()?.surroundings.pipelines.get(pipeline.parent?)
    }

    /// Goes to where an event stands.
    pub(super) fn go_to(&mut self, surroundings: &Arc<Surroundings>, site: SiteId, view: View) {
        let pipeline = surroundings.sites.get(site.0 as usize).map_or(0, |facts| facts.pipeline);
        self.now = Some(Now { surroundings: Arc::clone(surroundings), site, view, pipeline });
        if !view.inside {
            self.step_out();
        }
    }

    /// Calls a hook as it is seen from the pipeline around, if this set of callbacks is to see it so.
    pub(super) fn seen_from_around(&mut self, hook: impl FnOnce(&mut Self) -> CallbackResult) -> CallbackResult {
        let Some(now) = self.now.as_ref().filter(|now| now.view.around) else { return Ok(()) };
        let inside = now.pipeline;
        if now.view.inside {
            self.step_out();
        }
        let told = hook(self);
        self.now.iter_mut().for_each(|now| now.pipeline = inside);
        told
    }

    /// Calls a hook as it is seen from the pipeline itself, if this set of callbacks is to see it so.
    pub(super) fn seen_from_inside(&mut self, hook: impl FnOnce(&mut Self) -> CallbackResult) -> CallbackResult {
        if self.now.as_ref().is_some_and(|now| now.view.inside) { hook(self) } else { Ok(()) }
    }

    fn step_out(&mut self) {
        let around = self.pipeline().and_then(|pipeline| pipeline.parent);
        if let (Some(now), Some(around)) = (&mut self.now, around) {
            now.pipeline = around;
        }
    }
}
