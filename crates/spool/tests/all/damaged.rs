//! Segments that were torn or changed: what can be read is, what can't is counted and kept, and nothing is made up.

use std::path::PathBuf;

use flowglass_spool::{Spool, WhenFull};
use proptest::prelude::*;

use crate::ordinary::{drain, files, open, push};

/// The folder of a spool whose first segment holds these bytes.
fn folder_with(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("0");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("0000000000000001.frames"), bytes).unwrap();
    (folder, own)
}

/// The bytes of a segment with these frames.
fn segment(texts: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    texts.iter().for_each(|text| push(&mut spool, text));
    std::fs::read(&files(spool.folder())[0]).unwrap()
}

#[test]
fn a_torn_frame_costs_itself_and_leaves_nothing() {
    let whole = segment(&["first", "second"]);
    let ends = [29, whole.len()];
    for cut in 0..=whole.len() {
        let (folder, own) = folder_with(&whole[..cut]);
        let mut spool = open(folder.path());
        push(&mut spool, "behind");
        let wanted: Vec<&str> =
            ["first", "second"].into_iter().zip(ends).filter(|(_, end)| *end <= cut).map(|(text, _)| text).collect();
        assert_eq!(drain(&mut spool), [wanted.as_slice(), &["behind"]].concat(), "{cut}");
        assert_eq!((spool.take_lost(), files(&own).len()), (0, 0), "{cut}: nobody was told that it is there");
    }
}

#[test]
fn a_changed_byte_costs_one_frame_which_is_counted_and_kept() {
    let whole = segment(&["first", "second", "third"]);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        let (folder, own) = folder_with(&changed);
        let mut spool = open(folder.path());
        let left = drain(&mut spool);
        let lost = spool.take_lost();
        assert_eq!(left.len() as u64 + lost, 3, "{at}: {left:?}");
        assert!(lost < 2 && left.iter().all(|text| ["first", "second", "third"].contains(&text.as_str())), "{at}: {left:?}");
        let aside: Vec<Vec<u8>> = files(&own).iter().map(|path| std::fs::read(path).unwrap()).collect();
        assert_eq!(aside.len() as u64, lost, "{at}");
        drop(spool);
        assert!(open(folder.path()).is_empty(), "{at}");
    }
}

#[test]
fn what_is_kept_has_the_bytes_that_could_not_be_read() {
    let (folder, own) = folder_with(b"This is no segment, but a letter that somebody saved here.");
    let mut spool = open(folder.path());
    push(&mut spool, "behind");
    assert_eq!((drain(&mut spool), spool.take_lost()), (vec!["behind".to_owned()], 1));
    let [aside] = &files(&own)[..] else { panic!("one file") };
    assert_eq!(std::fs::read(aside).unwrap(), b"This is no segment, but a letter that somebody saved here.");
}

#[test]
fn a_head_far_behind_the_damage_is_found() {
    for gap in [65_530, 65_535, 65_536, 65_537, 200_000] {
        let bytes = [segment(&["first"]), vec![b'F'; gap], segment(&["second"])].concat();
        let (folder, _) = folder_with(&bytes);
        let mut spool = open(folder.path());
        assert_eq!((drain(&mut spool), spool.take_lost()), (vec!["first".to_owned(), "second".to_owned()], 1), "{gap}");
    }
}

#[test]
fn a_segment_that_goes_counts_what_waits_in_it() {
    let whole = segment(&["first", "second", "third"]);
    let mut changed = whole.clone();
    changed[29..40].fill(0);
    let (folder, _) = folder_with(&changed);
    let mut spool = Spool::open(folder.path(), 100, WhenFull::DropOldest).unwrap();
    spool.lend(1);
    spool.arrived(1);
    spool.push(1, &[b'x'; 40]).unwrap();
    assert_eq!(spool.take_lost(), 2, "one that arrived, one that can't be read, one that waits");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (folder, _) = folder_with(&bytes);
        let mut spool = Spool::open(folder.path(), 500, WhenFull::DropOldest).unwrap();
        prop_assert!(spool.lend(9).is_empty() && spool.is_empty());
        prop_assert_eq!(spool.take_lost(), u64::from(bytes.len() >= 24));
    }

    #[test]
    fn pieces_of_segments_give_whole_frames_only(
        pieces in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let whole = segment(&["first", "second", "third"]);
        let mut bytes = Vec::new();
        for (from, to, noise) in pieces {
            let (from, to) = (from.index(whole.len()), to.index(whole.len() + 1));
            bytes.extend_from_slice(whole.get(from..to).unwrap_or(&[noise]));
        }
        let (folder, _) = folder_with(&bytes);
        let mut spool = open(folder.path());
        push(&mut spool, "behind");
        let left = drain(&mut spool);
        prop_assert_eq!(left.last().map(String::as_str), Some("behind"));
        prop_assert!(left.iter().all(|text| ["first", "second", "third", "behind"].contains(&text.as_str())), "{:?}", left);
    }
}
