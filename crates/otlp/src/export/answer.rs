//! What an answer means: taken, to be tried again, or refused for good.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use http::HeaderMap;
use http::StatusCode;

use crate::proto::Reader;
use crate::{Flaw, Response, Signal};

/// What became of an attempt to send a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was taken, perhaps but for some items.
    Taken(Response),
    /// It may be taken later.
    Later {
        why: String,
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// It may be taken in smaller pieces.
    TooLarge(String),
    /// It will never be taken.
    Refused(String),
}

/// Returns what an HTTP answer means, as OTLP says.
pub(super) fn of_http(signal: Signal, is_json: bool, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Answer {
    match status.as_u16() {
        200..=299 => of_success(signal, is_json, headers, body),
        429 | 502 | 503 | 504 => Answer::Later { why: says(status, headers, body), after: retry_after(headers) },
        300..=399 => {
            let to = headers.get("location").and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
            Answer::Refused(format!("it sends us to {to}: use that address"))
        }
        401 | 403 => {
            Answer::Refused(format!("{}: check the token or the header that it asks for", says(status, headers, body)))
        }
        404 | 405 => Answer::Refused(format!("{}: no OTLP receiver listens on this path", says(status, headers, body))),
        413 => Answer::TooLarge(format!("{}: not even one item is small enough", says(status, headers, body))),
        415 => Answer::Refused(format!("{}: try another protocol or compression", says(status, headers, body))),
        _ => Answer::Refused(says(status, headers, body)),
    }
}

/// Returns what a gRPC answer means; its status stands in the trailers, or in the headers where there is no body.
pub(super) fn of_grpc(status: StatusCode, headers: &HeaderMap, trailers: Option<&HeaderMap>, body: &[u8]) -> Answer {
    let ends = trailers.filter(|trailers| trailers.contains_key("grpc-status")).unwrap_or(headers);
    let code = ends.get("grpc-status").and_then(|code| code.to_str().ok()).and_then(|code| code.parse::<u32>().ok());
    let Some(code) = code else { return without_grpc(status, headers) };
    let message = ends.get("grpc-message").map(|text| unpercent(text.as_bytes())).unwrap_or_default();
    let why = if message.is_empty() { format!("gRPC status {code}") } else { format!("gRPC status {code}: {message}") };
    let after = ends.get("grpc-status-details-bin").and_then(|details| retry_info(details.as_bytes()));
    match code {
        // How gRPC's implementations say that a message is larger than they take; some by a code that else is tried again.
        8 | 11 if is_about_size(&message) => Answer::TooLarge(why),
        0 => Answer::Taken(body.get(5..).and_then(|body| Response::decode(body).ok()).unwrap_or_default()),
        1 | 4 | 10 | 11 | 14 | 15 => Answer::Later { why, after },
        8 if after.is_some() => Answer::Later { why, after },
        7 | 16 => Answer::Refused(format!("{why}: check the token or the header that it asks for")),
        12 => Answer::Refused(format!("{why}: it doesn't take this signal, or isn't an OTLP receiver")),
        _ => Answer::Refused(why),
    }
}

fn is_about_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["larger than max", "length too large", "too large", "exceeds maximum"].iter().any(|words| message.contains(words))
}

fn of_success(signal: Signal, is_json: bool, headers: &HeaderMap, body: &[u8]) -> Answer {
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") {
        return Answer::Refused("it answers with a web page: this is no address of an OTLP receiver".to_owned());
    }
    let read = if is_json || kind.starts_with("application/json") {
        Response::decode_json(signal, body)
    } else {
        Response::decode(body)
    };
    // The status says that it was taken; many receivers answer with nothing, or with a word.
    Answer::Taken(read.unwrap_or_default())
}

