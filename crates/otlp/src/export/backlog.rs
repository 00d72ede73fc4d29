//! What waits to be sent: in memory, or on disk once the destination was away.

use std::collections::VecDeque;

use flowglass_model::Fullness;
use flowglass_spool::Spool;

use super::body::Body;
use super::spooled;

/// Bodies in the order in which they came. Those in memory are older than those on disk: once something lies on disk,
/// everything that comes goes there, until the disk is empty.
#[derive(Debug)]
pub(super) struct Backlog {
    memory: VecDeque<Body>,
    bytes: usize,
    most_bytes: usize,
    fullness: Fullness,
    spool: Option<Spool>,
    spool_fullness: Fullness,
    /// Whether the body that was taken last still lies on disk.
    taken_from_disk: bool,
}

impl Backlog {
    pub(super) fn new(most_bytes: usize, spool: Option<Spool>) -> Self {
        let (memory, fullness) = (VecDeque::new(), Fullness::default());
        Self { memory, bytes: 0, most_bytes, fullness, spool, spool_fullness: fullness, taken_from_disk: false }
    }

    /// Returns how often memory or disk was nearly full.
    pub(super) const fn nearly_full(&self) -> u64 {
        self.fullness.times() + self.spool_fullness.times()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.spool.as_ref().is_none_or(Spool::is_empty)
    }

    /// Says whether what waits survives the end of the program.
    pub(super) const fn survives(&self) -> bool {
        self.spool.is_some()
    }

    /// Adds a body behind the others. Returns how many items had to go for it: the oldest.
    pub(super) fn push(&mut self, body: Body) -> u64 {
        match &mut self.spool {
            Some(spool) if !spool.is_empty() => {
                let lost = spooled::push(spool, &body);
                self.spool_fullness.note(spool.waiting_bytes(), spool.most_bytes());
                lost
            }
            _ => {
                self.bytes += body.bytes.len();
                self.memory.push_back(body);
                self.make_room()
            }
        }
    }

    /// Takes the first body, which then is [`done`](Self::done) or [`put back`](Self::put_back). Returns also how many items on disk
    /// turned out to be unreadable.
    pub(super) fn take(&mut self) -> (Option<Body>, u64) {
        self.taken_from_disk = false;
        if let Some(body) = self.memory.pop_front() {
            self.bytes -= body.bytes.len();
            self.note_fullness();
            return (Some(body), 0);
        }
        let Some(spool) = &mut self.spool else { return (None, 0) };
        let body = spooled::first(spool);
        self.taken_from_disk = body.is_some();
        (body, spool.take_lost())
    }

    /// Notes that the body that was taken last has been dealt with.
    pub(super) fn done(&mut self) {
        if std::mem::take(&mut self.taken_from_disk)
            && let Some(spool) = &mut self.spool
        {
            spool.arrived(1);
        }
    }

    /// Puts these in the place of the body that was taken last. Returns how many items had to go for them.
    pub(super) fn replace(&mut self, bodies: [Body; 2]) -> u64 {
        self.done();
        for body in bodies.into_iter().rev() {
            self.bytes += body.bytes.len();
            self.memory.push_front(body);
        }
        self.make_room()
    }

    /// Puts back the body that was taken last, because the destination is away. Returns how many items had to go for it.
    pub(super) fn put_back(&mut self, body: Body) -> u64 {
        if std::mem::take(&mut self.taken_from_disk)
            && let Some(spool) = &mut self.spool
        {
            spool.give_back();
            return 0;
        }
        self.bytes += body.bytes.len();
        self.memory.push_front(body);
        self.spill()
    }

    /// Moves everything in memory to disk, where there is one, so that it survives this process. Returns how many items were lost.
    pub(super) fn spill(&mut self) -> u64 {
        let Some(spool) = &mut self.spool else { return self.make_room() };
        self.bytes = 0;
        self.fullness.note(0, self.most_bytes as u64);
        let lost = self.memory.drain(..).map(|body| spooled::push(spool, &body)).sum();
        self.spool_fullness.note(spool.waiting_bytes(), spool.most_bytes());
        // Where the disk can't promise to keep it over a power cut, it is there all the same while the machine runs.
        let _ = spool.flush();
        lost
    }

