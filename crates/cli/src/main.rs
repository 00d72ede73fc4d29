//! The `flowglass` command: runs pipeline files and shows what they did.

mod arguments;
mod configuration;
mod failure;
#[cfg(test)]
mod help_screens;
mod json;
mod live;
mod location;
mod printer;
mod run_inputs;
mod signals;
mod stored;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Verb};
use printer::Printer;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut printer = Printer::new(arguments.color);
    let ended = match arguments.verb {
        Verb::Run(run) => verbs::run::run(*run, &mut printer),
        Verb::List(list) => verbs::list::run(&list, &mut printer),
        Verb::Show(show) => verbs::show::run(&show, &mut printer),
        Verb::Query(query) => verbs::query::run(&query, &mut printer),
        Verb::Stats(stats) => verbs::stats::run(&stats, &mut printer),
        Verb::Compare(compare) => verbs::compare::run(&compare, &mut printer),
        Verb::Graph(graph) => verbs::graph::run(&graph, &mut printer),
        Verb::Serve(serve) => verbs::serve::run(&serve, &mut printer),
        Verb::Sql(sql) => verbs::sql::run(&sql, &mut printer),
        Verb::Export(export) => verbs::export::run(&export, &mut printer),
        Verb::Import(import) => verbs::import::run(&import, &mut printer),
        Verb::Prune(prune) => verbs::prune::run(&prune, &mut printer),
        Verb::Store(store) => verbs::store::run(&store, &mut printer),
        Verb::Cache(cache) => verbs::cache::run(&cache, &mut printer),
        Verb::Config(config) => verbs::config::run(&config, &mut printer),
        Verb::Doctor(doctor) => verbs::doctor::run(&doctor, &mut printer),
    };
    match ended {
        Ok(code) => code,
        Err(failure) => {
            printer.error(&failure.message);
            ExitCode::from(failure.exit_code)
        }
    }
}
