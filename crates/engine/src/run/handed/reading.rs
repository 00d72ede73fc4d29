//! What work reads that is handed out: its values, or where they lie in the cache that its worker shares.

use super::super::slot::Slot;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};
use crate::remote::{ItemInput, Reference, Sending, Signed};
use crate::value::{Type, Value};

/// One value that is read.
pub(super) struct Reading {
    pub(super) name: String,
    pub(super) slot: Slot,
    /// Its type here, and the one in which it is read.
    pub(super) have: Type,
    pub(super) want: Type,
    /// The signatures of what made it, where that counts inside.
    pub(super) signed: Signed,
}

/// Prepares all that is read. What lies in the shared cache stays there, unless all is to travel by value; what the cache has
/// lost is computed again.
pub(super) async fn all(
    readings: &[Option<Reading>],
    cache: Option<&Cache>,
    by_value: bool,
) -> Result<Vec<Option<ItemInput>>, Error> {
    let mut inputs = Vec::with_capacity(readings.len());
    for reading in readings {
        inputs.push(match reading {
            Some(reading) => Some(reading.prepare(cache.filter(|_| !by_value)).await?),
            None => None,
        });
    }
    Ok(inputs)
}

impl Reading {
    async fn prepare(&self, cache: Option<&Cache>) -> Result<ItemInput, Error> {
        let value = match cache.and_then(|cache| self.reference(cache)) {
            Some(reference) => Sending::Shared(reference),
            None => Sending::Value(self.value().await?, self.want.clone()),
        };
        Ok(ItemInput { value, signed: self.signed.clone() })
    }

    /// Where the value lies, if its bytes there are what the worker can read.
    fn reference(&self, cache: &Cache) -> Option<Reference> {
        let (Type::Leaf(have), Type::Leaf(want)) = (&self.have, &self.want) else { return None };
        let stored = self.slot.stored().filter(|stored| have.id == want.id && cache.has(&stored.digest, stored.size_bytes))?;
        Some(Reference { digest: stored.digest, size_bytes: stored.size_bytes })
    }

    async fn value(&self) -> Result<Value, Error> {
        loop {
            let value = self.slot.value(&self.have).and_then(|value| self.want.adapt(&self.have, value));
            let error = match value {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let lost: Vec<_> = self.slot.hits().into_iter().filter(|hit| hit.is_lost()).collect();
            if lost.is_empty() {
                return Err(Error::new(ErrorKind::Cache, format!("input `{}`: {error}", self.name)));
            }
            for hit in lost {
                hit.restore().await?;
            }
        }
    }
}
