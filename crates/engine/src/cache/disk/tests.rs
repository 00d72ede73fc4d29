//! The cache on disk as a whole: entries and values come back, damage is a miss, limits hold, many share one folder.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::cache::{Found, Part, ValueStore};

struct Fixture {
    _folder: tempfile::TempDir,
    disk: DiskCache,
    cache: Cache,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskCache::open(folder.path().join("cache")).unwrap();
    Fixture { _folder: folder, cache: disk.clone().into(), disk }
}

fn signature(name: &str) -> KeyDigest {
    *blake3::hash(name.as_bytes()).as_bytes()
}

fn entry(stored_unix_ns: i64) -> Entry {
    let parts = vec![Part { name: "code".into(), digest: [1; 32] }];
    Entry { path: "p > n".into(), cost_ns: 7, stored_unix_ns, ttl_ns: None, parts, outputs: Vec::new(), pipeline: None }
}

fn keep(cache: &Cache, name: &str, outputs: &[&[u8]]) {
    keep_at(cache, name, unix_now_ns(), outputs);
}

fn keep_at(cache: &Cache, name: &str, stored_unix_ns: i64, outputs: &[&[u8]]) {
    let outputs = outputs.iter().map(|bytes| (bytes.to_vec(), "bytes".to_owned())).collect();
    cache.keep(&signature(name), entry(stored_unix_ns), outputs).unwrap();
}

/// The outputs of an entry, if it is there and whole.
fn load(cache: &Cache, name: &str, outputs: usize) -> Option<Vec<Vec<u8>>> {
    let Found::Hit(entry) = cache.find(&signature(name), outputs, None) else { return None };
    entry.outputs.iter().map(|output| Some(cache.load(output).ok()?.into_owned())).collect()
}

fn log_file(disk: &DiskCache, name: &str) -> PathBuf {
    disk.folder().join("entries").join(format!("{:02x}.log", usize::from(signature(name)[0]) % LOGS))
}

fn value_files(disk: &DiskCache) -> Vec<PathBuf> {
    disk.disk.values.files().unwrap().into_iter().map(|file| file.path).collect()
}

#[test]
fn small_and_large_outputs_come_back_in_another_process() {
    let Fixture { disk, cache, .. } = &fixture();
    let large = vec![5; INLINE_BYTES + 1];
    keep(cache, "a", &[b"small", &large, b""]);
    let other = Cache::from(DiskCache::open(disk.folder()).unwrap());
    for cache in [cache, &other] {
        assert_eq!(load(cache, "a", 3), Some(vec![b"small".to_vec(), large.clone(), Vec::new()]));
        assert_eq!(load(cache, "a", 2), None, "an entry with other outputs is none");
        assert_eq!(load(cache, "b", 3), None);
    }
    assert_eq!(value_files(disk).len(), 1);
    keep(cache, "b", &[&large]);
    assert_eq!(value_files(disk).len(), 1, "one content is kept once");
}

#[test]
fn what_another_process_writes_later_is_seen() {
    let Fixture { disk, cache, .. } = &fixture();
    let other = Cache::from(DiskCache::open(disk.folder()).unwrap());
    assert_eq!(load(&other, "a", 1), None);
    keep(cache, "a", &[b"one"]);
    assert_eq!(load(&other, "a", 1), Some(vec![b"one".to_vec()]));
    keep(&other, "a", &[b"two"]);
    assert_eq!(load(cache, "a", 1), Some(vec![b"two".to_vec()]));
}

#[test]
fn a_damaged_entry_is_told_of_and_repaired() {
    let Fixture { disk, cache, .. } = &fixture();
    keep(cache, "a", &[b"value"]);
    let whole = fs::read(log_file(disk, "a")).unwrap();
    for at in [0, 6, 30, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(log_file(disk, "a"), &damaged).unwrap();
        let cache = Cache::from(DiskCache::open(disk.folder()).unwrap());
        assert_eq!(load(&cache, "a", 1), None, "{at}");
        keep(&cache, "a", &[b"value"]);
        assert_eq!(load(&cache, "a", 1), Some(vec![b"value".to_vec()]), "{at}");
    }
    let mut damaged = whole;
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(log_file(disk, "a"), &damaged).unwrap();
    let disk = DiskCache::open(disk.folder()).unwrap();
    assert!(matches!(Cache::from(disk.clone()).find(&signature("a"), 1, None), Found::Damaged(_)));
    assert_eq!(disk.stats().unwrap().damages, 1);
}

