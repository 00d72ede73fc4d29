//! Who speaks in a worker: the job, and where it can be told the item, that prints what is printed now.

use std::fmt::Write as _;
use std::sync::Arc;

use flowglass_model::{SpanId, TraceId};
use parking_lot::Mutex;

use super::transport::JobId;

/// Somebody whose output is attributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voice {
    pub(crate) job: JobId,
    pub(crate) trace: TraceId,
    /// The span of the call or the item; of a job with many of them, the span around.
    pub(crate) span: SpanId,
    /// Where that stands: `outer > node[3]`.
    pub(crate) path: String,
}

/// What is announced, in the order of what is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// What is printed from now on is this one's; nobody's, where several jobs speak at once.
    Speaks(Option<Voice>),
    /// This job has said all.
    Over(JobId),
}

/// Takes what is announced.
pub(crate) type Announce = Arc<dyn Fn(&[Said]) + Send + Sync>;

/// In a job with more items than this they are too short to be announced one by one.
const ANNOUNCED_ITEMS: usize = 64;

/// Those who may print in a worker now.
#[derive(Default)]
pub(super) struct Voices {
    announce: Option<Announce>,
    speaking: Mutex<Speaking>,
}

#[derive(Default)]
struct Speaking {
    jobs: Vec<Voice>,
    items: Vec<Voice>,
    announced: Option<Voice>,
}

impl Voices {
    /// Announces who speaks in this way. Without one, nothing is announced.
    pub(super) fn announced_by(announce: Announce) -> Self {
        Self { announce: Some(announce), ..Self::default() }
    }

    /// A job of so many items begins to speak, until the guard is dropped.
    pub(super) fn job(self: &Arc<Self>, voice: impl FnOnce() -> Voice, items: usize) -> JobVoice {
        let voice = self.announce.is_some().then(voice);
        if let Some(voice) = &voice {
            self.change(|speaking| speaking.jobs.push(voice.clone()));
        }
        JobVoice { voices: Arc::clone(self), job: voice.map(|voice| voice.job), announces_items: items <= ANNOUNCED_ITEMS }
    }

    fn change(&self, change: impl FnOnce(&mut Speaking)) {
        let mut speaking = self.speaking.lock();
        change(&mut speaking);
        let said = speaking.news();
        // Told under the lock, so that announcements come in the order of what happens.
        if let (Some(announce), false) = (&self.announce, said.is_empty()) {
            announce(&said);
        }
    }
}

impl Speaking {
    /// The one who speaks, if it can be told: one item of one job, or the job.
    fn current(&self) -> Option<&Voice> {
        let [job] = self.jobs.as_slice() else { return None };
        match self.items.as_slice() {
            [item] => Some(item),
            _ => Some(job),
        }
    }

    fn news(&mut self) -> Vec<Said> {
        let current = self.current();
        // Between two items of a job, nobody speaks of whom it would have to be told.
        let is_between =
            self.items.is_empty() && current.is_some_and(|job| self.announced.as_ref().is_some_and(|last| last.job == job.job));
        if is_between || current == self.announced.as_ref() {
            return Vec::new();
        }
        self.announced = current.cloned();
        vec![Said::Speaks(self.announced.clone())]
    }
}

/// A job that speaks.
pub(super) struct JobVoice {
    voices: Arc<Voices>,
    job: Option<JobId>,
    announces_items: bool,
}

impl JobVoice {
    /// One of its items begins to speak, until the guard is dropped.
    pub(super) fn item(&self, voice: impl FnOnce(JobId) -> Voice) -> ItemVoice<'_> {
        let voice = self.job.filter(|_| self.announces_items).map(voice);
        if let Some(voice) = &voice {
            self.voices.change(|speaking| speaking.items.push(voice.clone()));
        }
        ItemVoice { voices: &self.voices, voice }
    }
}

/// An item that speaks.
pub(super) struct ItemVoice<'a> {
    voices: &'a Voices,
    voice: Option<Voice>,
}

impl Drop for ItemVoice<'_> {
    fn drop(&mut self) {
        if let Some(voice) = &self.voice {
            self.voices.change(|speaking| speaking.items.retain(|item| item != voice));
        }
    }
}

impl Drop for JobVoice {
    fn drop(&mut self) {
        let (Some(job), Some(announce)) = (self.job, &self.voices.announce) else { return };
        let mut speaking = self.voices.speaking.lock();
        speaking.jobs.retain(|voice| voice.job != job);
        speaking.announced.take_if(|voice| voice.job == job);
        let said: Vec<Said> = std::iter::once(Said::Over(job)).chain(speaking.news()).collect();
        announce(&said);
    }
}

/// Writes a place as people read it: `outer > node[3]`.
pub(super) fn path(place: &[(String, Option<u64>)]) -> String {
    let mut path = String::new();
    for (name, index) in place {
        path.push_str(if path.is_empty() { "" } else { " > " });
        path.push_str(name);
        // Writing to a String can't fail.
        let _ = index.map(|index| write!(path, "[{index}]"));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(job: u64, path: &str) -> Voice {
        let (trace, span) = (TraceId::from_bytes([1; 16]), SpanId::from_u64(job));
        Voice { job: JobId(job), trace, span, path: path.to_owned() }
    }

    /// Voices, and what they announce in short: the path of who speaks, `-` for nobody, `/` where a job is over.
    fn voices() -> (Arc<Voices>, impl Fn() -> String) {
        let said = Arc::new(Mutex::new(String::new()));
        let note = Arc::clone(&said);
        let announce = move |news: &[Said]| {
            for said in news {
                let mut note = note.lock();
                match said {
                    Said::Speaks(Some(voice)) => *note += &format!("{} ", voice.path),
                    Said::Speaks(None) => *note += "- ",
                    Said::Over(job) => *note += &format!("/{} ", job.0),
                }
            }
        };
        (Arc::new(Voices::announced_by(Arc::new(announce))), move || said.lock().trim().to_owned())
    }

    #[test]
    fn items_that_follow_each_other_are_announced_once_each() {
        let (voices, said) = voices();
        let job = voices.job(|| voice(1, "map"), 2);
        drop(job.item(|_| voice(1, "map[0]")));
        drop(job.item(|_| voice(1, "map[1]")));
        drop(job);
        assert_eq!(said(), "map map[0] map[1] /1");
    }

    #[test]
    fn items_that_overlap_speak_as_their_job_and_jobs_that_do_as_nobody() {
        let (voices, said) = voices();
        let one = voices.job(|| voice(1, "one"), 2);
        let first = one.item(|_| voice(1, "one[0]"));
        let second = one.item(|_| Voice { span: SpanId::from_u64(9), ..voice(1, "one[1]") });
        drop(first);
        let two = voices.job(|| voice(2, "two"), 1);
        drop(second);
        drop(one);
        drop(two);
        assert_eq!(said(), "one one[0] one one[1] - /1 two /2");
    }

    #[test]
    fn many_short_items_speak_as_their_job() {
        let (voices, said) = voices();
        let job = voices.job(|| voice(1, "map"), ANNOUNCED_ITEMS + 1);
        drop(job.item(|_| voice(1, "map[0]")));
        drop(job);
        assert_eq!(said(), "map /1");
    }

    #[test]
    fn a_place_is_written_as_people_read_it() {
        assert_eq!(path(&[("outer".into(), None), ("each".into(), Some(3)), ("node".into(), None)]), "outer > each[3] > node");
    }
}
