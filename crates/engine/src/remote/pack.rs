//! Items become a job: each value once, none too large.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::SpanId;

use super::envelope::{self, EnvelopeError, Kind};
use super::job::{Header, Job, JobInput, JobItem};
use super::lane::Waiting;
use super::payload::Payload;
use crate::error::{Error, ErrorKind};
use crate::value::{KeyDigest, Type, Value, ValueError};

/// An item as its run knows it.
pub(crate) struct Item {
    pub(crate) span: SpanId,
    pub(crate) recorded: bool,
    pub(crate) place: Vec<(String, Option<u64>)>,
    pub(crate) attempt: u32,
    pub(crate) inputs: Vec<Option<ItemInput>>,
}

/// A value that an item reads.
pub(crate) struct ItemInput {
    pub(crate) value: Value,
    pub(crate) ty: Type,
    pub(crate) signature: Option<KeyDigest>,
}

/// What became of items.
pub(super) struct Packed {
    pub(super) body: Vec<u8>,
    pub(super) sent: Vec<Waiting>,
    /// Those that had no room.
    pub(super) left: Vec<Waiting>,
    /// Those that can't be sent at all.
    pub(super) refused: Vec<(Waiting, Error)>,
}

/// What an envelope and a header may take besides values, in bytes.
const OVERHEAD_BYTES: usize = 4096;

/// Makes a job of as many of the items as there is room for.
pub(super) fn pack(header: &Header, items: Vec<Waiting>, limit_bytes: usize) -> Packed {
    let mut packed = Packed { body: Vec::new(), sent: Vec::new(), left: Vec::new(), refused: Vec::new() };
    let mut values = Values::default();
    let mut jobs = Vec::with_capacity(items.len());
    for item in items {
        if !packed.left.is_empty() {
            packed.left.push(item);
            continue;
        }
        let before = values.mark();
        match values.item(&item.item) {
            Ok(_) if values.size_bytes + OVERHEAD_BYTES > limit_bytes && !jobs.is_empty() => {
                values.back_to(before);
                packed.left.push(item);
            }
            Ok(job) => {
                jobs.push(job);
                packed.sent.push(item);
            }
            Err(error) => {
                values.back_to(before);
                packed.refused.push((item, Error::new(ErrorKind::Worker, error.to_string())));
            }
        }
    }
    if packed.sent.is_empty() {
        return packed;
    }
    match envelope::seal(Kind::Job, &Job { header: header.clone(), values: values.encoded, items: jobs }, limit_bytes) {
        Ok(body) => packed.body = body,
        Err(error) => refuse_largest(&mut packed, &error),
    }
    packed
}

/// A job turned out too large after all: of several items half wait for another one, and one alone can't be sent.
fn refuse_largest(packed: &mut Packed, error: &EnvelopeError) {
    let mut sent = std::mem::take(&mut packed.sent);
    if sent.len() > 1 {
        sent.iter_mut().for_each(|item| item.alone = true);
        sent.append(&mut packed.left);
        packed.left = sent;
        return;
    }
    let error = Error::new(ErrorKind::Worker, format!("what it reads can't be sent to a worker: {error}"));
    packed.refused.extend(sent.into_iter().map(|item| (item, error.clone())));
}

/// The values of a job, each once.
#[derive(Default)]
struct Values {
    encoded: Vec<Payload>,
    size_bytes: usize,
    /// Where a value is, by its address. The items hold the values meanwhile.
    known: HashMap<usize, u32>,
}

impl Values {
    fn item(&mut self, item: &Item) -> Result<JobItem, ValueError> {
        let inputs = item.inputs.iter().map(|input| input.as_ref().map(|input| self.input(input)).transpose());
        Ok(JobItem {
            span: item.span,
            recorded: item.recorded,
            place: item.place.clone(),
            attempt: item.attempt,
            inputs: inputs.collect::<Result<_, _>>()?,
        })
    }

    fn input(&mut self, input: &ItemInput) -> Result<JobInput, ValueError> {
        let address = Arc::as_ptr(&input.value).cast::<()>().addr();
        let place = match self.known.get(&address) {
            Some(&place) => place,
            None => {
                let bytes = input.ty.encode(&input.value)?;
                self.size_bytes += bytes.len();
                let place = u32::try_from(self.encoded.len()).unwrap_or(u32::MAX);
                self.encoded.push(Payload(bytes));
                self.known.insert(address, place);
                place
            }
        };
        Ok(JobInput { value: place, signature: input.signature })
    }

    fn mark(&self) -> (usize, usize) {
        (self.encoded.len(), self.size_bytes)
    }

    fn back_to(&mut self, (length, size_bytes): (usize, usize)) {
        self.encoded.truncate(length);
        self.known.retain(|_, place| (*place as usize) < length);
        self.size_bytes = size_bytes;
    }
}
