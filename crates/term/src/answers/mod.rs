//! Answers about many runs as tables.

mod bottlenecks;
mod comparison;
mod costs;
mod health;
mod nodes;
mod series;

pub use bottlenecks::{bottlenecks, critical_places};
pub use comparison::comparison;
pub use costs::costs;
pub use health::{correlation, health};
pub use nodes::nodes;
pub use series::series;

use crate::Options;
use crate::ink::Ink;
use crate::line::Line;
use crate::table::{Column, draw};

fn table(columns: Vec<Column>, options: Options) -> String {
    finished(draw(columns, options))
}

fn finished(lines: Vec<Line>) -> String {
    lines.into_iter().map(|line| line.finish() + "\n").collect()
}

/// A line of facts with dots between them: the first one strong.
fn facts(ink: Ink, first: &str, others: &[String], options: Options) -> String {
    let mut line = Line::new(options);
    line.push(ink, first);
    for fact in others.iter().filter(|fact| !fact.is_empty()) {
        line.push(Ink::Dim, " · ").push(Ink::Plain, fact);
    }
    line.finish() + "\n"
}
