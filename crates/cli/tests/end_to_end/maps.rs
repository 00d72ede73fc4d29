//! `map_over`: lists zipped, combined, empty, of unequal lengths, with constants beside them.

use serde_json::{Value, json};

use crate::harness::{Home, node};

fn pairs(mode: &str, lists: &str) -> Home {
    Home::with(&format!(
        "[inputs]\n{lists}\nsep = '-'\n[[node]]\noutput = 'out'\ncommand = ['echo', '{{x}}{{sep}}{{y}}']\n\
         map_over = {{ y = 'ys', x = 'xs' }}\n{mode}"
    ))
}

fn out(home: &Home) -> Value {
    home.json(&[])["outputs"]["out"].take()
}

#[test]
fn several_names_zip() {
    assert_eq!(out(&pairs("", "xs = [1, 2]\nys = ['a', 'b']")), json!(["1-a", "2-b"]));
}

#[test]
fn a_product_varies_the_last_fastest() {
    let home = pairs("map_mode = 'product'\n", "xs = [1, 2]\nys = ['a', 'b', 'c']");
    assert_eq!(out(&home), json!(["1-a", "2-a", "1-b", "2-b", "1-c", "2-c"]));
}

#[test]
fn unequal_lengths_are_told_with_both_numbers() {
    pairs("", "xs = [1, 2]\nys = ['a', 'b', 'c']").run(&[]).fails(&["length of `y` is 3", "`x` is 2"]);
    assert_eq!(out(&pairs("map_mode = 'product'\n", "xs = []\nys = ['a']")), json!([]));
}

#[test]
fn an_empty_list_gives_an_empty_list() {
    let home = Home::with(
        "[[node]]\noutput = 'xs'\ncommand = ['true']\nparse = 'lines'\n\
         [[node]]\noutput = 'ys'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n\
         [[node]]\noutput = 'zs'\nshell = 'cat'\nstdin = '{ys}'\n",
    );
    let run = home.json(&[]);
    assert_eq!((&run["status"], &run["outputs"]["ys"], &run["outputs"]["zs"]), (&json!("ok"), &json!([]), &json!("")));
    assert_eq!(node(&run, "p > ys")["count"], 0);
}

#[test]
fn elements_keep_their_order_whoever_ends_first() {
    let home = Home::with(
        "[inputs]\nxs = ['wait', 'go']\n[[node]]\noutput = 'out'\n\
         shell = 'if [ {x} = wait ]; then cat gate; else echo > gate; fi; echo {x}'\nmap_over = { x = 'xs' }\nparse = 'lines'\n",
    );
    home.fifo("gate");
    assert_eq!(home.json(&["--max-workers", "2"])["outputs"]["out"], json!([["", "wait"], ["go"]]));
}

#[test]
fn an_element_is_any_value() {
    let home = Home::with(
        "[inputs]\nxs = [[1, 2], []]\n[[node]]\noutput = 'out'\ncommand = ['sh', '-c', 'echo $#', 'sh', '{x}']\n\
         map_over = { x = 'xs' }\n",
    );
    assert_eq!(out(&home), json!(["2", "0"]));
}

#[test]
fn a_map_over_what_is_no_list_is_refused() {
    Home::with("[inputs]\nx = 'a'\n[[node]]\noutput = 'o'\ncommand = ['echo', '{y}']\nmap_over = { y = 'x' }\n")
        .run(&[])
        .refuses(&["p.toml:6:", "`x` is text, not a list"]);
    Home::with(
        "[[node]]\noutput = 'j'\ncommand = ['echo', '{{}}']\nparse = 'json'\n[[node]]\noutput = 'o'\ncommand = ['echo', '{y}']\nmap_over = { y = 'j' }\n",
    )
    .run(&[])
    .fails(&["o", "list"]);
}
