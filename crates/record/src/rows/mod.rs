//! Raw records become rows of a batch: names and keys interned once, ticks told as Unix time.

mod shape;

use std::fmt::Write as _;
use std::sync::Arc;

use flowglass_model::{
    Attributes, Batch, BatchBuilder, Extra, LinkRow, LogRow, Scalar, SpanDrops, SpanId, SpanKind, SpanRow, SpanType, Status,
    Sym, TraceId, conventions,
};

use crate::core::Core;
use crate::id_hash::IdMap;
use crate::open::{Frame, NO_INDEX, OpenFrame};
use crate::parts::Said;
use crate::raw::{Field, Fields, RawKey, UsersEnd, WholeSpan};
use crate::scope::SpanTemplate;
use crate::scope_shared::ScopeShared;
use crate::static_text::StaticText;
use crate::tick::TickLength;
use crate::{Sampling, Tick, Verdict, chance};
use shape::{Row, Shape, Shapes, scalar, set};

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
    pub(crate) length: TickLength,
}

/// Fills a batch.
#[derive(Debug)]
pub(crate) struct Rows {
    builder: BatchBuilder,
    shapes: Shapes,
    /// Of what has neither a template nor a static name.
    shapeless: Shape,
    of_scopes: IdMap<u64, Vec<(Sym, Scalar)>>,
    of_all: Vec<(Sym, Scalar)>,
    /// The scope that was asked last for the trace state of its spans, and that.
    state: (u64, Sym),
    sampling: Arc<Sampling>,
    row: Row,
    name: String,
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
    pub(crate) fn new(core: &Core, sequence: u64) -> Self {
        let mut builder = BatchBuilder::new(core.writer, sequence, Arc::clone(&core.resource));
        let of_all = intern_all(&mut builder, &core.attributes);
        Self {
            builder,
            shapes: Shapes::default(),
            shapeless: Shape::default(),
            of_scopes: IdMap::default(),
            of_all,
            state: (0, Sym::EMPTY),
            sampling: Arc::clone(&core.sampling),
            row: Row::default(),
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

    /// Adds a user's span that was read as a whole, and its events.
    pub(crate) fn push_whole(&mut self, scope: &ScopeShared, whole: &WholeSpan<'_>, of: &UsersEnd, length: TickLength) {
        let UsersEnd { frame, name, end, status } = *of;
        let Self { builder, shapes, row, .. } = self;
        let shape = shapes.named(builder, name);
        row.begin(shape);
        whole.attributes().for_each(|(key, value)| row.add(builder, shape, key, value));
        let name = shape.name;
        self.add_common(scope);
        let duration_ns = frame.start.elapsed_by(end, length);
        let span = SpanRow { status, duration_ns, ..running(scope, &frame, name, length) };
        self.builder.push_span_with(span, &self.row.attributes);
        let is_certain = self.is_certain(scope, &frame, status, duration_ns);
        self.note_extra(scope, is_certain, SpanDrops::default());
        whole.events().for_each(|(at, name, fields)| self.push_event(scope, frame.span, (at, length), name, fields));
    }

    /// Adds a span that ended, and its exception if it had one.
    pub(crate) fn push_ended(&mut self, scope: &ScopeShared, span: &EndedSpan<'_>) {
        let mut remarks = Remarks { message: span.message, ..Remarks::default() };
        let mut row = self.fill_row(scope, (&span.open, span.length), (span.said.fields, span.fields), &mut remarks);
        row.status = span.status;
        row.duration_ns = span.open.frame.start.elapsed_by(span.end, span.length);
        row.status_message = self.builder.intern(remarks.message);
        if scope.is_incomplete() {
            let key = self.builder.intern(conventions::TRACE_INCOMPLETE);
            set(&mut self.row.attributes, key, Scalar::Bool(true));
        }
        if !remarks.error_type.is_empty() {
            let key = self.builder.intern(conventions::ERROR_TYPE);
            let value = Scalar::Str(self.builder.intern(remarks.error_type));
            set(&mut self.row.attributes, key, value);
        }
        self.builder.push_span_with(row, &self.row.attributes);
        let is_certain = self.is_certain(scope, &span.open.frame, row.status, row.duration_ns);
        self.note_extra(scope, is_certain, span.said.dropped);
        if !remarks.error_type.is_empty() || !remarks.error_message.is_empty() {
            self.push_exception(scope, span, &remarks);
        }
    }

    /// Adds a span that is still open.
    pub(crate) fn push_opened(&mut self, scope: &ScopeShared, open: &OpenFrame, parts: Fields<'_>, now: Tick) {
        let (mut remarks, length) = (Remarks::default(), TickLength::at(now));
        let mut row = self.fill_row(scope, (open, length), (parts, Fields::new(&[])), &mut remarks);
        row.duration_ns = open.frame.start.elapsed_by(now, length);
        self.builder.push_opened(row, self.row.attributes.drain(..));
    }

    /// Adds an event of a span.
    pub(crate) fn push_event(
        &mut self,
        scope: &ScopeShared,
        span: SpanId,
        (at, length): (Tick, TickLength),
        name: StaticText,
        fields: Fields<'_>,
    ) {
        self.push_event_of((scope.trace_id, span), scope.anchor.unix_ns_by(at, length), name, fields);
    }

    /// Adds an event that belongs to no open span.
    pub(crate) fn push_loose_event(&mut self, unix_ns: i64, owner: (TraceId, SpanId), fields: Fields<'_>) {
        self.push_event_of(owner, unix_ns, StaticText::NONE, fields);
    }

    /// Adds a link of a span.
    pub(crate) fn push_link(&mut self, row: LinkRow, fields: Fields<'_>) {
        self.fill_shapeless(fields);
        self.builder.push_link(row, self.row.attributes.drain(..));
    }

    /// Adds a log record; its event name and its body stand among the fields.
    pub(crate) fn push_log(&mut self, mut row: LogRow, fields: Fields<'_>) {
        let remarks = self.fill_shapeless(fields);
        row.event_name = self.builder.intern(remarks.name);
        row.body = remarks.body.unwrap_or(Scalar::Null);
        self.builder.push_log(row, self.row.attributes.drain(..));
    }

    fn push_event_of(&mut self, owner: (TraceId, SpanId), unix_ns: i64, name: StaticText, fields: Fields<'_>) {
        let Self { builder, shapes, row, .. } = self;
        let name = if name.is_none() {
            let remarks = self.fill_shapeless(fields);
            self.builder.intern(remarks.name)
        } else {
            let shape = shapes.named(builder, name);
            row.begin(shape);
            add_fields((builder, row), shape, fields, &mut Remarks::default());
            shape.name
        };
        self.builder.push_event_with(owner, name, unix_ns, &self.row.attributes);
    }

    /// Fills `self.row` with the attributes of what has neither a template nor a static name; returns what else is said of it.
    fn fill_shapeless<'a>(&mut self, fields: Fields<'a>) -> Remarks<'a> {
        let (mut remarks, shape) = (Remarks::default(), &mut self.shapeless);
        self.row.begin(shape);
        add_fields((&mut self.builder, &mut self.row), shape, fields, &mut remarks);
        remarks
    }