/// Returns what an answer is that comes from something which speaks no gRPC: its status counts, as gRPC says.
fn without_grpc(status: StatusCode, headers: &HeaderMap) -> Answer {
    let why = format!("it answers without gRPC: {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => Answer::Later { why, after: retry_after(headers) },
        401 | 403 => Answer::Refused(format!("{why}: check the token or the header that it asks for")),
        _ => Answer::Refused(format!("{why}; if it listens for HTTP, use `http/protobuf`")),
    }
}

/// Returns the status with the message that stands in the body: a `Status` in protobuf or JSON, or some words.
fn says(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let is_protobuf = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-protobuf"));
    let message = if is_protobuf { status_message(body).ok().flatten() } else { words(body) };
    match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{status}: {message}"),
        None => status.to_string(),
    }
}

fn words(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let message = json.as_ref().and_then(|json| json.get("message").or_else(|| json.get("error"))?.as_str());
    let words = message.unwrap_or(if text.trim_start().starts_with('<') { "" } else { text });
    Some(shorten(words))
}

fn status_message(body: &[u8]) -> Result<Option<String>, Flaw> {
    let mut message = None;
    Reader::new(body).for_each(|number, wire| {
        if number == 2 {
            message = Some(shorten(wire.text()?));
        }
        Ok(())
    })?;
    Ok(message)
}

/// Returns the beginning of a text of others, without what could steer a terminal.
fn shorten(text: &str) -> String {
    text.trim().chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns the pause of `Retry-After`: seconds, or a date, which may have passed.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Returns the delay of the `RetryInfo` in the details of a status.
fn retry_info(details: &[u8]) -> Option<Duration> {
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    let end = details.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let status = engine.decode(&details[..end]).ok()?;
    let mut delay = None;
    let read = Reader::new(&status).for_each(|number, wire| {
        if number == 3 {
            delay = any_retry_info(wire.message()?)?.or(delay);
        }
        Ok(())
    });
    read.ok().and(delay)
}

fn any_retry_info(any: Reader<'_>) -> Result<Option<Duration>, Flaw> {
    let (mut is_retry_info, mut value) = (false, Reader::new(&[]));
    any.for_each(|number, wire| {
        match number {
            1 => is_retry_info = wire.text()?.ends_with("google.rpc.RetryInfo"),
            2 => value = wire.message()?,
            _ => {}
        }
        Ok(())
    })?;
    if !is_retry_info {
        return Ok(None);
    }
    let mut delay = None;
    value.for_each(|number, wire| {
        if number == 1 {
            delay = Some(duration(wire.message()?)?);
        }
        Ok(())
    })?;
    Ok(delay)
}

fn duration(message: Reader<'_>) -> Result<Duration, Flaw> {
    let (mut seconds, mut nanos) = (0, 0);
    message.for_each(|number, wire| {
        match number {
            1 => seconds = wire.varint()?,
            2 => nanos = wire.varint()?,
            _ => {}
        }
        Ok(())
    })?;
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000).unwrap_or_default();
    // A delay below zero is none.
    Ok(Duration::new(if seconds > i64::MAX as u64 { 0 } else { seconds }, nanos))
}

