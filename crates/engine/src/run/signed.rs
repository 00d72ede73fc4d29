//! Values with what stands for them in cache keys, on their way out of a run and into one.

use super::slot::Slot;
use crate::remote::Signed;
use crate::value::{KeyDigest, Type, Value};

/// Of so many items at most signatures travel beside a list; a longer one has one for all. No entry of a pipeline has room for more.
const MOST_ITEMS: usize = 1 << 16;

impl Slot {
    /// What stands for the value where it goes.
    pub(crate) fn signed(&self) -> Signed {
        let mut room = MOST_ITEMS;
        self.signed_items(&mut room).unwrap_or_else(|| Signed::Whole(self.signature()))
    }

    /// What stands for each item of a list that is held item by item, if something does and there are not too many.
    fn signed_items(&self, room: &mut usize) -> Option<Signed> {
        let items = self.held_items()?;
        if items.iter().any(|item| item.held_items().is_some()) {
            return Some(Signed::Lists(items.iter().map(|item| item.signed_items(room)).collect::<Option<_>>()?));
        }
        *room = room.checked_sub(items.len())?;
        let signatures: Vec<KeyDigest> = items.iter().map(Self::signature).collect::<Option<_>>()?;
        Some(Signed::each(&signatures))
    }

    /// Holds a value that has come with what stands for it.
    pub(crate) fn with_signed(value: Value, ty: &Type, signed: &Signed) -> Self {
        let Some(items) = signed.items() else {
            return Self::computed(value, if let Signed::Whole(signature) = signed { *signature } else { None });
        };
        match (ty, ty.items(&value)) {
            (Type::List(item), Ok(values)) if values.len() == items.len() => Self::many(
                values.into_iter().zip(&items).map(|(value, signed)| Self::with_signed(value, item, signed)).collect(),
            ),
            _ => Self::computed(value, None),
        }
    }
}