    /// Lets go of everything in memory that has no place on disk; returns how many items that are.
    pub(super) fn abandon(&mut self) -> u64 {
        let lost = self.spill() + self.memory.drain(..).map(|body| body.items).sum::<u64>();
        self.bytes = 0;
        lost
    }

    fn note_fullness(&mut self) {
        self.fullness.note(self.bytes as u64, self.most_bytes as u64);
    }

    fn make_room(&mut self) -> u64 {
        let mut lost = 0;
        self.note_fullness();
        while self.bytes > self.most_bytes && self.memory.len() > 1 {
            let Some(oldest) = self.memory.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            lost += oldest.items;
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use flowglass_spool::WhenFull;

    use super::super::destination::Compression;
    use super::*;

    fn spool(folder: &Path) -> Spool {
        Spool::open(folder, 1 << 20, WhenFull::DropOldest).unwrap()
    }

    fn body(text: &str, items: u64) -> Body {
        Body { bytes: text.to_owned().into(), compression: Compression::None, is_json: false, items }
    }

    fn texts(backlog: &mut Backlog) -> Vec<String> {
        std::iter::from_fn(|| {
            let (body, _) = backlog.take();
            backlog.done();
            body.map(|body| String::from_utf8(body.bytes.to_vec()).unwrap())
        })
        .collect()
    }

    #[test]
    fn the_oldest_go_when_memory_is_full_but_never_all() {
        let mut backlog = Backlog::new(4, None);
        assert_eq!([body("aa", 1), body("bb", 2), body("cc", 4)].map(|body| backlog.push(body)), [0, 0, 1]);
        assert_eq!(backlog.push(body("larger than all", 8)), 6);
        assert_eq!(texts(&mut backlog), ["larger than all"]);
        assert!(backlog.is_empty() && backlog.bytes == 0);
    }

    #[test]
    fn it_is_nearly_full_once_in_memory_and_once_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 4096, WhenFull::DropOldest).unwrap();
        let mut backlog = Backlog::new(100, Some(spool));
        for _ in 0..3 {
            backlog.push(body(&"x".repeat(30), 1));
        }
        assert_eq!(backlog.nearly_full(), 1);
        backlog.spill();
        for _ in 0..200 {
            backlog.push(body(&"x".repeat(30), 1));
        }
        assert_eq!(backlog.nearly_full(), 2, "however often the oldest goes");
    }

    #[test]
    fn order_holds_over_memory_and_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::new(1 << 20, Some(spool(folder.path())));
        ["a", "b"].into_iter().for_each(|text| assert_eq!(backlog.push(body(text, 1)), 0));
        let (first, _) = backlog.take();
        assert_eq!(backlog.put_back(first.unwrap()), 0);
        assert_eq!(backlog.push(body("c", 1)), 0);
        let (again, _) = backlog.take();
        assert_eq!(backlog.put_back(again.unwrap()), 0);
        assert_eq!(texts(&mut backlog), ["a", "b", "c"]);
        backlog.push(body("d", 1));
        assert_eq!((backlog.memory.len(), texts(&mut backlog)), (1, vec!["d".to_owned()]), "an empty disk isn't used");
    }

    #[test]
    fn what_is_abandoned_is_counted_unless_it_lies_on_disk() {
        let mut backlog = Backlog::new(100, None);
        backlog.push(body("a", 7));
        assert_eq!((backlog.abandon(), backlog.is_empty()), (7, true));
        let folder = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::new(100, Some(spool(folder.path())));
        backlog.push(body("a", 7));
        assert_eq!((backlog.abandon(), backlog.is_empty()), (0, false));
        drop(backlog);
        let mut later = Backlog::new(100, Some(spool(folder.path())));
        assert_eq!(texts(&mut later), ["a"]);
    }
}
