//! Why a statement is refused or gave up, in words that say what to do.

use flowglass_model::nearest::did_you_mean;
use rusqlite::ErrorCode;

use super::connection::sql_tables;
use super::state::Shared;
use crate::{StoreError, StoreErrorKind};

/// What is wrong with a statement.
pub(super) enum Wrong {
    /// There is none.
    Empty,
    /// There are several.
    Several,
    /// It would do something else than look.
    Writing,
    Refused(rusqlite::Error),
}

impl Wrong {
    /// Says whether several tables have a column by a name.
    pub(super) fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Refused(rusqlite::Error::SqlInputError { msg, .. }) if msg.starts_with("ambiguous column name"))
    }
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error)
    }
}

/// Makes the error of a statement that could not be read.
pub(super) fn refusal(statement: &str, wrong: Wrong) -> StoreError {
    let message = match wrong {
        Wrong::Empty => "there is no statement; ask with SELECT".to_owned(),
        Wrong::Several => "there are several statements; ask one at a time".to_owned(),
        Wrong::Writing => ONLY_READING.to_owned(),
        Wrong::Refused(error) => match &error {
            rusqlite::Error::SqlInputError { msg, offset, .. } => told(msg, &shown(statement, *offset)),
            error => told(&message_of(error), ""),
        },
    };
    StoreError::new(StoreErrorKind::Sql, message)
}

/// Makes the error of a statement that gave up.
pub(super) fn failed(shared: &Shared, error: rusqlite::Error) -> StoreError {
    let mut state = shared.lock();
    if let Some(reason) = state.take_failure() {
        return reason;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => state.too_long(),
        Some(ErrorCode::TooBig) => {
            StoreError::new(StoreErrorKind::Limit, "a text, a byte string or a row grew beyond the limit")
        }
        Some(ErrorCode::OutOfMemory) => StoreError::new(StoreErrorKind::Limit, "the statement needs more memory than there is"),
        _ => StoreError::new(StoreErrorKind::Sql, message_of(&error)).with_source(error),
    }
}

fn message_of(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::InvalidParameterCount(given, wanted) => {
            format!("the statement has {wanted} places for values, and {given} were given")
        }
        other => other.to_string(),
    }
}

const ONLY_READING: &str = "only reading is possible here: SELECT, WITH … SELECT, VALUES, EXPLAIN";

/// SQLite says `not authorized` of all that isn't looking.
fn told(message: &str, place: &str) -> String {
    const FORBIDDEN: [&str; 4] = ["not authorized", "may not be modified", "unsafe use of", "is prohibited"];
    if FORBIDDEN.iter().any(|words| message.contains(words)) {
        return ONLY_READING.to_owned();
    }
    format!("{message}{place}{}", hint(message))
}

/// Returns the line of the statement with a caret under the place.
fn shown(statement: &str, offset: i32) -> String {
    let Some((before, _)) = usize::try_from(offset).ok().and_then(|at| statement.split_at_checked(at)) else {
        return String::new();
    };
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = statement[start..].lines().next().unwrap_or_default();
    let indent = " ".repeat(before[start..].chars().count());
    format!("\n  {line}\n  {indent}^")
}

/// Returns what was probably meant by a name that isn't there.
fn hint(message: &str) -> String {
    let tables = sql_tables();
    if let Some(table) = message.strip_prefix("no such table: ") {
        let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
        let meant = did_you_mean(table, names.iter().copied()).map(|meant| format!("\n{meant}")).unwrap_or_default();
        return format!("{meant}\nThe tables are {}.", names.join(", "));
    }
    let Some(column) = message.strip_prefix("no such column: ") else { return String::new() };
    let column = column.split(" - ").next().unwrap_or_default();
    let bare = column.rsplit('.').next().unwrap_or(column);
    if bare == "run_id" {
        return "\nThe spans, events and logs of a run have its trace_id.".to_owned();
    }
    let columns = tables.iter().flat_map(|table| &table.columns).map(|column| column.name.as_str());
    let is_attribute = column.contains('.').then(|| format!("\nAttributes are reached by `attributes ->> '{column}'`."));
    did_you_mean(bare, columns).map(|meant| format!("\n{meant}")).or(is_attribute).unwrap_or_default()
}
