//! Runs made by hand for tests: ids from a counter, times in milliseconds.

use flowglass_insight::Progress;
use flowglass_model::{
    AttributeValue, CacheStatus, Event, EventKind, Failure, Site, SiteId, Span, SpanId, SpanKind, SpanType, Status, Subject,
    TraceId, conventions as names,
};
use proptest::prelude::*;

use crate::Options;
use crate::progress::PlainProgress;

#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) spans: Vec<Span>,
}

impl Run {
    /// Adds a span below another and returns its place.
    pub(crate) fn add(&mut self, parent: Option<usize>, span_type: SpanType, name: &str, at_ms: u64, ms: u64) -> usize {
        let parent_id = parent.map_or(SpanId::NONE, |parent| self.spans[parent].span_id);
        self.spans.push(Span {
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_u64(self.spans.len() as u64 + 1),
            parent_id,
            name: name.to_owned(),
            kind: SpanKind::Internal,
            span_type,
            status: Status::Ok,
            status_message: String::new(),
            start_unix_ns: 1_700_000_000_000_000_000_i64.saturating_add_unsigned(at_ms * 1_000_000),
            duration_ns: ms * 1_000_000,
            flags: 1,
            attributes: Vec::new(),
            ..Span::default()
        });
        self.spans.len() - 1
    }

    pub(crate) fn set(&mut self, at: usize, key: &str, value: impl Into<AttributeValue>) {
        self.spans[at].attributes.push((key.to_owned(), value.into()));
    }

    pub(crate) fn end(&mut self, at: usize, status: Status, message: &str) {
        self.spans[at].status = status;
        self.spans[at].status_message = message.to_owned();
    }

    pub(crate) fn hit(&mut self, at: usize, saved_ms: f64) {
        self.set(at, names::CACHE_STATUS, "hit");
        self.set(at, names::CACHE_SAVED_MS, saved_ms);
    }
}

/// A run with something of everything: nested, mapped, parallel, cached, failed, cancelled.
pub(crate) fn rich() -> Vec<Span> {
    use SpanType::{Attempt, Item, Map, Node, Pipeline};
    let mut run = Run::default();
    let root = run.add(None, Pipeline, "pipeline corpus", 0, 1_240);
    run.set(root, names::BACKEND_NAME, "local");
    run.add(Some(root), Node, "node load", 2, 118);
    let clean = run.add(Some(root), Node, "node clean", 121, 1);
    run.hit(clean, 3_210.0);
    let inner = run.add(Some(root), Pipeline, "pipeline embed", 124, 800);
    run.set(inner, names::BACKEND_NAME, "gpu");
    let tokenize = run.add(Some(inner), Node, "node tokenize", 126, 300);
    run.set(tokenize, names::CACHE_STATUS, "write");
    let fetch = run.add(Some(inner), Node, "node fetch_weights", 126, 420);
    run.set(fetch, names::RETRY_ATTEMPT, 2);
    let attempt = run.add(Some(fetch), Attempt, "attempt 1", 126, 150);
    run.end(attempt, Status::Error, "connection reset by peer");
    run.add(Some(fetch), Attempt, "attempt 2", 350, 196);
    run.add(Some(inner), Node, "node encode", 548, 376);
    let map = run.add(Some(root), Map, "map digest", 926, 300);
    run.set(map, names::MAP_TOTAL, 6);
    run.set(map, names::MAP_FAILED, 1);
    for index in 0..6_u64 {
        let item = run.add(Some(map), Item, &format!("item {index}"), 926 + index % 3 * 10 + index / 3 * 140, 130);
        run.set(item, names::MAP_INDEX, i64::try_from(index).unwrap());
        if index == 1 {
            run.hit(item, 140.0);
            run.spans[item].duration_ns = 300_000;
        }
        if index == 4 {
            let hash = run.add(Some(item), Node, "node hash", 1_080, 120);
            run.end(hash, Status::Error, "invalid utf-8 sequence of 1 bytes from index 7\ncaused by: bad input");
            run.end(item, Status::Error, "invalid utf-8 sequence of 1 bytes from index 7");
        }
    }
    let store = run.add(Some(root), Node, "node store", 1_228, 8);
    run.end(store, Status::Cancelled, "");
    run.end(root, Status::Error, "1 of 6 items failed");
    run.spans
}

/// A run whose process died.
pub(crate) fn interrupted() -> Vec<Span> {
    let mut run = Run::default();
    let root = run.add(None, SpanType::Pipeline, "pipeline etl", 0, 900);
    run.add(Some(root), SpanType::Node, "node load", 0, 300);
    let node = run.add(Some(root), SpanType::Node, "node train", 300, 600);
    run.add(Some(root), SpanType::Node, "node watch", 310, 500);
    run.spans[3].status = Status::Running;
    run.end(root, Status::Interrupted, "");
    run.end(node, Status::Interrupted, "");
    run.spans
}

