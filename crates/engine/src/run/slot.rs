//! Where a run keeps its values: computed, still in the cache, or a list of such.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::cache::Entry;
use crate::value::{KeyDigest, KeyHasher, List, Type, Value, ValueError};

/// One value of a run, with the signature of the computation that made it where it has one.
#[derive(Clone)]
pub(crate) struct Slot {
    content: Content,
    /// Without a signature the value itself is hashed where a key needs it.
    signature: Option<KeyDigest>,
}

/// The values that one piece of work made.
pub(crate) type Slots = SmallVec<[Slot; 1]>;

#[derive(Clone)]
enum Content {
    Here(Value),
    Cached { entry: Arc<Entry>, output: usize },
    Many(Arc<[Slot]>),
}

impl Slot {
    /// Holds a value that no signature stands for.
    pub(crate) fn unsigned(value: Value) -> Self {
        Self { content: Content::Here(value), signature: None }
    }

    /// Holds a computed value.
    pub(crate) fn computed(value: Value, signature: Option<KeyDigest>) -> Self {
        Self { content: Content::Here(value), signature }
    }

    /// Holds a value that is still in the cache.
    pub(crate) fn cached(entry: &Arc<Entry>, output: usize, signature: KeyDigest) -> Self {
        Self { content: Content::Cached { entry: Arc::clone(entry), output }, signature: Some(signature) }
    }

    /// Holds one output of a map's items. Its signature is over the items' in their order.
    pub(crate) fn many(items: Vec<Self>) -> Self {
        let signature = items
            .iter()
            .try_fold(KeyHasher::default(), |mut hasher, item| {
                hasher.bytes(&item.signature?);
                Some(hasher)
            })
            .map(|mut hasher| {
                hasher.label("items");
                hasher.list(items.len());
                hasher.finish()
            });
        Self { content: Content::Many(items.into()), signature }
    }

    /// Returns the value, loading it if it is still in the cache; `ty` is its type.
    pub(crate) fn value(&self, ty: &Type) -> Result<Value, ValueError> {
        match &self.content {
            Content::Here(value) => Ok(Arc::clone(value)),
            Content::Cached { entry, output } => entry.load(*output, ty),
            Content::Many(items) => {
                let Type::List(item) = ty else { return Err(ValueError::new(format!("a list is not a `{ty}`"))) };
                Ok(Arc::new(List(items.iter().map(|slot| slot.value(item)).collect::<Result<_, _>>()?)))
            }
        }
    }

    /// Shows the value in at most about `limit` bytes, if it is here.
    pub(crate) fn preview(&self, ty: &Type, limit: usize) -> Option<String> {
        match &self.content {
            Content::Here(value) => Some(ty.preview(value, limit)),
            Content::Cached { .. } | Content::Many(_) => None,
        }
    }

    /// Feeds what stands for the value into a cache key.
    pub(crate) fn key(&self, ty: &Type, hasher: &mut KeyHasher) -> Result<(), ValueError> {
        match (&self.signature, &self.content, ty) {
            (Some(signature), _, _) => {
                hasher.label("signature");
                hasher.bytes(signature);
                Ok(())
            }
            (None, Content::Many(items), Type::List(item)) => {
                hasher.list(items.len());
                items.iter().try_for_each(|slot| slot.key(item, hasher))
            }
            _ => {
                hasher.label("value");
                ty.key(&self.value(ty)?, hasher)
            }
        }
    }

    /// Takes a list apart, leaving what is still in the cache there.
    pub(crate) fn items(&self, ty: &Type) -> Result<Vec<Self>, ValueError> {
        match &self.content {
            Content::Many(items) => Ok(items.to_vec()),
            _ => Ok(ty.items(&self.value(ty)?)?.into_iter().map(Self::unsigned).collect()),
        }
    }
}
