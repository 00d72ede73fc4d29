//! Values that look like shell code stay values, wherever a placeholder stands.

use crate::harness::Home;

const HOSTILE: [&str; 16] = [
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "' ; touch pwned; '",
    "\" ; touch pwned; \"",
    "\\",
    "\\'$(touch pwned)",
    "a\nb\n",
    "-n",
    "--help",
    "*",
    "~",
    "${HOME:-$(touch pwned)}",
    "%s %d {x} {{",
    "é \u{1f980} \u{202e}",
    "",
];

const PLACES: [&str; 6] =
    ["{x}", "\"{x}\"", "'{x}'", "\"$(printf %s {x}; printf .)\"", "\"$(printf %s \"{x}\"; printf .)\"", "{x}''"];

/// Every place of every hostile value in one pipeline: a node for each place, mapped over the values.
#[test]
fn no_place_lets_a_value_become_code() {
    let places = PLACES.iter().enumerate().map(|(at, place)| {
        let script = format!("printf '<%s>' {place}").replace('\\', "\\\\").replace('"', "\\\"");
        format!("[[node]]\noutput = 'p{at}'\nshell = \"{script}\"\nmap_over = {{ x = 'xs' }}\n")
    });
    let home = Home::with(&format!("[inputs]\nxs = {{ type = 'list' }}\n{}", places.collect::<String>()));
    let values = serde_json::to_string(&HOSTILE).unwrap();
    let run = home.json(&["-i", &format!("xs={values}")]);
    for (at, place) in PLACES.iter().enumerate() {
        let dot = if place.contains("printf .") { "." } else { "" };
        let expected: Vec<String> = HOSTILE.iter().map(|value| format!("<{value}{dot}>")).collect();
        let Some(printed) = run["outputs"][format!("p{at}")].as_array() else { panic!("{place}: {run:#}") };
        for (printed, expected) in printed.iter().zip(&expected) {
            assert_eq!(printed.as_str(), Some(expected.as_str()), "{place}");
        }
    }
    assert!(!home.has("pwned"));
}

#[test]
fn arguments_hold_any_value() {
    let home = Home::with(
        "[inputs]\nxs = { type = 'list' }\n[[node]]\noutput = 'out'\ncommand = ['printf', '<%s>', '{x}', 'a{x}']\n\
         map_over = { x = 'xs' }\n",
    );
    let run = home.json(&["-i", &format!("xs={}", serde_json::to_string(&HOSTILE).unwrap())]);
    for (printed, value) in run["outputs"]["out"].as_array().unwrap().iter().zip(HOSTILE) {
        assert_eq!(printed, &format!("<{value}><a{value}>"));
    }
    assert!(!home.has("pwned"));
}

#[test]
fn a_list_of_hostile_values_is_quoted_word_by_word() {
    let home = Home::with("[inputs]\nxs = { type = 'list' }\n[[node]]\noutput = 'out'\nshell = \"printf '<%s>' {xs}\"\n");
    let printed = home.printed(&["-q", &format!("xs={}", serde_json::to_string(&HOSTILE).unwrap())]);
    let expected: String = HOSTILE.iter().map(|value| format!("<{value}>")).collect();
    assert_eq!(printed.trim_end_matches('\n'), expected.trim_end_matches('\n'));
    assert!(!home.has("pwned"));
}

#[test]
fn a_hostile_value_stays_whole_through_a_nested_pipeline() {
    let home = Home::with("[inputs]\nx = 'a'\n[[node]]\noutput = 'out'\npipeline = 'inner.toml'\n");
    home.file("inner.toml", "[inputs]\nx = { type = 'text' }\n[[node]]\noutput = 'out'\nshell = 'printf %s {x}'\n");
    for value in HOSTILE {
        let run = home.json(&["-i", &format!("x={value}")]);
        let expected = value.strip_suffix('\n').unwrap_or(value);
        assert_eq!(run["outputs"]["out"], expected);
    }
    assert!(!home.has("pwned"));
}
