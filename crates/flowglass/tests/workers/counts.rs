//! What is done by workers counts in the driver's metrics, each node once, sampled or not.

use flowglass::MapItems;
use flowglass::model::MetricValue;
use flowglass::prelude::*;
use flowglass::testing::TestRecorder;

use crate::pipelines::sums;
use crate::workers;

fn executions(telemetry: &TestRecorder, node: &str) -> f64 {
    let is_of = |attributes: &flowglass::model::Attributes| {
        attributes.iter().any(|(key, value)| key == "node.id" && value.as_str() == Some(node))
    };
    let points = telemetry.points().into_iter();
    let points = points.filter(|(metric, point)| metric.name == "node.executions" && is_of(&point.attributes));
    points.map(|(_, point)| if let MetricValue::Number(number) = point.value { number.as_f64() } else { 0.0 }).sum()
}

#[test]
fn a_map_that_workers_do_counts_every_node() {
    let backend = workers(2);
    for rule in [MapItems::Each, MapItems::Off] {
        let telemetry = TestRecorder::new();
        let map = sums().unwrap().map(inputs! { number: (0..40_u64).collect::<Vec<_>>() }, ["number"]);
        let done = map.backend(backend.clone()).map_items(rule).telemetry(telemetry.recorder().clone()).wait().unwrap();
        assert_eq!(done.failed(), 0);
        assert_eq!(["square", "process", "add"].map(|node| executions(&telemetry, node)), [40.0; 3], "{rule:?}");
        let names: Vec<String> = telemetry.points().into_iter().map(|(metric, _)| metric.name).collect();
        assert!(["worker.active", "queue.depth"].iter().all(|name| names.iter().any(|known| known == name)), "{names:?}");
    }
}
