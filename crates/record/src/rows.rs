//! Raw records become rows of a batch: names and keys interned once, ticks told as Unix time.

use std::fmt::Write as _;
use std::sync::Arc;

use flowglass_model::{
    Attributes, Batch, BatchBuilder, Extra, LinkRow, LogRow, Resource, Scalar, SpanDrops, SpanId, SpanKind, SpanRow, SpanType,
    Status, Sym, TraceId, WriterId, conventions,
};

use crate::Tick;
use crate::id_hash::IdMap;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::parts::Said;
use crate::raw::{Field, Fields, RawKey, RawValue};
use crate::scope::SpanTemplate;
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;

/// Texts up to this long are looked for in the arena; longer ones are most likely unique, in bytes.
const INTERNED_TEXT: usize = 64;

/// The end of a span, to become a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EndedSpan<'a> {
    pub(crate) open: OpenFrame,
    pub(crate) end: Tick,
    pub(crate) status: Status,
    pub(crate) message: &'a str,
    /// What the record says.
    pub(crate) fields: Fields<'a>,
    /// What was said while the span was open.
    pub(crate) said: Said<'a>,
}

/// Fills a batch.
#[derive(Debug)]
pub(crate) struct Rows {
    builder: BatchBuilder,
    statics: IdMap<u64, Sym>,
    /// Places in `syms`, by the address of a list of templates and a number in it.
    templates: IdMap<(usize, u32), usize>,
    syms: Vec<TemplateSyms>,
    /// Templates whose addresses are keys above: their memory must not be used again before the batch is done.
    held: Vec<Arc<[SpanTemplate]>>,
    of_scopes: IdMap<u64, Vec<(Sym, Scalar)>>,
    of_all: Vec<(Sym, Scalar)>,
    row: Vec<(Sym, Scalar)>,
    name: String,
}

/// A template whose texts are in the arena.
#[derive(Debug)]
struct TemplateSyms {
    name: Sym,
    fixed: Vec<(Sym, Scalar)>,
    keys: Vec<Sym>,
}

/// What the fields of a record say besides attributes.
#[derive(Debug, Default)]
struct Remarks<'a> {
    name: &'a str,
    message: &'a str,
    error_type: &'a str,
    error_message: &'a str,
    causes: Vec<&'a str>,
    body: Option<Scalar>,
}

impl Rows {
    /// Starts a batch whose spans all have `attributes`.
    pub(crate) fn new(writer: WriterId, sequence: u64, resource: Arc<Resource>, attributes: &Attributes) -> Self {
        let mut builder = BatchBuilder::new(writer, sequence, resource);
        let of_all = intern_all(&mut builder, attributes);
        Self {
            builder,
            statics: IdMap::default(),
            templates: IdMap::default(),
            syms: Vec::new(),
            held: Vec::new(),
            of_scopes: IdMap::default(),
            of_all,
            row: Vec::new(),
            name: String::new(),
        }
    }

    /// Returns the batch as filled so far, for the columns that need no arena and for its counts.
    pub(crate) fn batch_mut(&mut self) -> &mut Batch {
        self.builder.batch_mut()
    }

    /// Returns the builder of the batch, for rows that come from no raw record.
    pub(crate) fn builder_mut(&mut self) -> &mut BatchBuilder {
        &mut self.builder
    }

    /// Returns the filled batch.
    pub(crate) fn finish(self) -> Batch {
        self.builder.finish()
    }

    /// Adds a span that ended, and its exception if it had one.
    pub(crate) fn push_ended(&mut self, scope: &ScopeShared, span: &EndedSpan<'_>) {
        let mut remarks = Remarks { message: span.message, ..Remarks::default() };
        let mut row = self.fill_row(scope, &span.open, (span.said.fields, span.fields), &mut remarks);
        row.status = span.status;
        row.duration_ns = span.open.frame.start.elapsed_ns(span.end);
        row.status_message = self.builder.intern(remarks.message);
        if scope.is_incomplete() {
            let key = self.builder.intern(conventions::TRACE_INCOMPLETE);
            set(&mut self.row, key, Scalar::Bool(true));
        }
        if !remarks.error_type.is_empty() {
            let key = self.builder.intern(conventions::ERROR_TYPE);
            self.set(key, RawValue::Str(remarks.error_type));
        }
        self.builder.push_span(row, self.row.drain(..));
        self.note_extra(scope, span.said.dropped);
        if !remarks.error_type.is_empty() || !remarks.error_message.is_empty() {
            self.push_exception(scope, span, &remarks);
        }
    }

    /// Adds a span that is still open.
    pub(crate) fn push_opened(&mut self, scope: &ScopeShared, open: &OpenFrame, parts: Fields<'_>, now: Tick) {
        let mut remarks = Remarks::default();
        let mut row = self.fill_row(scope, open, (parts, Fields::new(&[])), &mut remarks);
        row.duration_ns = open.frame.start.elapsed_ns(now);
        self.builder.push_opened(row, self.row.drain(..));
    }

