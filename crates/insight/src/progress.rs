//! How far a run is: a fold over the engine's events, cheap enough to be fed every one of them.

mod row;
mod site;

pub use row::ProgressRow;
pub use site::{Retry, SiteProgress, State};

use flowglass_model::{Event, GraphSettings, Site, Subject};

/// What of a configuration decides how work goes on; who is told and what is recorded does not.
const SHOWN: [&str; 4] = ["backend", "cache", "timeout", "retry"];

/// How far a run is, site by site.
///
/// Only events are told what time it is; questions about a moment take it as `now_unix_ns`.
#[derive(Debug, Clone)]
pub struct Progress {
    sites: Vec<SiteProgress>,
    last_unix_ns: i64,
    events: u64,
}

impl Progress {
    /// Starts at nothing done. The sites are the plan's, in its order: each one's id is its index, parents before children.
    #[must_use]
    pub fn new(sites: &[Site]) -> Self {
        Self { sites: sites.iter().cloned().map(SiteProgress::new).collect(), last_unix_ns: i64::MIN, events: 0 }
    }

    /// Takes in how the sites are configured, from what graphs say of it, so that rows can show it: where things run, which cache
    /// they have, how long they may take, and how often they are tried.
    #[must_use]
    pub fn with_settings(mut self, settings: &GraphSettings) -> Self {
        for site in &mut self.sites {
            let said = settings.of(&site.site.path).iter();
            site.labels = said.filter(|label| SHOWN.contains(&label.aspect.as_str())).cloned().collect();
        }
        self
    }

    /// Takes in one event. Events of sites that the plan doesn't have are ignored.
    pub fn apply(&mut self, event: &Event<'_>) {
        let at = event.site.id.0 as usize;
        let Some(site) = self.sites.get_mut(at) else { return };
        site.apply(event);
        self.events += 1;
        self.last_unix_ns = self.last_unix_ns.max(event.at_unix_ns);
        let ends = event.kind.is_end();
        if let Some(parent) = self.parent(at).filter(|_| ends) {
            self.sites[parent].done += 1;
        }
    }

    /// Returns the sites, in the plan's order.
    #[must_use]
    pub fn sites(&self) -> &[SiteProgress] {
        &self.sites
    }

    /// Returns the root pipeline, if there are any sites.
    #[must_use]
    pub fn root(&self) -> Option<&SiteProgress> {
        self.sites.first()
    }

    /// Returns when the last event happened, in nanoseconds since 1970 UTC; none before the first.
    #[must_use]
    pub fn last_unix_ns(&self) -> Option<i64> {
        (self.events > 0).then_some(self.last_unix_ns)
    }