#[test]
fn an_entry_damaged_under_our_feet_is_a_miss() {
    let Fixture { disk, cache, .. } = &fixture();
    keep(cache, "a", &[b"value"]);
    assert!(load(cache, "a", 1).is_some());
    let mut damaged = fs::read(log_file(disk, "a")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(log_file(disk, "a"), &damaged).unwrap();
    assert!(matches!(cache.find(&signature("a"), 1, None), Found::Damaged(_)));
    keep(cache, "a", &[b"value"]);
    assert!(load(cache, "a", 1).is_some());
}

#[test]
fn a_lost_or_damaged_value_is_never_given_and_is_repaired() {
    let Fixture { disk, cache, .. } = &fixture();
    let large = vec![5; INLINE_BYTES + 1];
    keep(cache, "a", &[&large]);
    let path = &value_files(disk)[0];
    let mut damaged = large.clone();
    damaged[9] ^= 1;
    fs::write(path, damaged).unwrap();
    assert_eq!(load(cache, "a", 1), None);
    assert!(matches!(cache.find(&signature("a"), 1, None), Found::Damaged(_)), "it is out of the way");
    keep(cache, "a", &[&large]);
    assert_eq!(load(cache, "a", 1), Some(vec![large.clone()]));
    fs::write(path, &large[1..]).unwrap();
    assert!(matches!(cache.find(&signature("a"), 1, None), Found::Damaged(_)), "its length is seen at once");
}

#[test]
fn results_hold_for_their_time_only() {
    let Fixture { cache, .. } = &fixture();
    keep_at(cache, "a", unix_now_ns() - 10_000_000_000, &[b"old"]);
    let found = |seconds| matches!(cache.find(&signature("a"), 1, seconds), Found::Hit(_));
    assert!(found(None) && found(Some(Duration::from_secs(3_600))));
    assert!(!found(Some(Duration::from_secs(9))));
}

#[test]
fn the_least_lately_used_go_first_and_values_that_others_name_stay() {
    let Fixture { disk, cache, .. } = &fixture();
    let (shared, own) = (vec![1; 50_000], vec![2; 60_000]);
    keep_at(cache, "old", 1_000, &[&shared, &own]);
    keep_at(cache, "older", 500, &[b"x"]);
    keep(cache, "new", &[&shared]);
    let limits = DiskLimits { max_bytes: Some(80_000), max_age: None };
    let pruned = disk.prune(limits).unwrap();
    assert_eq!(pruned.entries, 2);
    assert!(pruned.freed_bytes > 60_000);
    assert_eq!((load(cache, "old", 2), load(cache, "older", 1)), (None, None));
    assert_eq!(load(cache, "new", 1), Some(vec![shared]));
    assert_eq!(disk.prune(limits).unwrap(), Pruned::default());
}

#[test]
fn a_use_keeps_an_entry() {
    let Fixture { disk, cache, .. } = &fixture();
    keep_at(cache, "used", 1_000, &[b"x"]);
    keep_at(cache, "unused", 1_000, &[b"x"]);
    assert!(load(cache, "used", 1).is_some());
    let day = DiskLimits { max_bytes: None, max_age: Some(Duration::from_secs(86_400)) };
    let other = DiskCache::open(disk.folder()).unwrap();
    assert_eq!(other.prune(day).unwrap().entries, 1);
    assert_eq!(other.prune(day).unwrap().entries, 0, "the use is written down again");
    assert!(load(cache, "used", 1).is_some() && load(cache, "unused", 1).is_none());
}

#[test]
fn entries_that_have_expired_are_pruned() {
    let Fixture { disk, cache, .. } = &fixture();
    let expired = Entry { ttl_ns: Some(5), ..entry(1_000) };
    cache.keep(&signature("a"), expired, vec![(b"x".to_vec(), String::new())]).unwrap();
    assert_eq!(disk.prune(DiskLimits { max_bytes: None, max_age: None }).unwrap().entries, 1);
}

#[test]
fn values_that_nobody_names_are_left_alone_while_they_are_young() {
    let Fixture { disk, cache, .. } = &fixture();
    let bytes = vec![3; 50_000];
    disk.disk.values.put(blake3::hash(&bytes).as_bytes(), &bytes).unwrap();
    disk.prune(DiskLimits::default()).unwrap();
    assert_eq!(value_files(disk).len(), 1);
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::options().append(true).open(&value_files(disk)[0]).unwrap().set_modified(old).unwrap();
    disk.prune(DiskLimits::default()).unwrap();
    assert_eq!(value_files(disk).len(), 0);
    keep(cache, "a", &[&bytes]);
    assert!(load(cache, "a", 1).is_some());
}

#[test]
fn readers_go_on_while_a_cache_is_cleared_and_written_anew() {
    let Fixture { disk, cache, .. } = &fixture();
    let other = DiskCache::open(disk.folder()).unwrap();
    for round in 0..3 {
        keep(cache, "a", &[b"value"]);
        assert!(load(&other.clone().into(), "a", 1).is_some(), "{round}");
        assert_eq!(other.clear().unwrap().entries, 1);
        assert!(load(cache, "a", 1).is_none());
    }
    assert_eq!(disk.stats().unwrap(), DiskStats::default());
}

#[test]
fn clearing_and_pruning_beside_writers_loses_nothing_that_is_written_later() {
    let Fixture { disk, cache, .. } = &fixture();
    std::thread::scope(|scope| {
        let pruner = scope.spawn(|| {
            let other = DiskCache::open(disk.folder()).unwrap();
            for _ in 0..20 {
                other.prune(DiskLimits { max_bytes: Some(3_000), max_age: None }).unwrap();
            }
        });
        let writer = Cache::from(DiskCache::open(disk.folder()).unwrap());
        for number in 0..300 {
            keep(&writer, &format!("w{number}"), &[b"value"]);
        }
        pruner.join().unwrap();
    });
    keep(cache, "last", &[b"value"]);
    assert!(load(&DiskCache::open(disk.folder()).unwrap().into(), "last", 1).is_some());
    assert_eq!(disk.stats().unwrap().damages, 0);
}

#[test]
fn a_cache_of_another_version_is_refused() {
    let Fixture { disk, .. } = &fixture();
    fs::write(disk.folder().join("format"), "flowglass cache 9\n").unwrap();
    let error = DiskCache::open(disk.folder()).unwrap_err().to_string();
    assert!(error.contains("another version") && error.contains("flowglass cache 9"), "{error}");
    fs::write(disk.folder().join("format"), "").unwrap();
    assert!(DiskCache::open(disk.folder()).is_ok(), "another process was just writing it");
}

#[test]
fn a_place_that_cannot_be_a_folder_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = DiskCache::open(file.path().join("cache")).unwrap_err();
    assert!(error.to_string().contains("can't be used"), "{error}");
}
