//! The ordinary life of a spool: frames in their order, over restarts, in folders of their own, within the limit.

use std::io;
use std::path::{Path, PathBuf};

use flowglass_spool::{Frame, Spool, WhenFull};

pub(crate) fn open(folder: &Path) -> Spool {
    Spool::open(folder, 1 << 20, WhenFull::Refuse).unwrap()
}

pub(crate) fn push(spool: &mut Spool, text: &str) {
    spool.push(1, text.as_bytes()).unwrap();
}

/// Takes everything out, in its order.
pub(crate) fn drain(spool: &mut Spool) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let frames = spool.lend(3);
        if frames.is_empty() {
            return texts;
        }
        spool.arrived(frames.len());
        texts.extend(self::texts(frames));
    }
}

pub(crate) fn texts(frames: Vec<Frame>) -> Vec<String> {
    frames.into_iter().map(|frame| String::from_utf8(frame.bytes).unwrap()).collect()
}

/// The files of a process's folder but its lock, in the order of their names.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some());
    files.sort();
    files
}

#[test]
fn what_has_not_arrived_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = open(folder.path());
    ["a", "b", "c"].iter().for_each(|text| push(&mut first, text));
    assert_eq!(texts(first.lend(2)), ["a", "b"]);
    first.arrived(1);
    drop(first);
    let mut again = open(folder.path());
    push(&mut again, "d");
    assert_eq!(drain(&mut again), ["b", "c", "d"]);
    assert!(again.is_empty() && again.lend(1).is_empty() && files(again.folder()).is_empty());
    drop(again);
    assert!(open(folder.path()).is_empty());
}

#[test]
fn frames_keep_their_bytes_and_items() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    let frames = [(0, Vec::new()), (u32::MAX, vec![0; 70_000]), (7, b"FGF1FGF1sent".to_vec())];
    frames.iter().for_each(|(items, bytes)| spool.push(*items, bytes).unwrap());
    spool.flush().unwrap();
    drop(spool);
    let found = open(folder.path()).lend(9);
    assert_eq!(found.into_iter().map(|frame| (frame.items, frame.bytes)).collect::<Vec<_>>(), frames);
}

#[test]
fn what_is_given_back_waits_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = open(folder.path());
    ["a", "b"].iter().for_each(|text| push(&mut spool, text));
    assert_eq!(texts(spool.lend(1)), ["a"]);
    spool.give_back();
    // Said once too often: nothing is on its way.
    spool.arrived(1);
    assert_eq!(drain(&mut spool), ["a", "b"]);
}

#[test]
fn two_do_not_share_and_the_living_inherits() {
    let folder = tempfile::tempdir().unwrap();
    let (mut one, mut other) = (open(folder.path()), open(folder.path()));
    push(&mut one, "one");
    push(&mut other, "other");
    assert_eq!((texts(one.lend(9)), texts(other.lend(9))), (vec!["one".to_owned()], vec!["other".to_owned()]));
    drop(other);
    let mut third = open(folder.path());
    assert_eq!(drain(&mut third), ["other"], "the first still lives");
    drop((one, third));
    assert_eq!(drain(&mut open(folder.path())), ["one"]);
}

#[test]
fn what_has_no_room_is_refused_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 200, WhenFull::Refuse).unwrap();
    (0..2).for_each(|_| spool.push(1, &[b'x'; 60]).unwrap());
    for _ in 0..2 {
        assert_eq!(spool.push(1, &[b'y'; 60]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
    assert_eq!((drain(&mut spool).len(), spool.take_lost()), (2, 0));
    spool.push(1, &[b'y'; 60]).unwrap();
}

#[test]
fn the_oldest_make_room_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 1000, WhenFull::DropOldest).unwrap();
    (0..100).for_each(|number| spool.push(3, format!("{number:0100}").as_bytes()).unwrap());
    let lost = spool.take_lost();
    let left: Vec<u64> = drain(&mut spool).iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(left, (lost / 3..100).collect::<Vec<_>>());
    assert!((5..9).contains(&left.len()), "{left:?}");
    assert_eq!(spool.push(3, &[0; 2000]).unwrap_err().kind(), io::ErrorKind::StorageFull, "more than all the room");
    assert_eq!(spool.take_lost(), 0);
}

#[test]
fn what_is_on_its_way_is_not_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 1000, WhenFull::DropOldest).unwrap();
    spool.push(1, b"on its way").unwrap();
    assert_eq!(texts(spool.lend(1)), ["on its way"]);
    (0..50).for_each(|_| spool.push(1, &[b'x'; 100]).unwrap());
    spool.arrived(1);
    let left = drain(&mut spool);
    assert!(!left.contains(&"on its way".to_owned()));
    assert_eq!(spool.take_lost() + left.len() as u64, 50);
}

#[test]
fn what_is_refused_is_counted_and_kept_within_its_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(folder.path(), 1000, WhenFull::Refuse).unwrap();
    for _ in 0..20 {
        (0..3).for_each(|_| spool.push(2, &[b'x'; 76]).unwrap());
        spool.lend(2);
        spool.refuse(1);
        spool.refuse(1);
        assert_eq!((drain(&mut spool).len(), spool.take_lost()), (2, 2), "said twice, done once");
    }
    let [aside] = &files(spool.folder())[..] else { panic!("one file") };
    assert_eq!(std::fs::metadata(aside).unwrap().len(), 1000);
    drop(spool);
    assert!(open(folder.path()).is_empty());
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("0");
    std::fs::create_dir(&own).unwrap();
    for name in ["1.frames", "words.frames", "0000000000000001.segment", "0000000000000002.txt"] {
        std::fs::write(own.join(name), "words").unwrap();
    }
    let mut spool = open(folder.path());
    push(&mut spool, "a");
    assert_eq!(drain(&mut spool), ["a"]);
    assert_eq!(files(&own).len(), 4);
}

#[test]
fn a_folder_that_cannot_be_one_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(Spool::open(file.path(), 1, WhenFull::Refuse).is_err());
}
