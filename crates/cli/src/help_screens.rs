//! What the verbs around stores say of themselves: who changes it sees what people will read.

use clap::{Command, CommandFactory};

use crate::arguments::Arguments;

/// Returns the help of a verb, and of the verbs below it.
fn help_of(command: &Command) -> String {
    let wide = command.clone().term_width(100).mut_args(|argument| argument.hide_env_values(true));
    let mut screens = vec![wide.clone().render_long_help().to_string()];
    screens.extend(wide.get_subcommands().filter(|below| below.get_name() != "help").map(help_of));
    screens.join("\n---\n")
}

#[test]
fn the_help_of_each_verb_around_stores_is_as_it_was_read() {
    let mut whole = Arguments::command();
    whole.build();
    for verb in ["query", "stats", "compare", "sql", "export", "import", "prune", "store"] {
        let found = whole.find_subcommand(verb).unwrap();
        insta::assert_snapshot!(verb, help_of(found));
    }
}
