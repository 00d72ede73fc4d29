//! Whatever is done in whatever order, restarts included: a spool holds what a plain list would hold.

use std::collections::VecDeque;

use flowglass_spool::{Spool, WhenFull};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Push(u32, usize),
    Send { lent: usize, arrived: usize },
    GiveBack(usize),
    Flush,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..9u32, 0..120usize).prop_map(|(items, length)| Step::Push(items, length)),
        3 => (1..5usize, 0..5usize).prop_map(|(lent, arrived)| Step::Send { lent, arrived }),
        1 => (1..5usize).prop_map(Step::GiveBack),
        1 => Just(Step::Flush),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_spool_is_a_list(steps in steps(), most_bytes in 200..3000u64) {
        let folder = tempfile::tempdir().unwrap();
        let open = || Spool::open(folder.path(), most_bytes, WhenFull::DropOldest).unwrap();
        let mut spool = open();
        let mut list: VecDeque<(u32, Vec<u8>)> = VecDeque::new();
        let mut number = 0u8;
        for step in steps {
            match step {
                Step::Push(items, length) => {
                    number = number.wrapping_add(1);
                    spool.push(items, &vec![number; length]).unwrap();
                    list.push_back((items, vec![number; length]));
                }
                Step::Send { lent, arrived } => {
                    let frames = spool.lend(lent);
                    prop_assert!(frames.iter().map(|frame| (frame.items, frame.bytes.clone())).eq(list.iter().take(frames.len()).cloned()));
                    let arrived = arrived.min(frames.len());
                    spool.arrived(arrived);
                    list.drain(..arrived);
                }
                Step::GiveBack(lent) => {
                    spool.lend(lent);
                    spool.give_back();
                }
                Step::Flush => spool.flush().unwrap(),
                Step::Restart => {
                    drop(spool);
                    spool = open();
                }
            }
            // What went for room are the oldest, and no more of them than were counted.
            let mut lost = spool.take_lost();
            while lost > 0 {
                lost = lost.checked_sub(u64::from(list.pop_front().unwrap().0)).unwrap();
            }
            drop_unpaid(&mut spool, &mut list);
            prop_assert_eq!(spool.is_empty(), list.is_empty());
            let bytes: u64 = crate::ordinary::files(spool.folder()).iter().map(|path| path.metadata().unwrap().len()).sum();
            prop_assert!(bytes <= most_bytes, "{bytes} of {most_bytes}");
        }
    }
}

/// Frames without items go unnoticed by the count.
fn drop_unpaid(spool: &mut Spool, list: &mut VecDeque<(u32, Vec<u8>)>) {
    let first = spool.lend(1).into_iter().next().map(|frame| (frame.items, frame.bytes));
    spool.give_back();
    while list.front().is_some_and(|(items, _)| *items == 0) && list.front() != first.as_ref() {
        list.pop_front();
    }
}
