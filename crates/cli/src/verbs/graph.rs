//! `flowglass graph`: what a pipeline file's nodes read and make.

use std::process::ExitCode;

use flowglass::picture::mermaid;
use flowglass::term;
use flowglass_pipefile::pipeline;

use crate::arguments::GraphArguments;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::verbs::run::load;

pub(crate) fn run(arguments: &GraphArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let file = load(&arguments.file, printer)?;
    let pipeline = pipeline::build(&file).map_err(Failure::usage)?;
    let text = if arguments.mermaid {
        mermaid::graph(pipeline.graph(), &pipeline.settings())
    } else {
        term::graph::render(pipeline.graph(), &pipeline.settings(), &printer.stdout_options())
    };
    printer.data(arguments.o.as_deref(), text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
