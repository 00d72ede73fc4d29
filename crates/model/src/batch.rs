//! The only currency between crates: records as columns over one arena of texts.
//!
//! A [`Batch`] is made once, on the recorder's collector thread (or by a decoder), and shared by every sink as
//! `Arc<Batch>`. Columns of one table have equal lengths; row `i` is the `i`-th entry of each.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::Arc;

use crate::{
    AttributeValue, Attributes, Graph, Resource, Span, SpanEvent, SpanId, SpanKind, SpanType, Status, TraceId, WriterId,
};

/// A text or byte string in a batch's [`Arena`]. [`Sym::EMPTY`] is the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sym(pub u32);

impl Sym {
    /// The empty text, in every arena.
    pub const EMPTY: Self = Self(0);
}

/// Texts and byte strings behind each other, named by [`Sym`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Default for Arena {
    fn default() -> Self {
        Self { bytes: Vec::new(), ends: vec![0] }
    }
}

impl Arena {
    /// Returns how many entries there are, the empty one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether only the empty text is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.len() == 1
    }

    /// Returns how many bytes all entries have together.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes of an entry; none for a name that isn't of this arena.
    #[must_use]
    pub fn bytes(&self, sym: Sym) -> &[u8] {
        let at = sym.0 as usize;
        let Some(&end) = self.ends.get(at) else { return &[] };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start as usize..end as usize]
    }

    /// Returns the text of an entry; empty if it isn't UTF-8.
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        std::str::from_utf8(self.bytes(sym)).unwrap_or_default()
    }

    /// Adds an entry behind the others. An entry that would pass 4 GiB in all becomes the empty one.
    pub fn push(&mut self, bytes: &[u8]) -> Sym {
        let (Ok(end), Ok(sym)) = (u32::try_from(self.bytes.len() + bytes.len()), u32::try_from(self.ends.len())) else {
            return Sym::EMPTY;
        };
        self.bytes.extend_from_slice(bytes);
        self.ends.push(end);
        Sym(sym)
    }
}

/// An attribute's value in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Scalar {
    /// Text in the arena.
    Str(Sym),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Raw bytes in the arena.
    Bytes(Sym),
    /// A list or a map: the JSON form of an [`AttributeValue`], in the arena.
    Nested(Sym),
}

/// Attributes of the rows of one table: row `i` owns `ends[i - 1]..ends[i]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AttributeColumns {
    /// Where the attributes of each row end.
    pub ends: Vec<u32>,
    /// The keys.
    pub keys: Vec<Sym>,
    /// The values.
    pub values: Vec<Scalar>,
}

impl AttributeColumns {
    fn push_row(&mut self, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        for (key, value) in attributes {
            self.keys.push(key);
            self.values.push(value);
        }
        self.ends.push(u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
    }

    fn row(&self, row: usize) -> impl Iterator<Item = (Sym, Scalar)> + '_ {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let range = start..self.ends[row] as usize;
        self.keys[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }
}

/// Spans as columns.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `Span` with the same name")]
pub struct SpanColumns {
    pub trace_id: Vec<TraceId>,
    pub span_id: Vec<SpanId>,
    pub parent_id: Vec<SpanId>,
    pub name: Vec<Sym>,
    pub kind: Vec<SpanKind>,
    pub span_type: Vec<SpanType>,
    pub status: Vec<Status>,
    pub status_message: Vec<Sym>,
    pub start_unix_ns: Vec<i64>,
    pub duration_ns: Vec<u64>,
    pub flags: Vec<u32>,
    pub attributes: AttributeColumns,
}

impl SpanColumns {
    /// Returns how many spans there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.span_id.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.span_id.is_empty()
    }

