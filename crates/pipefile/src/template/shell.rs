//! Shell texts: values travel in environment variables, the text becomes quoted expansions of them.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::render::{self, MOST_ARGUMENT_BYTES};
use super::scan::{self, Quoting, ShellPiece};
use super::{Form, Placeholder, TempFiles, Template, TemplateError, Values};
use crate::error::{Error, ErrorKind};

/// A shell text whose placeholders are known to stand where a quoted expansion can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellTemplate {
    template: Template,
    pieces: Vec<ShellPiece>,
}

/// A shell text and the environment variables that carry its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellScript {
    /// The text for `sh -c`.
    pub text: String,
    /// The variables that it expands.
    pub variables: Vec<(String, OsString)>,
}

impl ShellTemplate {
    /// Follows the quotes of a shell text.
    ///
    /// # Errors
    /// Every placeholder where a value can't be quoted: here-documents, backticks, comments, arithmetic, `$'…'`, behind
    /// a backslash; and a text with placeholders whose quotes don't close.
    pub fn compile(template: &Template) -> Result<Self, Vec<TemplateError>> {
        Ok(Self { pieces: scan::scan(template)?, template: template.clone() })
    }

    /// Returns the text with its placeholders.
    #[must_use]
    pub const fn template(&self) -> &Template {
        &self.template
    }

    /// Iterates over the placeholders that are not whole words, where a list can't go.
    pub fn inner_placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            ShellPiece::Slot { placeholder, alone: false, .. } => Some(placeholder),
            _ => None,
        })
    }

    /// Renders the text for `sh -c` and the variables that carry the values.
    ///
    /// # Errors
    /// `Template` for a list that is not a whole word, a zero byte, a value or a text over 128 KiB.
    pub fn render(&self, values: &Values<'_>, files: &mut TempFiles) -> Result<ShellScript, Error> {
        let mut writer = Writer { values, files, text: String::new(), variables: Vec::new(), known: BTreeMap::new() };
        for piece in &self.pieces {
            match piece {
                ShellPiece::Text(text) => writer.text.push_str(text),
                ShellPiece::Slot { placeholder, quoting, alone } => writer.slot(placeholder, *quoting, *alone)?,
            }
        }
        if writer.text.len() > MOST_ARGUMENT_BYTES {
            return Err(too_long(&writer));
        }
        Ok(ShellScript { text: writer.text, variables: writer.variables })
    }
}

fn too_long(writer: &Writer<'_, '_>) -> Error {
    let message = format!(
        "the shell text with its {} values is over 128 KiB: give long lists by `stdin` or `{{name:file}}`",
        writer.variables.len()
    );
    Error::new(ErrorKind::Template, message)
}

struct Writer<'a, 'v> {
    values: &'a Values<'v>,
    files: &'a mut TempFiles,
    text: String,
    variables: Vec<(String, OsString)>,
    /// The variables of each placeholder that was met before.
    known: BTreeMap<(String, Form), Vec<String>>,
}

impl Writer<'_, '_> {
    fn slot(&mut self, placeholder: &Placeholder, quoting: Quoting, alone: bool) -> Result<(), Error> {
        let names = self.variables_of(placeholder, alone)?;
        let expansions: Vec<String> = names.iter().map(|name| expansion(name, quoting)).collect();
        self.text.push_str(&expansions.join(" "));
        Ok(())
    }

    fn variables_of(&mut self, placeholder: &Placeholder, alone: bool) -> Result<Vec<String>, Error> {
        let key = (placeholder.name.clone(), placeholder.form);
        // A list that was met as a whole word is still refused inside another.
        if (alone || !self.is_list(placeholder))
            && let Some(names) = self.known.get(&key)
        {
            return Ok(names.clone());
        }
        let words = if alone {
            render::words(placeholder, self.values, self.files)?
        } else {
            vec![render::single_word(placeholder, self.values, self.files)?]
        };
        let names: Vec<String> = words.into_iter().map(|word| self.variable(word)).collect();
        self.known.insert(key, names.clone());
        Ok(names)
    }

    fn is_list(&self, placeholder: &Placeholder) -> bool {
        let value = self.values.get(placeholder.name.as_str());
        placeholder.form == Form::Value && value.is_some_and(|value| value.as_list().is_some())
    }

    fn variable(&mut self, word: OsString) -> String {
        // Short, because the text repeats it for every element of a list.
        let name = format!("_fg{}", self.variables.len());
        self.variables.push((name.clone(), word));
        name
    }
}

fn expansion(variable: &str, quoting: Quoting) -> String {
    match quoting {
        Quoting::Bare => format!("\"${{{variable}}}\""),
        Quoting::Double => format!("${{{variable}}}"),
        Quoting::Single => format!("'\"${{{variable}}}\"'"),
    }
}

#[cfg(test)]
mod tests {
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
        assert!(error.to_string().contains("128 KiB") && error.to_string().contains("stdin"), "{error}");
        let many: Data = (0..20_000).map(|_| "a").collect();
        let error = compile("echo {x}").unwrap().render(&Values::from([("x", &many)]), &mut TempFiles::default()).unwrap_err();
        assert!(error.to_string().contains("20000 values"), "{error}");
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

    fn gives_values_back(shell: &str, rounds: usize) {
        let text = "printf '%s\\0' {x} \"pre{x}post\" 'a{x}b' z{x}\"{x}\"'{x}' \"$(printf %s {x}; echo .)\" {xs} \"{none}\"";
        let mut random = fastrand::Rng::with_seed(42);
        for _ in 0..rounds {
            let (x, first, second) = (hostile(&mut random), hostile(&mut random), hostile(&mut random));
            let value = Data::Bytes(x.clone());
            let list = Data::List(vec![Data::Bytes(first.clone()), Data::Bytes(second.clone())]);
            let none = Data::List(vec![]);
            let output = run_with_shell(shell, text, &Values::from([("x", &value), ("xs", &list), ("none", &none)]));
            let substituted = [&x[..], b"."].concat();
            let expected = [
                x.clone(),
                [b"pre", &x[..], b"post"].concat(),
                [b"a", &x[..], b"b"].concat(),
                [b"z", &x[..], &x[..], &x[..]].concat(),
                substituted,
                first,
                second,
            ];
            let expected: Vec<u8> = expected.into_iter().flat_map(|word| [word, vec![0]].concat()).collect();
            assert_eq!(OsString::from_vec(output), OsString::from_vec(expected));
        }
    }

    #[test]
    fn hostile_values_come_back_from_sh() {
        gives_values_back("sh", 150);
    }

    #[test]
    fn hostile_values_come_back_from_bash_where_it_is_installed() {
        if Command::new("bash").arg("-c").arg("true").status().is_ok_and(|status| status.success()) {
            gives_values_back("bash", 50);
        }
    }
}