    /// Returns how many events were taken in.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Says whether the run has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.root().is_some_and(|root| root.ended() > 0 && root.active() == 0)
    }

    /// Returns how many nodes, or whole pipelines and items, of the run came from the cache so far.
    #[must_use]
    pub fn cached(&self) -> u64 {
        // What is inside of a map is told besides, and so it is with a pipeline of which each node was asked for.
        let counts = |at: &usize| match self.sites[*at].site.subject {
            Subject::Map => false,
            Subject::Pipeline => !self.is_told_inside(*at),
            _ => true,
        };
        (0..self.sites.len()).filter(counts).map(|at| self.sites[at].cached).sum()
    }

    /// Returns how many nodes of the run failed so far.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.sites.iter().filter(|site| site.is_work()).map(|site| site.failed).sum()
    }

    /// Returns how many nodes of the run ended so far, cached ones included.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        self.sites.iter().filter(|site| site.is_work()).map(|site| site.ended() - site.skipped).sum()
    }

    /// Returns the nodes that were skipped and never ran, in the plan's order, without those inside others that were skipped.
    pub fn skipped(&self) -> impl Iterator<Item = &Site> {
        let is_skipped = |at: usize| self.sites[at].outcome() == State::Skipped;
        let is_outermost = move |at: usize| !std::iter::successors(self.parent(at), |&at| self.parent(at)).any(is_skipped);
        let at = (0..self.sites.len()).filter(move |&at| is_skipped(at) && is_outermost(at));
        at.map(|at| &self.sites[at].site).filter(|site| site.subject != Subject::Item)
    }

    /// Returns what to show, depth first: pipelines, nodes and maps. Items are part of their map's row.
    #[must_use]
    pub fn rows(&self) -> Vec<ProgressRow<'_>> {
        row::rows(self)
    }

    /// Returns how many executions of a site are expected, as far as is known: as many as the map above has items that are
    /// neither whole in the cache nor skipped.
    #[must_use]
    pub fn expected(&self, at: usize) -> u64 {
        let mut without = 0;
        let mut at = at;
        while let Some(parent) = self.parent(at) {
            if self.sites[at].site.subject == Subject::Item {
                return self.sites[parent].total.unwrap_or_default().saturating_sub(without);
            }
            at = parent;
            without = self.sites[at].cached + self.sites[at].skipped;
        }
        1
    }

    /// Returns how a site stands.
    #[must_use]
    pub fn state(&self, at: usize) -> State {
        let site = &self.sites[at];
        let state = site.state(self.expected(at));
        if site.active() > 0 || !matches!(state, State::Waiting | State::Running) {
            return state;
        }
        let is_over = |above: &usize| self.sites[*above].is_settled(self.expected(*above));
        match std::iter::successors(self.parent(at), |&above| self.parent(above)).find(is_over) {
            None => state,
            Some(_) if self.is_cached_with_what_is_around(at) => State::Cached,
            Some(_) => site.outcome_when_over(),
        }
    }

    /// Says whether nothing is told of a site because what is around it came whole from the cache.
    #[must_use]
    pub fn is_cached_with_what_is_around(&self, at: usize) -> bool {
        let site = &self.sites[at];
        let mut around = std::iter::successors(self.parent(at), |&above| self.parent(above)).map(|above| &self.sites[above]);
        let is_whole = |around: &SiteProgress| around.site.subject != Subject::Map && around.cached > 0;
        site.site.needed && site.started + site.ended() == 0 && around.any(is_whole)
    }

    fn is_told_inside(&self, at: usize) -> bool {
        let is_told = |inside: &SiteProgress| inside.started + inside.ended() > 0;
        (at + 1..self.sites.len()).any(|inside| self.parent(inside) == Some(at) && is_told(&self.sites[inside]))
    }

    /// Returns the site above; none where the plan's order is broken, so that nobody walks in circles.
    fn parent(&self, at: usize) -> Option<usize> {
        self.sites[at].site.parent.map(|parent| parent.0 as usize).filter(|&parent| parent < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowglass_model::{CacheStatus, EventKind, Failure, RunId, SiteId, SpanId, TraceId};

    const SECOND: i64 = 1_000_000_000;

    fn site(id: u32, parent: Option<u32>, subject: Subject, name: &str, depth: u16) -> Site {
        Site {
            id: SiteId(id),
            parent: parent.map(SiteId),
            subject,
            name: name.into(),
            path: name.into(),
            depth,
            children: 0,
            needed: true,
        }
    }

    fn plan() -> Vec<Site> {
        vec![
            site(0, None, Subject::Pipeline, "etl", 0),
            site(1, Some(0), Subject::Node, "load", 1),
            site(2, Some(0), Subject::Map, "words", 1),
            Site { children: 1, ..site(3, Some(2), Subject::Item, "words", 1) },
            site(4, Some(3), Subject::Node, "stem", 2),
            site(5, Some(0), Subject::Node, "store", 1),
        ]
    }

    struct Feed {
        plan: Vec<Site>,
        progress: Progress,
    }

    impl Feed {
        fn new() -> Self {
            let plan = plan();
            Self { progress: Progress::new(&plan), plan }
        }

        fn tell(&mut self, at: usize, seconds: i64, kind: EventKind<'_>) {
            let run = RunId::from(TraceId::from_bytes([1; 16]));
            let event = Event::new((0, seconds.saturating_mul(SECOND)), run, &self.plan[at], SpanId::NONE, None, kind);
            self.progress.apply(&event);
        }

        fn shape(&self) -> String {
            let line = |row: &ProgressRow<'_>| {
                let total = row.total.map_or_else(|| "?".to_owned(), |total| total.to_string());
                format!("{}{} {:?} {}/{total}\n", "  ".repeat(row.depth), row.name, row.state, row.done)
            };
            self.progress.rows().iter().map(line).collect()
        }
    }

    const START: EventKind<'_> = EventKind::Started { total: None };

    fn finish<'a>(seconds: u64) -> EventKind<'a> {
        EventKind::Finished { duration_ns: seconds * 1_000_000_000, cache: CacheStatus::Write }
    }

    fn hit<'a>() -> EventKind<'a> {
        EventKind::Cached { signature: &[0; 32], lookup_ns: 1_000, saved_ns: 2_000_000_000 }
    }

    #[test]
    fn what_is_inside_of_a_pipeline_from_the_cache_came_from_there_if_it_was_needed() {
        let mut feed = Feed::new();
        feed.plan[2] = site(2, Some(0), Subject::Pipeline, "words", 1);
        feed.plan[3] = site(3, Some(2), Subject::Node, "split", 2);
        feed.plan[4] = Site { needed: false, ..site(4, Some(2), Subject::Node, "stem", 2) };
        feed.progress = Progress::new(&feed.plan);
        for (at, kind) in [(0, START), (2, START), (2, hit()), (0, finish(1))] {
            feed.tell(at, 100, kind);
        }
        assert_eq!([2, 3, 4].map(|at| feed.progress.state(at)), [State::Cached, State::Cached, State::Skipped]);
        assert_eq!(feed.progress.cached(), 1);
    }

    #[test]
    fn a_run_is_followed_from_its_first_event_to_its_last() {
        let mut feed = Feed::new();
        insta::assert_snapshot!(feed.shape(), @"
        etl Waiting 0/?
          load Waiting 0/1
          words Waiting 0/?
            stem Waiting 0/?
          store Waiting 0/1
        ");
        feed.tell(0, 100, EventKind::Started { total: Some(3) });
        feed.tell(1, 100, START);
        feed.tell(1, 101, hit());
        feed.tell(2, 101, EventKind::Started { total: Some(4) });
        feed.tell(3, 101, hit());
        feed.tell(3, 101, START);
        feed.tell(4, 101, START);
        feed.tell(3, 102, START);
        let failure = Failure { error_type: "E".into(), message: "bad\nword".into(), causes: vec![] };
        feed.tell(4, 103, EventKind::Failed { duration_ns: 2, failure: &failure });
        feed.tell(3, 103, EventKind::Failed { duration_ns: 2, failure: &failure });
        insta::assert_snapshot!(feed.shape(), @"
        etl Running 1/3
          load Cached 1/1
          words Running 2/4
            stem Running 1/3
          store Waiting 0/1
        ");
        let rows = feed.progress.rows();
        let (map, items) = (rows[2].site, rows[2].items.unwrap());
        assert_eq!((items.cached, items.failed, items.active(), items.peak), (1, 1, 1, 2));
        assert_eq!(items.failure.as_deref(), Some("bad\nword"));
        assert_eq!(map.elapsed_ns(105 * SECOND), 4_000_000_000);
        assert!((rows[2].rate_per_s(105 * SECOND).unwrap() - 0.5).abs() < 1e-9);
        feed.tell(3, 104, finish(2));
        feed.tell(3, 104, START);
        feed.tell(3, 106, EventKind::Cancelled { duration_ns: 2 });
        feed.tell(2, 106, finish(5));
        feed.tell(5, 106, EventKind::Skipped);
        feed.tell(0, 107, finish(7));
        insta::assert_snapshot!(feed.shape(), @"
        etl Finished 3/3
          load Cached 1/1
          words Failed 4/4
            stem Failed 1/3
          store Skipped 1/1
        ");
        assert!(feed.progress.is_over());
        assert_eq!(feed.progress.root().unwrap().elapsed_ns(i64::MAX), 7_000_000_000);
        assert_eq!(feed.progress.last_unix_ns(), Some(107 * SECOND));
    }

    #[test]
    fn only_what_was_skipped_everywhere_is_named_and_only_the_outermost() {
        let mut feed = Feed::new();
        let skipped = |feed: &Feed| feed.progress.skipped().map(|site| site.name.to_string()).collect::<Vec<_>>();
        feed.tell(0, 1, START);
        assert_eq!(skipped(&feed), [""; 0]);
        feed.tell(4, 1, EventKind::Skipped);
        feed.tell(5, 1, EventKind::Skipped);
        assert_eq!(skipped(&feed), ["stem", "store"]);
        feed.tell(2, 1, EventKind::Skipped);
        assert_eq!(skipped(&feed), ["words", "store"]);
        feed.tell(4, 1, START);
        feed.tell(4, 2, finish(1));
        feed.tell(2, 2, START);
        feed.tell(2, 2, finish(1));
        assert_eq!(skipped(&feed), ["store"]);
    }

    #[test]
    fn a_retry_is_noted_until_the_node_ends() {
        let mut feed = Feed::new();
        feed.tell(1, 1, START);
        let failure = Failure { error_type: "E".into(), message: "timed out".into(), causes: vec![] };
        feed.tell(1, 2, EventKind::Retried { attempt: 1, delay_ns: 5, failure: &failure });
        let retry = feed.progress.sites()[1].retry.clone().unwrap();
        assert_eq!((retry.attempt, retry.message.as_str()), (1, "timed out"));
        feed.tell(1, 3, finish(2));
        assert_eq!(feed.progress.sites()[1].retry, None);
        assert_eq!(feed.progress.sites()[1].retried, 1);
    }

    #[test]
    fn events_out_of_order_or_of_unknown_sites_do_no_harm() {
        let mut feed = Feed::new();
        feed.tell(1, 5, finish(1));
        feed.tell(0, i64::MIN, hit());
        feed.plan.push(site(9, Some(9), Subject::Node, "nowhere", 1));
        feed.tell(6, 7, START);
        assert_eq!(feed.progress.sites()[1].active(), 0);
        let odd = [site(0, Some(1), Subject::Item, "a", 0), site(1, Some(1), Subject::Node, "b", 0)];
        assert_eq!(Progress::new(&odd).rows().len(), 1);
        assert!(Progress::new(&[]).rows().is_empty());
    }

    #[test]
    fn a_node_that_is_a_pipeline_is_one_row() {
        let sites = [
            site(0, None, Subject::Pipeline, "outer", 0),
            site(1, Some(0), Subject::Node, "inner", 1),
            site(2, Some(1), Subject::Pipeline, "inner", 1),
            site(3, Some(2), Subject::Node, "leaf", 2),
        ];
        let progress = Progress::new(&sites);
        let rows: Vec<_> = progress.rows().iter().map(|row| (row.name, row.depth)).collect();
        assert_eq!(rows, [("outer", 0), ("inner", 1), ("leaf", 2)]);
    }
}
