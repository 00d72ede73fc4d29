//! `flowglass import`: takes in what was exported, here or elsewhere.

mod arguments;
mod read;

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::process::ExitCode;

use flowglass::store::{ImportTimes, Imported, Store};

pub(crate) use self::arguments::ImportArguments;
use self::read::Batches;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::verbs::counted;

pub(crate) fn run(arguments: &ImportArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let name = arguments.file.display().to_string();
    let file = open(arguments)?;
    // All is read once before anything is written, so that a file that is wrong somewhere changes nothing.
    let mut times = ImportTimes::default();
    for batch in batches(&file, &name)? {
        times.look(&batch?);
    }
    let store = arguments.store.any_or_new()?;
    let imported = take(&*store, times, batches(&file, &name)?)?;
    printer.note(&told(&imported));
    Ok(ExitCode::SUCCESS)
}

fn take(store: &dyn Store, times: ImportTimes, batches: Batches) -> Result<Imported, Failure> {
    let mut importer = store.import(times)?;
    for batch in batches {
        if let Err(error) = importer.add(&batch?) {
            let before = counted(importer.finish().added);
            return Err(Failure::run(format!(
                "{error}\n{before} were imported before; import the file again for the rest: nothing is added twice"
            )));
        }
    }
    Ok(importer.finish())
}

fn told(imported: &Imported) -> String {
    let known =
        if imported.known.total() == 0 { String::new() } else { format!("; {} were there already", counted(imported.known)) };
    format!("imported {}{known}", counted(imported.added))
}

/// Opens the file; what comes through a pipe is kept in a temporary one, because it is read twice.
fn open(arguments: &ImportArguments) -> Result<File, Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("`{}` can't be read: {error}", arguments.file.display()));
    let is_standard = arguments.file.as_os_str() == "-";
    let file = if is_standard { None } else { Some(File::open(&arguments.file).map_err(unreadable)?) };
    match file {
        Some(file) if file.metadata().map_err(unreadable)?.is_file() => Ok(file),
        Some(mut pipe) => keep(&mut pipe).map_err(unreadable),
        None => keep(&mut io::stdin().lock()).map_err(unreadable),
    }
}

fn keep(from: &mut impl io::Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(from, &mut file)?;
    Ok(file)
}

fn batches(file: &File, name: &str) -> Result<Batches, Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("`{name}` can't be read: {error}"));
    let mut again = file.try_clone().map_err(unreadable)?;
    again.rewind().map_err(unreadable)?;
    Batches::new(BufReader::new(again), name)
}
