//! `flowglass sql`: any question, in SQL.

mod arguments;
mod delimited;
mod json;
mod screen;
mod tables;

use std::io::Read;
use std::ops::ControlFlow;
use std::process::ExitCode;

use flowglass::store::{SqlHeading, SqlLimits, SqlQuestion, SqlReader, SqlValue, StoreError, StoreErrorKind};

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
    let store = arguments.store.any()?;
    let mut output = printer.output(arguments.o.as_deref())?;
    let writer = writer(arguments.form(output.is_terminal()), &printer.stdout_options());
    let mut rows = Rows { writer, output: &mut output, out: Vec::new(), failed: None };
    let answered = store.answer_sql(&SqlQuestion::new(statement).within(limits), &mut rows);
    rows.finish(answered)?;
    output.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn writer(form: Form, options: &flowglass::term::Options) -> Box<dyn RowWriter> {
    match form {
        Form::Screen => Box::new(screen::Screen::new(*options)),
        Form::Tsv => Box::new(delimited::Tsv),
        Form::Csv => Box::new(delimited::Csv),
        Form::Json => Box::new(json::Array::default()),
    }
}

/// A way to write rows. What is in `out` after a call is written out.
pub(crate) trait RowWriter {
    fn begin(&mut self, columns: &[SqlHeading], out: &mut Vec<u8>);
    fn row(&mut self, values: Vec<SqlValue>, out: &mut Vec<u8>);
    fn end(&mut self, out: &mut Vec<u8>);
}

/// Writes the rows as they are found. A reader that has gone away ends it.
struct Rows<'a> {
    writer: Box<dyn RowWriter>,
    output: &'a mut Output,
    out: Vec<u8>,
    /// Why nothing more could be written; nothing as well where nobody reads any more.
    failed: Option<Result<(), Failure>>,
}

impl Rows<'_> {
    fn put(&mut self) -> ControlFlow<()> {
        match self.output.put(&mut self.out) {
            Ok(true) => return ControlFlow::Continue(()),
            Ok(false) => self.failed = Some(Ok(())),
            Err(failure) => self.failed = Some(Err(failure)),
        }
        ControlFlow::Break(())
    }

    fn finish(mut self, answered: Result<(), StoreError>) -> Result<(), Failure> {
        if let Some(failed) = self.failed {
            return failed;
        }
        answered.map_err(gave_up)?;
        self.writer.end(&mut self.out);
        let _ = self.put();
        self.failed.unwrap_or(Ok(()))
    }
}

impl SqlReader for Rows<'_> {
    fn columns(&mut self, columns: &[SqlHeading]) {
        self.writer.begin(columns, &mut self.out);
    }

    fn row(&mut self, values: Vec<SqlValue>) -> ControlFlow<()> {
        self.writer.row(values, &mut self.out);
        self.put()
    }
}

/// A statement that ran into a limit was no wrong usage.
fn gave_up(error: StoreError) -> Failure {
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