    fn push(&mut self, row: SpanRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.trace_id.push(row.trace_id);
        self.span_id.push(row.span_id);
        self.parent_id.push(row.parent_id);
        self.name.push(row.name);
        self.kind.push(row.kind);
        self.span_type.push(row.span_type);
        self.status.push(row.status);
        self.status_message.push(row.status_message);
        self.start_unix_ns.push(row.start_unix_ns);
        self.duration_ns.push(row.duration_ns);
        self.flags.push(row.flags);
        self.attributes.push_row(attributes);
    }
}

/// One span on its way into [`SpanColumns`]; texts are already in the arena.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each field is the field of `Span` with the same name")]
pub struct SpanRow {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_id: SpanId,
    pub name: Sym,
    pub kind: SpanKind,
    pub span_type: SpanType,
    pub status: Status,
    pub status_message: Sym,
    pub start_unix_ns: i64,
    pub duration_ns: u64,
    pub flags: u32,
}

/// Events of spans as columns. The span may be in this batch, in another, or still open.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "each column is the field of `SpanEvent` with the same name, and the span it belongs to")]
pub struct EventColumns {
    pub trace_id: Vec<TraceId>,
    pub span_id: Vec<SpanId>,
    pub name: Vec<Sym>,
    pub unix_ns: Vec<i64>,
    pub attributes: AttributeColumns,
}

impl EventColumns {
    /// Returns how many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.span_id.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.span_id.is_empty()
    }
}

/// Records of one writer, as columns, between two flushes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Who recorded.
    pub writer: WriterId,
    /// The writer's batches in order, from 1.
    pub sequence: u64,
    /// Attributes of everything in the batch.
    pub resource: Arc<Resource>,
    /// Texts and bytes of every column.
    pub arena: Arena,
    /// Spans that ended.
    pub spans: SpanColumns,
    /// Events of spans.
    pub events: EventColumns,
    /// Spans seen running that no earlier batch told of; `duration_ns` is how long they had been seen running.
    pub opened: SpanColumns,
    /// Spans that an earlier batch told of in `opened` and that this one has in `spans`.
    pub closed: Vec<(TraceId, SpanId)>,
    /// Graphs that runs in this batch name by their fingerprint, each told of once by a writer.
    pub graphs: Vec<Arc<Graph>>,
    /// Records that were lost since the last batch because buffers were full.
    pub dropped: u64,
}

impl Batch {
    /// Iterates over the spans that ended.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        (0..self.spans.len()).map(|row| SpanRef { arena: &self.arena, columns: &self.spans, row })
    }

    /// Iterates over the spans that were first seen running.
    pub fn opened(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        (0..self.opened.len()).map(|row| SpanRef { arena: &self.arena, columns: &self.opened, row })
    }

    /// Iterates over the events.
    pub fn events(&self) -> impl ExactSizeIterator<Item = EventRef<'_>> {
        (0..self.events.len()).map(|row| EventRef { batch: self, row })
    }

    /// Says whether the batch carries nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
            && self.events.is_empty()
            && self.opened.is_empty()
            && self.closed.is_empty()
            && self.graphs.is_empty()
            && self.dropped == 0
    }

    /// Returns about how much memory the batch takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let rows = |columns: &SpanColumns| columns.len() * 80 + columns.attributes.keys.len() * 20;
        self.arena.size_bytes() + self.arena.len() * 4 + rows(&self.spans) + rows(&self.opened) + self.events.len() * 48
    }
}

/// An attribute of a row: key and value, borrowed from the batch.
#[derive(Debug, Clone, Copy)]
pub struct AttributeRef<'a> {
    arena: &'a Arena,
    key: Sym,
    /// The value, its texts in the batch's arena.
    pub value: Scalar,
}

