//! What pictures of waterfalls are made of.

use super::super::drawn;
use super::*;
use flowglass_model::{Span, SpanId, SpanKind, SpanType, Status, TraceId, conventions as names};
use proptest::prelude::*;

fn span(id: u64, parent: u64, span_type: SpanType, name: &str, at_ms: i64, ms: u64) -> Span {
    Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(id),
        parent_id: SpanId::from_u64(parent),
        name: name.to_owned(),
        kind: SpanKind::Internal,
        span_type,
        status: Status::Ok,
        status_message: String::new(),
        start_unix_ns: at_ms * 1_000_000,
        duration_ns: ms * 1_000_000,
        flags: 1,
        attributes: Vec::new(),
        ..Span::default()
    }
}

fn run() -> Vec<Span> {
    let mut spans = vec![
        span(1, 0, SpanType::Pipeline, "pipeline <corpus>", 0, 1_000),
        span(2, 1, SpanType::Node, "node load", 0, 400),
        span(3, 1, SpanType::Node, "node clean", 400, 1),
        span(4, 1, SpanType::Map, "map digest", 410, 590),
        span(5, 4, SpanType::Item, "item 0", 410, 590),
    ];
    spans[2].attributes = vec![(names::CACHE_STATUS.into(), "hit".into()), (names::CACHE_SAVED_MS.into(), 3_200.0.into())];
    spans[3].attributes = vec![(names::MAP_TOTAL.into(), 1_i64.into())];
    spans[4].status = Status::Error;
    spans[4].status_message = "bad & worse\nsecond line".to_owned();
    spans
}

