//! Where a run keeps its values: computed, still in the cache, or a list of such.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::hit::Hit;
use crate::value::{KeyDigest, KeyHasher, List, Type, Value, ValueError};

/// One value of a run, with the signature of the computation that made it where it has one.
#[derive(Clone)]
pub(crate) enum Slot {
    /// A value that no signature stands for.
    Plain(Value),
    /// Anything else. Rare or dear enough to stand apart, so that the others are small.
    Rich(Arc<Rich>),
}

pub(crate) struct Rich {
    content: Content,
    /// The signature of the computation that made it.
    signature: Option<KeyDigest>,
    /// Without a signature, the digest of the value itself, worked out when a key first needs it.
    digest: OnceLock<KeyDigest>,
}

/// The values that one piece of work made.
pub(crate) type Slots = SmallVec<[Slot; 1]>;

enum Content {
    Here(Value),
    /// An output of a cached computation: its place in the entry, and among the slots of the computation.
    Cached {
        hit: Arc<Hit>,
        output: u32,
        place: u32,
    },
    Many(Vec<Slot>),
}

impl Slot {
    /// Holds a value that no signature stands for.
    pub(crate) fn unsigned(value: Value) -> Self {
        Self::Plain(value)
    }

    /// Holds a computed value.
    pub(crate) fn computed(value: Value, signature: Option<KeyDigest>) -> Self {
        if signature.is_some() { Self::rich(Content::Here(value), signature) } else { Self::Plain(value) }
    }

    /// Holds a value that is still in the cache.
    pub(crate) fn cached(hit: &Arc<Hit>, (output, place): (u32, u32), signature: Option<KeyDigest>) -> Self {
        Self::rich(Content::Cached { hit: Arc::clone(hit), output, place }, signature)
    }

    /// Holds a value that no signature stands for, and whose digest is worked out once for all who read it.
    pub(crate) fn shared(value: Value) -> Self {
        Self::rich(Content::Here(value), None)
    }

    /// Sees to it that the value's digest is worked out once for all who read it.
    pub(crate) fn share_digest(&mut self) {
        if let Self::Plain(value) = self {
            *self = Self::shared(Arc::clone(value));
        }
    }

    /// Takes a small value out of the cache, so that what is needed to compute it again needn't be kept.
    pub(crate) fn keep(&mut self, value: Value) {
        if let Self::Rich(rich) = self
            && let Content::Cached { hit, output, .. } = &rich.content
            && hit.is_small(*output)
        {
            *self = Self::rich(Content::Here(value), rich.signature);
        }
    }

    /// Holds one output of a map's items. Its signature is over the items' in their order.
    pub(crate) fn many(items: Vec<Self>) -> Self {
        let signature = items
            .iter()
            .try_fold(KeyHasher::default(), |mut hasher, item| {
                hasher.bytes(item.signature()?);
                Some(hasher)
            })
            .map(|mut hasher| {
                hasher.label("items");
                hasher.list(items.len());
                hasher.finish()
            });
        Self::rich(Content::Many(items), signature)
    }

    fn rich(content: Content, signature: Option<KeyDigest>) -> Self {
        Self::Rich(Arc::new(Rich { content, signature, digest: OnceLock::new() }))
    }

    pub(crate) fn signature(&self) -> Option<&KeyDigest> {
        match self {
            Self::Plain(_) => None,
            Self::Rich(rich) => rich.signature.as_ref(),
        }
    }

