//! Where something stands in a run: names from the root, with the indexes of items.

use std::fmt::Write as _;
use std::sync::Arc;

/// Where something stands, with the indexes of the items around it: `digest > docs[3] > count`.
#[derive(Clone)]
pub(crate) struct Place(Arc<PlaceNode>);

struct PlaceNode {
    around: Option<Place>,
    name: Arc<str>,
    index: Option<u64>,
}

impl Place {
    pub(crate) fn root(name: &Arc<str>) -> Self {
        Self(Arc::new(PlaceNode { around: None, name: Arc::clone(name), index: None }))
    }

    pub(crate) fn inside(&self, name: &Arc<str>, index: Option<u64>) -> Self {
        Self(Arc::new(PlaceNode { around: Some(self.clone()), name: Arc::clone(name), index }))
    }

    /// The same place as an item of a top-level map.
    pub(crate) fn item(&self, index: u64) -> Self {
        let around = self.0.around.clone();
        Self(Arc::new(PlaceNode { around, name: Arc::clone(&self.0.name), index: Some(index) }))
    }

    /// The index of the nearest item around.
    pub(crate) fn index(&self) -> Option<u64> {
        self.0.index.or_else(|| self.0.around.as_ref()?.index())
    }

    /// Names and indexes from the root to here.
    pub(crate) fn steps(&self) -> Vec<(String, Option<u64>)> {
        let mut steps = self.0.around.as_ref().map(Self::steps).unwrap_or_default();
        steps.push((self.0.name.to_string(), self.0.index));
        steps
    }

    /// The name of the pipeline that is run.
    pub(crate) fn root_name(&self) -> &str {
        self.0.around.as_ref().map_or(&*self.0.name, Self::root_name)
    }

    /// Names from the root to here, without indexes.
    pub(crate) fn names(&self) -> String {
        let around = self.0.around.as_ref().map(|around| around.names() + " > ").unwrap_or_default();
        around + &self.0.name
    }

    /// The place at the end of these steps.
    pub(crate) fn at(steps: &[(String, Option<u64>)]) -> Self {
        let step = |around, (name, index): &(String, Option<u64>)| {
            Some(Self(Arc::new(PlaceNode { around, name: name.as_str().into(), index: *index })))
        };
        steps.iter().fold(None, step).unwrap_or_else(|| Self::root(&"".into()))
    }

    pub(crate) fn path(&self) -> String {
        let mut path = self.0.around.as_ref().map(|around| around.path() + " > ").unwrap_or_default();
        path.push_str(&self.0.name);
        if let Some(index) = self.0.index {
            let _ = write!(path, "[{index}]");
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_name_items_where_they_stand() {
        let place = Place::root(&"a".into()).inside(&"b".into(), Some(3)).inside(&"c".into(), None);
        assert_eq!((place.path().as_str(), place.index()), ("a > b[3] > c", Some(3)));
        assert_eq!(Place::root(&"a".into()).item(2).path(), "a[2]");
    }
}
