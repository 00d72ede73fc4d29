//! What spans show of the values that nodes are given and make, where all of it is asked for.

use flowglass::model::{AttributeValue, Span};
use flowglass::prelude::*;
use flowglass::{Capture, LocalBackend, MemoryCache};

#[node(output = "greeting")]
fn greet(name: &str) -> String {
    format!("Hello {name}")
}

#[node(output = "loud")]
fn shout(greeting: String, token: String) -> String {
    assert!(!token.is_empty());
    greeting.to_uppercase()
}

fn pipeline() -> Pipeline {
    Pipeline::builder("greetings").nodes(nodes![greet, shout]).build().unwrap()
}

fn given() -> Inputs {
    inputs! { name: "Ada", token: "s3cr3t-9c1f" }
}

/// The names and values of an attribute of a span, texts without their quotes.
fn shown<'a>(spans: &'a [Span], name: &str, key: &str) -> Vec<(&'a str, &'a str)> {
    let span = spans.iter().find(|span| span.name == name).unwrap();
    match span.attribute(key) {
        Some(AttributeValue::Map(values)) => {
            values.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().trim_matches('"'))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_call_says_what_it_was_given_and_what_it_made() {
    for backend in [LocalBackend::sequential(), LocalBackend::default(), LocalBackend::threads()] {
        let spans = pipeline().run(given()).backend(backend).capture(Capture::Full).wait().unwrap().trace();
        assert_eq!(shown(&spans, "node greet", "value.inputs"), [("name", "Ada")]);
        assert_eq!(shown(&spans, "node greet", "value.outputs"), [("greeting", "Hello Ada")]);
        // Though the node takes both for itself; and secrets stay secret.
        assert_eq!(shown(&spans, "node shout", "value.inputs"), [("greeting", "Hello Ada"), ("token", "[redacted]")]);
        assert_eq!(shown(&spans, "node shout", "value.outputs"), [("loud", "HELLO ADA")]);
        assert!(!format!("{spans:?}").contains("s3cr3t"));
    }
}

#[test]
fn less_is_shown_where_less_is_asked_for() {
    let spans = pipeline().run(given()).wait().unwrap().trace();
    assert!(shown(&spans, "node greet", "value.inputs").is_empty() && shown(&spans, "node greet", "value.outputs").is_empty());
    let one = Pipeline::builder("one").node(greet {}.capture(Capture::Full)).node(shout {}).build().unwrap();
    let spans = one.run(given()).wait().unwrap().trace();
    assert_eq!(shown(&spans, "node greet", "value.outputs"), [("greeting", "Hello Ada")]);
    assert!(shown(&spans, "node shout", "value.outputs").is_empty());
    let but = Pipeline::builder("but").node(greet {}.capture(Capture::Off)).node(shout {}).build().unwrap();
    let spans = but.run(given()).capture(Capture::Full).wait().unwrap().trace();
    assert!(shown(&spans, "node greet", "value.inputs").is_empty());
    assert_eq!(shown(&spans, "node shout", "value.outputs"), [("loud", "HELLO ADA")]);
}

#[test]
fn items_and_failures_say_it_too_and_hits_load_nothing() {
    let names = inputs! { name: vec!["Ada".to_owned(), "Bo".to_owned()], token: "x" };
    let map = pipeline().map(names, ["name"]).capture(Capture::Full).wait().unwrap();
    let spans = map.trace();
    let made: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "node greet")
        .map(|span| shown(std::slice::from_ref(span), "node greet", "value.outputs"))
        .collect();
    assert_eq!(made.concat(), [("greeting", "Hello Ada"), ("greeting", "Hello Bo")]);
    let failed = pipeline().run(inputs! { name: "Ada", token: "" }).capture(Capture::Full);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let failed = runtime.block_on(failed.settle()).unwrap().trace();
    assert_eq!(shown(&failed, "node shout", "value.inputs")[0], ("greeting", "Hello Ada"));
    assert!(shown(&failed, "node shout", "value.outputs").is_empty());
    let cache = MemoryCache::new();
    let run = || pipeline().run(given()).cache(cache.clone()).capture(Capture::Full).wait().unwrap().trace();
    assert_eq!(shown(&run(), "node greet", "value.outputs"), [("greeting", "Hello Ada")]);
    assert!(run().iter().any(|span| span.text("cache.status") == Some("hit")));
}
