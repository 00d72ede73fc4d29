//! `flowglass cache explain`: which part of a node's key changed, so that it was computed.

use flowglass::cache::DiskEntry;
use flowglass::cache::explain::{Change, PartChange, compare, made_by, nearest_earlier};
use flowglass::model::{AttributeValue, CacheStatus, Span, conventions};
use flowglass::term::quantity;
use serde_json::{Value, json};

use super::arguments::ExplainArguments;
use super::list::{hex, object};
use super::place::{is_node, of_node};
use super::when::ago;
use crate::failure::Failure;
use crate::printer::Printer;

/// What is known of a node's computation.
struct Explanation<'a> {
    entry: &'a DiskEntry,
    before: Option<&'a DiskEntry>,
    changes: Vec<PartChange>,
    /// Whether the run that was asked for took the entry from the cache.
    was_hit: bool,
}

pub(super) fn run(arguments: &ExplainArguments, printer: &mut Printer) -> Result<(), Failure> {
    let entries = arguments.place.open()?.entries().map_err(Failure::usage)?;
    let (entry, was_hit) = match arguments.run_and_node.as_slice() {
        [run, node] => of_run(arguments, &entries, run, node)?,
        [node, ..] => (newest(&entries, node)?, false),
        [] => return Err(Failure::usage("which node?")),
    };
    let before = nearest_earlier(entry, &entries);
    let changes = compare(&entry.entry.parts, before.map_or(&[], |before| &before.entry.parts));
    let explanation = Explanation { entry, before, changes, was_hit };
    let text = if arguments.place.json { format!("{:#}\n", explanation.object(&entries)) } else { explanation.text(&entries) };
    printer.data(None, text.as_bytes())
}

/// The newest entry of a node, if just one node is meant.
fn newest<'a>(entries: &'a [DiskEntry], node: &str) -> Result<&'a DiskEntry, Failure> {
    let found = of_node(entries, node)?;
    let mut paths: Vec<&str> = found.iter().map(|entry| entry.entry.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    match paths.as_slice() {
        [_] => Ok(found[0]),
        paths => Err(Failure::usage(format!("`{node}` may be any of these; write out which: `{}`", paths.join("`, `")))),
    }
}

/// The entry that a run took or made, and whether it took it.
fn of_run<'a>(
    arguments: &ExplainArguments,
    entries: &'a [DiskEntry],
    run: &str,
    node: &str,
) -> Result<(&'a DiskEntry, bool), Failure> {
    let store = arguments.place.store.any()?;
    let run = store.find_run(run)?;
    let spans = store.trace(run.id)?;
    // Of a map's items, the first that was computed says most.
    let mut asked: Vec<(bool, [u8; 16])> =
        spans.iter().filter(|span| is_span_of(span, &spans, node)).filter_map(asked).collect();
    asked.sort_by_key(|(was_hit, _)| *was_hit);
    let Some(&(was_hit, signature)) = asked.first() else {
        let run = run.id.to_string();
        return Err(Failure::usage(format!("run {run} didn't ask the cache for a node `{node}`; see `flowglass show {run}`")));
    };
    let entry = entries.iter().find(|entry| entry.signature.starts_with(&signature));
    let gone =
        || Failure::usage(format!("what the run knew of `{node}` (entry {}) is not in the cache any more", hex(&signature)));
    Ok((entry.ok_or_else(gone)?, was_hit))
}

fn is_span_of(span: &Span, spans: &[Span], node: &str) -> bool {
    let name =
        |span: &Span| span.text(conventions::NODE_ID).or_else(|| span.text(conventions::PIPELINE_NAME)).map(str::to_owned);
    let around = std::iter::successors(Some(span), |span| {
        let parent = span.parent_id.some()?;
        spans.iter().find(|other| other.span_id == parent)
    });
    let mut names: Vec<String> = around.filter_map(name).collect();
    // An item is called as its map is.
    names.dedup();
    names.reverse();
    is_node(&names.join(" > "), node)
}

/// What the cache was asked for a span, and whether it had it.
fn asked(span: &Span) -> Option<(bool, [u8; 16])> {
    let signature = span.attributes.iter().find(|(key, _)| key == conventions::CACHE_SIGNATURE).map(|(_, value)| value)?;
    let AttributeValue::Bytes(signature) = signature else { return None };
    let was_hit = span.text(conventions::CACHE_STATUS) == Some(CacheStatus::Hit.as_str());
    Some((was_hit, signature.as_slice().try_into().ok()?))
}

impl Explanation<'_> {
    fn text(&self, entries: &[DiskEntry]) -> String {
        let entry = &self.entry.entry;
        let mut text = format!("{}\n", entry.path);
        let took = quantity::duration(entry.cost_ns);
        text += &match self.was_hit {
            true => format!("came from the cache: computed {} in {took}\n", ago(entry.stored_unix_ns)),
            false => format!("computed {} in {took}\n", ago(entry.stored_unix_ns)),
        };
        let Some(before) = self.before else { return text + "the cache has no earlier entry of it to compare with\n" };
        text += &format!("compared with the entry of {}:\n", ago(before.entry.stored_unix_ns));
        for part in self.changes.iter().filter(|part| part.change != Change::Same) {
            text += &format!("  {:8} {}{}\n", part.change.as_str(), what(&part.name), because(part, entries));
        }
        let same: Vec<String> =
            self.changes.iter().filter(|part| part.change == Change::Same).map(|part| what(&part.name)).collect();
        match same.is_empty() {
            true => text,
            false => text + &format!("  {:8} {}\n", Change::Same.as_str(), same.join(", ")),
        }
    }

    fn object(&self, entries: &[DiskEntry]) -> Value {
        let parts = self.changes.iter().map(|part| {
            let made_by = part.digest.and_then(|digest| made_by(&digest, entries)).map(|entry| &entry.entry.path);
            let change = self.before.map(|_| part.change.as_str());
            json!({ "name": part.name, "change": change, "made_by": made_by })
        });
        json!({
            "entry": object(self.entry),
            "hit": self.was_hit,
            "compared_with": self.before.map(object),
            "parts": parts.collect::<Vec<_>>(),
        })
    }
}

fn because(part: &PartChange, entries: &[DiskEntry]) -> String {
    let maker = part.digest.and_then(|digest| made_by(&digest, entries));
    maker.map(|maker| format!(", which `{}` makes: explain that", maker.entry.path)).unwrap_or_default()
}

/// Says in words what a part of a key is.
fn what(part: &str) -> String {
    if let Some(input) = part.strip_prefix("input.") {
        return match input.strip_suffix(".content") {
            Some(input) => format!("what lies at the paths in `{input}`"),
            None => format!("input `{input}`"),
        };
    }
    if let Some(variable) = part.strip_prefix("env.") {
        return format!("variable `{variable}`");
    }
    if let Some(glob) = part.strip_prefix("watch.") {
        return format!("watched files `{glob}`");
    }
    if let Some(number) = part.strip_prefix("argv.") {
        return format!("argument {number}");
    }
    match part {
        "shell" => "shell text".to_owned(),
        "cwd" => "working folder".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_said_in_words() {
        assert_eq!(what("input.docs.content"), "what lies at the paths in `docs`");
        assert_eq!(what("input.docs"), "input `docs`");
        assert_eq!([what("env.A"), what("watch.*.md"), what("code")], ["variable `A`", "watched files `*.md`", "code"]);
    }
}
