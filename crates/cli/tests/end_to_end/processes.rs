//! What a command finds around it.

use crate::harness::Home;

#[test]
fn the_environment_is_the_callers() {
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['printenv', 'MINE', 'PATH']\ncache = false\n");
    let ended = home.call(&["run", "p.toml"]).env("MINE", "kept").end().ok();
    assert!(ended.stdout.starts_with("kept\n"), "{ended}");
}

#[test]
fn a_nodes_own_variables_win() {
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['printenv', 'MINE']\nenv = { MINE = 'own' }\n");
    assert_eq!(home.call(&["run", "p.toml"]).env("MINE", "callers").end().ok().stdout, "own\n");
}

#[test]
fn no_more_than_so_many_commands_run_at_once() {
    // Each item takes the one lock there is, and fails if somebody else holds it.
    let home = Home::with(
        "[inputs]\nxs = [1, 2, 3, 4, 5, 6]\n[[node]]\noutput = 'out'\nshell = 'mkdir lock && echo {x} && rmdir lock'\nmap_over = { x = 'xs' }\n",
    );
    home.run(&["--max-workers", "1"]).ok();
}

#[test]
fn independent_nodes_run_at_the_same_time() {
    // Each opens one end of the pipe and waits for the other.
    let home =
        Home::with("[[node]]\noutput = 'a'\nshell = 'echo met > meet'\n[[node]]\noutput = 'b'\ncommand = ['cat', 'meet']\n");
    home.fifo("meet");
    assert_eq!(home.json(&[])["outputs"]["b"], "met");
}

#[test]
fn what_a_command_leaves_in_the_background_does_not_hold_it_up() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'cat gate >/dev/null 2>&1 & echo $! > pid; echo done'\n");
    let gate = home.fifo("gate");
    assert_eq!(home.printed(&[]), "done\n");
    gate.open();
}
