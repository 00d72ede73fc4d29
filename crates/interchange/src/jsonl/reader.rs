//! Reading lines into batches.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Resource, WriterId};

use super::VERSION;
use super::line::Line;
use crate::{DocumentError, Documents};

/// A batch has about this many records.
const RECORDS: usize = 4_000;
/// A batch is ended when its lines had this many bytes.
const BATCH_BYTES: usize = 8 << 20;
/// The longest line.
const LINE_BYTES: usize = 64 << 20;

/// Why a line could not be read.
#[derive(Debug)]
pub struct LineError {
    line: u64,
    message: String,
}

impl LineError {
    /// Returns the line's number, from 1.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LineError {}

impl From<DocumentError> for LineError {
    fn from(error: DocumentError) -> Self {
        Self { line: error.line(), message: error.to_string() }
    }
}

/// Reads a file that [`Writer`](super::Writer) wrote, or somebody else in the same form: an iterator over batches of some thousand
/// records of one resource. It stops at the first line that is wrong.
#[derive(Debug)]
pub struct Reader<R> {
    documents: Documents<R>,
    document: Vec<u8>,
    resources: HashMap<u32, Arc<Resource>>,
    /// The line that begins the next batch, because it has another resource.
    waiting: Option<(u64, Line)>,
    is_over: bool,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl<R: BufRead> Reader<R> {
    /// Begins to read.
    pub fn new(input: R) -> Self {
        let documents = Documents::new(input, LINE_BYTES);
        Self { documents, document: Vec::new(), resources: HashMap::new(), waiting: None, is_over: false }
    }

    fn batch(&mut self) -> Result<Option<Batch>, LineError> {
        let mut of: Option<u32> = None;
        let mut builder = BatchBuilder::default();
        let (mut records, mut bytes) = (0, 0);
        while records < RECORDS && bytes < BATCH_BYTES {
            let Some((number, line)) = self.line()? else { break };
            bytes += self.document.len();
            let resource = resource_of(&line);
            match (resource, of) {
                (Some(next), Some(current)) if next != current => {
                    self.waiting = Some((number, line));
                    break;
                }
                (Some(next), None) => {
                    let resource = self.resource(next, number)?;
                    let known = std::mem::take(builder.batch_mut());
                    builder = BatchBuilder::new(WriterId::default(), 0, resource);
                    builder.batch_mut().graphs = known.graphs;
                    of = Some(next);
                }
                _ => {}
            }
            records += usize::from(self.take(line, number, &mut builder)?);
        }
        let batch = builder.finish();
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Takes a line; says whether it was a record.
    fn take(&mut self, line: Line, number: u64, builder: &mut BatchBuilder) -> Result<bool, LineError> {
        match line {
            Line::Header { format, version } => return check(&format, version, number).map(|()| false),
            Line::Resource(line) => {
                self.resources.insert(line.number, Arc::new(line.into_resource()));
                return Ok(false);
            }
            Line::Graph { graph } => builder.batch_mut().graphs.push(Arc::new(graph)),
            Line::Span(line) => builder.push(&line.into_span()),
            Line::Event(line) => builder.push_owned_event((line.trace_id, line.span_id), &line.into_event()),
            Line::Link(line) => builder.push_owned_link((line.trace_id, line.span_id), &line.into_link()),
            Line::Log(line) => builder.push_owned_log(&line.into_log()),
            Line::Metric(line) => {
                let (metric, points) = line.into_metric();
                let row = builder.push_owned_metric(&metric);
                points.iter().for_each(|point| builder.push_owned_point(row, point));
            }
        }
        Ok(true)
    }

    fn line(&mut self) -> Result<Option<(u64, Line)>, LineError> {
        if let Some(waiting) = self.waiting.take() {
            return Ok(Some(waiting));
        }
        let Some(number) = self.documents.next(&mut self.document)? else { return Ok(None) };
        let line = serde_json::from_slice(&self.document).map_err(|error| wrong(number, &error))?;
        Ok(Some((number, line)))
    }

    fn resource(&self, resource: u32, line: u64) -> Result<Arc<Resource>, LineError> {
        let found = self.resources.get(&resource).map(Arc::clone);
        found.ok_or_else(|| LineError {
            line,
            message: format!("line {line}: resource {resource} is named, and no line before says what it is"),
        })
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Batch, LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let batch = self.batch();
        self.is_over = !matches!(batch, Ok(Some(_)));
        batch.transpose()
    }
}

fn resource_of(line: &Line) -> Option<u32> {
    match line {
        Line::Span(line) => Some(line.resource),
        Line::Event(line) => Some(line.resource),
        Line::Link(line) => Some(line.resource),
        Line::Log(line) => Some(line.resource),
        Line::Metric(line) => Some(line.resource),
        Line::Header { .. } | Line::Resource(_) | Line::Graph { .. } => None,
    }
}

fn check(format: &str, version: u32, line: u64) -> Result<(), LineError> {
    let message = match (format, version) {
        ("flowglass", ..=VERSION) => return Ok(()),
        ("flowglass", _) => {
            format!("line {line}: the file has version {version}, and this version reads up to {VERSION}; update Flowglass")
        }
        _ => format!("line {line}: the file has the format `{format}`, which isn't ours"),
    };
    Err(LineError { line, message })
}

/// Says what is wrong with a line; the place is told by its own line and column, which are those of the record.
fn wrong(start: u64, error: &serde_json::Error) -> LineError {
    let line = start + (error.line() as u64).saturating_sub(1);
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let place = if error.column() > 0 { format!("line {line}, column {}", error.column()) } else { format!("line {line}") };
    LineError { line, message: format!("{place}: {what}") }
}
