//! What waterfalls look like.

use super::*;
use crate::fixture::{arbitrary_spans, check_width, interrupted, mapped, over_files, rich, without_colours};
use flowglass_insight::waterfall::FoldLimits;
use proptest::prelude::*;

fn drawn(spans: &[flowglass_model::Span], options: Options) -> String {
    render(&Waterfall::of(spans).fold(&FoldLimits::default()), &options)
}

#[test]
fn something_of_everything_at_80_columns() {
    insta::assert_snapshot!(drawn(&rich(), Options::plain(80)), @"
    18 spans                        0              500ms           1s
    corpus                          ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1.24s ✗
    ✗ 1 of 6 items failed
    ├─ load                         ███▊                                    118ms ✓
    ├─ clean                           ▒ saved 3.21s                        1.0ms ⚡
    ├─ embed @gpu                      ╺━━━━━━━━━━━━━━━━━━━━━━━━━           800ms ✓
    │  ├─ tokenize                      █████████▍                          300ms ✓
    │  ├─ fetch_weights (attempt 2)     █████████████▏                      420ms ✓
    │  │  ├─ attempt 1                  ▓▓▓▓▓                               150ms ✗
    │  │  │  ✗ connection reset by peer
    │  │  └─ attempt 2                         ██████▏                      196ms ✓
    │  └─ encode                                     ████████████           376ms ✓
    ├─ digest ×6                                                 ━━━━━━━━━╸ 300ms ✓
    │  ├─ [0]                                                    ████▎      130ms ✓
    │  ├─ [1]                                        saved 140ms ▒          300µs ⚡
    │  ├─ [2]                                                    ▕███▉      130ms ✓
    │  ├─ [3]                                                        ▐███▋  130ms ✓
    │  ├─ [4]                                                        ▓▓▓▓▓  130ms ✗
    │  │  └─ hash                                                     ▓▓▓▓  120ms ✗
    │  │     ✗ invalid utf-8 sequence of 1 bytes from index 7
    │  └─ [5]                                                         ████▎ 130ms ✓
    └─ store                                                    cancelled ░ 8.0ms ◌
    ");
}

#[test]
fn something_of_everything_at_200_columns() {
    insta::assert_snapshot!(drawn(&rich(), Options::plain(200)), @"
    18 spans                        0           100ms        200ms        300ms        400ms        500ms       600ms        700ms        800ms        900ms        1s           1.1s        1.2s
    corpus                          ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1.24s ✗
    ✗ 1 of 6 items failed
    ├─ load                         ███████████████▍                                                                                                                                                118ms ✓
    ├─ clean                                       ▒ saved 3.21s                                                                                                                                    1.0ms ⚡
    ├─ embed @gpu                                  ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸                                         800ms ✓
    │  ├─ tokenize                                  ██████████████████████████████████████▋                                                                                                         300ms ✓
    │  ├─ fetch_weights (attempt 2)                 ██████████████████████████████████████████████████████                                                                                          420ms ✓
    │  │  ├─ attempt 1                              ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓                                                                                                                            150ms ✗
    │  │  │  ✗ connection reset by peer
    │  │  └─ attempt 2                                                          ▕█████████████████████████                                                                                          196ms ✓
    │  └─ encode                                                                                          ████████████████████████████████████████████████▌                                         376ms ✓
    ├─ digest ×6                                                                                                                                          ╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸  300ms ✓
    │  ├─ [0]                                                                                                                                             ▕████████████████▍                        130ms ✓
    │  ├─ [1]                                                                                                                                               ▒ saved 140ms                           300µs ⚡
    │  ├─ [2]                                                                                                                                                █████████████████                      130ms ✓
    │  ├─ [3]                                                                                                                                                               ▕████████████████▍      130ms ✓
    │  ├─ [4]                                                                                                                                                                 ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓     130ms ✗
    │  │  └─ hash                                                                                                                                                             ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓      120ms ✗
    │  │     ✗ invalid utf-8 sequence of 1 bytes from index 7
    │  └─ [5]                                                                                                                                                                  ████████████████▉    130ms ✓
    └─ store                                                                                                                                                                           cancelled ░░ 8.0ms ◌
    ");
}

#[test]
fn in_ascii_at_60_columns() {
    insta::assert_snapshot!(drawn(&rich(), Options { unicode: false, ..Options::plain(60) }), @"
    18 spans                    0                 1s
    corpus                      ======================= 1.24s x
    x 1 of 6 items failed
    |- load                     ###                     118ms +
    |- clean                      ~ saved 3.21s         1.0ms *
    |- embed @gpu                 ================      800ms +
    |  |- tokenize                ######                300ms +
    |  |- fetch_we~ (attempt 2)   #########             420ms +
    |  |  |- attempt 1            XXXX                  150ms x
    |  |  |  x connection reset by peer
    |  |  `- attempt 2                #####             196ms +
    |  `- encode                          ########      376ms +
    |- digest x6                                 ====== 300ms +
    |  |- [0]                                    ###    130ms +
    |  |- [1]                        saved 140ms ~      300us *
    |  |- [2]                                    ###    130ms +
    |  |- [3]                                      #### 130ms +
    |  |- [4]                                       XXX 130ms x
    |  |  `- hash                                   XXX 120ms x
    |  |     x invalid utf-8 sequence of 1 bytes from index 7
    |  `- [5]                                       ### 130ms +
    `- store                                cancelled - 8.0ms -
    ");
}

#[test]
fn an_interrupted_run() {
    insta::assert_snapshot!(drawn(&interrupted(), Options::plain(80)), @"
    4 spans    0            200ms        400ms         600ms        800ms
    etl        ━ interrupted ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 900ms ⚠
    ├─ load    ████████████████████                                         300ms ✓
    ├─ train           interrupted ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 600ms ⚠
    └─ watch               running ▐█████████████████████████████████       500ms …
    ");
}

#[test]
fn a_run_cut_short_in_a_bar_without_room_beside_it_says_so_within() {
    let mut spans = interrupted();
    spans[2].start_unix_ns = spans[0].start_unix_ns;
    spans[2].duration_ns = spans[0].duration_ns;
    insta::assert_snapshot!(drawn(&spans, Options::plain(60)), @"
    4 spans    0                     500ms
    etl        ━ interrupted ━━━━━━━━━━━━━━━━━━━━━━━━━━ 900ms ⚠
    ├─ load    █████████████▍                           300ms ✓
    ├─ train   ░ interrupted ░░░░░░░░░░░░░░░░░░░░░░░░░░ 900ms ⚠
    └─ watch        running ▕██████████████████████     500ms …
    ");
    insta::assert_snapshot!(drawn(&spans, Options::plain(36)), @"
    4 spans    0
    etl        ━ interrupted ━━ 900ms ⚠
    ├─ load    █████▍           300ms ✓
    ├─ train   ░ interrupted ░░ 900ms ⚠
    └─ watch        ▐████████▍  500ms …
    ");
}

#[test]
fn items_say_what_they_work_on() {
    insta::assert_snapshot!(drawn(&over_files(), Options::plain(80)), @"
    6 spans                          0                  200ms
    etl                              ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 400ms ✓
    └─ words ×4                      ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 400ms ✓
       ├─ [0] src/a.rs               █████████▌                             100ms ✓
       ├─ [1] …/row.rs (attempt 2)            ▐█████████                    100ms ✓
       ├─ [2] a text that is no pat…                    █████████▌          100ms ✓
       └─ [3] ␛[2Jx y                                            ▐█████████ 100ms ✓
    ");
    insta::assert_snapshot!(drawn(&over_files(), Options { unicode: false, ..Options::plain(50) }), @"
    6 spans               0
    etl                   =================== 400ms +
    `- words x4           =================== 400ms +
       |- [0] src/a.rs    #####               100ms +
       |- [1] (attempt 2)     ######          100ms +
       |- [2] a text tha~          ######     100ms +
       `- [3] ?[2Jx y                   ##### 100ms +
    ");
}

#[test]
fn what_items_work_on_leaves_the_bars_a_third_of_80_columns() {
    let mut spans = over_files();
    spans[1].name = "map with_a_name_that_is_far_too_long_to_be_shown_whole_beside_its_bar".to_owned();
    let text = drawn(&spans, Options::plain(80));
    let bar = text.lines().nth(1).unwrap().chars().filter(|&cell| cell == '━').count();
    assert!(bar * 3 >= 80, "{text}");
}

#[test]
fn a_long_map_is_folded() {
    let folded = Waterfall::of(&mapped(10_000)).fold(&FoldLimits { rows: 12, items: 3 });
    insta::assert_snapshot!(render(&folded, &Options::plain(80)), @"
    20,002 spans     0              30s             1m              1m 30s
    etl              ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1m 40s ✓
    └─ words ×10,000 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 1m 40s ✓
       ├─ [6]        ▏                                                       26ms ✓
       │  └─ stem    ▏                                                       18ms ✓
       ├─ [13]       ▏                                                       26ms ✓
       │  └─ stem    ▏                                                       18ms ✓
       ├─ [20]       ▏                                                       26ms ✓
       │  └─ stem    ▏                                                       18ms ✓
       └─ … 9,997 more items (p50 23ms, max 26ms)
    ");
}

#[test]
fn one_span_and_none() {
    insta::assert_snapshot!(drawn(&mapped(0)[..1], Options::plain(80)), @"
    1 span     0
    etl        ╸                                                              0ns ✓
    ");
    assert_eq!(drawn(&[], Options::plain(80)), "no spans\n");
}

#[test]
fn colours_change_no_more_than_the_bars() {
    let (colored, plain) = (drawn(&rich(), Options::colored(80)), drawn(&rich(), Options::plain(80)));
    let only_text = |text: &str| text.replace(|c: char| ('\u{2580}'..='\u{259f}').contains(&c), "#");
    assert_eq!(only_text(&without_colours(&colored)), only_text(&plain));
}

proptest! {
    #[test]
    fn every_line_fits_and_nothing_panics(spans in arbitrary_spans(), width in 0usize..300, color: bool, unicode: bool) {
        let options = Options { width, color, unicode };
        let text = drawn(&spans, options);
        check_width(&text, width.max("no spans".len()));
        prop_assert!(unicode || text.is_ascii());
    }
}
