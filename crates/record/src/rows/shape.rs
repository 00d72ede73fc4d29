//! What spans and events of one kind have in common: their names, and the keys and texts that the last one had in the same places.
//! Comparing with them costs less than looking for each.

use std::sync::Arc;

use flowglass_model::{BatchBuilder, Scalar, Sym};

use super::intern_all;
use crate::id_hash::IdMap;
use crate::raw::{RawKey, RawValue};
use crate::scope::SpanTemplate;
use crate::static_text::StaticText;

/// Texts up to this long are looked for in the arena; longer ones are most likely unique, in bytes.
const INTERNED_TEXT: usize = 64;
/// Of so many attributes of a row it is remembered where they stood.
const PLACES: usize = 32;

/// The shapes of a batch.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    all: Vec<Shape>,
    /// Places in `all`, by words.
    places: IdMap<u64, usize>,
    /// Some of those, by a hash of the word: nearly all that are asked for.
    recent: [(u64, usize); RECENT],
    /// Templates whose addresses are words: their memory must not be used again before the batch is done.
    held: Vec<Arc<[SpanTemplate]>>,
}

/// So many places are found at once; a power of two.
const RECENT: usize = 16;

impl Shapes {
    /// Returns the shape of spans or events of a name that isn't none.
    #[inline]
    pub(super) fn named(&mut self, builder: &mut BatchBuilder, name: StaticText) -> &mut Shape {
        let place = self.place(name.to_word(), |_| Shape::named(builder.intern(name.get())));
        &mut self.all[place]
    }

    /// Returns the shape of a template's spans, those with an index apart from the others.
    #[inline]
    pub(super) fn of_template(
        &mut self,
        builder: &mut BatchBuilder,
        templates: &Arc<[SpanTemplate]>,
        (template, has_index): (&SpanTemplate, bool),
    ) -> &mut Shape {
        // No static text's word: that has a length in its highest bits. An address of templates is even.
        let word = std::ptr::from_ref(template).addr() as u64 | u64::from(has_index);
        let place = self.place(word, |held| {
            held.push(Arc::clone(templates));
            Shape::of(template, builder)
        });
        &mut self.all[place]
    }

    #[inline]
    fn place(&mut self, word: u64, make: impl FnOnce(&mut Vec<Arc<[SpanTemplate]>>) -> Shape) -> usize {
        let slot = (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize % RECENT;
        let (known, place) = self.recent[slot];
        if known == word {
            return place;
        }
        let Self { all, places, held, .. } = self;
        let place = *places.entry(word).or_insert_with(|| {
            all.push(make(held));
            all.len() - 1
        });
        self.recent[slot] = (word, place);
        place
    }
}

/// Spans of a template, spans and events of a name, or records that have nothing in common.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub(super) name: Sym,
    /// Attributes that all have.
    pub(super) fixed: Vec<(Sym, Scalar)>,
    /// The template's keys.
    keys: Vec<Sym>,
    /// What the last row had, in this order: no two places have one key, and none a key of `fixed`.
    places: Vec<Place>,
}

/// An attribute of the last row.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// [`RawKey::to_word`].
    word: u64,
    key: Sym,
    /// The text that was its value, if that was one.
    text: Sym,
}

impl Shape {
    /// Makes the shape of what is called so.
    pub(super) fn named(name: Sym) -> Self {
        Self { name, ..Self::default() }
    }

    /// Makes the shape of a template's spans.
    pub(super) fn of(template: &SpanTemplate, builder: &mut BatchBuilder) -> Self {
        Self {
            name: builder.intern(&template.name),
            fixed: intern_all(builder, &template.attributes),
            keys: template.keys.iter().map(|key| builder.intern(key)).collect(),
            places: Vec::new(),
        }
    }
}

/// Puts the attributes of one row together.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) attributes: Vec<(Sym, Scalar)>,
    /// How many attributes came, other than fixed ones.
    at: usize,
    statics: IdMap<u64, Sym>,
}

impl Row {
    /// Begins a row.
    #[inline]
    pub(super) fn begin(&mut self, shape: &Shape) {
        self.at = 0;
        self.attributes.clear();
        self.attributes.extend_from_slice(&shape.fixed);
    }

    /// Adds an attribute; of two with one key the later one counts.
    #[inline(always)]
    pub(super) fn add(&mut self, builder: &mut BatchBuilder, shape: &mut Shape, key: RawKey<'_>, value: RawValue<'_>) {
        let at = self.at;
        self.at += 1;
        match shape.places.get_mut(at) {
            // All before it have stood where they were expected: so none of them has this key.
            Some(place) if key.to_word() == Some(place.word) => {
                let value = scalar(builder, value, &mut place.text);
                self.attributes.push((place.key, value));
            }
            _ => self.add_unexpected(builder, shape, (at, key), value),
        }
    }

    /// Adds an attribute that the row before didn't have in this place.
    #[inline(never)]
    fn add_unexpected(
        &mut self,
        builder: &mut BatchBuilder,
        shape: &mut Shape,
        (at, raw_key): (usize, RawKey<'_>),
        value: RawValue<'_>,
    ) {
        shape.places.truncate(at);
        let key = match raw_key {
            // What the template has no key for is left out.
            RawKey::At(place) => shape.keys.get(place).copied(),
            RawKey::Static(name) => Some(self.static_text(builder, name)),
            RawKey::Text(name) => Some(builder.intern(name)),
            RawKey::Body => None,
        };
        let Some(key) = key else { return };
        let mut text = Sym::EMPTY;
        let value = scalar(builder, value, &mut text);
        let is_new = set(&mut self.attributes, key, value);
        if let Some(word) = raw_key.to_word().filter(|_| is_new && at < PLACES && shape.places.len() == at) {
            shape.places.push(Place { word, key, text });
        }
    }

    /// Returns a static text that isn't none.
    #[inline]
    pub(super) fn static_text(&mut self, builder: &mut BatchBuilder, text: StaticText) -> Sym {
        *self.statics.entry(text.to_word()).or_insert_with(|| builder.intern(text.get()))
    }
}

/// Sets an attribute; says whether there was none under this key.
pub(super) fn set(attributes: &mut Vec<(Sym, Scalar)>, key: Sym, value: Scalar) -> bool {
    match attributes.iter_mut().find(|(known, _)| *known == key) {
        Some(slot) => {
            slot.1 = value;
            false
        }
        None => {
            attributes.push((key, value));
            true
        }
    }
}

/// Puts a value's text into the arena, if it isn't the one that the row before had, which it then is.
#[inline(always)]
pub(super) fn scalar(builder: &mut BatchBuilder, value: RawValue<'_>, known: &mut Sym) -> Scalar {
    match value {
        RawValue::Bool(flag) => Scalar::Bool(flag),
        RawValue::Int(number) => Scalar::Int(number),
        RawValue::Float(number) => Scalar::Float(number),
        RawValue::Str(text) => {
            if builder.bytes(*known) != text {
                *known = text_of(builder, text);
            }
            Scalar::Str(*known)
        }
        RawValue::Bytes(bytes) => Scalar::Bytes(builder.push_bytes(bytes)),
        RawValue::Json(json) => Scalar::Nested(builder.push_bytes(json)),
    }
}

#[inline]
fn text_of(builder: &mut BatchBuilder, text: &[u8]) -> Sym {
    if text.len() <= INTERNED_TEXT { builder.intern_bytes(text) } else { builder.push_bytes(text) }
}