    /// Says whether chance chose a span's trace, and the span would have been recorded had it not.
    #[inline]
    fn is_certain(&self, scope: &ScopeShared, frame: &Frame, status: Status, duration_ns: u64) -> bool {
        matches!(scope.verdict(), Verdict::Chosen(_)) && self.sampling.keeps_anyway(scope, frame, status, duration_ns)
    }

    /// Notes on the span that was added last how much was left out of it, and its trace's state.
    fn note_extra(&mut self, scope: &ScopeShared, is_certain: bool, dropped: SpanDrops) {
        let trace_state =
            if is_certain { self.builder.intern(&chance::state_of_certain(scope).to_string()) } else { self.state_of(scope) };
        if trace_state != Sym::EMPTY || !dropped.is_nothing() {
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

    /// Returns the trace state of a scope's spans, which most often is the same as that of the span before.
    #[inline]
    fn state_of(&mut self, scope: &ScopeShared) -> Sym {
        if self.state.0 != scope.id {
            let state = chance::state(scope, scope.carried.as_deref(), true);
            self.state = (scope.id, if state.is_empty() { Sym::EMPTY } else { self.builder.intern(&state.to_string()) });
        }
        self.state.1
    }

    /// Fills `self.row` with the attributes of a span, and returns its other columns as those of a running one.
    fn fill_row<'a>(
        &mut self,
        scope: &ScopeShared,
        (open, length): (&OpenFrame, TickLength),
        (parts, fields): (Fields<'a>, Fields<'a>),
        remarks: &mut Remarks<'a>,
    ) -> SpanRow {
        let frame = &open.frame;
        let template = scope.template(frame);
        let index = template.and_then(|template| index_of(frame, template));
        let Self { builder, shapes, shapeless, row, .. } = self;
        let shape = match template {
            Some(template) => shapes.of_template(builder, &scope.templates, (template, index.is_some())),
            None if open.name.is_none() => shapeless,
            None => shapes.named(builder, open.name),
        };
        row.begin(shape);
        if let (Some(index), Some(SpanType::Item)) = (index, template.map(|template| template.span_type)) {
            let key = builder.intern(conventions::MAP_INDEX);
            row.attributes.push((key, Scalar::Int(i64::try_from(index).unwrap_or(i64::MAX))));
        }
        add_fields((&mut *builder, &mut *row), shape, parts, remarks);
        add_fields((builder, row), shape, fields, remarks);
        let name = shape.name;
        self.add_common(scope);
        let name = match (template, index) {
            (Some(template), Some(index)) => self.indexed_name(template, index),
            (None, _) if open.name.is_none() => self.builder.intern(remarks.name),
            _ => name,
        };
        let row = running(scope, frame, name, length);
        template.map_or(row, |template| SpanRow { kind: template.kind, span_type: template.span_type, ..row })
    }

    /// Adds the attributes of the scope and of the recorder where the span has none of that name.
    fn add_common(&mut self, scope: &ScopeShared) {
        if !scope.attributes.is_empty() {
            let builder = &mut self.builder;
            let of_scope = self.of_scopes.entry(scope.id).or_insert_with(|| intern_all(builder, &scope.attributes));
            add_missing(&mut self.row.attributes, of_scope);
        }
        add_missing(&mut self.row.attributes, &self.of_all);
    }

    fn indexed_name(&mut self, template: &SpanTemplate, index: u64) -> Sym {
        self.name.clear();
        // Writing into a text does not fail.
        let _ = write!(self.name, "{} {index}", template.name);
        self.builder.intern(&self.name)
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

/// Adds the attributes among a record's fields to a row, and what else they say to the remarks.
#[inline]
fn add_fields<'a>(
    (builder, row): (&mut BatchBuilder, &mut Row),
    shape: &mut Shape,
    fields: Fields<'a>,
    remarks: &mut Remarks<'a>,
) {
    for field in fields {
        match field {
            Field::Attribute(RawKey::Body, value) => remarks.body = Some(scalar(builder, value, &mut Sym::default())),
            Field::Attribute(key, value) => row.add(builder, shape, key, value),
            other => remarks.add(other),
        }
    }
}

/// Returns the columns of a user's span that still runs; one of a template has another kind and type.
#[inline]
fn running(scope: &ScopeShared, frame: &Frame, name: Sym, length: TickLength) -> SpanRow {
    SpanRow {
        trace_id: scope.trace_id,
        span_id: frame.span,
        parent_id: frame.parent,
        name,
        kind: SpanKind::Internal,
        span_type: SpanType::Custom,
        status: Status::Running,
        status_message: Sym::EMPTY,
        start_unix_ns: scope.anchor.unix_ns_by(frame.start, length),
        duration_ns: 0,
        flags: frame.known_flags() | scope.remote_flags(frame),
    }
}

/// Returns the index that the span's name ends with, if it does.
fn index_of(frame: &Frame, template: &SpanTemplate) -> Option<u64> {
    (template.indexed && frame.index != NO_INDEX).then_some(frame.index)
}

impl<'a> Remarks<'a> {
    #[cold]
    fn add(&mut self, field: Field<'a>) {
        match field {
            Field::Name(name) => self.name = name,
            // Who says only that it failed takes back nothing.
            Field::Message("") => {}
            Field::Message(message) => self.message = message,
            Field::ErrorType(error_type) => self.error_type = error_type,
            Field::ErrorMessage(message) => self.error_message = message,
            Field::Cause(cause) => self.causes.push(cause),
            Field::Attribute(..) => {}
        }
    }
}

fn intern_all(builder: &mut BatchBuilder, attributes: &Attributes) -> Vec<(Sym, Scalar)> {
    attributes.iter().map(|(key, value)| (builder.intern(key), builder.scalar(value))).collect()
}

fn add_missing(row: &mut Vec<(Sym, Scalar)>, common: &[(Sym, Scalar)]) {
    for (key, value) in common {
        if !row.iter().any(|(known, _)| known == key) {
            row.push((*key, *value));
        }
    }
}