/// A map over files, the last of them with a hostile name.
pub(crate) fn over_files() -> Vec<Span> {
    let mut run = Run::default();
    let root = run.add(None, SpanType::Pipeline, "pipeline etl", 0, 400);
    let map = run.add(Some(root), SpanType::Map, "map words", 0, 400);
    run.set(map, names::MAP_TOTAL, 4);
    let files =
        ["src/a.rs", "crates/insight/src/waterfall/row.rs", "a text that is no path and rather long", "\u{1b}[2J\u{202e}x\ny"];
    for (index, file) in files.into_iter().enumerate() {
        let item = run.add(Some(map), SpanType::Item, &format!("item {index}"), index as u64 * 100, 100);
        run.set(item, names::MAP_ITEM, file);
        if index == 1 {
            run.set(item, names::RETRY_ATTEMPT, 2);
        }
    }
    run.spans
}

/// A mapped run of so many items, three at a time.
pub(crate) fn mapped(items: u64) -> Vec<Span> {
    let mut run = Run::default();
    let root = run.add(None, SpanType::Pipeline, "pipeline etl", 0, items * 10);
    let map = run.add(Some(root), SpanType::Map, "map words", 0, items * 10);
    run.set(map, names::MAP_TOTAL, i64::try_from(items).unwrap());
    for index in 0..items {
        let item = run.add(Some(map), SpanType::Item, &format!("item {index}"), index * 10, 20 + index % 7);
        run.add(Some(item), SpanType::Node, "node stem", index * 10 + 1, 18);
    }
    run.spans
}

/// A plan and the progress of its run, fed with events.
pub(crate) struct Feed {
    pub(crate) plan: Vec<Site>,
    pub(crate) progress: Progress,
    pub(crate) plain: PlainProgress,
    pub(crate) lines: String,
}

pub(crate) const START: EventKind<'_> = EventKind::Started { total: None };

impl Feed {
    /// Begins with the plan `corpus`: load, clean, a nested pipeline embed with encode, a map digest with hash, and store.
    pub(crate) fn new() -> Self {
        let sites = [
            (None, Subject::Pipeline, "corpus"),
            (Some(0), Subject::Node, "load"),
            (Some(0), Subject::Node, "clean"),
            (Some(0), Subject::Pipeline, "embed"),
            (Some(3), Subject::Node, "encode"),
            (Some(0), Subject::Map, "digest"),
            (Some(5), Subject::Item, "digest"),
            (Some(6), Subject::Node, "hash"),
            (Some(0), Subject::Node, "store"),
        ];
        Self::with(&sites)
    }

    pub(crate) fn with(sites: &[(Option<u32>, Subject, &str)]) -> Self {
        let mut plan: Vec<Site> = Vec::new();
        for (id, (parent, subject, name)) in (0..).zip(sites) {
            let above = parent.map(|parent| plan[parent as usize].path.to_string());
            let path = match above {
                Some(above) if *subject == Subject::Item => above,
                Some(above) => format!("{above} > {name}"),
                None => (*name).to_owned(),
            };
            if let Some(parent) = parent {
                plan[*parent as usize].children += 1;
            }
            let (id, parent) = (SiteId(id), parent.map(SiteId));
            plan.push(Site {
                id,
                parent,
                subject: *subject,
                name: (*name).into(),
                path: path.into(),
                depth: 0,
                children: 0,
                needed: true,
            });
        }
        let plain = PlainProgress::new(Options::plain(80));
        Self { progress: Progress::new(&plan), plan, plain, lines: String::new() }
    }

    /// Tells of something at a site, so many milliseconds after the beginning.
    pub(crate) fn tell(&mut self, at: usize, ms: i64, index: Option<u64>, kind: EventKind<'_>) {
        let run = TraceId::from_bytes([1; 16]).into();
        let event = Event::new((0, ms * 1_000_000), run, &self.plan[at], SpanId::NONE, index, kind);
        self.progress.apply(&event);
        if let Some(line) = self.plain.line(&self.progress, &event) {
            self.lines += &(line + "\n");
        }
    }

    /// Tells of a run that is in the middle of its map of 1,000 items.
    pub(crate) fn halfway() -> Self {
        let mut feed = Self::new();
        feed.tell(0, 0, None, EventKind::Started { total: Some(5) });
        feed.tell(1, 0, None, START);
        feed.tell(1, 1_230, None, done(1_230));
        feed.tell(2, 1_230, None, START);
        feed.tell(2, 1_231, None, cached(3_200));
        feed.tell(3, 1_231, None, EventKind::Started { total: Some(1) });
        feed.tell(4, 1_231, None, START);
        feed.tell(4, 2_000, None, retried(&failure("connection reset by peer\nsecond line")));
        feed.tell(5, 1_300, None, EventKind::Started { total: Some(1_000) });
        (0..600).for_each(|index| feed.item(index));
        feed
    }