impl<'a> AttributeRef<'a> {
    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.arena.text(self.key)
    }

    /// Returns the value, owned.
    #[must_use]
    pub fn to_value(&self) -> AttributeValue {
        match self.value {
            Scalar::Str(sym) => AttributeValue::Str(self.arena.text(sym).to_owned()),
            Scalar::Bool(flag) => AttributeValue::Bool(flag),
            Scalar::Int(number) => AttributeValue::Int(number),
            Scalar::Float(number) => AttributeValue::Float(number),
            Scalar::Bytes(sym) => AttributeValue::Bytes(self.arena.bytes(sym).to_vec()),
            Scalar::Nested(sym) => serde_json::from_slice(self.arena.bytes(sym))
                .unwrap_or_else(|_| AttributeValue::Str(self.arena.text(sym).to_owned())),
        }
    }
}

/// One span of a batch.
#[derive(Debug, Clone, Copy)]
pub struct SpanRef<'a> {
    arena: &'a Arena,
    columns: &'a SpanColumns,
    row: usize,
}

impl<'a> SpanRef<'a> {
    /// Returns the columns' values of this row.
    #[must_use]
    pub fn row(&self) -> SpanRow {
        let (columns, row) = (self.columns, self.row);
        SpanRow {
            trace_id: columns.trace_id[row],
            span_id: columns.span_id[row],
            parent_id: columns.parent_id[row],
            name: columns.name[row],
            kind: columns.kind[row],
            span_type: columns.span_type[row],
            status: columns.status[row],
            status_message: columns.status_message[row],
            start_unix_ns: columns.start_unix_ns[row],
            duration_ns: columns.duration_ns[row],
            flags: columns.flags[row],
        }
    }

    /// Returns the span's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.arena.text(self.columns.name[self.row])
    }

    /// Returns why the span failed, or the empty text.
    #[must_use]
    pub fn status_message(&self) -> &'a str {
        self.arena.text(self.columns.status_message[self.row])
    }

    /// Iterates over the span's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        let arena = self.arena;
        self.columns.attributes.row(self.row).map(move |(key, value)| AttributeRef { arena, key, value })
    }

    /// Returns the value of an attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<AttributeRef<'a>> {
        self.attributes().find(|attribute| attribute.key() == key)
    }

    /// Returns the span, owned, without its events (they are in a table of their own).
    #[must_use]
    pub fn to_span(&self) -> Span {
        let row = self.row();
        Span {
            trace_id: row.trace_id,
            span_id: row.span_id,
            parent_id: row.parent_id,
            name: self.name().to_owned(),
            kind: row.kind,
            span_type: row.span_type,
            status: row.status,
            status_message: self.status_message().to_owned(),
            start_unix_ns: row.start_unix_ns,
            duration_ns: row.duration_ns,
            flags: row.flags,
            attributes: self.attributes().map(|attribute| (attribute.key().to_owned(), attribute.to_value())).collect(),
            events: Vec::new(),
        }
    }
}

/// One event of a batch.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    batch: &'a Batch,
    row: usize,
}

impl<'a> EventRef<'a> {
    /// Returns the trace and the span that the event belongs to.
    #[must_use]
    pub fn owner(&self) -> (TraceId, SpanId) {
        (self.batch.events.trace_id[self.row], self.batch.events.span_id[self.row])
    }

    /// Returns the event's name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.batch.arena.text(self.batch.events.name[self.row])
    }

    /// Iterates over the event's attributes.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeRef<'a>> + use<'a> {
        let arena = &self.batch.arena;
        self.batch.events.attributes.row(self.row).map(move |(key, value)| AttributeRef { arena, key, value })
    }

    /// Returns the event, owned.
    #[must_use]
    pub fn to_event(&self) -> SpanEvent {
        SpanEvent {
            name: self.name().to_owned(),
            unix_ns: self.batch.events.unix_ns[self.row],
            attributes: self.attributes().map(|attribute| (attribute.key().to_owned(), attribute.to_value())).collect(),
        }
    }
}

/// Fills a [`Batch`], keeping each text once.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    batch: Batch,
    /// The last text with each hash: of two that have the same, the earlier one is forgotten.
    known: HashMap<u64, Sym, BuildHasherDefault<Hashed>>,
    seed: Seed,
}

