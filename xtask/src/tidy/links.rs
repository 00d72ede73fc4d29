//! Links: whatever a Markdown file points to within the repository is there.

use super::finding::Finding;
use super::markdown;
use super::tree::Tree;

/// Follows the relative links of every Markdown file, and their anchors where they lead to Markdown.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("md") {
        for (line, target) in markdown::targets(text).into_iter().filter(|(_, target)| is_local(target)) {
            if let Some((what, remedy)) = fault(tree, path, &target) {
                findings.push(Finding::on_line(path, line, what, remedy));
            }
        }
    }
    findings
}

fn is_local(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    let has_scheme =
        scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    !has_scheme && !target.starts_with("//")
}

fn fault(tree: &Tree, from: &str, target: &str) -> Option<(String, &'static str)> {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let Some(path) = resolve(from, &decode(file)) else {
        return Some((format!("the link `{target}` leaves the repository"), "write the whole address, or link a file in here"));
    };
    if !tree.contains(&path) {
        return Some((format!("the link `{target}` leads nowhere: there is no `{path}`"), "mend the path, or write the file"));
    }
    let text = tree.text(&path).filter(|_| path.ends_with(".md"))?;
    let anchor = anchor.filter(|anchor| !markdown::anchors(text).contains(&decode(anchor)))?;
    Some((format!("no heading of `{path}` gives the anchor `#{anchor}`"), "mend the anchor, or the heading"))
}

/// Gives the path that a link means, from the repository's root; nothing where it leads out of it.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => from.split('/').collect::<Vec<_>>().split_last().map(|(_, directory)| directory.to_vec())?,
    };
    let target = target.split('?').next().unwrap_or_default();
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match part {
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Replaces `%20` and its like; what is no such escape stays.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("docs/guide.md", text),
            ("docs/other page.md", "# Other\n## Part two\n"),
            ("README.md", "# Flowglass\n"),
            ("crates/model/src/lib.rs", ""),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Guide\n[a](../README.md) [b](other%20page.md#part-two) [c](#guide) [d](../crates/model/) [e](/README.md#flowglass)\n\
                    [f](https://example.org/x) [g](mailto:a@example.org) [h](../crates/model/src/lib.rs#L1) [i](./guide.md)";
        assert_eq!(found(text), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let found = found("\n[a](gone.md)\n[b](#gone)\n[c](../README.md#gone)\n[d](../../x.md)\n");
        assert_eq!(found.len(), 4);
        assert!(
            found[0].starts_with("docs/guide.md:2: the link `gone.md` leads nowhere: there is no `docs/gone.md`"),
            "{found:?}"
        );
        assert!(
            found[1].contains("`docs/guide.md`") && found[2].contains("`README.md`") && found[3].contains("leaves"),
            "{found:?}"
        );
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decode("a%20b%C3%A9%zz%2"), "a bé%zz%2");
    }
}
