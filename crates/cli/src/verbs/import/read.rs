//! Files of records, in whichever form they are.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};

use flowglass::interchange::{Documents, jsonl};
use flowglass::model::Batch;
use flowglass::otlp::{Limits, Signal, decode_json};

use crate::failure::Failure;

/// The largest request of OTLP.
const REQUEST_BYTES: usize = 64 << 20;
/// So much of a file tells its form.
const BEGINNING: u64 = 4096;

/// The batches of a file.
pub(super) struct Batches {
    name: String,
    form: Form,
}

enum Form {
    Jsonl(jsonl::Reader<BufReader<File>>),
    Otlp { documents: Documents<BufReader<File>>, document: Vec<u8>, decoded: Vec<Batch> },
}

impl Batches {
    /// Finds out which form a file has.
    pub(super) fn new(mut file: BufReader<File>, name: &str) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| Failure::usage(format!("`{name}` can't be read: {error}"));
        let mut beginning = Vec::new();
        file.by_ref().take(BEGINNING).read_to_end(&mut beginning).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        let form = match first_key(&beginning) {
            Some(key) if signal_of(key).is_some() => {
                Form::Otlp { documents: Documents::new(file, REQUEST_BYTES), document: Vec::new(), decoded: Vec::new() }
            }
            _ => Form::Jsonl(jsonl::Reader::new(file)),
        };
        Ok(Self { name: name.to_owned(), form })
    }

    fn failed(&self, why: impl std::fmt::Display) -> Failure {
        let advice = "nothing was imported; mend the file, or export it again";
        Failure::usage(format!("`{}`, {why}\n{advice}", self.name))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.form {
            Form::Jsonl(reader) => reader.next().map(|batch| batch.map_err(|error| error.to_string())),
            Form::Otlp { documents, document, decoded } => next_of_otlp(documents, document, decoded).transpose(),
        };
        next.map(|batch| batch.map_err(|why| self.failed(why)))
    }
}

fn next_of_otlp(
    documents: &mut Documents<impl BufRead>,
    document: &mut Vec<u8>,
    decoded: &mut Vec<Batch>,
) -> Result<Option<Batch>, String> {
    loop {
        if let Some(batch) = decoded.pop() {
            return Ok(Some(batch));
        }
        let Some(line) = documents.next(document).map_err(|error| error.to_string())? else { return Ok(None) };
        let signal = first_key(document).and_then(signal_of);
        let signal = signal.ok_or_else(|| {
            format!(
                "line {line}: this is no request of OTLP; it begins with `resourceSpans`, `resourceMetrics` or `resourceLogs`"
            )
        })?;
        let request = decode_json(signal, document, Limits::default()).map_err(|error| format!("line {line}: {error}"))?;
        if request.rejected.count() > 0 {
            return Err(format!("line {line}: {}", request.rejected.message()));
        }
        *decoded = request.batches;
        decoded.reverse();
    }
}

/// Returns the first key of the first object.
fn first_key(text: &[u8]) -> Option<&str> {
    let start = text.iter().position(|byte| *byte == b'{')?;
    let quote = start + text[start..].iter().position(|byte| *byte == b'"')? + 1;
    let length = text[quote..].iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&text[quote..quote + length]).ok()
}

fn signal_of(key: &str) -> Option<Signal> {
    match key {
        "resourceSpans" | "resource_spans" => Some(Signal::Traces),
        "resourceMetrics" | "resource_metrics" => Some(Signal::Metrics),
        "resourceLogs" | "resource_logs" => Some(Signal::Logs),
        _ => None,
    }
}
