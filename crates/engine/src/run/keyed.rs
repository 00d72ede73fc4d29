//! The signature of a call: what makes its results stand for those of another run.

use std::sync::Arc;
use std::time::Duration;

use flowglass_model::CacheStatus;
use smallvec::SmallVec;

use super::call::{CallSite, Given, inputs};
use super::hit::{Known, Stands};
use super::shared::Level;
use crate::cache::{CacheError, CachedOutput, Entry, Found, Part, identity, nanoseconds, unix_now_ns};
use crate::error::{BoxError, Error, ErrorKind};
use crate::node::{KeyedBy, Node, NodeSpec, Outputs};
use crate::pipeline::{NodeKind, PlanNode};
use crate::value::{KeyDigest, KeyHasher, Value, ValueError};

/// A call whose results can be cached: its signature and the digests of the signature's parts.
pub(crate) struct Keyed {
    pub(crate) signature: KeyDigest,
    /// For how long results hold.
    ttl: Option<Duration>,
    digests: Digests,
    /// The parts that a node keyed by values names.
    named: Named,
}

/// The parts of a key that a node keyed by values names, each with its digest.
pub(crate) type Named = Vec<(String, KeyDigest)>;

/// What a signature is made of: the node's [`head`], what stands for each input in the order of the node's parameters or for all
/// of them together, and at last the environment, if there is one.
pub(crate) type Digests = SmallVec<[KeyDigest; 4]>;

/// Why there is no signature.
pub(crate) enum NoKey {
    /// A value that counts in it couldn't be loaded; it may be computed again.
    Lost,
    Failed(Error),
}

/// What stands for the outputs of a call in the keys of those who read them.
pub(crate) enum Identities {
    /// The signature of the call.
    Signature(KeyDigest),
    /// The content of each output: results that hold for a time only may be others the next time.
    Contents(SmallVec<[KeyDigest; 1]>),
    /// The values themselves.
    Values,
}

impl Identities {
    /// The digest that stands for an output, if it isn't the value itself.
    pub(crate) fn of(&self, output: usize) -> Option<KeyDigest> {
        match self {
            Self::Signature(signature) => Some(identity::of_signature(signature, output)),
            Self::Contents(contents) => contents.get(output).copied(),
            Self::Values => None,
        }
    }
}

impl Keyed {
    /// Works out the signature, if there is a cache and the node may use it.
    pub(crate) fn find(site: &CallSite, node: &dyn Node, spec: &NodeSpec, given: &[Given]) -> Result<Option<Self>, NoKey> {
        let (level, plan) = (&*site.level, site.plan());
        let (Some(_), Some(_), true) = (&level.config.cache, &spec.code, plan.cache) else { return Ok(None) };
        let (mut digests, mut named) = (begun(level, site.node), Named::new());
        match spec.keyed_by {
            KeyedBy::Signatures => {
                for (arg, given) in plan.args.iter().zip(given) {
                    let digest = given
                        .slot
                        .digest(&given.have)
                        .map_err(|error| no_key(site, std::slice::from_ref(given), &arg.name, &error))?;
                    digests.push(digest);
                }
            }
            KeyedBy::Values => {
                let inputs = inputs(&plan.args, given).map_err(|error| no_key(site, given, "", &error))?;
                named = by_values(node, &inputs, &mut digests).map_err(|error| NoKey::Failed(Error::from_node(error)))?;
            }
        }
        let signature = sign(level, &mut digests);
        Ok(Some(Self::of(level, site.node, signature, (digests, named))))
    }

    /// Makes it of a signature that was worked out before, and of what that was made of.
    pub(crate) fn of(level: &Level, node: usize, signature: KeyDigest, (digests, named): (Digests, Named)) -> Self {
        Self { signature, ttl: ttl(level, node), digests, named }
    }

    /// Looks for the results.
    pub(crate) fn lookup(&self, level: &Level, spec: &NodeSpec) -> Found {
        let Some(cache) = &level.config.cache else { return Found::Miss };
        cache.find(&self.signature, spec.outputs.len(), self.ttl)
    }

    /// What a cache has, that knows of the results.
    pub(crate) fn known(&self, entry: Arc<Entry>) -> Known {
        Known { signature: self.signature, entry, stands: Stands::of(self.ttl) }
    }

    /// Keeps what was computed, if it can be encoded and the cache can write.
    pub(crate) fn store(&self, site: &CallSite, spec: &NodeSpec, outputs: &Outputs, cost_ns: u64) -> (CacheStatus, Identities) {
        let Some(cache) = &site.level.config.cache else { return (CacheStatus::Off, Identities::Values) };
        let encode = |(output, value): (&crate::node::Output, _)| Ok((output.ty.encode(value)?, output.ty.to_string()));
        let encoded: Result<Vec<_>, ValueError> = spec.outputs.iter().zip(outputs).map(encode).collect();
        let Ok(encoded) = encoded else {
            let values = if self.ttl.is_some() { Identities::Values } else { Identities::Signature(self.signature) };
            return (CacheStatus::Miss, values);
        };
        let contents = || encoded.iter().map(|(bytes, _)| identity::of_content(blake3::hash(bytes).as_bytes())).collect();
        let identities = self.identities(contents);
        let entry = Entry { outputs: Vec::with_capacity(encoded.len()), ..self.entry(site, spec, cost_ns) };
        (Self::kept(site, cache.keep(&self.signature, entry, encoded)), identities)
    }

