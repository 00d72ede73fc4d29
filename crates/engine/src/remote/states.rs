//! What a worker keeps from one job to the next: state that is built where it is used, so that it is built once a worker.

use std::any::TypeId;

use parking_lot::Mutex;

use crate::value::{KeyDigest, Type, Value, ValueError};

/// So many are kept; of more, those that came first are let go.
const MOST: usize = 64;

/// The states that a worker has, by their types and by the arguments that came with them.
#[derive(Default)]
pub(super) struct States(Mutex<Vec<((TypeId, KeyDigest), Value)>>);

impl States {
    /// Turns bytes into a value of this type; a state that came before is the one that was made then.
    pub(super) fn value(&self, ty: &Type, bytes: &[u8]) -> Result<Value, ValueError> {
        let Type::Leaf(info) = ty else { return ty.decode(bytes) };
        if !info.state {
            return ty.decode(bytes);
        }
        let key = (info.id, blake3::hash(bytes).into());
        let mut states = self.0.lock();
        if let Some((_, state)) = states.iter().find(|(other, _)| *other == key) {
            return Ok(Value::clone(state));
        }
        let state = ty.decode(bytes)?;
        if states.len() >= MOST {
            states.remove(0);
        }
        states.push((key, Value::clone(&state)));
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::BoxError;
    use crate::value::{State, Stateful};

    struct Model;

    impl State for Model {
        type Arguments = u32;
        async fn construct(_: &u32) -> Result<Self, BoxError> {
            Ok(Self)
        }
    }

    #[test]
    fn a_state_that_came_before_is_there_still() {
        let (states, ty) = (States::default(), crate::type_of!(Stateful<Model>));
        let bytes = |number: u32| ty.encode(&(Arc::new(Stateful::<Model>::new(number)) as Value)).unwrap();
        let first = states.value(&ty, &bytes(1)).unwrap();
        assert!(Arc::ptr_eq(&first, &states.value(&ty, &bytes(1)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &states.value(&ty, &bytes(2)).unwrap()));
        (3..100).for_each(|number| drop(states.value(&ty, &bytes(number)).unwrap()));
        assert!(!Arc::ptr_eq(&first, &states.value(&ty, &bytes(1)).unwrap()), "there are too many");
        let plain = crate::type_of!(u32);
        let five = plain.encode(&(Arc::new(5_u32) as Value)).unwrap();
        assert!(!Arc::ptr_eq(&states.value(&plain, &five).unwrap(), &states.value(&plain, &five).unwrap()));
    }
}