impl BatchBuilder {
    /// Starts a batch of this writer.
    #[must_use]
    pub fn new(writer: WriterId, sequence: u64, resource: Arc<Resource>) -> Self {
        Self { batch: Batch { writer, sequence, resource, ..Batch::default() }, ..Self::default() }
    }

    /// Returns the batch as filled so far, for the columns that need no arena (`closed`, `graphs`, `dropped`) and for its counts.
    pub fn batch_mut(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Puts a text into the arena, once.
    pub fn intern(&mut self, text: &str) -> Sym {
        self.intern_bytes(text.as_bytes())
    }

    /// Puts bytes into the arena, once.
    pub fn intern_bytes(&mut self, bytes: &[u8]) -> Sym {
        if bytes.is_empty() {
            return Sym::EMPTY;
        }
        let hash = self.seed.hash(bytes);
        match self.known.get(&hash) {
            Some(&sym) if self.batch.arena.bytes(sym) == bytes => sym,
            _ => {
                let sym = self.batch.arena.push(bytes);
                self.known.insert(hash, sym);
                sym
            }
        }
    }

    /// Puts bytes into the arena without looking for an equal entry: for what is most likely unique.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Sym {
        if bytes.is_empty() { Sym::EMPTY } else { self.batch.arena.push(bytes) }
    }

    /// Puts a value's texts into the arena.
    pub fn scalar(&mut self, value: &AttributeValue) -> Scalar {
        match value {
            AttributeValue::Str(text) => Scalar::Str(self.intern(text)),
            AttributeValue::Bool(flag) => Scalar::Bool(*flag),
            AttributeValue::Int(number) => Scalar::Int(*number),
            AttributeValue::Float(number) => Scalar::Float(*number),
            AttributeValue::Bytes(bytes) => Scalar::Bytes(self.push_bytes(bytes)),
            nested @ (AttributeValue::List(_) | AttributeValue::Map(_)) => {
                let json = serde_json::to_vec(nested).unwrap_or_default();
                Scalar::Nested(self.push_bytes(&json))
            }
        }
    }

    /// Adds a span that ended.
    pub fn push_span(&mut self, row: SpanRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.spans.push(row, attributes);
    }

    /// Adds a span that was seen running.
    pub fn push_opened(&mut self, row: SpanRow, attributes: impl IntoIterator<Item = (Sym, Scalar)>) {
        self.batch.opened.push(row, attributes);
    }

    /// Adds an event of a span.
    pub fn push_event(
        &mut self,
        (trace_id, span_id): (TraceId, SpanId),
        name: Sym,
        unix_ns: i64,
        attributes: impl IntoIterator<Item = (Sym, Scalar)>,
    ) {
        let events = &mut self.batch.events;
        events.trace_id.push(trace_id);
        events.span_id.push(span_id);
        events.name.push(name);
        events.unix_ns.push(unix_ns);
        events.attributes.push_row(attributes);
    }

    /// Adds an owned span with its events: to `opened` while it runs, else to `spans`.
    pub fn push(&mut self, span: &Span) {
        let row = SpanRow {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_id: span.parent_id,
            name: self.intern(&span.name),
            kind: span.kind,
            span_type: span.span_type,
            status: span.status,
            status_message: self.intern(&span.status_message),
            start_unix_ns: span.start_unix_ns,
            duration_ns: span.duration_ns,
            flags: span.flags,
        };
        let attributes = self.pairs(&span.attributes);
        match span.status {
            Status::Running => self.push_opened(row, attributes),
            _ => self.push_span(row, attributes),
        }
        for event in &span.events {
            let name = self.intern(&event.name);
            let attributes = self.pairs(&event.attributes);
            self.push_event((span.trace_id, span.span_id), name, event.unix_ns, attributes);
        }
    }

