//! Items become a job: each value once, none too large.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::SpanId;

use super::envelope::{self, EnvelopeError, Kind};
use super::freight::{Freight, LARGE_BYTES, Reference};
use super::job::{Header, Job, JobInput, JobItem};
use super::lane::Waiting;
use super::signed::Signed;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};
use crate::value::{KeyDigest, Type, Value, ValueError};

/// An item as its run knows it.
pub(crate) struct Item {
    pub(crate) span: SpanId,
    pub(crate) recorded: bool,
    pub(crate) place: Vec<(String, Option<u64>)>,
    pub(crate) attempt: u32,
    /// Whether nothing is to go through the shared cache that needn't.
    pub(crate) by_value: bool,
    pub(crate) inputs: Vec<Option<ItemInput>>,
    /// Asks whether the item's results have turned up elsewhere, where that can be: asked before it is sent, if it had to wait.
    pub(crate) is_known: Option<IsKnown>,
}

/// Says whether an item needn't be done any more.
pub(crate) type IsKnown = Arc<dyn Fn() -> bool + Send + Sync>;

/// A value that an item reads.
pub(crate) struct ItemInput {
    pub(crate) value: Sending,
    pub(crate) signed: Signed,
}

/// A value that is to be sent.
pub(crate) enum Sending {
    Value(Value, Type),
    /// It lies in the cache that the worker shares.
    Shared(Reference),
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

/// Makes a job of as many of the items as there is room for. Where there is a cache that the worker shares, large values go
/// through it.
pub(super) fn pack(header: &Header, cache: Option<&Cache>, items: Vec<Waiting>, limit_bytes: usize) -> Packed {
    let mut packed = Packed { body: Vec::new(), sent: Vec::new(), left: Vec::new(), refused: Vec::new() };
    let room = limit_bytes.saturating_sub(OVERHEAD_BYTES);
    let mut values = Values { cache, room, ..Values::default() };
    let mut jobs = Vec::with_capacity(items.len());
    for item in items {
        if !packed.left.is_empty() {
            packed.left.push(item);
            continue;
        }
        let before = values.mark();
        match values.item(&item.item) {
            Ok(_) if values.size_bytes > room && !jobs.is_empty() => {
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
    let error = Error::new(ErrorKind::Worker, format!("what it reads can't be sent to a worker: {error}; {ADVICE}"));
    packed.refused.extend(sent.into_iter().map(|item| (item, error.clone())));
}

const ADVICE: &str = "where driver and worker share a `DiskCache`, large values go through it";

/// The values of a job, each once.
#[derive(Default)]
struct Values<'a> {
    cache: Option<&'a Cache>,
    /// What all values of a message may take, in bytes.
    room: usize,
    encoded: Vec<Freight>,
    size_bytes: usize,
    known: HashMap<Known, u32>,
}

/// What a value is known by.
#[derive(PartialEq, Eq, Hash)]
enum Known {
    /// Its address. The items hold the values meanwhile.
    Here(usize),
    Shared(KeyDigest),
}

impl Values<'_> {
    fn item(&mut self, item: &Item) -> Result<JobItem, ValueError> {
        let mut room = self.room;
        let inputs = item.inputs.iter().map(|input| {
            let input = input.as_ref().map(|input| self.input(input, item.by_value, &mut room));
            input.transpose()
        });
        Ok(JobItem {
            span: item.span,
            recorded: item.recorded,
            place: item.place.clone(),
            attempt: item.attempt,
            by_value: item.by_value,
            inputs: inputs.collect::<Result<_, _>>()?,
        })
    }

    /// Gives a value its place; `room` is what the item's own values may still take.
    fn input(&mut self, input: &ItemInput, by_value: bool, room: &mut usize) -> Result<JobInput, ValueError> {
        let known = match &input.value {
            Sending::Value(value, _) => Known::Here(Arc::as_ptr(value).cast::<()>().addr()),
            Sending::Shared(reference) => Known::Shared(reference.digest),
        };
        let place = match self.known.get(&known) {
            Some(&place) => place,
            None => {
                let freight = self.freight(&input.value, by_value, *room)?;
                let size_bytes = freight.message_bytes();
                *room = room.saturating_sub(size_bytes);
                self.size_bytes += size_bytes;
                let place = u32::try_from(self.encoded.len()).unwrap_or(u32::MAX);
                self.encoded.push(freight);
                self.known.insert(known, place);
                place
            }
        };
        let signed = if input.signed.message_bytes() <= *room { input.signed.clone() } else { Signed::default() };
        *room = room.saturating_sub(signed.message_bytes());
        self.size_bytes += signed.message_bytes();
        Ok(JobInput { value: place, signed })
    }

    fn freight(&self, value: &Sending, by_value: bool, room: usize) -> Result<Freight, ValueError> {
        match value {
            Sending::Shared(reference) => Ok(Freight::Shared(*reference)),
            Sending::Value(value, ty) => {
                let most = if by_value { room } else { room.min(LARGE_BYTES) };
                Ok(Freight::pack(ty.encode(value)?, self.cache, most))
            }
        }
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