    /// Keeps what was computed elsewhere and has its place in the cache already.
    pub(crate) fn adopt(
        &self,
        site: &CallSite,
        spec: &NodeSpec,
        outputs: Vec<CachedOutput>,
        cost_ns: u64,
    ) -> (CacheStatus, Identities, Arc<Entry>) {
        let identities = self.identities(|| outputs.iter().map(|output| identity::of_content(&output.digest)).collect());
        let entry = Entry { outputs, ..self.entry(site, spec, cost_ns) };
        let put = site.level.config.cache.as_ref().map(|cache| cache.put(&self.signature, entry.clone()));
        (put.map_or(CacheStatus::Off, |put| Self::kept(site, put)), identities, Arc::new(entry))
    }

    /// A question that can be asked later and elsewhere: what the cache has by then.
    pub(crate) fn later(&self, level: &Level, spec: &NodeSpec) -> impl Fn() -> Found + Send + Sync + use<> {
        let (cache, signature, outputs, ttl) = (level.config.cache.clone(), self.signature, spec.outputs.len(), self.ttl);
        move || cache.as_ref().map_or(Found::Miss, |cache| cache.find(&signature, outputs, ttl))
    }

    fn identities(&self, contents: impl FnOnce() -> SmallVec<[KeyDigest; 1]>) -> Identities {
        match self.ttl {
            None => Identities::Signature(self.signature),
            Some(_) => Identities::Contents(contents()),
        }
    }

    /// The entry of a call, but for its outputs.
    fn entry(&self, site: &CallSite, spec: &NodeSpec, cost_ns: u64) -> Entry {
        Entry {
            path: site.level.site(site.site).path.to_string(),
            cost_ns,
            stored_unix_ns: unix_now_ns(),
            ttl_ns: self.ttl.map(nanoseconds),
            parts: self.parts(site, spec),
            outputs: Vec::new(),
            pipeline: None,
        }
    }

    fn kept(site: &CallSite, kept: Result<(), CacheError>) -> CacheStatus {
        match kept {
            Ok(()) => CacheStatus::Write,
            Err(error) => {
                site.level.run.totals.note_problem(error);
                CacheStatus::Miss
            }
        }
    }

    /// The parts of the signature by their names.
    fn parts(&self, site: &CallSite, spec: &NodeSpec) -> Vec<Part> {
        let part = |name: &str, digest: KeyDigest| Part { name: name.to_owned(), digest };
        let mut parts = vec![part("code", spec.code.unwrap_or_default())];
        if !spec.version.is_empty() {
            parts.push(part("version", blake3::hash(spec.version.as_bytes()).into()));
        }
        if let Some(environment) = &site.level.config.environment {
            parts.push(part("environment", blake3::hash(environment.as_bytes()).into()));
        }
        if spec.keyed_by == KeyedBy::Signatures {
            let inputs = site.plan().args.iter().zip(&self.digests[1..]);
            parts.extend(inputs.map(|(arg, digest)| part(&format!("input.{}", arg.name), *digest)));
        }
        parts.extend(self.named.iter().map(|(name, digest)| part(name, *digest)));
        parts
    }
}

/// Begins a signature with what is the same for each call of the node.
#[inline]
pub(crate) fn begun(level: &Level, node: usize) -> Digests {
    let plan = &*level.pipeline.0;
    let mut digests = Digests::new();
    digests.push(*plan.steps.cached[node].head.get_or_init(|| head(&plan.nodes[node])));
    digests
}

/// Adds what a node that is keyed by values says of them, and returns the parts of that by their names.
pub(crate) fn by_values(node: &dyn Node, inputs: &[Value], digests: &mut Digests) -> Result<Named, BoxError> {
    let mut hasher = KeyHasher::default();
    node.cache_key(inputs, &mut hasher)?;
    let (digest, named) = hasher.finish_parts();
    digests.push(digest);
    Ok(if named.is_empty() { vec![("inputs".to_owned(), digest)] } else { named })
}

/// Completes a signature's digests, and the signature from them.
#[inline]
pub(crate) fn sign(level: &Level, digests: &mut Digests) -> KeyDigest {
    if let Some(environment) = &level.config.environment {
        digests.push(blake3::hash(environment.as_bytes()).into());
    }
    blake3::hash(digests.as_flattened()).into()
}

/// Returns for how long the results of a node hold, if not for ever.
#[inline]
pub(crate) fn ttl(level: &Level, node: usize) -> Option<Duration> {
    level.pipeline.0.steps.cached[node].ttl.or_else(|| level.config.cache.as_ref()?.default_ttl())
}

fn no_key(site: &CallSite, given: &[Given], name: &str, error: &ValueError) -> NoKey {
    if given.iter().any(|given| given.slot.is_lost()) {
        return NoKey::Lost;
    }
    let error = if name.is_empty() { error.to_string() } else { format!("input `{name}`: {error}") };
    NoKey::Failed(site.error(ErrorKind::Cache, &ValueError::new(error)))
}

/// What of a node's signatures is the same for each of its calls: its code, its version, the names of what it is given. With
/// it, the number of digests in a signature says which is which.
#[cold]
fn head(plan: &PlanNode) -> KeyDigest {
    let mut hasher = KeyHasher::default();
    hasher.label("flowglass signature 3");
    if let NodeKind::Call { spec, .. } = &plan.kind {
        hasher.bytes(&spec.code.unwrap_or_default());
        hasher.text(&spec.version);
        if spec.keyed_by == KeyedBy::Signatures {
            hasher.list(plan.args.len());
            plan.args.iter().for_each(|arg| hasher.text(&arg.name));
        }
    }
    hasher.finish()
}
