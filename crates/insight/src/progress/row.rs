//! The visible hierarchy: which sites make a row, and what its bar counts.

use flowglass_model::Subject;

use super::{Progress, SiteProgress, State};

/// A pipeline, a node or a map as a row of a progress display.
#[derive(Debug, Clone, Copy)]
pub struct ProgressRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub subject: Subject,
    /// How many rows stand above it.
    pub depth: usize,
    /// Its counts.
    pub site: &'a SiteProgress,
    /// The counts of its items, where it is a map.
    pub items: Option<&'a SiteProgress>,
    /// How it stands.
    pub state: State,
    /// How much is done: items of a map, nodes of a pipeline, executions of a node.
    pub done: u64,
    /// How much there is to do, where that is known.
    pub total: Option<u64>,
    /// How many executions are expected here, as far as is known.
    pub expected: u64,
}

impl ProgressRow<'_> {
    /// Says whether the row stands for many executions: a map, or something inside one.
    #[must_use]
    pub const fn is_many(&self) -> bool {
        self.items.is_some() || self.expected != 1
    }

    /// Returns how much is done a second, from the first start to `now_unix_ns` or to the end; none at the very beginning.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate shown with two digits")]
    pub fn rate_per_s(&self, now_unix_ns: i64) -> Option<f64> {
        let elapsed_ns = self.site.elapsed_ns(now_unix_ns);
        (elapsed_ns > 0 && self.done > 0).then(|| self.done as f64 * 1e9 / elapsed_ns as f64)
    }

    /// Returns the counts that tell of hits and failures: a map's items', else its own.
    #[must_use]
    pub const fn counts(&self) -> &SiteProgress {
        match self.items {
            Some(items) => items,
            None => self.site,
        }
    }
}

pub(super) fn rows(progress: &Progress) -> Vec<ProgressRow<'_>> {
    let inner = inner_sites(progress);
    let mut depths = vec![0; progress.sites.len()];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); progress.sites.len()];
    let mut stack = Vec::new();
    for at in (0..progress.sites.len()).rev() {
        match progress.parent(at) {
            Some(parent) => below[parent].push(at),
            None => stack.push(at),
        }
    }
    let mut rows = Vec::new();
    while let Some(at) = stack.pop() {
        let above = progress.parent(at).map_or(0, |parent| depths[parent] + usize::from(!is_hidden(progress, parent)));
        depths[at] = above;
        if !is_hidden(progress, at) {
            rows.push(row(progress, at, inner[at], above));
        }
        stack.extend_from_slice(&below[at]);
    }
    rows
}

/// Returns, for each node that is itself a pipeline or a map, the site inside that does the work, else the site itself.
fn inner_sites(progress: &Progress) -> Vec<usize> {
    let mut inner: Vec<usize> = (0..progress.sites.len()).collect();
    for at in (0..progress.sites.len()).filter(|&at| repeats(progress, at)) {
        if let Some(parent) = progress.parent(at) {
            inner[parent] = at;
        }
    }
    inner
}

fn row(progress: &Progress, at: usize, inner: usize, depth: usize) -> ProgressRow<'_> {
    let outer = &progress.sites[at];
    let site = &progress.sites[inner];
    let expected = progress.expected(at);
    let items = progress.sites.iter().enumerate().skip(inner + 1);
    let items = items.filter(|_| site.site.subject == Subject::Map);
    let items = items.filter(|(item, _)| progress.parent(*item) == Some(inner)).map(|(_, items)| items).next();
    let counts_children =
        matches!(site.site.subject, Subject::Map) || (expected == 1 && site.site.subject == Subject::Pipeline);
    let (done, total) =
        if counts_children { (site.done, site.total) } else { (outer.ended(), Some(expected).filter(|&n| n > 0)) };
    // What items did decides how a map stands: it may end well with failed items in it.
    let state = match (progress.state(at), items.map(SiteProgress::outcome)) {
        (State::Finished, Some(State::Failed)) => State::Failed,
        (State::Finished, Some(State::Cached)) => State::Cached,
        (state, _) => state,
    };
    ProgressRow { name: &outer.site.name, subject: site.site.subject, depth, site: outer, items, state, done, total, expected }
}

fn is_hidden(progress: &Progress, at: usize) -> bool {
    progress.sites[at].site.subject == Subject::Item || repeats(progress, at)
}

/// Says whether a site only wraps the one above under the same name: the pipeline or the map that a node is.
fn repeats(progress: &Progress, at: usize) -> bool {
    let site = &progress.sites[at].site;
    let Some(above) = progress.parent(at).map(|parent| &progress.sites[parent].site) else { return false };
    above.subject == Subject::Node && matches!(site.subject, Subject::Pipeline | Subject::Map) && above.name == site.name
}
