//! `flowglass list`.

use crate::harness::Home;

fn home() -> (Home, String, String) {
    let home = Home::with("name = 'good'\nversion = '2'\n[[node]]\noutput = 'out'\ncommand = ['echo', 'x']\n");
    home.file("bad.toml", "name = 'bad'\n[[node]]\noutput = 'out'\nshell = 'echo why >&2; exit 3'\n");
    let good = home.run(&[]).ok().run_id();
    let bad = home.flowglass(&["run", "bad.toml"]).exits(1).run_id();
    (home, good, bad)
}

#[test]
fn json_is_an_array_with_the_newest_first() {
    let (home, good, bad) = home();
    let listed = home.flowglass(&["list", "--json"]).ok().json();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [bad.as_str(), good.as_str()]);
    let (bad, good) = (&listed[0], &listed[1]);
    assert_eq!((&good["name"], &good["version"], &good["status"]), (&"good".into(), &"2".into(), &"ok".into()));
    assert_eq!((&good["nodes"], &good["cache_hits"], &good["failed"]), (&1.into(), &0.into(), &0.into()));
    assert!(good["duration_ms"].as_f64().unwrap() > 0.0 && good["start"].as_str().unwrap().ends_with('Z'));
    assert!(bad["error"].as_str().unwrap().contains("why"));
}

#[test]
fn text_has_a_line_a_run() {
    let (home, good, bad) = home();
    let listed = home.flowglass(&["list"]).ok().stdout;
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(lines[1].contains(&bad[..8]) && lines[1].contains("bad") && lines[1].contains("error"), "{listed}");
    assert!(lines[2].contains(&good[..8]) && lines[2].contains("good") && lines[2].contains("ok"), "{listed}");
}

#[test]
fn runs_are_picked_by_name_status_and_number() {
    let (home, good, bad) = home();
    let ids = |arguments: &[&str]| {
        let listed = home.flowglass(&[&["list", "--json"], arguments].concat()).ok().json();
        listed.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&["--name", "good"]), std::slice::from_ref(&good));
    assert_eq!(ids(&["--status", "error"]), std::slice::from_ref(&bad));
    assert_eq!(ids(&["-n", "1"]), [bad]);
    assert!(ids(&["--status", "running"]).is_empty() && ids(&["--name", "none"]).is_empty());
    home.flowglass(&["list", "--status", "great"]).refuses(&["`great`", "interrupted"]);
}

#[test]
fn a_store_without_runs_is_an_empty_list() {
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['echo']\n");
    home.run(&[]).ok();
    assert_eq!(home.flowglass(&["list", "--json", "--name", "none"]).ok().stdout, "[]\n");
    home.flowglass(&["list", "--name", "none"]).ok();
}
