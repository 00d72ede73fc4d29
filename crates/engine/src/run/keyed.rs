//! The signature of a call: what makes its results stand for those of another run.

use std::sync::Arc;

use flowglass_model::CacheStatus;

use super::call::{CallSite, Given, inputs};
use crate::cache::{Cache, Entry, NewEntry};
use crate::error::{Error, ErrorKind};
use crate::node::{KeyedBy, Node, NodeSpec, Outputs};
use crate::value::{KeyDigest, KeyHasher, ValueError};

/// The signature of one of a node's outputs.
pub(crate) fn output_signature(signature: &KeyDigest, output: usize) -> KeyDigest {
    let mut hasher = KeyHasher::default();
    hasher.bytes(signature);
    hasher.list(output);
    hasher.finish()
}

/// A call whose results can be cached: its signature and the digests of the signature's parts.
pub(crate) struct Keyed {
    cache: Arc<dyn Cache>,
    pub(crate) signature: KeyDigest,
    parts: Vec<(String, KeyDigest)>,
    outputs: usize,
}

impl Keyed {
    /// Works out the signature, if there is a cache and the node may use it.
    pub(crate) fn find(site: &CallSite, node: &dyn Node, spec: &NodeSpec, given: &[Given]) -> Result<Option<Self>, Error> {
        let plan = site.plan();
        let (Some(cache), Some(code), true) = (&site.level.config.cache, &spec.code, plan.cache) else { return Ok(None) };
        let mut parts = Vec::with_capacity(given.len() + 2);
        let mut hasher = KeyHasher::default();
        hasher.bytes(code);
        hasher.text(&spec.version);
        parts.push(("code".to_owned(), hasher.finish()));
        if let Some(environment) = &site.level.config.environment {
            let mut hasher = KeyHasher::default();
            hasher.text(environment);
            parts.push(("environment".to_owned(), hasher.finish()));
        }
        match spec.keyed_by {
            KeyedBy::Signatures => {
                for (arg, given) in plan.args.iter().zip(given) {
                    let mut hasher = KeyHasher::default();
                    given.slot.key(&given.have, &mut hasher).map_err(|error| {
                        let error = ValueError::new(format!("input `{}`: {error}", arg.name));
                        site.error(ErrorKind::Cache, &error)
                    })?;
                    parts.push((arg.name.clone(), hasher.finish()));
                }
            }
            KeyedBy::Values => {
                let inputs = inputs(&plan.args, given).map_err(|error| site.error(ErrorKind::Cache, &error))?;
                let mut hasher = KeyHasher::default();
                node.cache_key(&inputs, &mut hasher).map_err(Error::from_node)?;
                parts.push(("inputs".to_owned(), hasher.finish()));
            }
        }
        let mut hasher = KeyHasher::default();
        hasher.label("flowglass signature 1");
        for (name, digest) in &parts {
            hasher.label(name);
            hasher.bytes(digest);
        }
        Ok(Some(Self { cache: Arc::clone(cache), signature: hasher.finish(), parts, outputs: spec.outputs.len() }))
    }

    pub(crate) fn lookup(&self) -> Option<Arc<Entry>> {
        self.cache.get(&self.signature).filter(|entry| entry.outputs() == self.outputs)
    }

    /// Keeps what was computed, if it can be encoded and the cache can write.
    pub(crate) fn store(&self, spec: &NodeSpec, outputs: &Outputs, cost_ns: u64) -> CacheStatus {
        let encoded: Result<Vec<_>, _> =
            spec.outputs.iter().zip(outputs).map(|(output, value)| output.ty.encode(value)).collect();
        let stored = encoded.is_ok_and(|outputs| {
            let entry = NewEntry { cost_ns, parts: &self.parts, outputs: &outputs };
            self.cache.put(&self.signature, entry).is_ok()
        });
        if stored { CacheStatus::Write } else { CacheStatus::Miss }
    }
}
