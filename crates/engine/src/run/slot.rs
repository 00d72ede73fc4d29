//! Where a run keeps its values: computed, still in the cache, or a list of such.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::Entry;
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
    /// Without a signature the value itself is hashed where a key needs it.
    signature: Option<KeyDigest>,
}

/// The values that one piece of work made.
pub(crate) type Slots = SmallVec<[Slot; 1]>;

enum Content {
    Here(Value),
    Cached { entry: Arc<Entry>, output: usize },
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
    pub(crate) fn cached(entry: &Arc<Entry>, output: usize, signature: KeyDigest) -> Self {
        Self::rich(Content::Cached { entry: Arc::clone(entry), output }, Some(signature))
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
        Self::Rich(Arc::new(Rich { content, signature }))
    }

    fn signature(&self) -> Option<&KeyDigest> {
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

    /// Feeds what stands for the value into a cache key.
    pub(crate) fn key(&self, ty: &Type, hasher: &mut KeyHasher) -> Result<(), ValueError> {
        if let Some(signature) = self.signature() {
            hasher.label("signature");
            hasher.bytes(signature);
            return Ok(());
        }
        if let (Self::Rich(rich), Type::List(item)) = (self, ty)
            && let Content::Many(items) = &rich.content
        {
            hasher.list(items.len());
            return items.iter().try_for_each(|slot| slot.key(item, hasher));
        }
        hasher.label("value");
        ty.key(&self.value(ty)?, hasher)
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
            Self::Cached { entry, output } => entry.load(*output, ty),
            Self::Many(items) => {
                let Type::List(item) = ty else { return Err(ValueError::new(format!("a list is not a `{ty}`"))) };
                Ok(Arc::new(List(items.iter().map(|slot| slot.value(item)).collect::<Result<_, _>>()?)))
            }
        }
    }
}
