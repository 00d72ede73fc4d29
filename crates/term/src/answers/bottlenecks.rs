//! What takes long, as tables.

use flowglass_insight::answers::{Bottleneck, CriticalPlace, called};
use flowglass_insight::quantity;

use super::table;
use crate::Options;
use crate::ink::Ink;
use crate::table::Column;

/// Draws a line for each name of spans over a threshold, at most so many. Each line ends with a line break.
#[must_use]
pub fn bottlenecks(found: &[Bottleneck], at_most: usize, options: &Options) -> String {
    if found.is_empty() {
        return "nothing took longer\n".to_owned();
    }
    let shown = &found[..found.len().min(at_most)];
    let duration = |of: fn(&Bottleneck) -> u64| shown.iter().map(move |one| quantity::duration(of(one)));
    let columns = vec![
        Column::text(
            "NAME",
            0,
            shown.iter().map(|one| vec![(Ink::Strong, called(&one.name, &one.node).into_owned())]).collect(),
        )
        .flexible(14),
        Column::numbers("COUNT", 1, shown.iter().map(|one| quantity::count(one.count))),
        Column::numbers("TOTAL", 0, duration(|one| one.total_ns)),
        Column::numbers("MEAN", 2, duration(|one| one.mean_ns)),
        Column::numbers("MAX", 1, duration(|one| one.max_ns)),
    ];
    table(columns, *options) + &rest(found.len() - shown.len())
}

/// Draws a line for each place that runs waited for, at most so many. Each line ends with a line break.
#[must_use]
pub fn critical_places(found: &[CriticalPlace], at_most: usize, options: &Options) -> String {
    if found.is_empty() {
        return "no run has ended in this time\n".to_owned();
    }
    let shown = &found[..found.len().min(at_most)];
    let columns = vec![
        Column::text("RUNS WAITED FOR", 0, shown.iter().map(|one| vec![(Ink::Strong, one.path.clone())]).collect())
            .flexible(16),
        Column::numbers("SHARE", 0, shown.iter().map(|one| quantity::percent(one.share))),
        Column::numbers("TOTAL", 1, shown.iter().map(|one| quantity::duration(one.total_ns))),
        Column::numbers("A RUN", 1, shown.iter().map(|one| quantity::duration(one.total_ns / one.runs.max(1)))),
        Column::numbers("RUNS", 2, shown.iter().map(|one| quantity::count(one.runs))),
    ];
    table(columns, *options) + &rest(found.len() - shown.len())
}

fn rest(left: usize) -> String {
    if left == 0 { String::new() } else { format!("… {}\n", quantity::counted(left as u64, "more row")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_comes_first() {
        let one = |name: &str, node: &str, count| Bottleneck {
            name: name.into(),
            node: node.into(),
            count,
            total_ns: 9_000_000,
            mean_ns: 3_000_000,
            max_ns: 5_000_000,
        };
        let found = [one("node encode", "encode", 3), one("item *", "files", 2), one("item *", "files", 1)];
        insta::assert_snapshot!(bottlenecks(&found, 2, &Options::plain(60)), @"
        NAME             COUNT  TOTAL   MEAN    MAX
        node encode          3  9.0ms  3.0ms  5.0ms
        item * of files      2  9.0ms  3.0ms  5.0ms
        … 1 more row
        ");
        let place = CriticalPlace { path: "demo > encode".into(), runs: 2, total_ns: 8_000_000, share: 0.75 };
        insta::assert_snapshot!(critical_places(&[place], 5, &Options::plain(60)), @"
        RUNS WAITED FOR  SHARE  TOTAL  A RUN  RUNS
        demo > encode     75 %  8.0ms  4.0ms     2
        ");
        assert!(bottlenecks(&[], 5, &Options::plain(60)).contains("nothing"));
        assert!(critical_places(&[], 5, &Options::plain(60)).contains("no run"));
    }
}
