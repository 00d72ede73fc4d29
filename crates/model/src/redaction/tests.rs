//! What is hidden and what isn't: texts, nested values, whole batches.

use proptest::prelude::*;

use super::*;
use crate::{Batch, BatchBuilder, LogRecord, Scalar, Span, SpanEvent, SpanId, Sym, TraceId};

fn shown(text: &str) -> String {
    Redaction::secrets().text(text).into_owned()
}

#[test]
fn keys_of_services_are_known_by_their_beginnings() {
    let key = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    for prefix in [
        "sk-",
        "sk-proj-",
        "sk-ant-api03-",
        "sk_live_",
        "ghp_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "hf_",
        "npm_",
        "AIza",
        "ya29.",
    ] {
        let text = format!("with {prefix}{key}, please");
        assert_eq!(shown(&text), "with [redacted], please", "{prefix}");
    }
    assert_eq!(shown("AKIAIOSFODNN7EXAMPLE in eu"), "[redacted] in eu");
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
    assert_eq!(shown(&format!("got {token}.")), "got [redacted]");
    assert_eq!(shown("Bearer abcdef0123456789 sent"), "Bearer [redacted] sent");
    let pem = "key -----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY----- end";
    assert_eq!(shown(pem), "key [redacted] end");
    assert_eq!(shown("-----BEGIN PRIVATE KEY-----\nMIIEow"), "[redacted]", "an end that is missing");
}

#[test]
fn what_was_cut_off_is_still_a_secret() {
    assert_eq!(shown("\"ghp_abcd…"), "\"[redacted]…");
    assert_eq!(shown("key AKIAIOSF..."), "key [redacted]...");
    assert_eq!(shown("postgres://me:hunt…"), "postgres://me:[redacted]…");
    assert_eq!(shown("http://localhost:80…"), "http://localhost:80…");
    assert_eq!(shown("eyJhbGciOi…"), "[redacted]…");
}

