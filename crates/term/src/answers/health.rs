//! How runs went, why they failed, and what failed ones have in common.

use flowglass_insight::answers::{Correlation, Health};
use flowglass_insight::{Distribution, quantity, text};

use super::{facts, table};
use crate::Options;
use crate::ink::Ink;
use crate::table::Column;

/// Types of errors that are shown.
const MOST_TYPES: usize = 5;

/// Draws a line of totals, and a table of the most frequent errors if there are some. Each line ends with a line break.
#[must_use]
pub fn health(health: &Health, options: &Options) -> String {
    let some = |number: u64, word: &str| if number > 0 { format!("{} {word}", quantity::count(number)) } else { String::new() };
    let (about, ok, failed) = match &health.estimate {
        None => (quantity::counted(health.runs, "run"), quantity::count(health.ok), quantity::count(health.failed)),
        Some(all) => (
            format!("about {}", quantity::counted(whole(all.runs), "run")),
            quantity::count(whole(all.ok)),
            quantity::count(whole(all.failed)),
        ),
    };
    let failed = match health.failed {
        0 => String::new(),
        _ => format!("{failed} failed ({})", quantity::percent(health.failure_rate)),
    };
    let recorded = health.estimate.map_or_else(String::new, |_| format!("{} recorded", quantity::count(health.runs)));
    let spread = &health.durations;
    let durations = if spread.count > 0 {
        format!(
            "p50 {}, p95 {}, max {}",
            quantity::duration(spread.p50_ns),
            quantity::duration(spread.p95_ns),
            quantity::duration(spread.max_ns)
        )
    } else {
        String::new()
    };
    let saved = if health.saved_ms >= 1.0 {
        format!("{} saved by caches", quantity::duration_ms(health.saved_ms))
    } else {
        String::new()
    };
    let others = [
        recorded,
        if health.ok > 0 { format!("{ok} ok") } else { String::new() },
        failed,
        some(health.cancelled, "cancelled"),
        some(health.interrupted, "interrupted"),
        some(health.running, "running"),
        durations,
        saved,
    ];
    let mut drawn = facts(Ink::Strong, &about, &others, *options);
    if !health.error_types.is_empty() {
        drawn.push('\n');
        drawn += &errors(health, *options);
    }
    drawn
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, rounded for people")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn errors(health: &Health, options: Options) -> String {
    let types = &health.error_types[..health.error_types.len().min(MOST_TYPES)];
    let columns = vec![
        Column::text("ERROR", 0, types.iter().map(|one| vec![(Ink::Failed, one.error_type.clone())]).collect()).flexible(12),
        Column::numbers("COUNT", 0, types.iter().map(|one| quantity::count(one.count))),
        Column::numbers("SHARE", 1, types.iter().map(|one| quantity::percent(one.share))),
        Column::text(
            "LATEST",
            2,
            types.iter().map(|one| vec![(Ink::Plain, text::first_line(&one.example).into_owned())]).collect(),
        )
        .flexible(20),
    ];
    table(columns, options)
}

/// Draws what failed runs have more often than others; nothing if nothing stands out. Each line ends with a line break.
#[must_use]
pub fn correlation(correlation: &Correlation, options: &Options) -> String {
    let suspects = &correlation.suspects;
    let durations = durations(correlation, *options);
    if suspects.is_empty() {
        return durations;
    }
    let values = suspects
        .iter()
        .map(|one| vec![(Ink::Strong, one.key.clone()), (Ink::Plain, format!(" = {}", text::first_line(&one.value)))]);
    let columns = vec![
        Column::text("FAILED RUNS HAVE MORE OFTEN", 0, values.collect()).flexible(20),
        Column::numbers("FAILED", 0, suspects.iter().map(|one| quantity::count(one.failed))),
        Column::numbers("OK", 1, suspects.iter().map(|one| quantity::count(one.ok))),
        Column::numbers("RATE", 0, suspects.iter().map(|one| quantity::percent(one.failure_rate))),
        Column::numbers("LIFT", 2, suspects.iter().map(|one| format!("{:.1}×", one.lift))),
    ];
    durations + &table(columns, *options)
}

/// Draws how long failed runs took beside others, where there are both.
fn durations(correlation: &Correlation, options: Options) -> String {
    let (ok, failed) = (&correlation.ok, &correlation.failed);
    if ok.count == 0 || failed.count == 0 {
        return String::new();
    }
    let spread = |word: &str, of: &Distribution| {
        format!("{word} p50 {}, p95 {}", quantity::duration(of.p50_ns), quantity::duration(of.p95_ns))
    };
    facts(Ink::Strong, "durations", &[spread("ok", ok), spread("failed", failed)], options)
}

#[cfg(test)]
mod tests {
    use flowglass_model::{Span, Status};

    use super::*;

    fn roots() -> Vec<Span> {
        let root = |status, ms: u64, size: &str, message: &str| Span {
            status,
            status_message: message.into(),
            duration_ns: ms * 1_000_000,
            attributes: vec![("size".into(), size.into())],
            ..Span::default()
        };
        vec![
            root(Status::Ok, 100, "small", ""),
            root(Status::Ok, 120, "small", ""),
            root(Status::Error, 900, "large", "Disk: full\nreally"),
            root(Status::Error, 800, "large", "Disk: gone"),
        ]
    }

    #[test]
    fn totals_and_reasons() {
        insta::assert_snapshot!(health(&Health::of(&roots()), &Options::plain(100)), @"
        4 runs · 2 ok · 2 failed (50 %) · p50 460ms, p95 885ms, max 900ms

        ERROR  COUNT  SHARE  LATEST
        Disk       2  100 %  Disk: gone
        ");
        let mut sampled = roots();
        sampled[0].trace_state = "ot=th:c".to_owned();
        let estimated = health(&Health::of(&sampled), &Options::plain(100));
        let first = "about 7 runs · 4 recorded · 5 ok · 2 failed (29 %) · p50 460ms, p95 885ms, max 900ms";
        assert_eq!(estimated.lines().next(), Some(first));
        insta::assert_snapshot!(correlation(&Correlation::of(&roots()), &Options::plain(100)), @"
        durations · ok p50 110ms, p95 119ms · failed p50 850ms, p95 895ms
        FAILED RUNS HAVE MORE OFTEN  FAILED  OK   RATE  LIFT
        size = large                      2   0  100 %  2.0×
        ");
        let durations = "durations · ok p50 100ms, p95 100ms · failed p50 900ms, p95 900ms\n";
        assert_eq!(correlation(&Correlation::of(&[roots()[0].clone(), roots()[2].clone()]), &Options::plain(80)), durations);
        assert_eq!(correlation(&Correlation::of(&[]), &Options::plain(80)), "");
    }
}