    /// Adds an event of a span.
    pub(crate) fn push_event(&mut self, scope: &ScopeShared, span: SpanId, at: Tick, name: StaticText, fields: Fields<'_>) {
        let mut remarks = Remarks::default();
        self.row.clear();
        self.add_fields(None, fields, &mut remarks);
        let name = self.static_or_text(name, remarks.name);
        self.builder.push_event((scope.trace_id, span), name, scope.anchor.unix_ns(at), self.row.drain(..));
    }

    /// Adds an event that belongs to no open span.
    pub(crate) fn push_loose_event(&mut self, unix_ns: i64, owner: (TraceId, SpanId), fields: Fields<'_>) {
        let mut remarks = Remarks::default();
        self.row.clear();
        self.add_fields(None, fields, &mut remarks);
        let name = self.builder.intern(remarks.name);
        self.builder.push_event(owner, name, unix_ns, self.row.drain(..));
    }

    /// Adds a link of a span.
    pub(crate) fn push_link(&mut self, row: LinkRow, fields: Fields<'_>) {
        self.row.clear();
        self.add_fields(None, fields, &mut Remarks::default());
        self.builder.push_link(row, self.row.drain(..));
    }

    /// Adds a log record; its event name and its body stand among the fields.
    pub(crate) fn push_log(&mut self, mut row: LogRow, fields: Fields<'_>) {
        let mut remarks = Remarks::default();
        self.row.clear();
        self.add_fields(None, fields, &mut remarks);
        row.event_name = self.builder.intern(remarks.name);
        row.body = remarks.body.unwrap_or(Scalar::Null);
        self.builder.push_log(row, self.row.drain(..));
    }

    /// Notes on the span that was added last how much was left out of it, and its trace's state.
    fn note_extra(&mut self, scope: &ScopeShared, dropped: SpanDrops) {
        let state = scope.carried.as_ref().map(|carried| &carried.state).filter(|state| !state.is_empty());
        if state.is_some() || !dropped.is_nothing() {
            let trace_state = state.map_or(Sym::EMPTY, |state| self.builder.intern(&state.to_string()));
            let SpanDrops { attributes, events, links } = dropped;
            let extra = Extra {
                dropped_attributes: attributes,
                dropped_events: events,
                dropped_links: links,
                trace_state,
                ..Extra::default()
            };
            let spans = &mut self.builder.batch_mut().spans;
            spans.extras.set(spans.len().saturating_sub(1), extra);
        }
    }