#[test]
fn texts_that_say_a_secrets_name_lose_its_value() {
    let cases = [
        ("password=hunter2", "password=[redacted]"),
        ("login?user=a&access_token=abc&x=1", "login?user=a&access_token=[redacted]&x=1"),
        (r#"{"user":"a","password":"hun\"ter2","n":1}"#, r#"{"user":"a","password":"[redacted]","n":1}"#),
        (r#"{"pin_secret": 1234, "n": 1}"#, r#"{"pin_secret": "[redacted]", "n": 1}"#),
        (r#"{"credentials":{"a":"}","b":[1]},"n":1}"#, r#"{"credentials":"[redacted]","n":1}"#),
        (r#"Config { db: "x", api_key: Some("abc") }"#, r#"Config { db: "x", api_key: Some("[redacted]") }"#),
        (r#""{\"password\":\"hunter2\",\"n\":1}""#, r#""{\"password\":\"[redacted]\",\"n\":1}""#),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [redacted]"),
        ("set-cookie: a=b; c=d\nhost: x", "set-cookie: [redacted]\nhost: x"),
        ("export DB_PASSWORD='a b c' now", "export DB_PASSWORD='[redacted]' now"),
        ("mysql://root:p%40ss@db:3306/x", "mysql://root:[redacted]@db:3306/x"),
    ];
    for (text, wanted) in cases {
        assert_eq!(shown(text), wanted);
        assert_eq!(shown(wanted), wanted, "what is hidden stays as it is");
    }
}

#[test]
fn texts_without_secrets_stay_as_they_are() {
    let texts = [
        "",
        "a",
        "unexpected token: `}`",
        "secret: not found",
        "it holds a password: give it as a header",
        "token::Kind",
        "tokens=523",
        "5f8d368b-7225-fd83-5f8d-368b7225fd83",
        "http://localhost:4318/v1/traces",
        "https://user@host/path",
        "task-12345678901234567890123",
        "disk-usage",
        "password:",
        "password = None",
        "token=${TOKEN}",
        "the author: somebody",
        "12:30:00",
        "node a > b > c[3]",
        "Bearer of bad news",
        "key=value",
        "é=ü",
        "eyJust a text",
        "AKIAshort",
        "4111 1111 1111 1111",
    ];
    texts.iter().for_each(|text| assert_eq!(shown(text), *text));
}

#[test]
fn credit_cards_are_hidden_by_choice() {
    let redaction = Redaction::secrets().credit_cards();
    assert_eq!(redaction.text("card 4111 1111 1111 1111."), "card [redacted].");
    assert_eq!(redaction.text("card 5500-0000-0000-0004"), "card [redacted]");
    assert_eq!(redaction.text("4111 1111 1111 1112"), "4111 1111 1111 1112");
    assert_eq!(redaction.text("1700000000000000001 and 00000000000000"), "1700000000000000001 and 00000000000000");
}

#[test]
fn users_hide_more_and_show_more() {
    let redaction = Redaction::secrets()
        .key("iban")
        .show_key("page_token")
        .value("plates", |text| text.match_indices("ZH-").map(|(at, _)| at..(at + 6).min(text.len())).collect());
    assert_eq!(redaction.text("iban=CH93 of ZH-123 and ZH-456"), "iban=[redacted] of [redacted] and [redacted]");
    assert!(redaction.hides_key("token") && !redaction.hides_key("page_token"));
    assert_eq!(redaction.text_of("iban", "CH93"), REDACTED);
    let ranges_of_others = Redaction::secrets().value("wrong", |_| vec![1..2, 0..99, 3..3]);
    assert_eq!(ranges_of_others.text("éa"), "éa", "a range that isn't one of characters is none");
}

#[test]
fn nested_values_are_hidden_where_they_stand() {
    let mut attributes: Attributes = vec![(
        "config".to_owned(),
        AttributeValue::Map(vec![
            ("user".to_owned(), "a".into()),
            ("password".to_owned(), AttributeValue::Int(1234)),
            ("list".to_owned(), AttributeValue::List(vec!["token=abc".into(), AttributeValue::Bytes(b"pwd=x".to_vec())])),
        ]),
    )];
    assert_eq!(Redaction::secrets().attributes(&mut attributes), 3);
    let json = attributes[0].1.to_json().to_string();
    assert!(json.contains(r#""password":"[redacted]""#) && json.contains("token=[redacted]"), "{json}");
    assert_eq!(Redaction::secrets().attributes(&mut attributes), 0, "nothing is counted twice");
}

fn batch_of(attributes: Attributes, name: &str) -> Batch {
    let mut builder = BatchBuilder::default();
    let event = SpanEvent { name: name.to_owned(), attributes: attributes.clone(), ..SpanEvent::default() };
    builder.push(&Span {
        trace_id: TraceId::random(),
        span_id: SpanId::random(),
        name: name.to_owned(),
        status_message: name.to_owned(),
        attributes: attributes.clone(),
        events: vec![event],
        trace_state: "vendor=1".to_owned(),
        ..Span::default()
    });
    builder.push_owned_log(&LogRecord { body: name.into(), attributes, ..LogRecord::default() });
    builder.finish()
}

fn holds(batch: &Batch, text: &str) -> bool {
    let entries = (0..batch.arena.len() as u32).map(Sym);
    let mut texts = entries.map(|sym| batch.arena.bytes(sym).to_vec());
    texts.any(|entry| entry.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn a_batch_forgets_what_it_hides() {
    let nested = AttributeValue::Map(vec![("password".to_owned(), "hunter2".into())]);
    let attributes = vec![
        ("password".to_owned(), "hunter2".into()),
        ("pin.secret".to_owned(), AttributeValue::Int(77)),
        ("nested".to_owned(), nested),
        ("plain".to_owned(), "kept".into()),
    ];
    let mut batch = batch_of(attributes, "sent password=hunter2 home");
    let before = (batch.spans.len(), batch.events.len(), batch.logs.len());
    let cleaned = Redaction::secrets().batch(&mut batch, usize::MAX);
    assert!(cleaned.redacted >= 10, "{cleaned:?}");
    assert!(!holds(&batch, "hunter2") && holds(&batch, "kept") && holds(&batch, "vendor=1"));
    assert_eq!((batch.spans.len(), batch.events.len(), batch.logs.len()), before);
    let span = batch.spans().next().unwrap().to_span();
    assert_eq!((span.name.as_str(), span.attributes[1].1.as_str()), ("sent password=[redacted] home", Some(REDACTED)));
    assert_eq!(Redaction::secrets().batch(&mut batch, usize::MAX).redacted, 0);
}

#[test]
fn a_name_that_is_also_a_secrets_value_stays_a_name() {
    let mut batch = batch_of(vec![("password".to_owned(), "admin".into())], "admin");
    Redaction::secrets().batch(&mut batch, usize::MAX);
    let span = batch.spans().next().unwrap().to_span();
    assert_eq!((span.name.as_str(), span.attributes[0].1.as_str()), ("admin", Some(REDACTED)));
}

#[test]
fn long_values_are_cut_between_characters() {
    let mut batch = batch_of(vec![("text".to_owned(), "ééééé".into())], "a name that is longer than that");
    let cleaned = Redaction::off().batch(&mut batch, 5);
    assert_eq!(cleaned, Cleaned { redacted: 0, cut: 3 });
    let span = batch.spans().next().unwrap().to_span();
    assert_eq!((span.attributes[0].1.as_str(), span.name.len()), (Some("éé"), 31), "names are no values");
}

#[test]
fn a_shared_batch_is_copied_only_if_it_must_be() {
    let clean = Arc::new(batch_of(vec![("a".to_owned(), "b".into())], "c"));
    let (same, cleaned) = Redaction::secrets().shared_batch(Arc::clone(&clean), usize::MAX);
    assert!(Arc::ptr_eq(&same, &clean) && cleaned == Cleaned::default());
    let dirty = Arc::new(batch_of(vec![("password".to_owned(), "hunter2".into())], "c"));
    let (other, _) = Redaction::secrets().shared_batch(Arc::clone(&dirty), usize::MAX);
    assert!(holds(&dirty, "hunter2") && !holds(&other, "hunter2"));
}

#[test]
fn what_cannot_be_read_as_nested_is_hidden() {
    let mut builder = BatchBuilder::default();
    let (key, value) = (builder.intern("k"), builder.intern("not json: hunter2"));
    builder.push_event((TraceId::NONE, SpanId::NONE), key, 0, [(key, Scalar::Nested(value))]);
    let mut batch = builder.finish();
    Redaction::secrets().batch(&mut batch, usize::MAX);
    assert!(!holds(&batch, "hunter2"));
}

/// Secrets of all kinds, each with a part that must not be seen again.
fn secret() -> impl Strategy<Value = (String, String)> {
    let key = "[a-zA-Z0-9]{36}";
    prop_oneof![
        ("(sk-|sk-proj-|ghp_|glpat-|xoxb-|hf_|AIza)", key).prop_map(|(prefix, key)| (format!("{prefix}{key}"), key)),
        key.prop_map(|key| (format!("Bearer 0{key}"), key)),
        key.prop_map(|key| (format!("redis://default:{key}@cache:6379/0"), key)),
        ("(password|DB_SECRET|api_key|accessToken)", "(=|: |=\"|\": \")", key)
            .prop_map(|(name, is, key)| (format!("{name}{is}{key}"), key)),
        key.prop_map(|key| (format!("eyJ{key}.eyJ{key}.{key}"), key)),
        key.prop_map(|key| (format!("-----BEGIN EC PRIVATE KEY-----\n{key}\n-----END EC PRIVATE KEY-----"), key)),
    ]
}

proptest! {
    #[test]
    fn no_secret_survives_in_any_text((secret, part) in secret(), before in "[a-z {}()é\n,]{0,20}", after in "[ \n,;)}é]{0,3}") {
        let shown = shown(&format!("{before} {secret}{after}"));
        prop_assert!(!shown.contains(&part), "{shown}");
        prop_assert!(shown.contains(REDACTED));
    }

    #[test]
    fn hiding_twice_hides_nothing_more(text in "\\PC{0,60}") {
        let once = shown(&text);
        prop_assert_eq!(shown(&once), once);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let rules = Rules { has_cards: true, ..Rules::default() };
        let found = rules.find(&bytes);
        prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
        scan::replaced(&bytes, &found);
    }

    #[test]
    fn no_text_of_clues_makes_it_panic(text in "[-_.:=zABJ\"'\\\\ 0-9@/(){}\\[\\]akeyJ]{0,60}") {
        let _ = Redaction::secrets().credit_cards().text(&text);
    }
}