    /// Returns the value if it is here and in no other form.
    #[inline]
    pub(crate) fn here(&self) -> Option<&Value> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Rich(rich) => rich.here(),
        }
    }

    /// As [`here`](Self::here), without counting one holder more where there is no other.
    pub(crate) fn into_here(self) -> Option<Value> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Rich(rich) => match Arc::try_unwrap(rich) {
                Ok(Rich { content: Content::Here(value), .. }) => Some(value),
                Ok(_) => None,
                Err(shared) => shared.here().cloned(),
            },
        }
    }

    /// Returns the value, loading it if it is still in the cache; `ty` is its type.
    pub(crate) fn value(&self, ty: &Type) -> Result<Value, ValueError> {
        match self {
            Self::Plain(value) => Ok(Arc::clone(value)),
            Self::Rich(rich) => rich.content.value(ty),
        }
    }

    /// Shows the value in at most about `limit` bytes, if it is here.
    pub(crate) fn preview(&self, ty: &Type, limit: usize) -> Option<String> {
        self.here().map(|value| ty.preview(value, limit))
    }

    /// Returns what stands for the value in a cache key.
    pub(crate) fn digest(&self, ty: &Type) -> Result<KeyDigest, ValueError> {
        let rich = match self {
            Self::Plain(value) => return value_digest(value, ty),
            Self::Rich(rich) => rich,
        };
        match rich.signature.as_ref().or_else(|| rich.digest.get()) {
            Some(digest) => Ok(*digest),
            None => rich.content.digest(ty).map(|digest| *rich.digest.get_or_init(|| digest)),
        }
    }

    /// Takes a list apart, leaving what is still in the cache there.
    pub(crate) fn items(&self, ty: &Type) -> Result<Vec<Self>, ValueError> {
        if let Self::Rich(rich) = self
            && let Content::Many(items) = &rich.content
        {
            return Ok(items.clone());
        }
        Ok(ty.items(&self.value(ty)?)?.into_iter().map(Self::unsigned).collect())
    }

    /// Says whether the value, or one of the list, lies in the cache.
    pub(crate) fn is_cached(&self) -> bool {
        match self.content() {
            Some(Content::Cached { .. }) => true,
            Some(Content::Many(items)) => items.iter().any(Self::is_cached),
            _ => false,
        }
    }

    /// Says whether the value, or one of the list, was found to be lost and hasn't been computed again.
    pub(crate) fn is_lost(&self) -> bool {
        match self.content() {
            Some(Content::Cached { hit, .. }) => hit.is_lost(),
            Some(Content::Many(items)) => items.iter().any(Self::is_lost),
            _ => false,
        }
    }

    /// Everything in the slot that lies in the cache.
    pub(crate) fn hits(&self) -> Vec<Arc<Hit>> {
        match self.content() {
            Some(Content::Cached { hit, .. }) => vec![Arc::clone(hit)],
            Some(Content::Many(items)) => items.iter().flat_map(Self::hits).collect(),
            _ => Vec::new(),
        }
    }

    fn content(&self) -> Option<&Content> {
        match self {
            Self::Plain(_) => None,
            Self::Rich(rich) => Some(&rich.content),
        }
    }
}

impl Rich {
    fn here(&self) -> Option<&Value> {
        match &self.content {
            Content::Here(value) => Some(value),
            Content::Cached { .. } | Content::Many(_) => None,
        }
    }
}

impl Content {
    fn value(&self, ty: &Type) -> Result<Value, ValueError> {
        match self {
            Self::Here(value) => Ok(Arc::clone(value)),
            Self::Cached { hit, output, place } => hit.value(*output, *place, ty),
            Self::Many(items) => {
                let Type::List(item) = ty else { return Err(ValueError::new(format!("a list is not a `{ty}`"))) };
                Ok(Arc::new(List(items.iter().map(|slot| slot.value(item)).collect::<Result<_, _>>()?)))
            }
        }
    }

    fn digest(&self, ty: &Type) -> Result<KeyDigest, ValueError> {
        let (Self::Many(items), Type::List(item)) = (self, ty) else { return value_digest(&self.value(ty)?, ty) };
        let mut hasher = KeyHasher::default();
        hasher.label("values");
        hasher.list(items.len());
        items.iter().try_for_each(|slot| slot.digest(item).map(|digest| hasher.bytes(&digest)))?;
        Ok(hasher.finish())
    }
}

fn value_digest(value: &Value, ty: &Type) -> Result<KeyDigest, ValueError> {
    let mut hasher = KeyHasher::default();
    hasher.label("value");
    ty.key(value, &mut hasher)?;
    Ok(hasher.finish())
}
