//! Counts and durations of nodes as a table.

use flowglass_insight::answers::{NodeStatistics, called};
use flowglass_insight::quantity;

use super::table;
use crate::Options;
use crate::ink::Ink;
use crate::table::Column;

/// Draws a line for each node, at most so many; says how many are left out. Each line ends with a line break.
#[must_use]
pub fn nodes(nodes: &[NodeStatistics], at_most: usize, options: &Options) -> String {
    if nodes.is_empty() {
        return "nothing has ended in this time\n".to_owned();
    }
    let shown = &nodes[..nodes.len().min(at_most)];
    let mut text = table(columns(shown), *options);
    if nodes.len() > shown.len() {
        text += &format!("… {}\n", quantity::counted((nodes.len() - shown.len()) as u64, "more row"));
    }
    text
}

fn columns(nodes: &[NodeStatistics]) -> Vec<Column> {
    let numbers = |title, rank, of: &dyn Fn(&NodeStatistics) -> String| Column::numbers(title, rank, nodes.iter().map(of));
    let duration = |title, rank, of: fn(&NodeStatistics) -> u64| numbers(title, rank, &|node| quantity::duration(of(node)));
    let some = |number: u64, share: f64| {
        if number == 0 { String::new() } else { format!("{} ({})", quantity::count(number), quantity::percent(share)) }
    };
    let share = |node: &NodeStatistics| if node.share > 0.0 { quantity::percent(node.share) } else { String::new() };
    vec![
        Column::text(
            "NAME",
            0,
            nodes.iter().map(|node| vec![(Ink::Strong, called(&node.name, &node.node).into_owned())]).collect(),
        )
        .flexible(14),
        Column::text("PIPELINE", 7, nodes.iter().map(|node| vec![(Ink::Dim, node.pipeline.clone())]).collect()).flexible(10),
        numbers("COUNT", 1, &|node| quantity::count(node.count)),
        numbers("FAILED", 2, &|node| some(node.errors, node.error_rate)),
        numbers("CACHED", 4, &|node| some(node.cached, node.hit_rate)),
        numbers("SHARE", 3, &share),
        duration("TOTAL", 3, |node| node.total_ns),
        duration("MEAN", 6, |node| node.mean_ns),
        duration("MIN", 9, |node| node.min_ns),
        duration("P50", 2, |node| node.p50_ns),
        duration("P90", 8, |node| node.p90_ns),
        duration("P95", 3, |node| node.p95_ns),
        duration("P99", 8, |node| node.p99_ns),
        duration("MAX", 5, |node| node.max_ns),
    ]
}

#[cfg(test)]
mod tests {
    use flowglass_insight::answers::by_node;
    use flowglass_model::Rollup;

    use super::*;

    #[test]
    fn nodes_at_120_columns() {
        let rollup = |name: &str, node: &str, durations_ms: &[u32], errors| {
            let mut rollup =
                Rollup { pipeline: "digest".into(), name: name.into(), node: node.into(), errors, ..Rollup::default() };
            for &ms in durations_ms {
                rollup.count += 1;
                rollup.total_ns += u64::from(ms) * 1_000_000;
                rollup.max_ns = rollup.max_ns.max(u64::from(ms) * 1_000_000);
                rollup.durations.record(f64::from(ms) * 1e6);
            }
            rollup
        };
        let rollups = [
            rollup("pipeline digest", "", &[900], 0),
            rollup("node words", "words", &[100, 200, 400], 1),
            rollup("node files", "files", &[50], 0),
        ];
        insta::assert_snapshot!(nodes(&by_node(&rollups, &[]), 10, &Options::plain(120)), @"
        NAME             PIPELINE  COUNT    FAILED  SHARE  TOTAL   MEAN    MIN    P50    P90    P95    P99    MAX
        pipeline digest  digest        1                   900ms  900ms  900ms  900ms  900ms  900ms  900ms  900ms
        node words       digest        3  1 (33 %)   93 %  700ms  233ms  100ms  199ms  360ms  380ms  396ms  400ms
        node files       digest        1            6.7 %   50ms   50ms   50ms   50ms   50ms   50ms   50ms   50ms
        ");
        insta::assert_snapshot!(nodes(&by_node(&rollups, &[]), 1, &Options::plain(40)), @"
        NAME             COUNT  TOTAL    P50
        pipeline digest      1  900ms  900ms
        … 2 more rows
        ");
        assert_eq!(nodes(&[], 1, &Options::plain(80)), "nothing has ended in this time\n");
    }
}
