//! `#[traced]` on functions and methods of every shape, seen through a recorder for tests.

use std::fmt::Display;

use flowglass::model::Status;
use flowglass::testing::TestRecorder;
use flowglass::{ToValue, Value, traced};

#[traced]
fn plain(number: i32) -> i32 {
    if number > 5 {
        return number;
    }
    number * 2
}

#[traced(record(name, missing, "list.len" = list.len()))]
fn recorded(name: &str, missing: Option<u32>, list: Vec<u8>, password: &str) -> usize {
    name.len() + list.len() + password.len() + missing.map_or(0, |missing| missing as usize)
}

#[traced]
fn fallible(text: &str) -> Result<i32, std::num::ParseIntError> {
    let number: i32 = text.parse()?;
    Ok(number)
}

#[derive(Debug)]
struct Silent;

#[traced(error = debug)]
fn without_display() -> Result<(), Silent> {
    Err(Silent)
}

#[traced(error = off)]
fn unjudged() -> Result<(), Silent> {
    Err(Silent)
}

#[traced(name = "borrowing")]
fn borrowing<'a, T: Display + ?Sized>(list: &'a mut Vec<String>, text: &T) -> Result<&'a str, String> {
    list.push(text.to_string());
    list.last().map(String::as_str).ok_or_else(|| "empty".to_owned())
}

#[traced]
fn hidden(limit: u32) -> Result<impl Iterator<Item = u32>, String> {
    if limit == 0 { Err("nothing".to_owned()) } else { Ok(0..limit) }
}

#[traced(name = "asleep", record(number))]
async fn asleep(number: u32) -> Result<u32, String> {
    tokio::task::yield_now().await;
    flowglass::add_event("awake", &[]);
    let checked = awake(number).await.checked_sub(1);
    checked.ok_or_else(|| "too small".to_owned())
}

#[traced]
async fn awake(number: u32) -> u32 {
    tokio::task::yield_now().await;
    number
}

struct Account {
    owner: String,
    balance: i64,
}

impl Account {
    #[traced(record(owner = self.owner, amount))]
    fn withdraw(&mut self, amount: i64) -> Result<i64, String> {
        if amount > self.balance {
            return Err(format!("{} has not that much", self.owner));
        }
        self.balance -= amount;
        Ok(self.balance)
    }

    #[traced]
    async fn close(self) -> i64 {
        tokio::task::yield_now().await;
        self.balance
    }
}

fn in_root<T>(telemetry: &TestRecorder, work: impl FnOnce() -> T) -> T {
    let _root = telemetry.recorder().root_span("root");
    work()
}

#[test]
fn a_function_has_a_span_of_its_name() {
    let telemetry = TestRecorder::new();
    assert_eq!(in_root(&telemetry, || (plain(1), plain(9))), (2, 9));
    assert_eq!(telemetry.tree(), "root\n  traced::plain\n  traced::plain\n");
    assert_eq!(plain(1), 2, "without a trace it is the function that it was");
}

#[test]
fn only_what_is_asked_for_is_recorded() {
    let telemetry = TestRecorder::new();
    in_root(&telemetry, || recorded("a", None, vec![1, 2], "secret"));
    let span = telemetry.span("traced::recorded").has("name", "a").has("list.len", 2).has_no("missing").has_no("password");
    assert_eq!(span.span().attributes.len(), 2);
    assert!(!telemetry.tree().contains("secret"));
}

#[test]
fn an_error_fails_the_span_once() {
    let telemetry = TestRecorder::new();
    in_root(&telemetry, || {
        assert_eq!(fallible("7"), Ok(7));
        assert!(without_display().is_err() && unjudged().is_err());
    });
    telemetry.span("traced::fallible").is_ok();
    telemetry.span("traced::without_display").failed_with("Silent");
    telemetry.span("traced::unjudged").is_ok();
    let failing = TestRecorder::new();
    in_root(&failing, || assert!(fallible("x").is_err()));
    let span = failing.span("traced::fallible").failed_with("invalid digit");
    assert!(span.span().events.is_empty(), "told once: as the span's status");
    failing.span("root").is_ok();
}

#[test]
fn lifetimes_generics_and_hidden_types_stay() {
    let telemetry = TestRecorder::new();
    let mut list = Vec::new();
    in_root(&telemetry, || {
        assert_eq!(borrowing(&mut list, "x"), Ok("x"));
        assert_eq!(hidden(3).map(Iterator::sum::<u32>), Ok(3));
    });
    telemetry.span("borrowing").is_inside("root");
}

#[test]
fn methods_are_functions() {
    let telemetry = TestRecorder::new();
    let mut account = Account { owner: "Ada".to_owned(), balance: 5 };
    in_root(&telemetry, || assert_eq!((account.withdraw(2), account.withdraw(9).is_err()), (Ok(3), true)));
    let spans = telemetry.spans();
    assert_eq!((spans[1].status, spans[2].status_message.as_str()), (Status::Ok, "Ada has not that much"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_function_keeps_its_span_behind_each_await() {
    let telemetry = TestRecorder::new();
    let account = Account { owner: "Ada".to_owned(), balance: 5 };
    let work = {
        let _root = telemetry.recorder().root_span("root");
        let here = flowglass::Context::current();
        async move {
            let future = {
                let _inside = here.enter();
                flowglass::InSpan::in_span(async move { (asleep(3).await, asleep(0).await, account.close().await) }, "work")
            };
            future.await
        }
    };
    let (three, zero, balance) = tokio::spawn(work).await.unwrap();
    assert_eq!((three, zero.is_err(), balance), (Ok(2), true, 5));
    let tree = "root\n  work\n    asleep number=3\n      traced::awake\n    asleep number=0 (error: too small)\n      traced::awake\n    traced::close\n";
    assert_eq!(telemetry.tree(), tree);
    assert!(telemetry.spans().iter().filter(|span| span.name == "asleep").all(|span| span.events.len() == 1));
}

#[test]
fn a_future_that_fails_is_recorded_in_a_trace_that_was_not_chosen() {
    let rarely = flowglass::Recorder::builder().sampling(flowglass::Sampling::rate(1e-12));
    let telemetry = TestRecorder::from_builder(rarely);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let root = telemetry.recorder().root_span("root");
    assert_eq!((runtime.block_on(asleep(3)), runtime.block_on(asleep(0)).is_err()), (Ok(2), true));
    drop(root);
    telemetry.span("asleep").failed_with("too small").has("trace.incomplete", true);
    assert_eq!(telemetry.spans().len(), 1, "{}", telemetry.tree());
}

#[test]
fn values_lend_themselves() {
    let text = Some(std::sync::Arc::new(String::from("x")));
    assert_eq!(text.to_value(), Value::Str("x"));
    assert_eq!((&&3_u32).to_value(), Value::Int(3));
    assert_eq!(Box::<str>::from("y").to_value(), Value::Str("y"));
}
