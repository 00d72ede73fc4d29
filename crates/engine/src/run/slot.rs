//! Where a run keeps its values: computed, still in the cache, or a list of such.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use super::hit::Hit;
use super::told::Lying;
use crate::cache::CachedOutput;
use crate::value::{KeyDigest, KeyHasher, List, Type, Value, ValueError};

/// One value of a run, with the signature of the computation that made it where it has one.
#[derive(Clone)]
pub(crate) enum Slot {
    /// A value that no signature stands for.
    Plain(Value),
    /// An output of a computation whose results lie in the cache: which of the node's, and of those that the pipeline knows.
    Cached { hit: Arc<Hit>, output: u32, place: u32 },
    /// Anything else. Rare or dear enough to stand apart, so that the others are small.
    Rich(Arc<Rich>),
    /// Nothing: nobody reads what would be here, so that nobody has made it.
    Unread,
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
        if let Self::Cached { hit, output, .. } = self
            && hit.is_small(*output)
        {
            *self = Self::rich(Content::Here(value), Some(hit.identity(*output)));
        }
    }

    /// Holds one output of a map's items. Its signature is over the items' in their order.
    pub(crate) fn many(items: Vec<Self>) -> Self {
        let signature = items
            .iter()
            .try_fold(KeyHasher::default(), |mut hasher, item| {
                hasher.bytes(&item.signature()?);
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

    /// What stands for the value in cache keys, if that isn't the value itself.
    pub(crate) fn signature(&self) -> Option<KeyDigest> {
        match self {
            Self::Plain(_) | Self::Unread => None,
            Self::Cached { hit, output, .. } => Some(hit.identity(*output)),
            Self::Rich(rich) => rich.signature,
        }
    }

    /// Says whether nobody reads what would be here.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self, Self::Unread)
    }

    /// Returns the value if it is here and in no other form.
    #[inline]
    pub(crate) fn here(&self) -> Option<&Value> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Cached { .. } | Self::Unread => None,
            Self::Rich(rich) => rich.here(),
        }
    }

    /// Where the value lies, for who only wants to look; nowhere, if nobody reads it.
    pub(super) fn as_lying(&self) -> Option<Lying<'_>> {
        match (self.here(), self) {
            (Some(value), _) => Some(Lying::Here(value)),
            (None, Self::Rich(_)) => Some(Lying::Listed(self.listed())),
            (None, Self::Unread) => None,
            (None, _) => Some(Lying::Cached(self)),
        }
    }

    /// As [`here`](Self::here), without counting one holder more where there is no other.
    pub(crate) fn into_here(self) -> Option<Value> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Cached { .. } | Self::Unread => None,
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
            Self::Cached { hit, output, place } => hit.value(*output, *place, ty),
            Self::Rich(rich) => rich.content.value(ty),
            Self::Unread => Err(unread()),
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
            Self::Cached { hit, output, .. } => return Ok(hit.identity(*output)),
            Self::Rich(rich) => rich,
            Self::Unread => return Err(unread()),
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
        matches!(self, Self::Cached { .. }) || self.listed().iter().any(Self::is_cached)
    }

    /// Where the value is by now: what was computed again may have come from the cache in its turn.
    fn by_now(&self) -> &Self {
        let mut slot = self;
        while let Self::Cached { hit, place, .. } = slot
            && let Some(computed) = hit.computed_again(*place)
        {
            slot = computed;
        }
        slot
    }

    /// Says whether the value, or one of the list, was found to be lost and hasn't been computed again.
    pub(crate) fn is_lost(&self) -> bool {
        match self.by_now() {
            Self::Cached { hit, .. } => hit.is_lost(),
            slot => slot.listed().iter().any(Self::is_lost),
        }
    }

    /// Finds out what of the value can't be had, by trying to load it.
    pub(crate) fn find_lost(&self, ty: &Type, lost: &mut Vec<Arc<Hit>>) {
        let slot = self.by_now();
        if let Self::Cached { hit, output, place } = slot {
            if hit.value(*output, *place, ty).is_err() && hit.is_lost() {
                lost.push(Arc::clone(hit));
            }
        } else if let Type::List(item) = ty {
            slot.listed().iter().for_each(|slot| slot.find_lost(item, lost));
        }
    }

    /// Returns what the cache knows of a value that lies there by itself.
    pub(crate) fn stored(&self) -> Option<&CachedOutput> {
        match self.by_now() {
            Self::Cached { hit, output, .. } => hit.stored(*output),
            Self::Plain(_) | Self::Rich(_) | Self::Unread => None,
        }
    }

    /// Everything in the slot that lies in the cache.
    pub(crate) fn hits(&self) -> Vec<Arc<Hit>> {
        match self.by_now() {
            Self::Cached { hit, .. } => vec![Arc::clone(hit)],
            slot => slot.listed().iter().flat_map(Self::hits).collect(),
        }
    }

    /// The items of a list, if it is held item by item.
    pub(super) fn held_items(&self) -> Option<&[Self]> {
        match self {
            Self::Rich(rich) => match &rich.content {
                Content::Many(items) => Some(items),
                Content::Here(_) => None,
            },
            Self::Plain(_) | Self::Cached { .. } | Self::Unread => None,
        }
    }

    /// The items of a list that is held item by item; none of anything else.
    fn listed(&self) -> &[Self] {
        self.held_items().unwrap_or_default()
    }
}

impl Rich {
    fn here(&self) -> Option<&Value> {
        match &self.content {
            Content::Here(value) => Some(value),
            Content::Many(_) => None,
        }
    }

    /// Takes the items of a list that is held item by item.
    pub(super) fn take_items(&mut self) -> Vec<Slot> {
        match &mut self.content {
            Content::Here(_) => Vec::new(),
            Content::Many(items) => std::mem::take(items),
        }
    }
}

impl Content {
    fn value(&self, ty: &Type) -> Result<Value, ValueError> {
        match self {
            Self::Here(value) => Ok(Arc::clone(value)),
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

#[cold]
fn unread() -> ValueError {
    ValueError::new("nobody reads it, so it was not made")
}

fn value_digest(value: &Value, ty: &Type) -> Result<KeyDigest, ValueError> {
    let mut hasher = KeyHasher::default();
    hasher.label("value");
    ty.key(value, &mut hasher)?;
    Ok(hasher.finish())
}
