//! `--attr`: attributes on everything that a run records.

use crate::harness::Home;

#[test]
fn every_span_has_the_attributes() {
    let home = Home::with(
        "[inputs]\nxs = [1, 2]\n[[node]]\noutput = 'a'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n\
         [[node]]\noutput = 'b'\npipeline = 'inner.toml'\n[[node]]\noutput = 'c'\nshell = 'echo x >> tries; test $(wc -l < tries) -ge 2'\n\
         retry = { attempts = 1, delay = '1ms' }\n",
    );
    home.file("inner.toml", "[[node]]\noutput = 'b'\ncommand = ['echo', 'b']\n");
    home.run(&["--attr", "team=data", "--attr", "note=a=b c"]).ok();
    let shown = home.shown();
    let spans = shown["spans"].as_array().unwrap();
    assert!(spans.len() >= 9, "{shown:#}");
    for span in spans {
        assert_eq!((&span["attributes"]["team"], &span["attributes"]["note"]), (&"data".into(), &"a=b c".into()), "{span:#}");
    }
}

#[test]
fn what_is_no_attribute_is_refused() {
    let home = Home::with("[[node]]\noutput = 'a'\ncommand = ['touch', 'made']\n");
    home.run(&["--attr", "team"]).refuses(&["--attr team", "key=value"]);
    home.run(&["--attr", "=x"]).refuses(&["key=value"]);
    home.run(&["--attr", "team=a", "--attr", "note=b", "--attr", "team=c"]).refuses(&["`team` is given twice"]);
    assert!(!home.has("made"));
}

#[test]
fn items_say_what_they_work_on_unless_told_not_to() {
    let home =
        Home::with("[inputs]\nxs = ['a b', 'c']\n[[node]]\noutput = 'a'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n");
    let items = |home: &Home| -> Vec<String> {
        let shown = home.shown();
        let spans = shown["spans"].as_array().unwrap();
        spans.iter().filter_map(|span| span["attributes"]["map.item"].as_str().map(str::to_owned)).collect()
    };
    home.run(&[]).ok();
    assert_eq!(items(&home), ["a b", "c"]);
    home.run(&["--capture", "off"]).ok();
    assert!(items(&home).is_empty());
}
