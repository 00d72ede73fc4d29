//! `flowglass sql`: any question, in SQL.

mod arguments;
mod delimited;
mod json;
mod screen;
mod tables;

use std::io::Read;
use std::process::ExitCode;

use flowglass::store::{SqlLimits, SqlRow, SqlStatement, SqlValue, StoreErrorKind};

use self::arguments::Form;
pub(crate) use self::arguments::SqlArguments;
pub(crate) use self::delimited::Csv;
use crate::failure::Failure;
use crate::printer::{Output, Printer};

pub(crate) fn run(arguments: &SqlArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let Some(statement) = &arguments.statement else {
        printer.data(None, tables::render(&printer.stdout_options()).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let statement = if statement == "-" { standard_input()? } else { statement.clone() };
    let limits = SqlLimits { time: arguments.timeout, ..SqlLimits::default() };
    let connection = arguments.store.open()?.sql(limits)?;
    let mut statement = connection.prepare(&statement)?;
    let mut output = printer.output(arguments.o.as_deref())?;
    let form = arguments.form(output.is_terminal());
    let written = write(form, &mut statement, &mut output, &printer.stdout_options());
    written.and_then(|()| output.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn write(
    form: Form,
    statement: &mut SqlStatement<'_>,
    output: &mut Output,
    options: &flowglass::term::Options,
) -> Result<(), Failure> {
    match form {
        Form::Screen => each(statement, output, &mut screen::Screen::new(*options)),
        Form::Tsv => each(statement, output, &mut delimited::Tsv),
        Form::Csv => each(statement, output, &mut delimited::Csv),
        Form::Json => each(statement, output, &mut json::Array::default()),
    }
}

/// A way to write rows. What is in `out` after a call is written out.
pub(crate) trait RowWriter {
    fn begin(&mut self, columns: &[String], is_json: &[bool], out: &mut Vec<u8>);
    fn row(&mut self, values: Vec<SqlValue>, out: &mut Vec<u8>);
    fn end(&mut self, out: &mut Vec<u8>);
}

/// Writes the rows as they are found. A reader that has gone away ends it.
fn each(statement: &mut SqlStatement<'_>, output: &mut Output, writer: &mut impl RowWriter) -> Result<(), Failure> {
    let columns: Vec<String> = statement.columns().into_iter().map(str::to_owned).collect();
    let mut out = Vec::new();
    writer.begin(&columns, &statement.json_columns(), &mut out);
    let mut rows = statement.query(&[])?;
    while let Some(row) = rows.next().map_err(gave_up)? {
        writer.row(values(&row, columns.len()), &mut out);
        if !output.put(&mut out)? {
            return Ok(());
        }
    }
    writer.end(&mut out);
    output.put(&mut out).map(|_| ())
}

fn values(row: &SqlRow<'_>, count: usize) -> Vec<SqlValue> {
    (0..count).map(|column| row.value(column)).collect()
}

/// A statement that ran into a limit was no wrong usage.
fn gave_up(error: flowglass::store::StoreError) -> Failure {
    match error.kind() {
        StoreErrorKind::Limit => Failure::run(format!("{error} (--timeout)")),
        _ => error.into(),
    }
}

fn standard_input() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("the statement can't be read from standard input: {error}")))?;
    Ok(text)
}
