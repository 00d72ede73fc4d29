//! What stands on a line: the records of the model, in the words that are written.

mod log;
mod metric;
mod point;
mod span;

use std::sync::Arc;

use flowglass_model::{Attributes, Graph, InstrumentationScope, Resource};
use serde::{Deserialize, Serialize};

use super::value;
pub(super) use log::LogLine;
pub(super) use metric::MetricLine;
pub(super) use span::{EventLine, LinkLine, SpanLine};

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Line {
    Header { format: String, version: u32 },
    Resource(ResourceLine),
    Span(Box<SpanLine>),
    Event(EventLine),
    Link(LinkLine),
    Log(Box<LogLine>),
    Metric(Box<MetricLine>),
    Graph { graph: Graph },
}

/// Leaves out what is as it is by default.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize, Deserialize)]
pub(super) struct ResourceLine {
    pub(super) number: u32,
    #[serde(with = "value::object")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    schema_url: String,
}

impl ResourceLine {
    pub(super) fn new(number: u32, resource: &Resource) -> Self {
        let Resource { attributes, dropped_attributes, schema_url } = resource.clone();
        Self { number, attributes, dropped_attributes, schema_url }
    }

    pub(super) fn into_resource(self) -> Resource {
        Resource { attributes: self.attributes, dropped_attributes: self.dropped_attributes, schema_url: self.schema_url }
    }
}

#[derive(Serialize, Deserialize, Clone)]
struct Scope {
    name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    version: String,
    #[serde(default, with = "value::object", skip_serializing_if = "is_default")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_default")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    schema_url: String,
}

fn scope_line(scope: Option<&Arc<InstrumentationScope>>) -> Option<Scope> {
    let InstrumentationScope { name, version, attributes, dropped_attributes, schema_url } = (**scope?).clone();
    Some(Scope { name, version, attributes, dropped_attributes, schema_url })
}

fn scope_of(line: Option<Scope>) -> Option<Arc<InstrumentationScope>> {
    let Scope { name, version, attributes, dropped_attributes, schema_url } = line?;
    Some(Arc::new(InstrumentationScope { name, version, attributes, dropped_attributes, schema_url }))
}
