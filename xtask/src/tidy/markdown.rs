//! A Markdown file taken apart: its links, and the anchors that links may lead to.

use std::collections::{HashMap, HashSet};

/// Lists where links, images and references lead, with their lines counted from 1; code is left out.
pub(super) fn targets(text: &str) -> Vec<(usize, String)> {
    let prose = without_code_spans(&without_fences(text));
    let mut targets = inline_targets(&prose);
    targets.extend(reference_targets(&prose));
    targets
        .extend(attribute_targets(&prose, &["href=\"", "src=\"", "srcset=\""]).map(|(line, target)| (line, target.to_owned())));
    targets.sort();
    targets
}

/// Collects the anchors of a file as code forges name them: one for each heading, and those written out in HTML.
pub(super) fn anchors(text: &str) -> HashSet<String> {
    let text = without_fences(text);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors: HashSet<String> =
        attribute_targets(&text, &["id=\"", "name=\""]).map(|(_, name)| name.to_owned()).collect();
    for heading in text.lines().filter_map(heading) {
        let slug = slug(heading);
        let times = seen.entry(slug.clone()).or_default();
        anchors.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
        *times += 1;
    }
    anchors
}

fn heading(line: &str) -> Option<&str> {
    let words = line.trim_start_matches('#');
    let level = line.len() - words.len();
    ((1..=6).contains(&level) && words.starts_with(' ')).then(|| words.trim().trim_end_matches('#').trim_end())
}

fn slug(heading: &str) -> String {
    link_texts(heading)
        .to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

/// Leaves of `[text](target)` only the text.
fn link_texts(heading: &str) -> String {
    let mut pieces = heading.split("](");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once(')').map_or("", |(_, after)| after));
    }
    text
}

/// Blanks fenced blocks of code, fences included.
fn without_fences(text: &str) -> String {
    let mut open: Option<&str> = None;
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        match (open, fence(line)) {
            (None, Some(marks)) => open = Some(marks),
            (Some(marks), Some(closing)) if closing.starts_with(marks) => open = None,
            (None, None) => kept.push_str(line),
            _ => {}
        }
        kept.push('\n');
    }
    kept
}

fn fence(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("> ");
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    (length >= 3).then(|| &line[..length])
}

/// Blanks `code` in running text; a run of backticks that nothing closes within its paragraph is text.
fn without_code_spans(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let after = rest[start..].trim_start_matches('`');
        let marks = &rest[start..rest.len() - after.len()];
        kept.push_str(&rest[..start]);
        rest = match closing(after, marks) {
            Some(end) => {
                kept.extend(after[..end].chars().filter(|character| *character == '\n'));
                &after[end + marks.len()..]
            }
            None => after,
        };
    }
    kept + rest
}

fn closing(after: &str, marks: &str) -> Option<usize> {
    let paragraph = &after[..after.find("\n\n").unwrap_or(after.len())];
    let is_exact = |at: usize| !paragraph[..at].ends_with('`') && !paragraph[at + marks.len()..].starts_with('`');
    paragraph.match_indices(marks).map(|(at, _)| at).find(|&at| is_exact(at))
}

fn inline_targets(prose: &str) -> Vec<(usize, String)> {
    prose
        .match_indices("](")
        .filter_map(|(start, opening)| {
            let target = destination(prose[start + opening.len()..].trim_start())?;
            Some((line_at(prose, start), target.to_owned()))
        })
        .collect()
}

fn reference_targets(prose: &str) -> Vec<(usize, String)> {
    let definition = |line: &str| {
        let (label, target) = line.trim_start().strip_prefix('[')?.split_once("]:")?;
        let is_footnote = label.starts_with('^');
        (!is_footnote && !label.contains(']')).then(|| destination(target.trim_start()).map(str::to_owned))?
    };
    let lines = prose.lines().enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, definition(line)?))).filter(|(_, target)| !target.is_empty()).collect()
}

fn attribute_targets<'a>(text: &'a str, attributes: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    attributes.iter().flat_map(move |attribute| text.match_indices(attribute)).filter_map(move |(start, attribute)| {
        let is_attribute = text[..start].ends_with(char::is_whitespace);
        let (value, _) = text[start + attribute.len()..].split_once('"')?;
        is_attribute.then(|| (line_at(text, start), value))
    })
}

/// Gives where a link leads, without its title: up to a blank or the parenthesis that closes the link, or inside `<…>`.
fn destination(text: &str) -> Option<&str> {
    if let Some(text) = text.strip_prefix('<') {
        return text.split_once('>').map(|(target, _)| target);
    }
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(&text[..at]),
            ')' => depth -= 1,
            _ if character.is_whitespace() => return Some(&text[..at]),
            _ => {}
        }
    }
    Some(text)
}

fn line_at(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        targets(text).into_iter().map(|(line, target)| format!("{line} {target}")).collect()
    }

    #[test]
    fn all_forms_of_links_are_found() {
        let text = "[a](b.md) and ![c](d(1).svg \"title\")\n[e\nf](<g h.md>)\n\n[r]: i.md\n<img src=\"j.svg\">\n";
        assert_eq!(found(text), ["1 b.md", "1 d(1).svg", "3 g h.md", "5 i.md", "6 j.svg"]);
    }

    #[test]
    fn code_has_no_links() {
        assert!(found("```rust\n[a](b)\n```\n~~~~\n```\n[a](b)\n~~~~\n`[a](b)` ``x ` [a](b)``\n").is_empty());
        assert_eq!(found("`a\nb` [c](d)"), ["2 d"]);
    }

    #[test]
    fn a_lone_backtick_hides_nothing() {
        assert_eq!(found("it`s [a](b)\n\n[c](d)`"), ["1 b", "3 d"]);
    }

    #[test]
    fn footnotes_and_lists_are_no_links() {
        assert!(found("[^1]: a note\n- [ ] a task\nx[0]: y\n").is_empty());
    }

    #[test]
    fn anchors_are_slugs() {
        let anchors = anchors(
            "# Flow & glass\n## `run` it, *now*\n## Run\n## Run ##\n<a id=\"here\">\n```\n# no\n```\n#hash\n## A [b](c) d\n",
        );
        let mut anchors: Vec<_> = anchors.iter().map(String::as_str).collect();
        anchors.sort_unstable();
        assert_eq!(anchors, ["a-b-d", "flow--glass", "here", "run", "run-1", "run-it-now"]);
    }

    #[test]
    fn hostile_text_comes_through() {
        for text in ["](", "[](", "](<", "```", "`", "[", "[]:", "# ", "[é](ü", "](\u{301}", "id=\"", " id=\""] {
            targets(text);
            anchors(text);
        }
    }
}
