//! SQL of people: one statement that only reads, in a transaction that can't do more.

use std::ops::ControlFlow;
use std::time::Instant;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use super::failure::Failure;
use super::link::Link;
use crate::{SqlHeading, SqlLimits, SqlQuestion, SqlReader, SqlValue, StoreError, StoreErrorKind};

/// So many rows are fetched at once.
const AT_ONCE: &str = "FETCH 1000 FROM statement";

/// Answers a statement.
pub(super) fn answer(link: &Link, client: &Client, question: &SqlQuestion, reader: &mut dyn SqlReader) -> Result<(), Failure> {
    let until = question.limits.time.and_then(|time| Instant::now().checked_add(time));
    let time_ms = question.limits.time.map_or(0, |time| time.as_millis().max(1));
    let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {time_ms}");
    link.wait(client.batch_execute(&begin))?;
    let typed: Vec<(&(dyn ToSql + Sync), Type)> = question.values.iter().map(typed).collect();
    let types: Vec<Type> = typed.iter().map(|(_, of)| of.clone()).collect();
    let prepared = link.wait_long(client.prepare_typed(&question.statement, &types)).map_err(wrong)?;
    if prepared.columns().is_empty() {
        return Err(refused("this statement has no rows; write one `SELECT`: the store can be read here, not changed"));
    }
    let headings: Vec<SqlHeading> = prepared.columns().iter().map(heading).collect();
    // Of rows that aren't wanted, the server finds none.
    let declare = format!("DECLARE statement NO SCROLL CURSOR FOR {}", question.statement);
    link.wait_long(client.execute_typed(&declare, &typed)).map_err(wrong)?;
    reader.columns(&headings);
    while fetch(link, client, &prepared, question.limits, reader)? {
        if until.is_some_and(|until| Instant::now() > until) {
            let message = "the statement took longer than it may; ask for less, or give it more time";
            return Err(StoreError::new(StoreErrorKind::Limit, message).into());
        }
    }
    link.wait(client.batch_execute("ROLLBACK"))
}

fn heading(column: &tokio_postgres::Column) -> SqlHeading {
    SqlHeading { name: column.name().to_owned(), is_json: matches!(*column.type_(), Type::JSON | Type::JSONB) }
}

/// Hands out some rows; says whether there are more, and wanted.
fn fetch(
    link: &Link,
    client: &Client,
    prepared: &Statement,
    limits: SqlLimits,
    reader: &mut dyn SqlReader,
) -> Result<bool, Failure> {
    let mut any = false;
    for message in link.wait_long(client.simple_query(AT_ONCE)).map_err(wrong)? {
        let SimpleQueryMessage::Row(row) = message else { continue };
        any = true;
        let columns = prepared.columns().iter().enumerate();
        let values = columns.map(|(at, column)| value(row.get(at), column.type_(), limits)).collect::<Result<_, _>>()?;
        if let ControlFlow::Break(()) = reader.row(values) {
            return Ok(false);
        }
    }
    Ok(any)
}

/// Makes a value of the server's text for it.
fn value(text: Option<&str>, of: &Type, limits: SqlLimits) -> Result<SqlValue, Failure> {
    let Some(text) = text else { return Ok(SqlValue::Null) };
    if text.len() > limits.value_bytes as usize {
        let message = format!("a value of {} bytes is longer than the {} that are allowed", text.len(), limits.value_bytes);
        return Err(StoreError::new(StoreErrorKind::Limit, message).into());
    }
    let plain = || SqlValue::Text(text.to_owned());
    Ok(match *of {
        Type::BOOL => SqlValue::Int(i64::from(text == "t")),
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => text.parse().map_or_else(|_| plain(), SqlValue::Int),
        // Sums of whole numbers are of a type that can hold any.
        Type::NUMERIC => match text.parse() {
            Ok(number) => SqlValue::Int(number),
            Err(_) => text.parse().map_or_else(|_| plain(), SqlValue::Real),
        },
        Type::FLOAT4 | Type::FLOAT8 => text.parse().map_or_else(|_| plain(), SqlValue::Real),
        Type::BYTEA => bytes(text).map_or_else(plain, SqlValue::Blob),
        _ => plain(),
    })
}

/// Reads `\x` and hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.strip_prefix("\\x")?.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// A value for a place.
fn typed(value: &SqlValue) -> (&(dyn ToSql + Sync), Type) {
    match value {
        SqlValue::Null => (&None::<String>, Type::TEXT),
        SqlValue::Int(number) => (number, Type::INT8),
        SqlValue::Real(number) => (number, Type::FLOAT8),
        SqlValue::Text(text) => (text, Type::TEXT),
        SqlValue::Blob(bytes) => (bytes, Type::BYTEA),
    }
}

fn refused(why: &str) -> Failure {
    StoreError::new(StoreErrorKind::Sql, why).into()
}

/// What is wrong with a statement is told as the server tells it, with the place.
fn wrong(failure: Failure) -> Failure {
    let Failure::Server(error) = failure else { return failure };
    let Some(told) = error.as_db_error() else { return Failure::Server(error) };
    let code = told.code();
    let is_of_statement =
        ["42", "22", "25", "0A", "54", "2F", "23", "3F", "P0", "55"].iter().any(|class| code.code().starts_with(class));
    if *code == SqlState::QUERY_CANCELED {
        let message = "the statement took longer than it may; ask for less, or give it more time";
        return StoreError::new(StoreErrorKind::Limit, message).with_source(error).into();
    }
    if !is_of_statement {
        return Failure::Server(error);
    }
    let place = match told.position() {
        Some(tokio_postgres::error::ErrorPosition::Original(at)) => format!(" (at character {at})"),
        _ => String::new(),
    };
    let hint = told.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
    let message = format!("{}{place}{hint}", told.message());
    StoreError::new(StoreErrorKind::Sql, message).with_source(error).into()
}
