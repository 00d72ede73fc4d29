//! Writing batches as lines.

use std::sync::Arc;

use flowglass_model::{Batch, Metric, MetricPoint, Resource};

use super::VERSION;
use super::line::{EventLine, Line, LinkLine, LogLine, MetricLine, ResourceLine, SpanLine};

/// Writes batches, each record a line.
///
/// ```
/// use flowglass_interchange::jsonl::{Reader, Writer};
/// use flowglass_model::{BatchBuilder, Span};
///
/// let mut batch = BatchBuilder::default();
/// batch.push(&Span { name: "node encode".into(), ..Span::default() });
/// let (mut writer, mut file) = (Writer::new(), Vec::new());
/// writer.write(&batch.finish(), &mut file);
///
/// let back = Reader::new(file.as_slice()).next().unwrap()?;
/// assert_eq!(back.spans().next().unwrap().name(), "node encode");
/// # Ok::<(), flowglass_interchange::jsonl::LineError>(())
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    has_header: bool,
    /// Those that have a number: it is their place here.
    resources: Vec<Arc<Resource>>,
}

impl Writer {
    /// Makes a writer for a new file.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the first line, which is written with the first batch otherwise: a file without records is a file, too.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_header, true) {
            put(&Line::Header { format: "flowglass".to_owned(), version: VERSION }, out);
        }
    }

    /// Writes the records of a batch behind what is in `out`, spans that still run included.
    pub fn write(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        self.begin(out);
        batch.graphs.iter().for_each(|graph| put(&Line::Graph { graph: (**graph).clone() }, out));
        if batch.counts().total() == 0 && batch.links.is_empty() && batch.opened.is_empty() {
            return;
        }
        let resource = self.resource(&batch.resource, out);
        batch
            .spans()
            .chain(batch.opened())
            .for_each(|span| put(&Line::Span(SpanLine::new(resource, span.to_span()).into()), out));
        batch.events().for_each(|event| put(&Line::Event(EventLine::new(resource, event.owner(), event.to_event())), out));
        for link in batch.links() {
            let owner = (link.row().trace_id, link.row().span_id);
            put(&Line::Link(LinkLine::new(resource, owner, link.to_link())), out);
        }
        batch.logs().for_each(|log| put(&Line::Log(LogLine::new(resource, log.to_log()).into()), out));
        for (metric, points) in metrics(batch) {
            put(&Line::Metric(MetricLine::new(resource, metric, points).into()), out);
        }
    }

    /// Returns the number of a resource, and writes its line when it is first named.
    fn resource(&mut self, resource: &Arc<Resource>, out: &mut Vec<u8>) -> u32 {
        let known = self.resources.iter().rposition(|known| Arc::ptr_eq(known, resource) || known == resource);
        let place = known.unwrap_or_else(|| {
            self.resources.push(Arc::clone(resource));
            self.resources.len() - 1
        });
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        if known.is_none() {
            put(&Line::Resource(ResourceLine::new(number, resource)), out);
        }
        number
    }
}

/// Returns the batch's metrics that have points, each with them.
fn metrics(batch: &Batch) -> impl Iterator<Item = (Metric, Vec<MetricPoint>)> {
    let mut metrics: Vec<(Metric, Vec<MetricPoint>)> = batch.metrics().map(|metric| (metric.to_metric(), Vec::new())).collect();
    for point in batch.points() {
        if let Some((_, points)) = metrics.get_mut(point.row().metric as usize) {
            points.push(point.to_point());
        }
    }
    metrics.into_iter().filter(|(_, points)| !points.is_empty())
}

/// A record always has a JSON form, and a vector takes all that is written into it.
fn put(line: &Line, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(&mut *out, line);
    out.push(b'\n');
}
