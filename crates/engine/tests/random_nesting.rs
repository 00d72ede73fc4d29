//! Random nested pipelines: whatever is put into pipelines of its own gives the same values, stands at the right depth and path,
//! and never meets another's inner names.

use std::sync::Arc;

use flowglass_engine::IntoNode;
use flowglass_engine::value::Value;
use flowglass_engine::{
    Call, Inputs, Invocation, Node, NodeDef, NodeSpec, Output, Outputs, Param, Pipeline, PipelineBuilder, type_of, typed,
};
use flowglass_model::{AttributeValue, Subject, conventions};
use proptest::prelude::*;

/// Adds its own number to what it reads.
struct Add {
    output: String,
    read: String,
    number: u64,
}

impl Node for Add {
    fn spec(&self) -> NodeSpec {
        NodeSpec {
            params: vec![Param::new(self.read.clone(), type_of!(u64))],
            outputs: vec![Output { name: self.output.clone(), ty: type_of!(u64) }],
            ..NodeSpec::new(self.output.clone(), "function", type_of!(u64))
        }
    }

    fn call(&self, call: &mut Invocation<'_>) -> Call {
        let sum = call.borrow::<u64>(0).map(|value| value.wrapping_add(self.number));
        Call::Ready(sum.map(|sum| Outputs::from_elem(Arc::new(sum) as Value, 1)).map_err(Into::into))
    }
}

/// A chain of parts; each reads what the one before it made.
#[derive(Debug, Clone)]
enum Part {
    Node(u64),
    Nested(Vec<Part>),
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let leaf = (0u64..1000).prop_map(Part::Node);
    let part = leaf.prop_recursive(4, 24, 4, |inner| prop::collection::vec(inner, 1..4).prop_map(Part::Nested));
    prop::collection::vec(part, 1..5)
}

/// Every level uses the same inner names, `x` for what comes in and `v0`, `v1`, … inside, so that only isolation keeps them apart.
fn pipeline(name: &str, parts: &[Part]) -> PipelineBuilder {
    let read = |at: usize| if at == 0 { "x".to_owned() } else { format!("v{}", at - 1) };
    parts
        .iter()
        .enumerate()
        .fold(Pipeline::builder(name), |builder, (at, part)| builder.node(node(part, &read(at), &format!("v{at}"))))
}

fn node(part: &Part, read: &str, output: &str) -> NodeDef {
    match part {
        Part::Node(number) => Add { output: output.to_owned(), read: read.to_owned(), number: *number }.into_node(),
        Part::Nested(parts) => {
            let inner = pipeline(&format!("level {output}"), parts).build().unwrap();
            let last = format!("v{}", parts.len() - 1);
            inner.as_node().named(output).input("x", read).output(last, output)
        }
    }
}

fn sum(parts: &[Part]) -> u64 {
    parts
        .iter()
        .map(|part| match part {
            Part::Node(number) => *number,
            Part::Nested(parts) => sum(parts),
        })
        .sum()
}

/// The paths of all functions, with how many pipelines stand around each.
fn places(path: &str, depth: u16, parts: &[Part], found: &mut Vec<(String, u16)>) {
    for (at, part) in parts.iter().enumerate() {
        let path = format!("{path} > v{at}");
        match part {
            Part::Node(_) => found.push((path, depth)),
            Part::Nested(parts) => places(&path, depth + 1, parts, found),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nesting_changes_no_value(parts in parts(), x in 0u64..1000) {
        let last = format!("v{}", parts.len() - 1);
        let run = pipeline("p", &parts).build().unwrap().run(Inputs::new().with("x", typed!(x))).wait().unwrap();
        prop_assert_eq!(run.get::<u64>(&last).unwrap(), x + sum(&parts));
        let outputs: Vec<String> = run.outputs().map(|(name, _)| name.to_owned()).collect();
        let own: Vec<String> = (0..parts.len()).map(|at| format!("v{at}")).collect();
        prop_assert_eq!(outputs, own, "nothing of what is inside is seen");
    }

    #[test]
    fn depth_and_path_are_right_at_every_level(parts in parts()) {
        let mut expected = Vec::new();
        places("p", 1, &parts, &mut expected);
        expected.sort();
        let pipeline = pipeline("p", &parts).build().unwrap();
        let sites = pipeline.sites();
        let mut found: Vec<(String, u16)> =
            sites.iter().filter(|site| site.subject == Subject::Node).map(|site| (site.path.to_string(), site.depth)).collect();
        found.sort();
        prop_assert_eq!(&found, &expected);
        let run = pipeline.run(Inputs::new().with("x", typed!(1u64))).wait().unwrap();
        for span in run.trace() {
            if let (Some(path), Some(depth)) = (span.text(conventions::PIPELINE_PATH), span.attribute(conventions::PIPELINE_DEPTH)) {
                prop_assert_eq!(depth, &AttributeValue::Int(path.matches(" > ").count() as i64), "{}", path);
            }
        }
    }

    #[test]
    fn a_map_inside_a_map_gives_lists_of_lists(parts in parts(), lists in prop::collection::vec(prop::collection::vec(0u64..100, 0..4), 0..4)) {
        let last = format!("v{}", parts.len() - 1);
        let inner = pipeline("inner", &parts).build().unwrap();
        let each = Pipeline::builder("each").node(inner.as_node().map_over("x", "xs").output(&last, "ys")).build().unwrap();
        let all = Pipeline::builder("all").node(each.as_node().map_over("xs", "lists").output("ys", "all")).build().unwrap();
        let run = all.run(Inputs::new().with("lists", typed!(lists.clone()))).wait().unwrap();
        let right: Vec<Vec<u64>> = lists.iter().map(|list| list.iter().map(|x| x + sum(&parts)).collect()).collect();
        prop_assert_eq!(run.get::<Vec<Vec<u64>>>("all").unwrap(), right);
    }

    #[test]
    fn what_holds_comes_from_the_nearest_that_says_it(said in prop::collection::vec(prop::option::of(prop::option::of(1u64..100)), 1..6)) {
        use flowglass_engine::Setting;
        use std::time::Duration;
        let setting = |said: &Option<Option<u64>>| match said {
            None => Setting::Inherit,
            Some(None) => Setting::Off,
            Some(Some(seconds)) => Setting::Set(Duration::from_secs(*seconds)),
        };
        let leaf = pipeline("p", &[Part::Node(1)]).build().unwrap();
        let nested = said.iter().rev().enumerate().fold(leaf, |inner, (at, said)| {
            let around = if at == 0 { inner } else { Pipeline::builder("p").node(inner).build().unwrap() };
            around.with_timeout(setting(said))
        });
        let path = vec!["p"; said.len()].join(" > ");
        let nearest = said.iter().rev().find_map(|said| *said).flatten();
        prop_assert_eq!(nested.effective(&path).unwrap().timeout.value, nearest.map(Duration::from_secs));
    }
}