    fn item(&mut self, index: u64) {
        let ms = 1_300 + i64::try_from(index).unwrap() * 20;
        if index.is_multiple_of(4) {
            return self.tell(6, ms, Some(index), cached(40));
        }
        self.tell(6, ms, Some(index), START);
        self.tell(7, ms, Some(index), START);
        let failed = failure("invalid utf-8 sequence of 1 bytes from index 7, and much more that nobody reads");
        let kind = if index % 200 == 1 { EventKind::Failed { duration_ns: 1, failure: &failed } } else { done(60) };
        if index < 597 {
            self.tell(7, ms + 15, Some(index), kind);
            self.tell(6, ms + 15, Some(index), kind);
        }
    }

    /// Brings a run that is halfway to its end.
    pub(crate) fn finish(&mut self) {
        for index in 597..600 {
            self.tell(7, 13_400, Some(index), done(80));
            self.tell(6, 13_400, Some(index), done(80));
        }
        for index in 600..1_000 {
            self.tell(6, 13_400, Some(index), EventKind::Skipped);
        }
        let failed = failure("3 of 1,000 items failed");
        self.tell(5, 13_400, None, EventKind::Failed { duration_ns: 12_100_000_000, failure: &failed });
        self.tell(4, 13_500, None, done(12_000));
        self.tell(3, 13_500, None, done(12_000));
        self.tell(8, 13_500, None, EventKind::Skipped);
        self.tell(0, 13_500, None, EventKind::Failed { duration_ns: 13_500_000_000, failure: &failed });
    }
}

pub(crate) fn done<'a>(ms: u64) -> EventKind<'a> {
    EventKind::Finished { duration_ns: ms * 1_000_000, cache: CacheStatus::Write }
}

pub(crate) fn cached<'a>(saved_ms: u64) -> EventKind<'a> {
    EventKind::Cached { signature: &[0; 32], lookup_ns: 900_000, saved_ns: saved_ms * 1_000_000 }
}

pub(crate) fn failure(message: &str) -> Failure {
    Failure { error_type: "Error".to_owned(), message: message.to_owned(), causes: Vec::new() }
}

pub(crate) const fn retried(failure: &Failure) -> EventKind<'_> {
    EventKind::Retried { attempt: 1, delay_ns: 0, failure }
}

/// Names that try to break the screen.
pub(crate) const HOSTILE: &[&str] = &[
    "",
    "\x1b[2J\x1b[31mred",
    "\u{202e}reversed",
    "漢字かな交じり文漢字かな交じり文漢字かな交じり文漢字かな交じり文",
    "👩‍🔬🏳️‍🌈 e\u{301}e\u{301}",
    "line\nbreak\r\ttab",
    "\u{9b}31m\u{7}",
];

/// Spans with ids and parents from a small range, hostile names, and any times.
pub(crate) fn arbitrary_spans() -> impl Strategy<Value = Vec<Span>> {
    let time = prop_oneof![0..1_000_u64, any::<u64>()];
    let index = any::<prop::sample::Index>;
    let one = (0..24_u64, 0..24_u64, time.clone(), time, index(), index(), prop::option::of(any::<String>()), any::<u32>());
    prop::collection::vec(one, 0..40).prop_map(|rows| {
        let mut run = Run::default();
        for (id, parent, start, duration, kind, status, name, total) in rows {
            let at =
                run.add(None, *kind.get(SpanType::ALL), name.as_deref().unwrap_or(HOSTILE[status.index(HOSTILE.len())]), 0, 0);
            run.end(at, *status.get(Status::ALL), HOSTILE[kind.index(HOSTILE.len())]);
            let span = &mut run.spans[at];
            (span.span_id, span.parent_id) = (SpanId::from_u64(id), SpanId::from_u64(parent));
            span.start_unix_ns = span.start_unix_ns.saturating_add_unsigned(start);
            span.duration_ns = duration;
            for key in [names::MAP_TOTAL, names::MAP_UNSAMPLED, names::CACHE_SAVED_MS, names::RETRY_ATTEMPT] {
                run.set(at, key, total);
            }
            run.set(at, names::CACHE_STATUS, if total % 3 == 0 { "hit" } else { "miss" });
            run.set(at, names::BACKEND_NAME, HOSTILE[kind.index(HOSTILE.len())]);
            run.set(at, names::MAP_ITEM, HOSTILE[status.index(HOSTILE.len())]);
        }
        run.spans
    })
}

/// Checks that no line of a text passes a width, once escape sequences are taken out, and that colours are the only ones.
pub(crate) fn check_width(text: &str, width: usize) {
    for line in text.lines() {
        let plain = without_colours(line);
        assert!(flowglass_insight::text::width(&plain) <= width, "{line:?} is wider than {width}");
        assert!(!plain.contains(char::is_control), "{line:?}");
    }
}

/// Takes colours out of a text, and nothing else.
pub(crate) fn without_colours(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (codes, rest) = part.split_once('m').unwrap_or_default();
        assert!(codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'), "{part:?}");
        plain.push_str(rest);
    }
    plain
}