#[test]
fn a_picture_in_its_parts() {
    let options = Options { theme: Theme::Light, ..Options::default() };
    let svg = super::waterfall(&Waterfall::of(&run()), &options);
    let drawn = svg.split_once("</defs>").map(|(_, drawn)| drawn.replace("><", ">\n<")).unwrap_or_default();
    insta::assert_snapshot!(drawn, @r#"
    <rect class="card" x=".5" y=".5" width="959" height="261" rx="12"/>
    <circle class="ok" cx="35" cy="29" r="11" fill-opacity=".15"/>
    <path class="ok-line line" transform="translate(35 29)" d="M-4.4.3-1.4 3.4 4.4-3.6"/>
    <text class="text title" x="56" y="35">&lt;corpus&gt;</text>
    <text class="text title end" x="936" y="35">1.00s</text>
    <text class="dim small" x="56" y="54">ok  ·  5 spans  ·  1 cached, 3.20s saved</text>
    <path class="rule" d="M.5 68H959.5"/>
    <path class="grid" d="M130 76V244"/>
    <text class="dim small" x="134" y="86">0</text>
    <path class="grid" d="M276.4 76V244"/>
    <text class="dim small" x="280.4" y="86">200ms</text>
    <path class="grid" d="M422.8 76V244"/>
    <text class="dim small" x="426.8" y="86">400ms</text>
    <path class="grid" d="M569.2 76V244"/>
    <text class="dim small" x="573.2" y="86">600ms</text>
    <path class="grid" d="M715.6 76V244"/>
    <text class="dim small" x="719.6" y="86">800ms</text>
    <path class="grid" d="M862 76V244"/>
    <text class="dim small" x="866" y="86">
    </text>
    <path class="tree" d="M30 135H38M30 161H38M30 187H38M46 213H54M30 118V187M46 196V213"/>
    <g>
    <title>&lt;corpus&gt; — ok, 1.00s from 0ns</title>
    <text class="text strong" x="24" y="113.5">&lt;corpus&gt;</text>
    <rect class="ok" x="130" y="106.5" width="732" height="5" rx="2.5" fill-opacity=".55"/>
    <text class="dim end" x="912" y="113.5">1.00s</text>
    <path class="ok-line line" transform="translate(926 109)" d="M-4.4.3-1.4 3.4 4.4-3.6"/>
    </g>
    <g>
    <title>&lt;corpus&gt; &gt; load — ok, 400ms from 0ns</title>
    <text class="text" x="40" y="139.5">load</text>
    <rect class="ok" x="130" y="128" width="292.8" height="14" rx="3"/>
    <text class="dim end" x="912" y="139.5">400ms</text>
    <path class="ok-line line" transform="translate(926 135)" d="M-4.4.3-1.4 3.4 4.4-3.6"/>
    </g>
    <g>
    <title>&lt;corpus&gt; &gt; clean — ok, 1.0ms from 400ms — cache hit</title>
    <text class="text" x="40" y="165.5">clean</text>
    <rect class="cached" x="422.8" y="154" width="2" height="14" rx="1"/>
    <text class="dim small" x="430.8" y="165">saved 3.20s</text>
    <text class="dim end" x="912" y="165.5">1.0ms</text>
    <path class="cached" transform="translate(926 161)" d="M1-6-4 1H-.6L-1.4 6 4-1.2H.6Z"/>
    </g>
    <g>
    <title>&lt;corpus&gt; &gt; digest — ok, 590ms from 410ms</title>
    <text class="text strong" x="40" y="191.5">digest</text>
    <text class="dim small" x="91.2" y="191.5">×1</text>
    <rect class="ok" x="430.1" y="184.5" width="431.9" height="5" rx="2.5" fill-opacity=".55"/>
    <text class="dim end" x="912" y="191.5">590ms</text>
    <path class="ok-line line" transform="translate(926 187)" d="M-4.4.3-1.4 3.4 4.4-3.6"/>
    </g>
    <g>
    <title>&lt;corpus&gt; &gt; digest[0] — error, 590ms from 410ms — bad &amp; worse</title>
    <text class="failed" x="56" y="217.5">[0]</text>
    <rect class="failed" x="430.1" y="206" width="431.9" height="14" rx="3"/>
    <text class="dim end" x="912" y="217.5">590ms</text>
    <path class="failed-line line" transform="translate(926 213)" d="M-3.6-3.6 3.6 3.6M3.6-3.6-3.6 3.6"/>
    <text class="failed small" x="56" y="235">bad &amp; worse</text>
    </g>
    </svg>
    "#);
}

#[test]
fn an_item_says_what_it_works_on() {
    let mut spans = run();
    let file = "crates/<insight>/src/waterfall/with/more/folders/than/a/row/has/room/for/row.rs";
    spans[4].attributes = vec![(names::MAP_ITEM.into(), file.into()), (names::RETRY_ATTEMPT.into(), 2_i64.into())];
    let svg = super::waterfall(&Waterfall::of(&spans), &Options { theme: Theme::Light, ..Options::default() });
    let row =
        svg.split_once("digest[0]").and_then(|(_, row)| row.split_once("<rect")).map(|(row, _)| row.replace("><", ">\n<"));
    insta::assert_snapshot!(row.unwrap_or_default(), @r#"
     — crates/&lt;insight&gt;/src/waterfall/with/more/folders/than/a/row/has/room/for/row.rs — error, 590ms from 410ms — bad &amp; worse</title>
    <text class="failed" x="56" y="217.5">[0]</text>
    <text class="dim small" x="84.6" y="217.5">…/than/a/row/has/room/for/row.rs</text>
    <text class="dim small" x="302.5" y="217.5">attempt 2</text>
    "#);
    spans[4].attributes = vec![(names::MAP_ITEM.into(), "\u{1b}[2J</text>\u{202e}x".into())];
    let svg = super::waterfall(&Waterfall::of(&spans), &Options::default());
    assert!(svg.contains("␛[2J&lt;/text&gt;x</text>") && !svg.contains('\u{1b}'), "{svg}");
}

#[test]
fn nothing_is_drawn_as_a_card_without_rows() {
    let svg = super::waterfall(&Waterfall::of(&[]), &Options { width: 0, ..Options::default() });
    assert!(svg.contains(">no spans</text>") && svg.contains(r#"width="480""#));
}

proptest! {
    #[test]
    fn any_name_stays_text(name: String, message: String, title: Option<String>, width: u32) {
        let mut spans = run();
        spans[1].name = name.clone();
        spans[0].name = name;
        spans[4].status_message.clone_from(&message);
        spans[4].attributes = vec![(names::MAP_ITEM.into(), message.into())];
        let svg = super::waterfall(&Waterfall::of(&spans), &Options { width: width % 4_000, title, theme: Theme::Auto });
        prop_assert_eq!(drawn::check(&svg), Ok(()));
    }
}
