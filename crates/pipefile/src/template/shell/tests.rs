//! What shells do with values in every kind of quotes.

use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use super::*;
use crate::data::Data;

fn compile(text: &str) -> Result<ShellTemplate, Vec<TemplateError>> {
    ShellTemplate::compile(&Template::parse(text).unwrap())
}

fn rendered(text: &str) -> String {
    let (x, xs) = (Data::from("v"), ["a", "b"].into_iter().collect());
    let values = Values::from([("x", &x), ("xs", &xs), ("y", &x)]);
    match compile(text) {
        Ok(template) => {
            template.render(&values, &mut TempFiles::default()).map_or_else(|error| error.to_string(), |script| script.text)
        }
        Err(errors) => errors[0].message.clone(),
    }
}

fn run_with_shell(shell: &str, text: &str, values: &Values<'_>) -> Vec<u8> {
    let mut files = TempFiles::default();
    let script = compile(text).unwrap().render(values, &mut files).unwrap();
    let output = Command::new(shell).arg("-c").arg(&script.text).envs(script.variables).output().unwrap();
    assert!(output.status.success(), "{}: {}", script.text, String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn the_quotes_around_a_value_decide() {
    assert_eq!(rendered("echo {x}"), "echo \"${_fg0}\"");
    assert_eq!(rendered("echo a{x}b"), "echo a\"${_fg0}\"b");
    assert_eq!(rendered("echo \"a {x}\""), "echo \"a ${_fg0}\"");
    assert_eq!(rendered("echo 'a {x}'"), "echo 'a '\"${_fg0}\"''");
    assert_eq!(rendered("echo \"{x}\" '{x}'"), "echo \"${_fg0}\" \"${_fg0}\"");
    assert_eq!(rendered("echo \"$(cat {x} \"{x}\")-{x}\""), "echo \"$(cat \"${_fg0}\" \"${_fg0}\")-${_fg0}\"");
    assert_eq!(rendered("echo \"${x:-it's} {x}\""), "echo \"${x:-it's} ${_fg0}\"");
    assert_eq!(rendered("awk '{{print $1}}' {x}"), "awk '{print $1}' \"${_fg0}\"");
    assert_eq!(rendered("echo \\\"{x}"), "echo \\\"\"${_fg0}\"");
    assert_eq!(rendered("echo a#{x} # note\necho {x}"), "echo a#\"${_fg0}\" # note\necho \"${_fg0}\"");
}

#[test]
fn lists_are_words_of_their_own() {
    assert_eq!(rendered("cat {xs}"), "cat \"${_fg0}\" \"${_fg1}\"");
    assert_eq!(rendered("cat \"{xs}\";ls '{xs}'"), "cat \"${_fg0}\" \"${_fg1}\";ls \"${_fg0}\" \"${_fg1}\"");
    assert_eq!(rendered("(cat {xs})|wc"), "(cat \"${_fg0}\" \"${_fg1}\")|wc");
    for inside in ["v={xs}", "echo \"n: {xs}\"", "echo -a{xs}", "echo {xs}{x}", "v=\"{xs}\" env"] {
        assert!(rendered(inside).contains("inside a larger word"), "{inside}: {}", rendered(inside));
    }
}

#[test]
fn places_without_quotes_are_refused() {
    for (text, place) in [
        ("cat <<EOF\n{x}\nEOF\n", "heredoc"),
        ("cat <<-'E O'\n\ta {x}\n\tE O\n", "heredoc"),
        ("cat <<{x}\n", "heredoc"),
        ("echo `cat {x}`", "backticks"),
        ("echo \"`cat {x}`\"", "backticks"),
        ("echo $(( {x} + 1 ))", "arithmetic"),
        ("(( {x} > 1 ))", "arithmetic"),
        ("echo \"$((1 + (2 * {x})))\"", "arithmetic"),
        ("true # {x}", "comment"),
        ("# it's {x}", "comment"),
        ("echo $'{x}'", "$'…'"),
        ("echo \\{x}", "backslash"),
        ("echo \"\\{x}\"", "backslash"),
    ] {
        assert!(rendered(text).contains(place), "{text}: {}", rendered(text));
    }
}

#[test]
fn what_comes_after_a_refusing_place_is_fine() {
    assert_eq!(rendered("cat <<E >{x}\n'\nE\necho {y}"), "cat <<E >\"${_fg0}\"\n'\nE\necho \"${_fg1}\"");
    assert_eq!(rendered("echo $((1 << 2)) {x}"), "echo $((1 << 2)) \"${_fg0}\"");
    assert_eq!(rendered("echo `date` {x}"), "echo `date` \"${_fg0}\"");
    assert_eq!(rendered("# it's\necho {x}"), "# it's\necho \"${_fg0}\"");
    assert_eq!(rendered("cat <<<{x}"), "cat <<<\"${_fg0}\"");
    assert_eq!(rendered("echo $# $$ $'a' {x}"), "echo $# $$ $'a' \"${_fg0}\"");
}

#[test]
fn case_in_a_substitution_is_followed() {
    let text = "echo \"$(case {x} in v) echo {y};; (w|z) echo no;; esac) {x}\"";
    assert_eq!(rendered(text), "echo \"$(case \"${_fg0}\" in v) echo \"${_fg1}\";; (w|z) echo no;; esac) ${_fg0}\"");
}

#[test]
fn uncertain_quotes_are_refused_only_with_placeholders() {
    assert!(rendered("echo \"{x}").contains("ends before `\"` is closed"));
    assert!(rendered("echo 'it {x}").contains("ends before `'` is closed"));
    assert!(rendered("echo $(cat {x}").contains("ends before `$(` is closed"));
    assert!(rendered("echo ${x:-it's} {x}").contains("a quote in this `${…}` is closed"));
    assert!(rendered("echo $'\\'' {x}").contains("shells read differently"));
    assert_eq!(rendered("echo \"it"), "echo \"it");
}

#[test]
fn long_values_are_advised_about() {
    let long = Data::Text("a".repeat(128 * 1024 + 1));
    let error = compile("echo {x}").unwrap().render(&Values::from([("x", &long)]), &mut TempFiles::default()).unwrap_err();
    assert!(error.to_string().contains("128 KiB") && error.to_string().contains("`stdin` or `{x:file}`"), "{error}");
    let many: Data = (0..20_000).map(|_| "a").collect();
    let error = compile("echo {x}").unwrap().render(&Values::from([("x", &many)]), &mut TempFiles::default()).unwrap_err();
    assert!(error.to_string().contains("20000 values") && error.to_string().contains("`{x:file}`"), "{error}");
    let almost = Data::Text("a".repeat(MOST_ARGUMENT_BYTES));
    assert_eq!(run_with_shell("sh", "printf %s {x} | wc -c | tr -d ' \n'", &Values::from([("x", &almost)])), b"131008");
}

#[test]
fn files_hold_values() {
    let list: Data = ["a", "b"].into_iter().collect();
    assert_eq!(run_with_shell("sh", "cat {x:file} \"{x:file}\"", &Values::from([("x", &list)])), b"a\nb\na\nb\n");
}

fn hostile(random: &mut fastrand::Rng) -> Vec<u8> {
    const PARTS: [&[u8]; 26] = [
        b"'",
        b"\"",
        b"`",
        b"$(id)",
        b"$",
        b"\\",
        b"\n",
        b" ",
        b"*",
        b"~",
        b"-n",
        b"--",
        b";",
        b"&",
        b"|",
        b"#",
        b"!",
        b"{x}",
        b"$_fg0",
        "ü日".as_bytes(),
        b"\xff\x81\x88",
        b"\t",
        b"\r",
        b"%s",
        b"${HOME}",
        b"a",
    ];
    (0..random.usize(0..8)).flat_map(|_| PARTS[random.usize(0..PARTS.len())].to_vec()).collect()
}

/// How many random cases a test tries: what `PIPEFILE_CASES` says, else few enough for every day.
fn cases(usual: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test that may be told to try more")]
    let told = std::env::var("PIPEFILE_CASES").ok().and_then(|told| told.parse().ok());
    told.map_or(usual, |told: usize| told.max(usual))
}

/// A value and a list in every kind of quotes, and what a shell must print of them.
struct Case {
    values: [(String, Data); 2],
    text: String,
    expected: Vec<u8>,
}

impl Case {
    fn new(number: usize, random: &mut fastrand::Rng) -> Self {
        let (x, first, second) = (hostile(random), hostile(random), hostile(random));
        let (name, list) = (format!("x{number}"), format!("xs{number}"));
        let text = "printf '%s\\0' {x} \"pre{x}post\" 'a{x}b' z{x}\"{x}\"'{x}' \"$(printf %s {x}; echo .)\" {xs} \"{none}\"\n";
        let words = [
            x.clone(),
            [b"pre", &x[..], b"post"].concat(),
            [b"a", &x[..], b"b"].concat(),
            [b"z", &x[..], &x[..], &x[..]].concat(),
            [&x[..], b"."].concat(),
            first.clone(),
            second.clone(),
        ];
        Self {
            text: text.replace("{x}", &format!("{{{name}}}")).replace("{xs}", &format!("{{{list}}}")),
            values: [(name, Data::Bytes(x)), (list, Data::List(vec![Data::Bytes(first), Data::Bytes(second)]))],
            expected: words.into_iter().flat_map(|word| [word, vec![0]].concat()).collect(),
        }
    }
}

/// Starting a shell takes longer than what it has to do here, so one does many cases.
fn gives_values_back(shell: &str, rounds: usize) {
    const AT_ONCE: usize = 50;
    let mut random = fastrand::Rng::with_seed(42);
    for _ in 0..rounds.div_ceil(AT_ONCE) {
        let cases: Vec<Case> = (0..AT_ONCE).map(|number| Case::new(number, &mut random)).collect();
        let none = Data::List(vec![]);
        let mut values: Values<'_> = cases.iter().flat_map(|case| &case.values).map(|(name, value)| (&**name, value)).collect();
        values.insert("none", &none);
        let text: String = cases.iter().map(|case| case.text.as_str()).collect();
        let output = run_with_shell(shell, &text, &values);
        let mut rest = &output[..];
        for case in &cases {
            let (found, after) = rest.split_at(case.expected.len().min(rest.len()));
            assert_eq!(OsString::from_vec(found.to_vec()), OsString::from_vec(case.expected.clone()), "{:?}", case.values);
            rest = after;
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn hostile_values_come_back_from_sh() {
    gives_values_back("sh", cases(150));
}

#[test]
fn hostile_values_come_back_from_bash_where_it_is_installed() {
    if Command::new("bash").arg("-c").arg("true").status().is_ok_and(|status| status.success()) {
        gives_values_back("bash", cases(50));
    }
}

/// A word that means the same to a shell in every kind of quotes.
const PLAIN: &str = "SAFE";
const HOSTILE: &str = "a'\"$(echo no)`echo no`\\ * ~ #;&|\n$_fg0 {x} ü-";

/// A script of random pieces. What an unquoted `$(…)` prints is split by a shell, so where there may be one it is told not to.
fn random_script(random: &mut fastrand::Rng) -> String {
    const PARTS: [&str; 30] = [
        "$(printf %s ",
        "\"$(printf %s ",
        ")",
        ")\"",
        "printf '<%s>' ",
        "printf '<%s>' ",
        "{x}",
        "{x}",
        "{x}",
        " ",
        " ",
        "\"",
        "\"",
        "'",
        "'",
        "$((",
        "\\",
        ";",
        "\n",
        "a",
        "#",
        " # ",
        "$((1+1))",
        "((",
        "`echo b`",
        "case a in a) ",
        ";; esac",
        "cat <<E\n",
        "\nE\n",
        "${HOME:+y}",
    ];
    let has_substitutions = random.bool();
    let (start, first) = if has_substitutions { ("IFS=; set -f\n", 0) } else { ("", 4) };
    let parts = (0..random.usize(3..14)).map(|_| PARTS[random.usize(first..PARTS.len())]);
    format!("{start}printf '<%s>' {}", parts.collect::<String>())
}

fn stdout_of(arguments: &[&str], variables: Vec<(String, OsString)>) -> Option<Vec<u8>> {
    let output = Command::new("sh").args(arguments).envs(variables).current_dir("/").output().unwrap();
    (arguments[0] != "-n" || output.status.success()).then_some(output.stdout)
}

/// What compiles must do with any value what the shell does with a plain word in its place.
#[test]
fn random_scripts_treat_a_hostile_value_like_a_plain_word() {
    let mut random = fastrand::Rng::with_seed(12);
    let mut compared = 0;
    for _ in 0..cases(2_500) {
        let text = random_script(&mut random);
        if !text.contains("{x}") {
            continue;
        }
        let Ok(template) = compile(&text) else { continue };
        let with_plain = text.replace("{x}", PLAIN);
        if stdout_of(&["-n", "-c", &with_plain], Vec::new()).is_none() {
            continue;
        }
        let value = Data::from(HOSTILE);
        let script = template.render(&Values::from([("x", &value)]), &mut TempFiles::default()).unwrap();
        let shown = |bytes: Option<Vec<u8>>| String::from_utf8_lossy(&bytes.unwrap()).into_owned();
        let expected = shown(stdout_of(&["-c", &with_plain], Vec::new()));
        let found = shown(stdout_of(&["-c", &script.text], script.variables));
        assert_eq!(found, expected.replace(PLAIN, HOSTILE), "{text:?}");
        compared += 1;
    }
    assert!(compared > 100, "only {compared} scripts were compared");
}
