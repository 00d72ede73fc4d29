//! Flipped bytes anywhere in the file: each answer is the truth or an error, and a check finds every one.

use flowglass_model::Sink;

use super::*;

/// A merged store with events, an open span and a graph's worth of runs, all of it in the one file.
fn store() -> Fixture {
    let fixture = Fixture::new();
    let mut recording = Recording::new();
    let mut sink = fixture.sink();
    for number in 1..=60 {
        let mut child = span(trace(number), 2, 1, if number % 5 == 0 { Status::Error } else { Status::Ok });
        child.events = vec![event("said", i64::from(number))];
        child.attributes.push(("number".into(), i64::from(number).into()));
        sink.write(&recording.batch(&[child, root(trace(number), 1, Status::Ok)], &[])).unwrap();
    }
    drop(sink);
    fixture.store.compact().unwrap();
    fixture
}

/// Asks everything that a store answers; an error must be one of damage, and name the file.
fn answers(path: &Path) -> Vec<Option<String>> {
    let store = SqliteStore::open(path);
    let told = |answer: Result<String, StoreError>| match answer {
        Ok(text) => Some(text),
        Err(error) => {
            let is_clear = matches!(
                error.kind(),
                StoreErrorKind::Corrupt | StoreErrorKind::NotOurs | StoreErrorKind::Newer | StoreErrorKind::Unsupported
            );
            assert!(is_clear && error.to_string().contains("copy.db"), "{:?}: {error}", error.kind());
            None
        }
    };
    let Ok(store) = store else { return vec![told(store.map(|_| String::new()))] };
    let errors = SpanFilter { status: Some(Status::Error), ..SpanFilter::default() };
    let numbered = SpanFilter { attributes: vec![("number".into(), 7i64.into())], ..SpanFilter::default() };
    let run = |number: u8| store.find_run(&trace(number).to_string()).and_then(|run| store.trace(&run));
    vec![
        told(store.runs(&RunFilter { limit: 100, ..RunFilter::default() }).map(|runs| format!("{runs:?}"))),
        told(run(7).map(|spans| format!("{spans:?}"))),
        told(run(60).map(|spans| format!("{spans:?}"))),
        told(store.spans(&errors).map(|spans| format!("{spans:?}"))),
        told(store.count_spans(&numbered).map(|count| count.to_string())),
        told(store.statistics(None, None).map(|names| format!("{names:?}"))),
        told(store.exact_quantiles(0.5).map(|names| format!("{names:?}"))),
    ]
}

#[test]
fn a_flipped_byte_is_never_a_wrong_answer_and_always_found() {
    let fixture = store();
    let check = fixture.store.check().unwrap();
    assert!(check.is_whole() && check.spans == 120 && check.runs == 60 && check.blocks > 0, "{check:?}");
    let whole = std::fs::read(fixture.path()).unwrap();
    let copy = fixture.folder.path().join("copy.db");
    std::fs::write(&copy, &whole).unwrap();
    let truth = answers(&copy);
    assert!(truth.iter().all(Option::is_some));
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..400 {
        let at = rng.usize(..whole.len());
        let mut damaged = whole.clone();
        damaged[at] ^= rng.u8(1..);
        std::fs::write(&copy, &damaged).unwrap();
        let found = answers(&copy);
        for (answer, truth) in found.iter().zip(&truth) {
            assert!(answer.is_none() || answer == truth || found.len() == 1, "byte {at}: {answer:?}");
        }
        let checked = SqliteStore::open(&copy).and_then(|store| store.check());
        assert!(checked.is_err() || checked.is_ok_and(|check| !check.is_whole()), "byte {at} is not found");
    }
}

#[test]
fn a_damaged_page_is_named_with_its_segment() {
    let fixture = store();
    let connection = connection::open_writer(&fixture.path()).unwrap();
    let sql = "SELECT pageno FROM dbstat WHERE name = 'block' AND pagetype IN ('leaf', 'overflow') ORDER BY pageno DESC";
    let page: u64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut bytes = std::fs::read(fixture.path()).unwrap();
    bytes[(page as usize - 1) * 4096 + 2000] ^= 4;
    let copy = fixture.folder.path().join("copy.db");
    std::fs::write(&copy, &bytes).unwrap();
    let store = SqliteStore::open(&copy).unwrap();
    let places: Vec<String> = store.check().unwrap().problems.into_iter().map(|problem| problem.place).collect();
    assert!(places.contains(&format!("page {page}")), "{places:?}");
    assert!(places.iter().any(|place| place.starts_with("segment ") && place.contains("block ")), "{places:?}");
}

#[test]
fn what_is_said_about_blocks_is_checked() {
    let sabotage = [
        "UPDATE rollups SET count = count + 1",
        "DELETE FROM sketch WHERE id % 1048576 < 65536",
        "UPDATE segment SET max_duration_ns = 1",
        "UPDATE segment SET tallied = 0",
        "INSERT INTO block (writer, head, body) SELECT writer, head, body FROM block",
        "DELETE FROM block WHERE id = (SELECT max(id) FROM block)",
        "UPDATE runs SET id = x'00000000000000000000000000000077' WHERE id = (SELECT min(id) FROM runs)",
    ];
    for sql in sabotage {
        let fixture = store();
        let connection = connection::open_writer(&fixture.path()).unwrap();
        connection.execute_batch(sql).unwrap();
        assert!(!fixture.store.check().unwrap().is_whole(), "{sql}");
    }
}
