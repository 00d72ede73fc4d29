//! What a run looks like: its waterfall, its tree, its summary, printed or as data.

use std::fmt;
use std::ops::Deref;

use flowglass_engine::{MapRun, Pipeline, Run};
use flowglass_insight::waterfall::FoldLimits;
use flowglass_insight::{Summary, Tree, Waterfall};
use flowglass_model::Span;
use flowglass_term::Options;

/// The width that `Display` draws in; `render` of [`term`](crate::term) takes any.
const WIDTH: usize = 100;

/// Draws a pipeline's graph.
pub trait GraphExt {
    /// Returns the graph as a Mermaid flowchart, which Markdown viewers draw. As text, a pipeline prints itself.
    fn mermaid(&self) -> String;
}

impl GraphExt for Pipeline {
    fn mermaid(&self) -> String {
        flowglass_picture::mermaid::graph(self.graph(), &self.settings())
    }
}

/// Looks at a run that has ended.
pub trait ViewExt {
    /// Returns the spans of the run in order of their starts.
    fn spans(&self) -> Vec<Span>;

    /// Returns the waterfall: what ran when. It prints, and [`rows`](Waterfall::rows) is the same as data.
    fn waterfall(&self) -> WaterfallView {
        WaterfallView(Waterfall::of(&self.spans()))
    }

    /// Returns the tree of the run's spans, which prints.
    fn tree(&self) -> TreeView {
        TreeView(self.spans())
    }

    /// Returns where the time went: it prints, and is data.
    fn summary(&self) -> SummaryView {
        SummaryView(Summary::of(&self.spans()))
    }
}

impl ViewExt for Run {
    fn spans(&self) -> Vec<Span> {
        self.trace()
    }
}

impl ViewExt for MapRun {
    fn spans(&self) -> Vec<Span> {
        self.trace()
    }
}

/// A waterfall that prints. A long map prints as its slowest and its failed items; [`rows`](Waterfall::rows) are all of them.
#[derive(Debug, Clone)]
pub struct WaterfallView(Waterfall);

impl Deref for WaterfallView {
    type Target = Waterfall;
    fn deref(&self) -> &Waterfall {
        &self.0
    }
}

impl fmt::Display for WaterfallView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folded = self.0.fold(&FoldLimits::default());
        f.write_str(&flowglass_term::waterfall::render(&folded, &Options::plain(WIDTH)))
    }
}

/// A tree of spans that prints. A long map prints as its slowest and its failed items.
#[derive(Debug, Clone)]
pub struct TreeView(Vec<Span>);

impl fmt::Display for TreeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawn = flowglass_term::tree::render_folded(&Tree::of(&self.0), &FoldLimits::default(), &Options::plain(WIDTH));
        f.write_str(&drawn)
    }
}

/// A summary that prints.
#[derive(Debug, Clone)]
pub struct SummaryView(Summary);

impl Deref for SummaryView {
    type Target = Summary;
    fn deref(&self) -> &Summary {
        &self.0
    }
}

impl fmt::Display for SummaryView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&flowglass_term::summary::render(&self.0, &Options::plain(WIDTH)))
    }
}