    /// Returns the filled batch.
    #[must_use]
    pub fn finish(self) -> Batch {
        self.batch
    }

    fn pairs(&mut self, attributes: &Attributes) -> Vec<(Sym, Scalar)> {
        attributes.iter().map(|(key, value)| (self.intern(key), self.scalar(value))).collect()
    }
}

/// Where the hashes of a batch's texts start from: texts may come from anywhere, and nobody shall know which collide.
#[derive(Debug)]
struct Seed(u64);

impl Default for Seed {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl Seed {
    /// Hashes bytes: a multiplication for every eight, because most texts are that short.
    fn hash(&self, bytes: &[u8]) -> u64 {
        let (words, part) = bytes.as_chunks::<8>();
        let start = self.0 ^ bytes.len() as u64;
        let state = words.iter().fold(start, |state, word| stir(state ^ u64::from_le_bytes(*word)));
        let last = part.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
        stir(state ^ last ^ self.0.rotate_left(32))
    }
}

/// Multiplies by an odd number near the golden ratio of 2^64, and folds the product.
fn stir(word: u64) -> u64 {
    let product = u128::from(word) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

/// Passes hashes on as they are.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = Seed(self.0).hash(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span() -> Span {
        Span {
            trace_id: TraceId::random(),
            span_id: SpanId::random(),
            parent_id: SpanId::NONE,
            name: "node clean".into(),
            kind: SpanKind::Internal,
            span_type: SpanType::Node,
            status: Status::Error,
            status_message: "too dirty".into(),
            start_unix_ns: -5,
            duration_ns: 7,
            flags: 1,
            attributes: vec![
                ("a".into(), "text".into()),
                ("b".into(), AttributeValue::List(vec![1i64.into(), AttributeValue::Map(vec![("k".into(), 0.5.into())])])),
                ("c".into(), AttributeValue::Bytes(vec![0xff, 0])),
            ],
            events: vec![SpanEvent { name: "exception".into(), unix_ns: 1, attributes: vec![("x".into(), true.into())] }],
        }
    }

    #[test]
    fn hashes_tell_texts_apart() {
        let seed = Seed(7);
        let texts: Vec<String> = (0..4096).map(|at| format!("{}{at}", "x".repeat(at % 24))).collect();
        let hashes: std::collections::HashSet<u64> = texts.iter().map(|text| seed.hash(text.as_bytes())).collect();
        assert_eq!(hashes.len(), texts.len());
        let low: std::collections::HashSet<u64> = hashes.iter().map(|hash| hash & 0xffff).collect();
        assert!(low.len() > 3800, "{} of 4096 low bits differ", low.len());
        assert_ne!(seed.hash(b"a"), seed.hash(b"a\0"));
        assert_ne!(seed.hash(b"a"), Seed(8).hash(b"a"));
    }

    #[test]
    fn what_goes_in_comes_back_equal() {
        let (ended, mut running) = (span(), span());
        running.status = Status::Running;
        running.events.clear();
        let mut builder = BatchBuilder::new(WriterId::random(), 1, Arc::default());
        builder.push(&ended);
        builder.push(&running);
        let batch = builder.finish();
        let mut back = batch.spans().next().unwrap().to_span();
        back.events = batch.events().map(|event| event.to_event()).collect();
        assert_eq!(back, ended);
        assert_eq!(batch.opened().next().unwrap().to_span(), running);
        assert_eq!(batch.spans().len() + batch.opened().len(), 2);
    }

    #[test]
    fn equal_texts_are_kept_once() {
        let mut builder = BatchBuilder::default();
        let first = builder.intern("name");
        assert_eq!(builder.intern("name"), first);
        assert_eq!(builder.intern(""), Sym::EMPTY);
        assert_eq!(builder.finish().arena.len(), 2);
    }

    #[test]
    fn a_foreign_name_reads_as_empty() {
        assert_eq!(Arena::default().text(Sym(99)), "");
    }
}
