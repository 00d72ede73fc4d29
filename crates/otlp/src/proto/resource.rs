//! Resources, both directions: who recorded.

use flowglass_model::{Batch, Resource, WriterId};

use super::reader::Reader;
use super::value::{read_entry, write_attributes, write_text};
use super::writer::{Gap, Writer};
use crate::Flaw;
use crate::limits::DEPTH;

/// OpenTelemetry's attribute for "this one process": our writer.
const SERVICE_INSTANCE_ID: &str = "service.instance.id";

/// Writes a `ResourceSpans` (or its like) as field 1 of a request: the batch's resource, and what `items` writes.
pub(super) fn write_request(out: &mut Vec<u8>, batch: &Batch, items: impl FnOnce(&mut Writer<'_>)) {
    Writer::new(out).message(1, Gap::Three, |w| {
        write_resource(w, &batch.resource, batch.writer);
        items(w);
        w.bytes(3, batch.resource.schema_url.as_bytes());
    });
}

/// Writes a `Resource` as field 1, the writer as `service.instance.id` where the resource has none.
fn write_resource(w: &mut Writer<'_>, resource: &Resource, writer: WriterId) {
    w.message(1, Gap::Two, |w| {
        write_attributes(w, 1, &resource.attributes);
        let named = resource.attributes.iter().any(|(key, _)| key == SERVICE_INSTANCE_ID);
        if !named && !writer.is_zero() {
            write_text(w, 1, SERVICE_INSTANCE_ID, &writer.to_string());
        }
        w.uint(2, u64::from(resource.dropped_attributes));
    });
}

/// Adds what a `Resource` message says to `resource`.
pub(super) fn read_resource(message: Reader<'_>, resource: &mut Resource, unknown: &mut u64) -> Result<(), Flaw> {
    message.for_each(|number, wire| {
        match number {
            1 => resource.attributes.push(read_entry(wire, DEPTH, unknown)?),
            2 => resource.dropped_attributes = wire.varint()? as u32,
            _ => *unknown += 1,
        }
        Ok(())
    })
}

/// Returns the writer that a resource names, if it names one as we do.
pub(super) fn writer_of(resource: &Resource) -> Option<WriterId> {
    let (_, named) = resource.attributes.iter().find(|(key, _)| key == SERVICE_INSTANCE_ID)?;
    named.as_str()?.parse().ok()
}
