//! State is built once, from what travels, and fails in so many words.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

use super::*;

struct Model(String);

impl State for Model {
    type Arguments = String;
    async fn construct(path: &String) -> Result<Self, BoxError> {
        if path.is_empty() { Err("no path".into()) } else { Ok(Self(path.to_uppercase())) }
    }
}

#[test]
fn it_is_built_once_on_however_many_threads() {
    let built = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&built);
    let state = Stateful::with(7, move |number: &i32| {
        count.fetch_add(1, SeqCst);
        Ok::<_, BoxError>(*number)
    });
    assert!(!state.is_built());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(*state.clone().get().unwrap(), 7));
        }
    });
    assert_eq!((built.load(SeqCst), state.is_built()), (1, true));
}

#[test]
fn a_failure_names_the_type_and_the_next_use_tries_again() {
    let fails = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&fails);
    let state: Stateful<Model> = Stateful::with((), move |()| match count.fetch_add(1, SeqCst) {
        0 => Err("away"),
        _ => Ok(Model("there".into())),
    });
    let error = state.get().err().unwrap();
    assert_eq!(error.error_type(), "state");
    let message = error.to_string();
    let place = "flowglass_engine::value::stateful::tests::a_failure_names_the_type_and_the_next_use_tries_again";
    assert_eq!(message, format!("the state `Model` couldn't be built by a closure in `{place}`"));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "away");
    let error = Stateful::<Model>::new("").get().err().unwrap();
    assert_eq!(error.to_string(), "the state `Model` couldn't be built by `Model::construct`");
    assert_eq!(state.get().unwrap().0, "there");
}

#[test]
fn a_panic_leaves_it_unbuilt() {
    let state: Stateful<Model> = Stateful::with((), |()| -> Result<_, BoxError> { panic!("by design") });
    for _ in 0..2 {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| state.get().is_ok())).is_err());
    }
    assert!(!state.is_built());
}

#[test]
fn who_waits_for_it_is_woken() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let receiver = parking_lot::Mutex::new(Some(receiver));
    let state: Stateful<Model> = Stateful::with_async("x", move |_| {
        let receiver = receiver.lock().take();
        async move { receiver.ok_or("built twice")?.await.map(Model).map_err(|_| "nobody sends") }
    });
    let mut building = Vec::new();
    state.prepare(&mut building).unwrap();
    assert_eq!((building.len(), state.is_built()), (1, false));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| state.get().unwrap().0.clone());
        sender.send("sent".to_owned()).unwrap();
        wait(building.remove(0)).unwrap();
        assert_eq!(waiting.join().unwrap(), "sent");
    });
}

#[test]
fn keys_come_from_the_arguments() {
    let key = |path: &str| Stateful::<Model>::new(path).cache_key();
    assert_eq!(key("a"), key("a"));
    assert_ne!(key("a"), key("b"));
    assert_eq!(Stateful::<Model>::new("a").keyed("m").cache_key(), "m");
}

#[test]
fn only_arguments_travel() {
    let ty = crate::type_of!(Stateful<Model>);
    let value: super::super::Value = Arc::new(Stateful::<Model>::new("a").keyed("m"));
    let back = ty.decode(&ty.encode(&value).unwrap()).unwrap();
    let back = super::super::borrow::<Stateful<Model>>(&back).unwrap();
    assert_eq!((back.is_built(), back.cache_key().as_str(), back.get().unwrap().0.as_str()), (false, "m", "A"));
    let closure: super::super::Value = Arc::new(Stateful::<Model>::with(1, |_| Ok::<_, BoxError>(Model(String::new()))));
    assert!(ty.encode(&closure).err().unwrap().to_string().contains("closure"));
    assert!(!crate::type_of!(Stateful<u8>).can_encode());
}
