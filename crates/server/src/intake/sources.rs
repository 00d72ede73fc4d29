//! Who sends: each resource is a writer of the store, with a sequence of its own.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use flowglass_model::{AttributeValue, Batch, Resource, WriterId};

/// The most resources that are remembered. When there are more, all are forgotten, and known ones get new writers.
const MOST_SOURCES: usize = 4096;

/// The resources that have sent something.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// By their hash; few have the same.
    known: HashMap<u64, Vec<Source>>,
    writers: HashSet<WriterId>,
}

#[derive(Debug)]
struct Source {
    resource: Arc<Resource>,
    writer: WriterId,
    sequence: u64,
}

impl Sources {
    /// Makes a batch one of its resource's writer: the one that the resource names, if nobody else has it, else a new one.
    pub(super) fn claim(&mut self, batch: &mut Batch) {
        if self.writers.len() >= MOST_SOURCES {
            *self = Self::default();
        }
        let sources = self.known.entry(hash(&batch.resource)).or_default();
        let place = match sources.iter().position(|source| source.resource == batch.resource) {
            Some(place) => place,
            None => {
                let is_own = !batch.writer.is_zero() && !self.writers.contains(&batch.writer);
                let writer = if is_own { batch.writer } else { WriterId::random() };
                self.writers.insert(writer);
                sources.push(Source { resource: Arc::clone(&batch.resource), writer, sequence: 0 });
                sources.len() - 1
            }
        };
        let source = &mut sources[place];
        source.sequence += 1;
        batch.writer = source.writer;
        batch.sequence = source.sequence;
        batch.resource = Arc::clone(&source.resource);
    }
}

/// Hashes what mostly tells resources apart: texts.
fn hash(resource: &Resource) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (key, value) in &resource.attributes {
        key.hash(&mut hasher);
        match value {
            AttributeValue::Str(text) => text.hash(&mut hasher),
            AttributeValue::Int(number) => number.hash(&mut hasher),
            _ => {}
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(attributes: &[(&str, &str)], writer: WriterId) -> Batch {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        Batch { writer, resource: Arc::new(Resource { attributes, ..Resource::default() }), ..Batch::default() }
    }

    #[test]
    fn each_resource_is_a_writer_with_a_sequence() {
        let mut sources = Sources::default();
        let own = WriterId::random();
        let mut claim = |attributes: &[(&str, &str)], writer| {
            let mut batch = batch(attributes, writer);
            sources.claim(&mut batch);
            (batch.writer, batch.sequence)
        };
        let first = claim(&[("service.name", "a")], own);
        assert_eq!(first, (own, 1));
        assert_eq!(claim(&[("service.name", "a")], own), (own, 2));
        let other = claim(&[("service.name", "b")], own);
        assert!(other.0 != own && !other.0.is_zero() && other.1 == 1, "a writer has one resource");
        let unnamed = claim(&[], WriterId::NONE);
        assert!(!unnamed.0.is_zero() && unnamed.0 != other.0);
        assert_eq!(claim(&[], WriterId::NONE), (unnamed.0, 2));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let mut sources = Sources::default();
        for at in 0..MOST_SOURCES + 10 {
            sources.claim(&mut batch(&[("host.name", &at.to_string())], WriterId::NONE));
        }
        assert_eq!(sources.writers.len(), 10);
    }
}
