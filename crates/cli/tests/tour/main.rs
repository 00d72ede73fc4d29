//! The tour in the README and the examples, as a new user would go through them.

mod blocks;
mod examples;
mod likeness;
mod place;

use blocks::{Block, blocks};
use place::Place;

#[test]
fn the_tour_does_what_the_readme_shows() {
    let readme = std::fs::read_to_string(place::repository().join("README.md")).unwrap();
    let place = Place::new();
    let blocks = blocks(&readme);
    assert!(blocks.iter().any(|block| matches!(block, Block::Console { .. })), "the README has no tour");
    for block in blocks {
        match block {
            Block::File { name, text } => place.write(&name, &text),
            Block::Console { commands, exit_code } => {
                for command in commands {
                    let done = place.sh(&command.line);
                    assert_eq!(done.exit_code, exit_code, "`{}`\n{}", command.line, done.screen());
                    let missing = likeness::missing(&command.shown, &done.screen());
                    assert!(missing.is_empty(), "`{}` doesn't print\n{missing:#?}\nbut\n{}", command.line, done.screen());
                }
            }
        }
    }
    let picture = place.read("run.svg");
    assert!(picture.starts_with("<svg") && picture.contains("twins"), "{picture}");
}
