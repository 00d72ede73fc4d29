//! The `retry` and `timeout` keys of a node.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::table::{TableReader, kind_of, to_data};
use crate::data::Data;
use crate::retry::{Backoff, Retry, RetryOn};
use flowglass_model::parse_duration;

const RETRY_HELP: &str =
    "write `retry = 2` for two further attempts, or `retry = { attempts = 2, delay = \"1s\", backoff = \"exponential\" }`";

pub(super) fn read_duration(table: &mut TableReader<'_, '_>, key: &str) -> Option<Duration> {
    let help = format!("write `{key} = \"10s\"`, `\"1m30s\"` or `\"500ms\"`");
    if let Some(value) = table.value(key).filter(|value| !value.get_ref().is_str()) {
        table.problem(value.span(), format!("`{key}` must be text with a unit, not {}", kind_of(value.get_ref())), help);
        return None;
    }
    let text = table.text(key)?;
    let duration = parse_duration(&text.text);
    if duration.is_none() {
        table.problem(text.span, format!("`{}` is no duration", text.text), help);
    }
    duration
}

pub(super) fn read_timeout(table: &mut TableReader<'_, '_>) -> Option<Duration> {
    let timeout = read_duration(table, "timeout");
    if timeout == Some(Duration::ZERO) {
        let span = table.value("timeout").map_or(0..0, Spanned::span);
        table.problem(span, "a timeout of nothing lets nothing run", "leave `timeout` out for no limit");
        return None;
    }
    timeout
}

pub(super) fn read_retry(table: &mut TableReader<'_, '_>) -> Option<Retry> {
    let value = table.value("retry")?;
    match value.get_ref() {
        DeValue::Table(full) => {
            let source = table.source;
            Some(read_full(&mut TableReader::new(source, "`retry`", full, table.problems)))
        }
        _ => Some(Retry { attempts: read_count(table, value)?, ..Retry::default() }),
    }
}

fn read_full(table: &mut TableReader<'_, '_>) -> Retry {
    table.only(&["attempts", "backoff", "delay", "jitter", "on"]);
    let attempts = table.value("attempts").map(|value| read_count(table, value));
    if attempts.is_none() && !table.has_problem_at_key_like("attempts") {
        let span = table.key_span("delay").or_else(|| table.key_span("backoff")).or_else(|| table.key_span("on"));
        table.problem(
            span.or_else(|| table.key_span("jitter")).unwrap_or(0..0),
            "`retry` doesn't say how many `attempts`",
            RETRY_HELP,
        );
    }
    Retry {
        attempts: attempts.flatten().unwrap_or(0),
        backoff: table.word("backoff", &Backoff::WORDS),
        delay: read_duration(table, "delay"),
        jitter: read_jitter(table),
        on: read_on(table),
    }
}

fn read_count(table: &mut TableReader<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<u32> {
    const MOST: i64 = 1_000;
    match to_data(value.get_ref()) {
        Some(Data::Int(count @ 0..=MOST)) => u32::try_from(count).ok(),
        Some(Data::Int(count)) => {
            table.problem(
                value.span(),
                format!("{count} further attempts can't be made"),
                format!("give a number from 0 to {MOST}"),
            );
            None
        }
        _ => {
            table.problem(
                value.span(),
                format!("the number of attempts must be a whole number, not {}", kind_of(value.get_ref())),
                RETRY_HELP,
            );
            None
        }
    }
}

fn read_jitter(table: &mut TableReader<'_, '_>) -> Option<f64> {
    let value = table.value("jitter")?;
    let jitter = match to_data(value.get_ref()) {
        Some(Data::Float(share)) => Some(share),
        Some(Data::Int(0)) => Some(0.0),
        Some(Data::Int(1)) => Some(1.0),
        _ => None,
    };
    let jitter = jitter.filter(|share| (0.0..=1.0).contains(share));
    if jitter.is_none() {
        table.problem(value.span(), "`jitter` must be a share from 0 to 1", "write `jitter = 0.25` for a quarter of the delay");
    }
    jitter
}

fn read_on(table: &mut TableReader<'_, '_>) -> Vec<RetryOn> {
    let Some(value) = table.value("on") else { return Vec::new() };
    match value.get_ref() {
        DeValue::Array(elements) => elements.iter().filter_map(|element| read_one_on(table, element)).collect(),
        _ => read_one_on(table, value).into_iter().collect(),
    }
}

fn read_one_on(table: &mut TableReader<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<RetryOn> {
    match to_data(value.get_ref()) {
        Some(Data::Int(code)) if (1..=255).contains(&code) => i32::try_from(code).ok().map(RetryOn::Code),
        Some(Data::Int(code)) => {
            table.problem(value.span(), format!("{code} is no code of a failure"), "exit codes of failures are 1 to 255");
            None
        }
        _ => {
            let text = table.as_text("on", value)?;
            table.as_word("on", &text, &RetryOn::WORDS)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use toml::de::DeTable;

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::SourceFile;

    fn read(text: &str) -> Result<Option<Retry>, String> {
        let source = Arc::new(SourceFile::new(Path::new("a.toml"), text));
        let mut problems = Diagnostics::default();
        let document = DeTable::parse(source.text()).unwrap();
        let retry = read_retry(&mut TableReader::new(&source, "a node", document.get_ref(), &mut problems));
        if problems.0.is_empty() { Ok(retry) } else { Err(problems.to_string()) }
    }

    #[test]
    fn a_number_and_the_full_form() {
        assert_eq!(read("retry = 2").unwrap().unwrap().attempts, 2);
        let full = read("retry = { attempts = 3, backoff = 'linear', delay = '10ms', jitter = 0.5, on = [75, 'timeout'] }");
        let full = full.unwrap().unwrap();
        assert_eq!((full.attempts, full.backoff, full.jitter), (3, Some(Backoff::Linear), Some(0.5)));
        assert_eq!(full.delay, Some(Duration::from_millis(10)));
        assert_eq!(full.on, [RetryOn::Code(75), RetryOn::Timeout]);
        assert_eq!(read("x = 1"), Ok(None));
    }

    #[test]
    fn wrong_forms_are_explained() {
        let problem = |text: &str| read(text).unwrap_err();
        assert!(problem("retry = -1").contains("0 to 1000"));
        assert!(problem("retry = true").contains("whole number, not true or false"));
        assert!(problem("retry = { atempts = 2 }").contains("did you mean `attempts`?"));
        assert!(!problem("retry = { atempts = 2 }").contains("how many"));
        assert!(problem("retry = { delay = '1s' }").contains("how many `attempts`"));
        assert!(problem("retry = { attempts = 1, jitter = 2 }").contains("share from 0 to 1"));
        assert!(problem("retry = { attempts = 1, on = ['timeot', 0] }").contains("did you mean `timeout`?"));
        assert!(problem("retry = { attempts = 1, delay = 3 }").contains("text with a unit, not a whole number"));
        assert!(problem("retry = { attempts = 1, backoff = 'expo' }").contains("write one of"));
    }
}