    /// Fills `self.row` with the attributes of a span, and returns its other columns as those of a running one.
    fn fill_row<'a>(
        &mut self,
        scope: &ScopeShared,
        open: &OpenFrame,
        (parts, fields): (Fields<'a>, Fields<'a>),
        remarks: &mut Remarks<'a>,
    ) -> SpanRow {
        let frame = &open.frame;
        let template = scope.template(frame);
        let syms = template.map(|template| self.find_syms(scope, frame, template));
        self.row.clear();
        if let (Some(template), Some(syms)) = (template, syms) {
            self.add_template(frame, template, syms);
        }
        self.add_fields(syms, parts, remarks);
        self.add_fields(syms, fields, remarks);
        self.add_common(scope);
        SpanRow {
            trace_id: scope.trace_id,
            span_id: frame.span,
            parent_id: frame.parent,
            name: self.name_of(open, template.zip(syms), remarks.name),
            kind: template.map_or(SpanKind::Internal, |template| template.kind),
            span_type: template.map_or(SpanType::Custom, |template| template.span_type),
            status: Status::Running,
            status_message: Sym::EMPTY,
            start_unix_ns: scope.anchor.unix_ns(frame.start),
            duration_ns: 0,
            flags: frame.known_flags() | scope.remote_flags(frame),
        }
    }

    /// Returns the place in `syms` of a frame's template.
    fn find_syms(&mut self, scope: &ScopeShared, frame: &Frame, template: &SpanTemplate) -> usize {
        let address = Arc::as_ptr(&scope.templates).cast::<SpanTemplate>() as usize;
        *self.templates.entry((address, frame.template)).or_insert_with(|| {
            self.held.push(Arc::clone(&scope.templates));
            self.syms.push(TemplateSyms::intern(&mut self.builder, template));
            self.syms.len() - 1
        })
    }

    fn add_template(&mut self, frame: &Frame, template: &SpanTemplate, syms: usize) {
        self.row.extend_from_slice(&self.syms[syms].fixed);
        if template.indexed && template.span_type == SpanType::Item && frame.index != NO_INDEX {
            let key = self.builder.intern(conventions::MAP_INDEX);
            self.row.push((key, Scalar::Int(i64::try_from(frame.index).unwrap_or(i64::MAX))));
        }
    }

    fn add_fields<'a>(&mut self, syms: Option<usize>, fields: Fields<'a>, remarks: &mut Remarks<'a>) {
        for field in fields {
            match field {
                Field::Attribute(RawKey::At(at), value) => self.add_value(syms, at, value),
                Field::Attribute(RawKey::Static(key), value) => {
                    let key = self.static_or_text(key, "");
                    self.set(key, value);
                }
                Field::Attribute(RawKey::Body, value) => remarks.body = Some(self.scalar(value)),
                Field::Attribute(RawKey::Text(key), value) => {
                    let key = self.builder.intern(key);
                    self.set(key, value);
                }
                Field::Name(name) => remarks.name = name,
                Field::Message(message) => remarks.message = message,
                Field::ErrorType(error_type) => remarks.error_type = error_type,
                Field::ErrorMessage(message) => remarks.error_message = message,
                Field::Cause(cause) => remarks.causes.push(cause),
            }
        }
    }

    /// Adds the value of a template's key; one that the template has no key for is left out.
    fn add_value(&mut self, syms: Option<usize>, at: usize, value: RawValue<'_>) {
        if let Some(&key) = syms.and_then(|syms| self.syms[syms].keys.get(at)) {
            let value = self.scalar(value);
            self.row.push((key, value));
        }
    }

    fn set(&mut self, key: Sym, value: RawValue<'_>) {
        let value = self.scalar(value);
        set(&mut self.row, key, value);
    }

    /// Adds the attributes of the scope and of the recorder where the span has none of that name.
    fn add_common(&mut self, scope: &ScopeShared) {
        if !scope.attributes.is_empty() {
            let builder = &mut self.builder;
            let of_scope = self.of_scopes.entry(scope.id).or_insert_with(|| intern_all(builder, &scope.attributes));
            add_missing(&mut self.row, of_scope);
        }
        add_missing(&mut self.row, &self.of_all);
    }

    fn name_of(&mut self, open: &OpenFrame, template: Option<(&SpanTemplate, usize)>, own: &str) -> Sym {
        match template {
            None => self.static_or_text(open.name, own),
            Some((template, _)) if template.indexed && open.frame.index != NO_INDEX => {
                self.name.clear();
                // Writing into a text does not fail.
                let _ = write!(self.name, "{} {}", template.name, open.frame.index);
                self.builder.intern(&self.name)
            }
            Some((_, syms)) => self.syms[syms].name,
        }
    }

    fn static_or_text(&mut self, packed: StaticText, text: &str) -> Sym {
        if packed.is_none() {
            return self.builder.intern(text);
        }
        *self.statics.entry(packed.to_word()).or_insert_with(|| self.builder.intern(packed.get()))
    }

    fn scalar(&mut self, value: RawValue<'_>) -> Scalar {
        match value {
            RawValue::Bool(flag) => Scalar::Bool(flag),
            RawValue::Int(number) => Scalar::Int(number),
            RawValue::Float(number) => Scalar::Float(number),
            RawValue::Str(text) if text.len() <= INTERNED_TEXT => Scalar::Str(self.builder.intern(text)),
            RawValue::Str(text) => Scalar::Str(self.builder.push_bytes(text.as_bytes())),
            RawValue::Bytes(bytes) => Scalar::Bytes(self.builder.push_bytes(bytes)),
            RawValue::Json(json) => Scalar::Nested(self.builder.push_bytes(json)),
        }
    }

    fn push_exception(&mut self, scope: &ScopeShared, span: &EndedSpan<'_>, remarks: &Remarks<'_>) {
        let causes = remarks.causes.join("\n");
        let attributes = [
            (conventions::EXCEPTION_TYPE, remarks.error_type),
            (conventions::EXCEPTION_MESSAGE, remarks.error_message),
            (conventions::EXCEPTION_STACKTRACE, &causes),
        ];
        let present = attributes.into_iter().filter(|(_, text)| !text.is_empty());
        let row: Vec<_> =
            present.map(|(key, text)| (self.builder.intern(key), Scalar::Str(self.builder.intern(text)))).collect();
        let name = self.builder.intern("exception");
        let unix_ns = scope.anchor.unix_ns(span.end);
        self.builder.push_event((scope.trace_id, span.open.frame.span), name, unix_ns, row);
    }
}

impl TemplateSyms {
    fn intern(builder: &mut BatchBuilder, template: &SpanTemplate) -> Self {
        Self {
            name: builder.intern(&template.name),
            fixed: intern_all(builder, &template.attributes),
            keys: template.keys.iter().map(|key| builder.intern(key)).collect(),
        }
    }
}

fn intern_all(builder: &mut BatchBuilder, attributes: &Attributes) -> Vec<(Sym, Scalar)> {
    attributes.iter().map(|(key, value)| (builder.intern(key), builder.scalar(value))).collect()
}

fn set(row: &mut Vec<(Sym, Scalar)>, key: Sym, value: Scalar) {
    match row.iter_mut().find(|(known, _)| *known == key) {
        Some(slot) => slot.1 = value,
        None => row.push((key, value)),
    }
}

fn add_missing(row: &mut Vec<(Sym, Scalar)>, common: &[(Sym, Scalar)]) {
    for (key, value) in common {
        if !row.iter().any(|(known, _)| known == key) {
            row.push((*key, *value));
        }
    }
}
