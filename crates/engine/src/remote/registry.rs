//! The pipelines that a worker knows, found by their fingerprints.

use std::collections::{HashMap, HashSet};

use flowglass_model::Fingerprint;

use crate::error::BoxError;
use crate::pipeline::{NodeKind, Pipeline};

/// Builds the pipeline of a name, or knows none.
pub(super) type Find = Box<dyn Fn(&str) -> Option<Result<Pipeline, BoxError>> + Send + Sync>;

/// Pipelines by their fingerprints, those inside of others included.
#[derive(Default)]
pub(super) struct Registry {
    pipelines: HashMap<Fingerprint, Pipeline>,
    /// Those of which there are several: they differ only in fixed values that nothing can tell apart.
    ambiguous: HashSet<Fingerprint>,
    /// The names of those that were registered themselves, for messages.
    names: Vec<String>,
    find: Option<Find>,
}

impl Registry {
    /// Adds a pipeline and every pipeline inside of it.
    pub(super) fn add(&mut self, pipeline: &Pipeline) {
        self.names.push(pipeline.name().to_owned());
        self.add_all(pipeline);
    }

    /// Adds all pipelines that can be found by their names.
    pub(super) fn add_named(&mut self, find: Find) {
        self.find = Some(find);
    }

    fn add_all(&mut self, pipeline: &Pipeline) {
        if let Some(known) = self.pipelines.insert(pipeline.fingerprint(), pipeline.clone()) {
            if !known.has_fixed_values_of(pipeline) {
                self.ambiguous.insert(pipeline.fingerprint());
            }
            return;
        }
        for node in &pipeline.0.nodes {
            if let NodeKind::Pipeline(inner) = &node.kind {
                self.add_all(inner);
            }
        }
    }

    /// Finds a pipeline, which may stand inside of the one that is called `root`, or says why it isn't there.
    pub(super) fn find(&mut self, fingerprint: Fingerprint, name: &str, root: &str) -> Result<Pipeline, String> {
        if !self.pipelines.contains_key(&fingerprint)
            && let Some(built) = self.find.as_ref().and_then(|find| find(root))
        {
            let built = built.map_err(|error| format!("the worker can't build the pipeline `{root}`: {error}"))?;
            self.add_all(&built);
        }
        if self.ambiguous.contains(&fingerprint) {
            return Err(format!(
                "the worker knows several pipelines `{name}` that differ only in fixed values without a key, so that nobody can \
                 say which one is meant: implement `CacheKey` for these values, or give the pipelines names of their own"
            ));
        }
        self.pipelines.get(&fingerprint).cloned().ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> String {
        if self.pipelines.values().any(|pipeline| pipeline.name() == name) {
            return format!(
                "the worker's pipeline `{name}` is another one than the driver's: its nodes, names, versions or code differ; \
                 build both by one function and give that to `flowglass::worker`"
            );
        }
        let known = if self.names.is_empty() { "none".to_owned() } else { self.names.join(", ") };
        format!("the worker doesn't know the pipeline `{name}`: give it to `flowglass::worker` (it knows {known})")
    }
}
