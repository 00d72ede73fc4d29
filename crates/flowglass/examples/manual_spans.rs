//! Spans by hand, without a pipeline: a workflow of two steps, shown on the console or sent to a receiver.
//!
//! ```sh
//! cargo run -p flowglass --example manual_spans
//! cargo run -p flowglass --example manual_spans -- --otlp http://localhost:4318
//! ```
//!
//! Besides an address, `--otlp` takes `jaeger`, `tempo`, `logfire` and `honeycomb`.

use std::error::Error;
use std::time::Duration;

use flowglass::prelude::*;
use flowglass::{add_event, set_attribute, traced};

fn main() -> Result<(), Box<dyn Error>> {
    let recorder = recorder(&std::env::args().skip(1).collect::<Vec<_>>())?;
    println!("{}", workflow(&recorder));
    // What couldn't be delivered is said here, with what to do about it.
    recorder.shutdown(Duration::from_secs(10))?;
    Ok(())
}

/// Makes the recorder that the arguments ask for.
fn recorder(arguments: &[String]) -> Result<Recorder, Box<dyn Error>> {
    match arguments {
        [] => Ok(telemetry::console()),
        [flag, address] if flag == "--otlp" => {
            let (exporter, warnings) = telemetry::exporter_named(address)?;
            warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(telemetry::to_exporter(exporter.build()?).build())
        }
        _ => Err("usage: manual_spans [--otlp ADDRESS]".into()),
    }
}

/// Two steps in one trace.
fn workflow(recorder: &Recorder) -> String {
    let workflow = recorder.root_span("example.workflow");
    workflow.event("workflow.started", &[]);
    let joke = generate_joke("pipelines");
    let explanation = explain_joke(&joke, "dry");
    workflow.event("workflow.completed", &[("steps", 2.into())]);
    format!("{joke}\n({explanation})")
}

#[traced(name = "step.generate_joke", record("joke.category" = category))]
fn generate_joke(category: &str) -> String {
    let joke = format!("Why are {category} never lonely? They have so many streams.");
    set_attribute("joke.length", joke.len());
    add_event("joke.generated", &[]);
    joke
}

#[traced(name = "step.explain_joke", record("explanation.style" = style))]
fn explain_joke(joke: &str, style: &str) -> String {
    let explanation = format!("a {style} remark on the {} words before it", joke.split_whitespace().count());
    set_attribute("explanation.length", explanation.len());
    add_event("explanation.generated", &[]);
    explanation
}

#[cfg(test)]
mod tests {
    use flowglass::testing::TestRecorder;

    use super::*;

    #[test]
    fn both_steps_stand_in_one_trace() {
        let telemetry = TestRecorder::new();
        let said = workflow(telemetry.recorder());
        assert_eq!(said.lines().count(), 2);
        telemetry.span("example.workflow").has_event("workflow.started").has_event("workflow.completed").is_ok();
        let joke = telemetry.span("step.generate_joke").is_inside("example.workflow").has_event("joke.generated");
        joke.has("joke.category", "pipelines").has("joke.length", 58);
        let explanation = telemetry.span("step.explain_joke").is_inside("example.workflow");
        explanation.has("explanation.style", "dry").has_event("explanation.generated");
    }

    #[test]
    fn arguments_say_where_to() {
        let given = |arguments: &[&str]| recorder(&arguments.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert!(given(&[]).is_ok() && given(&["--otlp", "http://localhost:4318"]).is_ok());
        assert!(given(&["--otlp", "nowhere"]).is_err() && given(&["--help"]).is_err());
    }
}
