//! The parts of a Markdown page that are marked as its tour: commands with what they show, and files to write.

/// The line before a fenced block that belongs to the tour: `<!-- tour -->`, `<!-- tour exit=1 -->`,
/// `<!-- tour file=NAME -->`.
const MARKER: &str = "<!-- tour";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Console { commands: Vec<Shown>, exit_code: i32 },
    File { name: String, text: String },
}

/// A command and the lines that the page shows of its output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) line: String,
    pub(crate) shown: Vec<String>,
}

/// Finds the marked blocks of a page, in its order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut lines = page.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let Some(options) = line.strip_prefix(MARKER).and_then(|rest| rest.strip_suffix("-->")) else { continue };
        assert!(lines.next().is_some_and(|fence| fence.starts_with("```")), "`{line}` stands before no fenced block");
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push(block(options.trim(), &body));
    }
    found
}

fn block(options: &str, body: &[&str]) -> Block {
    match options.split_once('=') {
        Some(("file", name)) => Block::File { name: name.to_owned(), text: body.join("\n") + "\n" },
        Some(("exit", code)) => Block::Console { commands: commands(body), exit_code: code.parse().unwrap() },
        Some((key, _)) => panic!("a tour knows no `{key}`"),
        None => Block::Console { commands: commands(body), exit_code: 0 },
    }
}

fn commands(body: &[&str]) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for line in body {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push(Shown { line: command.to_owned(), shown: Vec::new() });
        } else {
            let command = commands.last_mut().expect("a tour begins with a command");
            command.shown.push((*line).to_owned());
        }
    }
    commands
}

#[test]
fn marked_blocks_are_found_with_what_they_show() {
    let page = "text\n```sh\nrm -rf .\n```\n<!-- tour exit=1 -->\n```console\n$ a b\nx\n$ c\n```\n<!-- tour file=f -->\n```toml\ny\n```\n";
    let shown =
        |line: &str, shown: &[&str]| Shown { line: line.into(), shown: shown.iter().map(|&line| line.into()).collect() };
    let expected = [
        Block::Console { commands: vec![shown("a b", &["x"]), shown("c", &[])], exit_code: 1 },
        Block::File { name: "f".into(), text: "y\n".into() },
    ];
    assert_eq!(blocks(page), expected);
}