/// Returns a text whose odd bytes are written as `%` and two digits, as gRPC has it in headers.
fn unpercent(text: &[u8]) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|byte| (*byte as char).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4 | low) as u8);
                rest = &tail[2..];
            }
            _ => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    shorten(&String::from_utf8_lossy(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn http(status: u16, pairs: &[(&'static str, &str)], body: &[u8]) -> Answer {
        of_http(Signal::Traces, false, StatusCode::from_u16(status).unwrap(), &headers(pairs), body)
    }

    fn grpc(pairs: &[(&'static str, &str)]) -> Answer {
        of_grpc(StatusCode::OK, &HeaderMap::new(), Some(&headers(pairs)), &[])
    }

    #[test]
    fn only_some_statuses_are_tried_again() {
        for status in [429, 502, 503, 504] {
            assert!(matches!(http(status, &[], b""), Answer::Later { after: None, .. }), "{status}");
        }
        for status in [300, 400, 401, 404, 408, 500, 501] {
            assert!(matches!(http(status, &[], b""), Answer::Refused(_)), "{status}");
        }
        let later = http(503, &[("retry-after", "7")], br#"{"message": "full"}"#);
        let why = "503 Service Unavailable: full".to_owned();
        assert_eq!(later, Answer::Later { why, after: Some(Duration::from_secs(7)) });
    }

    #[test]
    fn a_pause_may_be_given_as_a_date() {
        let pause = |date: &str| retry_after(&headers(&[("retry-after", date)]));
        assert_eq!(pause("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(7200));
        let asked = pause(&later).unwrap().as_secs();
        assert!((7000..=7200).contains(&asked), "{asked}");
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn what_is_too_large_is_told_apart() {
        assert!(matches!(http(413, &[], b""), Answer::TooLarge(_)));
        for (code, message) in [
            ("8", "grpc: received message larger than max (5000000 vs. 4194304)"),
            ("11", "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
        ] {
            assert!(matches!(grpc(&[("grpc-status", code), ("grpc-message", message)]), Answer::TooLarge(_)), "{message}");
        }
    }

    #[test]
    fn success_may_be_partial_and_may_be_words() {
        let partial = Response { rejected: 2, message: "no".into() };
        assert_eq!(http(200, &[], &partial.encode()), Answer::Taken(partial));
        assert_eq!(http(202, &[], b"ok"), Answer::Taken(Response::default()));
        assert!(matches!(http(200, &[("content-type", "text/html; charset=utf-8")], b"<html>"), Answer::Refused(_)));
    }

    #[test]
    fn only_some_grpc_codes_are_tried_again() {
        let is_later = |code: &str| matches!(grpc(&[("grpc-status", code)]), Answer::Later { .. });
        let later: Vec<u32> = (1..17).filter(|code| is_later(&code.to_string())).collect();
        assert_eq!(later, [1, 4, 10, 11, 14, 15]);
    }

    #[test]
    fn a_throttle_says_how_long() {
        // code 8, details: RetryInfo of 2.5 seconds.
        let retry_info = [0x0a, 0x08, 0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
        let kind = b"type.googleapis.com/google.rpc.RetryInfo";
        let any = [&[0x0a, kind.len() as u8][..], kind, &[0x12, retry_info.len() as u8], &retry_info].concat();
        let status = [&[0x08, 0x08, 0x1a, any.len() as u8][..], &any].concat();
        let details = base64::engine::general_purpose::STANDARD_NO_PAD.encode(status);
        let answer =
            grpc(&[("grpc-status", "8"), ("grpc-message", "slow%20down%e2%9a%a0"), ("grpc-status-details-bin", &details)]);
        let why = "gRPC status 8: slow down⚠".to_owned();
        assert_eq!(answer, Answer::Later { why, after: Some(Duration::from_millis(2500)) });
        assert!(matches!(grpc(&[("grpc-status", "8")]), Answer::Refused(_)));
        assert!(matches!(grpc(&[("grpc-status", "8"), ("grpc-status-details-bin", "!!")]), Answer::Refused(_)));
    }

    #[test]
    fn what_speaks_no_grpc_is_told_apart() {
        let answer = of_grpc(StatusCode::OK, &HeaderMap::new(), None, b"<html>");
        assert!(matches!(answer, Answer::Refused(why) if why.contains("http/protobuf")));
        let answer = of_grpc(StatusCode::BAD_GATEWAY, &HeaderMap::new(), None, b"");
        assert!(matches!(answer, Answer::Later { .. }));
    }

    #[test]
    fn texts_of_others_are_bounded_and_harmless() {
        let long = "\x1b[31m".repeat(1000);
        let Answer::Refused(why) = http(400, &[], long.as_bytes()) else { panic!("refused") };
        assert!(why.chars().count() < 400 && !why.contains('\x1b'));
    }
}
